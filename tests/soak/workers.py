"""Responses of each worker of a server: which one has taken a connection is told by the kernel's tables."""

import http.client
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from tests.bench.load import Server

MOST_CONNECTIONS = 60  # until all workers have responded


class Response(NamedTuple):
    worker: int
    status: int
    etag: str
    body: bytes


class MissingError(Exception):
    """No connection has come to one of the workers."""


def responses(server: Server, path: str, headers: Mapping[str, str] = MappingProxyType({})) -> Iterator[Response]:
    """Yield responses, each of a connection of its own, until every worker has given one."""
    left = set(server.workers())
    with ExitStack() as opened:
        for _ in range(MOST_CONNECTIONS):
            client = opened.enter_context(closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)))
            client.request("GET", path, headers=dict(headers))
            response = client.getresponse()
            body, worker = response.read(), _worker(server, client)
            yield Response(worker, response.status, response.headers.get("ETag", ""), body)
            left.discard(worker)
            if not left:
                return
    if left & set(server.workers()):  # a worker may have ended meanwhile
        raise MissingError(f"{MOST_CONNECTIONS} connections, and none to {left}")


def _worker(server: Server, client: http.client.HTTPConnection) -> int:
    """Return the process id of the worker at the other end of a connection; 0 if it is closed already."""
    if client.sock is None:
        return 0
    ours = client.sock.getsockname()[1]
    inode = _inode(server.port, ours)
    for pid in server.workers():
        if f"socket:[{inode}]" in _links(pid):
            return pid
    return 0


def _inode(local: int, remote: int) -> str:
    host = "0100007F"
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[1] == f"{host}:{local:04X}" and fields[2] == f"{host}:{remote:04X}":
            return fields[9]
    return ""


def _links(pid: int) -> set[str]:
    links = set()
    with suppress(OSError):
        for each in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                links.add(str(each.readlink()))
    return links


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def memory(pid: int) -> float:
    """Return the memory that a process holds, in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    [kilobytes] = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
    return int(kilobytes) / 1024
