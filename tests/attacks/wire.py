"""Requests byte by byte, as no client library would send them, and the responses that come back on that connection."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import NamedTuple
from urllib.parse import urlsplit

PATIENCE = 5.0  # seconds without a byte, after which a server is taken to wait for more


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def exchange(url: str, sent: bytes, patience: float = PATIENCE) -> list[Reply]:
    """Send bytes on one connection, and return all responses that come until the server closes it or waits."""
    received = b""
    with closing(_connection(url, patience)) as connection, suppress(TimeoutError, ConnectionError):
        connection.sendall(sent)
        while data := connection.recv(65_536):
            received += data
    return list(_replies(received))


def _connection(url: str, patience: float) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=patience)
    if parts.scheme == "http":
        return connection
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # a certificate that a test has made
    return context.wrap_socket(connection, server_hostname=parts.hostname)


def _replies(received: bytes) -> Iterator[Reply]:
    while received:
        if not received.startswith(b"HTTP/"):  # of HTTP/0.9, which has no headers
            yield Reply(0, {}, received)
            return
        head, _, rest = received.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
        status = int(line.split()[1])
        if headers.get("transfer-encoding") == "chunked":
            body, received = _chunks(rest)
        else:
            length = int(headers.get("content-length", 0 if status in {100, 204, 304} else len(rest)))
            body, received = rest[:length], rest[length:]
        if status != 100:
            yield Reply(status, headers, body)


def _chunks(data: bytes) -> tuple[bytes, bytes]:
    """Return a body that was sent in chunks, and what follows it."""
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size.partition(b";")[0] or b"0", 16)
        if not length:
            return body, data.removeprefix(b"\r\n")
        body, data = body + data[:length], data[length + 2 :]


def get(host: str, path: str, *headers: str, method: str = "GET") -> bytes:
    """Return a request without a body; its path and headers are sent as they are."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
