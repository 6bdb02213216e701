"""make bench: how fast the API responds, beside bare Django views that send as many ready bytes.

A deterministic catalogue on PostgreSQL, gunicorn as in production (2 workers), wrk on the loopback; rounds of the API
and of the yardsticks alternate in one run. Prints a table; only a wrong response makes it fail. Arguments choose
endpoints by a part of their names; the environment has SCALE (5k, 1m), KINDS (cold, counted, warm, 304), ROUNDS and
SECONDS_EACH. A run of everything writes .github/bench-SCALE.md; OUT names another file.
"""

import os
import platform
import random
import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import django

from tests.bench.catalogue import PACKAGES, SCALE, database, describe_catalogue, query
from tests.bench.deadline import cost_of_deadline
from tests.bench.endpoints import API, Endpoint, WrongResponseError, comparisons, endpoints, fetch, session
from tests.bench.load import CONNECTIONS, Load, Server, Wrk, server
from tests.bench.paint import paints
from tests.bench.probe import count_queries
from tests.bench.table import KINDS, LEGEND, Figures, Table, table_path

ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = int(os.environ.get("SECONDS_EACH", "1"))
# The cache setting of each kind of requests that were never seen; the other kinds use the default one.
CACHES = {"cold": "dummy://", "counted": "locmem://?max_mb=1"}
MOST_SECONDS = 20  # of a load whose single responses take long
TURNS = 3  # of the grids whose comparisons are timed one at a time
BUCKET = 60  # seconds after which a response that ages gets another ETag


def print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def chosen_kinds() -> list[str]:
    requested = re.findall(r"[^\s|,]+", os.environ.get("KINDS", ""))
    if unknown := set(requested) - KINDS.keys():
        sys.exit(f"KINDS: Must be of {', '.join(KINDS)}, not {', '.join(unknown)}")
    return [kind for kind in KINDS if not requested or kind in requested]


def chosen_endpoints(every: list[Endpoint], words: list[str]) -> list[Endpoint]:
    matching = [each for each in every if not words or any(word in each.name for word in words)]
    if not matching:
        sys.exit(f"No such endpoint; there are: {'; '.join(each.name for each in every)}")
    return matching


def first_line(url: str) -> str:
    [(postgresql,)] = query(url, "SELECT current_setting('server_version')")
    return (
        f"{describe_catalogue(url)}; {ROUNDS} rounds of {SECONDS} s, {CONNECTIONS} requests at a time; Python"
        f" {platform.python_version()}, Django {django.__version__}, PostgreSQL {str(postgresql).split()[0]}; 2 workers"
        f" of gunicorn, wrk and PostgreSQL on {os.cpu_count()} CPUs"
    )


@dataclass(frozen=True)
class Bench:
    wrk: Wrk
    servers: dict[str, Server]
    queries: dict[str, dict[str, int]]

    def figures(self, endpoint: Endpoint, kind: str) -> Figures:
        """Load the API, the SELECT view and the plain one in turn, and return the medians of their ratios."""
        api, yardstick = self.servers[kind if kind in CACHES else "warm"], self.servers["yardstick"]
        fetched = fetch(api.port, endpoint.paths if kind in CACHES else endpoint.paths[:1])
        seconds = max(SECONDS, min(MOST_SECONDS, ceil(8 * fetched.typical)))
        requests = ApiRequests(self.wrk, api, fetched.lines, seconds, kind)
        size = 0 if kind == "304" else fetched.bytes
        ids = random.Random(2).sample(range(1, PACKAGES + 1), 1_000)
        select, plain = ([f"{size} /{view}/{size}/{pk}" for pk in ids] for view in ("select", "plain"))
        requests.warm_up()
        for lines in (select, plain):
            self.wrk.warm_up(yardstick, lines)
        rounds = [
            (requests.load(), self.wrk.load(yardstick, select, SECONDS), self.wrk.load(yardstick, plain, SECONDS))
            for _ in range(ROUNDS)
        ]
        queries = self.queries.get(endpoint.name, {}).get(kind)
        return summarize(endpoint.name, kind, rounds, queries, size)


@dataclass(frozen=True)
class ApiRequests:
    """Requests of one kind to the API, and the load that they make."""

    wrk: Wrk
    server: Server
    lines: list[str]
    seconds: int
    kind: str

    def load(self) -> Load:
        if self.kind != "304":
            return self.wrk.load(self.server, self.lines, self.seconds)
        return self.wrk.load(self.server, self._empty(), self.seconds, 304, self._etag())

    def warm_up(self) -> None:
        if self.kind != "304":
            self.wrk.warm_up(self.server, self.lines)
        else:
            self.wrk.warm_up(self.server, self._empty(), 304, self._etag())

    def _empty(self) -> list[str]:
        return [f"0 {line.split(' ', 1)[1]}" for line in self.lines]

    def _etag(self) -> str:
        """Return the ETag of the one path, valid until the load is over: a response that ages changes each minute."""
        left = BUCKET - time.time() % BUCKET
        if left < self.seconds + 2:
            time.sleep(left)
        path = self.lines[0].split(" ", 1)[1]
        with session() as client:
            etag = client.get(f"http://127.0.0.1:{self.server.port}{path}", timeout=60).headers.get("ETag", "")
        if not etag:
            raise WrongResponseError(f"no ETag for {path}")
        return etag


