"""A bounded load on a server of the loopback, in a process of its own: as fast as it responds, or at a fixed rate.

At a fixed rate latencies count from the moment at which a request was due, so that a server that stops shows. Reads its
orders as JSON, and writes its figures as JSON.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from tests.bench.catalogue import ROOT
from tests.soak.mix import Wanted, requests

MOST_SECONDS = 15.0  # for one response
MOST_WAITING = 2_000  # requests that are due and not sent: the server cannot keep up
MOST_LISTED = 20  # errors
_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: (\d+)")
_ETAG = re.compile(rb"\r\n[Ee][Tt]ag: ([^\r]+)")
_MODIFIED = re.compile(rb'"modified":"([^"]+)"')


@dataclass(frozen=True)
class Orders:
    """A load: for some seconds, at `rate` requests a second (0: as many as there are), on so many connections."""

    port: int
    seconds: float
    rate: float = 0.0
    connections: int = 8
    seed: int = 1


@dataclass
class Outcome:
    """The figures of a load; latencies are in milliseconds, by kind of request."""

    responses: int = 0
    seconds: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    number_of_errors: int = 0
    reconnected: int = 0
    most_waiting: int = 0
    latencies: dict[str, tuple[float, float, float]] = field(default_factory=dict)  # p50, p99, the longest

    @property
    def rate(self) -> float:
        return self.responses / self.seconds if self.seconds else 0.0


class BrokenError(Exception):
    """A response that is not one."""


class Client:
    """One connection, which is opened again where the server has closed it."""

    def __init__(self, load: "Load") -> None:
        self.load = load
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def fetch(self, wanted: Wanted) -> tuple[int, bytes, bytes]:
        """Return status, head and body. A connection that ended while it was idle is no error: a new one is opened."""
        sent = self.load.head(wanted)
        if self.reader is not None and not self.reader.at_eof():
            try:
                return await self._exchange(sent)
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                if getattr(error, "partial", b""):
                    raise
                self.load.outcome.reconnected += 1
        self.close()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.load.orders.port, limit=2**17)
        return await self._exchange(sent)

    async def _exchange(self, sent: bytes) -> tuple[int, bytes, bytes]:
        assert self.reader is not None
        assert self.writer is not None
        self.writer.write(sent)
        head = await self.reader.readuntil(b"\r\n\r\n")
        status, length = int(head[9:12]), _LENGTH.search(head)
        if status == 304:
            return status, head, b""
        if length is None:
            raise BrokenError("no Content-Length")
        return status, head, await self.reader.readexactly(int(length[1]))

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


class Load:
    def __init__(self, orders: Orders) -> None:
        self.orders, self.outcome = orders, Outcome()
        self.statuses: Counter[str] = Counter()
        self.latencies: dict[str, array[float]] = defaultdict(lambda: array("f"))
        self.etags: dict[str, bytes] = {}
        self.newest: dict[str, datetime] = {}  # the last `modified` of a document, by its path
        self.wanted: Iterator[Wanted] = requests(orders.seed)

    def head(self, wanted: Wanted) -> bytes:
        lines = [f"GET {wanted.path} HTTP/1.1", f"Host: 127.0.0.1:{self.orders.port}", f"Accept: {wanted.accept}"]
        lines.append(f"Accept-Encoding: {wanted.encoding}")
        if wanted.knows and (etag := self.etags.get(wanted.path)):
            lines.append(f"If-None-Match: {etag.decode()}")
        return ("\r\n".join([*lines, "", ""])).encode()

    async def one(self, client: Client, wanted: Wanted, due: float) -> None:
        """Send a request, and note its response, or that there was none."""
        floor = self.newest.get(wanted.path)
        try:
            async with asyncio.timeout(MOST_SECONDS):
                status, head, body = await client.fetch(wanted)
            self.statuses[str(status)] += 1
            self.check(wanted, status, head, body, floor)
        except (BrokenError, OSError, EOFError, asyncio.LimitOverrunError, TimeoutError) as error:
            self.fail(f"{wanted.path}: {type(error).__name__} {error}")
            client.close()
        self.outcome.responses += 1
        self.latencies[wanted.kind].append((time.monotonic() - due) * 1000)

    def check(self, wanted: Wanted, status: int, head: bytes, body: bytes, floor: datetime | None) -> None:
        if status == 304 and wanted.knows:
            return
        if status != 200:
            raise BrokenError(f"{status} {body[:200]!r}")
        if wanted.encoding == "identity" and not body.rstrip().endswith((b"}", b"]", b">", b"\n")):
            raise BrokenError("it is cut off")
        if wanted.knows and (etag := _ETAG.search(head)):
            self.etags[wanted.path] = etag[1]
        if wanted.kind in {"package", "grid", "known to the client"}:
            self.follow(wanted.path, body, floor)

    def follow(self, path: str, body: bytes, floor: datetime | None) -> None:
        """Check that a document is not older than one that had come before this one was requested."""
        found = _MODIFIED.search(body)
        if found is None:
            raise BrokenError("no document")
        modified = datetime.fromisoformat(found[1].decode())
        if floor is not None and modified < floor:
            raise BrokenError(f"it goes back from {floor} to {modified}")
        self.newest[path] = max(modified, self.newest.get(path, modified))

    def fail(self, words: str) -> None:
        self.outcome.number_of_errors += 1
        if len(self.outcome.errors) < MOST_LISTED:
            self.outcome.errors.append(words)

    async def as_fast_as_possible(self, end: float) -> None:
        async def loop() -> None:
            client = Client(self)
            while (now := time.monotonic()) < end:
                await self.one(client, next(self.wanted), now)
            client.close()

        await asyncio.gather(*(loop() for _ in range(self.orders.connections)))

    async def at_a_rate(self, begin: float, end: float) -> None:
        waiting: asyncio.Queue[tuple[float, Wanted] | None] = asyncio.Queue()

        async def work() -> None:
            client = Client(self)
            while (item := await waiting.get()) is not None:
                await self.one(client, item[1], item[0])
            client.close()

        workers = [asyncio.create_task(work()) for _ in range(self.orders.connections)]
        number = 0
        while (due := begin + number / self.orders.rate) < end:
            if (pause := due - time.monotonic()) > 0:
                await asyncio.sleep(pause)
            waiting.put_nowait((due, next(self.wanted)))
            number += 1
            self.outcome.most_waiting = max(self.outcome.most_waiting, waiting.qsize())
            if waiting.qsize() > MOST_WAITING:
                self.fail(f"{MOST_WAITING} requests were due and not sent: the server cannot keep up")
                break
        for _ in workers:
            waiting.put_nowait(None)
        await asyncio.gather(*workers)

    async def run(self) -> Outcome:
        begin = time.monotonic()
        end = begin + self.orders.seconds
        await (self.at_a_rate(begin, end) if self.orders.rate else self.as_fast_as_possible(end))
        self.outcome.seconds = time.monotonic() - begin
        self.outcome.statuses = dict(self.statuses)
        every = array("f", [each for latencies in self.latencies.values() for each in latencies])
        figures = {**self.latencies, "all": every}
        self.outcome.latencies = {kind: _summary(latencies) for kind, latencies in figures.items() if latencies}
        return self.outcome


def _summary(latencies: "array[float]") -> tuple[float, float, float]:
    ordered = sorted(latencies)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], ordered[-1]


def run(orders: Orders) -> Outcome:
    """Run a load in a process of its own, and return its figures."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.soak.load"],
        cwd=ROOT,
        input=json.dumps(asdict(orders)),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    figures: dict[str, Any] = json.loads(ran.stdout)
    return Outcome(**figures)


def main() -> None:
    orders = Orders(**json.load(sys.stdin))
    json.dump(asdict(asyncio.run(Load(orders).run())), sys.stdout)


if __name__ == "__main__":
    main()
