"""make soak: the site under a steady load, while everything else that it does goes on.

On a copy of the bench's catalogue in PostgreSQL, gunicorn serves as in production. First the load finds out how many
requests of a mix the site responds to in a second: alone, and while the others work. Then it holds four fifths of the
latter, at a fixed rate, for MINUTES (3). Meanwhile packages are refreshed from a local upstream, imported, mirrored and
dumped, verdicts settled, and an editor edits and undoes. It fails on any 5xx, broken connection or stale document, and
if memory, open files or connections to the database grow.

The environment has MINUTES, CACHE_URL (a Redis, for example), SHARE (0.8) and OUT, a file for the report.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from random import Random

import psycopg2

from tests.bench.catalogue import PACKAGES, SERVER, database, environment, manage, query, require_autovacuum
from tests.bench.load import Server, server
from tests.soak import load, workers
from tests.soak.background import Job, build_world, change_world, write_documents
from tests.soak.editor import CREATE, Editor, Follower
from tests.soak.load import Orders, Outcome
from tests.soak.series import Watch
from tests.upstream import World, serving
from tests.upstream import environment as upstreams

MINUTES = float(os.environ.get("MINUTES", "3"))
SHARE = float(os.environ.get("SHARE", "0.8"))
SECONDS_ALONE, SECONDS_WITH_OTHERS = 10.0, 20.0  # of the two measurements
CONNECTIONS = 8  # of a measurement; a steady load may need more at times
MOST_CONNECTIONS = 48
COMPARED = 200  # packages that are compared with the database at the end
NAME = "package_grids_soak"


def print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@contextmanager
def catalogue() -> Iterator[str]:
    """Yield the URL of a copy of the bench's database, which is dropped afterwards."""
    source = database()
    with_server = psycopg2.connect(f"{SERVER}/postgres")
    with_server.autocommit = True
    with with_server.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {NAME} TEMPLATE {source.rpartition('/')[2]}")
        try:
            yield f"{SERVER}/{NAME}"
        finally:
            cursor.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
    with_server.close()


class Others:
    """Everything that goes on besides the load."""

    def __init__(self, url: str, served: Server, world: World, base: str, folder: Path) -> None:
        environ = {**environment(url), **upstreams(base), "RATE_LIMIT": "0"}
        mirror = {**environ, "DATABASE_URL": f"sqlite:///{folder / 'mirror.sqlite3'}"}
        choose, imported = Random(4), folder / "import"
        api = f"http://127.0.0.1:{served.port}/api/v4/"
        sweep = ["refresh_packages", "--all", "--limit", "400", "--workers", "4"]
        self.mirror = mirror["DATABASE_URL"]
        self.jobs = [
            Job("refresh", sweep, 5, environ, lambda _: change_world(world, choose)),
            Job(
                "import", ["import_catalogue", str(imported)], 20, environ, lambda turn: write_documents(imported, turn)
            ),
            Job("a mirror's import", ["import_catalogue", api], 30, mirror),
            Job("dump", ["dump_catalogue", str(folder / "dumps"), "--keep", "2"], 30, environ),
            Job("verdicts", ["update_health", "--all"], 25, environ),
        ]
        self.editor, self.follower = Editor(served, 5), Follower(served)

    def threads(self) -> list[Job | Editor | Follower]:
        return [*self.jobs, self.editor, self.follower]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        for each in self.threads():
            each.start()
        try:
            yield
        finally:
            for each in self.threads():
                each.stopped.set()
            for each in self.threads():
                each.join(600)


def packages_are_as_stored(served: Server, wanted: set[int]) -> Iterator[str]:
    """Yield what differs between the database and what each worker serves; nobody writes any more."""
    columns = "title, repo_watchers, pypi_version, last_fetched, modified"
    for pk in sorted(wanted):
        [row] = query(served.url, f"SELECT {columns} FROM packages_package WHERE id = {pk}")
        for response in workers.responses(served, f"/api/v4/packages/{pk}/"):
            found = json.loads(response.body)
            stored = {name.strip(): value for name, value in zip(columns.split(","), row, strict=True)}
            wrong = [name for name, value in stored.items() if not _same(found[name], value)]
            if wrong:
                yield f"package {pk} of worker {response.worker}: {wrong} {found} {stored}"