def summarize(
    endpoint: str, kind: str, rounds: list[tuple[Load, Load, Load]], queries: int | None, size: int
) -> Figures:
    own = [each[0] for each in rounds]
    responses = sum(load.responses for load in own)
    database_cpu = [load.database_cpu for load in own if load.database_cpu is not None]
    return Figures(
        endpoint=endpoint,
        kind=kind,
        select=median(api.rate / select.rate for api, select, _ in rounds),
        plain=median(api.rate / plain.rate for api, _, plain in rounds),
        rate=median(load.rate for load in own),
        p50=median(load.p50 for load in own),
        p99=median(load.p99 for load in own),
        cpu=sum(load.cpu for load in own) / responses * 1000,
        database_cpu=sum(database_cpu) / responses * 1000 if len(database_cpu) == len(own) else None,
        queries=queries,
        bytes=size,
    )


def measure(bench: Bench, table: Table, wanted: list[tuple[Endpoint, str]]) -> int:
    """Fill the table, and return how many of its lines are wrong."""
    wrong = 0
    for endpoint, kind in wanted:
        try:
            print_line(table.add(bench.figures(endpoint, kind)))
        except WrongResponseError as error:
            wrong += 1
            print_line(table.fail(endpoint.name, kind, error))
    return wrong


def memory(servers: dict[str, Server]) -> Iterator[str]:
    for name, words in (("cold", "without the cache"), ("counted", "with a small one"), ("warm", "with the default")):
        if name in servers:
            yield f"{servers[name].peak_memory()} MB {words}"


def cost_of_comparisons(port: int) -> str:
    """Return in words how long a comparison of each size takes, and the document of the same grid: one request at a
    time, never seen."""
    words = []
    for name, paths in comparisons().items():
        of_grids = [f"{API}{path.partition('comparison/')[0]}" for path in paths]
        table, document = (
            median(fetch(port, listed * TURNS).typical for _ in range(ROUNDS)) * 1000
            for listed in ([f"{API}{path}" for path in paths], of_grids)
        )
        words.append(f"{name} {table:.1f} ms, the grid {document:.1f} ms")
    return f"One request at a time, p50: {'; '.join(words)}."


def paint_of_pages(port: int) -> str:
    """Return in words when Chromium has painted the largest piece of a page of each kind."""
    [compared, *_] = comparisons().values()
    paths = {"front": "", "package": "packages/1/", "packages": "packages/", "comparison": compared[0]}
    found = paints({name: f"http://127.0.0.1:{port}{API}{path}" for name, path in paths.items()})
    words = [f"{name} {each.milliseconds:.0f} ms (shift {each.shift:.3f})" for name, each in found.items()]
    return f"Largest Contentful Paint in Chromium: {'; '.join(words) or 'Chromium is not installed'}."


def run(url: str, wanted: list[tuple[Endpoint, str]], table: Table) -> tuple[int, str]:
    """Measure all that is wanted; return the number of wrong lines, and in words the memory that the workers took and
    the costs of comparisons, pages and deadlines."""
    kinds = {kind for _, kind in wanted}
    queries = count_queries(url, {endpoint.name: endpoint.paths[:2] for endpoint, _ in wanted})
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        servers = {"yardstick": stack.enter_context(server("yardstick", url))}
        for kind in kinds & CACHES.keys():
            servers[kind] = stack.enter_context(server(kind, url, CACHE_URL=CACHES[kind]))
        if kinds - CACHES.keys():
            servers["warm"] = stack.enter_context(server("warm", url))
        wrong = measure(Bench(Wrk(Path(folder)), servers, queries), table, wanted)
        notes = [f"Peak memory of a worker: {', '.join(memory(servers))}."]
        if "cold" in servers:
            notes += [cost_of_comparisons(servers["cold"].port), paint_of_pages(servers["cold"].port)]
        return wrong, "\n".join([*notes, cost_of_deadline(url)])


def main() -> None:
    url, words, kinds = database(), sys.argv[1:], chosen_kinds()
    every = endpoints(url)
    wanted = [(each, kind) for each in chosen_endpoints(every, words) for kind in kinds if kind in each.kinds]
    if not wanted:
        sys.exit("These endpoints are measured with never seen requests only: KINDS=cold")
    table, first = Table(), first_line(url)
    print_line("\n".join([first, "", *table.rows]))
    wrong, notes = run(url, wanted, table)
    print_line(f"\n{notes}")
    is_whole = not words and len(kinds) == len(KINDS)
    out = os.environ.get("OUT") or (str(table_path(SCALE)) if is_whole else "")
    if out:
        Path(out).write_text("\n".join([first, "", *table.rows, "", notes, LEGEND, ""]), encoding="utf-8")
    if wrong:
        sys.exit(f"{wrong} of {len(wanted)} lines are wrong")


if __name__ == "__main__":
    main()