def _same(served: object, stored: object) -> bool:
    return (datetime.fromisoformat(str(served)) if isinstance(stored, datetime) else served) == stored


def words_of(name: str, outcome: Outcome) -> str:
    p50, p99, longest = outcome.latencies.get("all", (0.0, 0.0, 0.0))
    statuses = ", ".join(f"{number:,} × {status}" for status, number in sorted(outcome.statuses.items()))  # noqa: RUF001
    return (
        f"{name}: {outcome.rate:.0f} requests a second ({outcome.responses:,} in {outcome.seconds:.0f} s: {statuses});"
        f" p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {longest:.0f} ms; {outcome.number_of_errors} errors"
    )


def measured(served: Server, seconds: float, seed: int) -> Outcome:
    return load.run(Orders(served.port, seconds, connections=CONNECTIONS, seed=seed))


def soak(url: str, folder: Path) -> tuple[list[str], list[str]]:
    """Measure, hold, and check; return the lines of the report, and the breaches."""
    with ExitStack() as stack:
        world = World(latency=0.02, limit=10**6)
        build_world(world)
        base = stack.enter_context(serving(world))
        cache = os.environ.get("CACHE_URL", "locmem://")
        settings = {"DUMP_ROOT": str(folder / "dumps"), "RATE_LIMIT": "0", "CACHE_URL": cache}
        served = stack.enter_context(server("soak", url, **settings))
        others = Others(url, served, world, base, folder)
        manage(others.mirror, "migrate", "--verbosity=0")
        measured(served, 3, 1)
        alone = measured(served, SECONDS_ALONE, 2)
        print_line(words_of("Maximum, nothing else going on", alone))
        watch = Watch(served)
        with others.at_work():
            busy = measured(served, SECONDS_WITH_OTHERS, 3)
            print_line(words_of("Maximum, with everything else", busy))
            watch.start()
            steady = Orders(served.port, MINUTES * 60, busy.rate * SHARE, MOST_CONNECTIONS, seed=4)
            held = load.run(steady)
            watch.stop()
        others.follower.check()
        return report(served, others, watch, {"alone": alone, "busy": busy, "held": held})


def report(served: Server, others: Others, watch: Watch, outcomes: dict[str, Outcome]) -> tuple[list[str], list[str]]:
    """Return the lines of the report, and the breaches."""
    breaches = [f"load: {error}" for outcome in outcomes.values() for error in outcome.errors]
    held = outcomes["held"]
    lines = [words_of(f"Held for {MINUTES:g} minutes, {SHARE:.0%} of the latter", held)]
    lines += [
        f"  {kind}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {longest:.0f} ms"
        for kind, (p50, p99, longest) in held.latencies.items()
    ]
    lines.append(
        f"  at most {held.most_waiting} requests waited for a connection; {held.reconnected} connections reopened"
    )
    grown, too_much = watch.report()
    lines += grown
    for each in others.threads():
        lines.append(each.report())
        breaches += each.breaches
    choose = Random(6)
    changed = sorted(others.follower.packages & set(range(1, PACKAGES + 1)))
    compared = others.editor.touched | set(choose.sample(changed, min(COMPARED, len(changed))))
    compared |= set(choose.sample(range(1, PACKAGES + 1), COMPARED))
    differing = list(packages_are_as_stored(served, compared))
    lines.append(f"{len(compared)} packages of each worker compared with the database: {len(differing)} differ")
    if not others.editor.done:
        breaches.append("the editor did nothing")
    return lines, [*breaches, *too_much, *differing]


def main() -> None:
    require_autovacuum()
    begin = time.monotonic()
    with catalogue() as url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "dumps").mkdir()
        manage(url, "shell", "--verbosity=0", "-c", CREATE)
        lines, breaches = soak(url, folder)
    lines.append(f"It took {time.monotonic() - begin:.0f} s.")
    lines += [f"BREACH: {each}" for each in breaches] or ["No breach."]
    print_line("\n".join(lines))
    if out := os.environ.get("OUT"):
        Path(out).write_text("\n".join([*lines, ""]), encoding="utf-8")
    if breaches:
        sys.exit(f"{len(breaches)} breaches")


if __name__ == "__main__":
    main()
