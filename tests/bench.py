"""make bench: how fast the API answers, against bare Django views that answer with as many ready bytes.

A deterministic catalogue on PostgreSQL, gunicorn as in production (2 workers), wrk on the loopback, rounds of ours and
of the yardsticks in turn in the same run. Prints a table, and fails at nothing but wrong answers.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg2
import requests

ROOT = Path(__file__).resolve().parent.parent
SCALES = {"5k": (5_300, 375, 14_000), "1m": (1_000_000, 50_000, 2_600_000)}
SCALE = os.environ.get("SCALE", "5k")
SERVER = os.environ.get("BENCH_DATABASE_URL", "postgresql://postgres@127.0.0.1:5432")
ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = int(os.environ.get("SECONDS_EACH", "2"))
PORTS = {"cold": 8201, "warm": 8202, "yardstick": 8203}
PACKAGES, GRIDS, MEMBERSHIPS = SCALES[SCALE]

# Everything follows from the number of a row: the same catalogue every time.
WORDS = "'{admin,api,auth,cache,form,field,image,search,queue,task,tree,tag,rest,json,model,view,storage,mail,test}'::text[]"
CATALOGUE = f"""
INSERT INTO categories_category (id, title, slug, description, title_plural, show_pypi, created, modified)
SELECT i, 'Category ' || i, 'category-' || i, 'Reusable pieces.', 'Categories', true, now(), now() FROM generate_series(1, 5) i;
INSERT INTO packages_package (id, title, slug, category_id, repo_url, repo_host, repo_key, pypi_url, pypi_name,
    documentation_url, deprecated, repo_description, repo_watchers, repo_forks, commits_over_52, participants,
    last_updated, pypi_version, last_fetched, created, modified, repo_id, requires_python, classifiers, licence, released,
    pypi_status, pypi_downloads, gone_reason)
SELECT i, 'django-' || w[1 + i % 19] || '-' || w[1 + i / 19 % 19] || '-' || i, 'package-' || i, 1 + i % 5,
    'https://github.com/owner' || i % 9001 || '/package-' || i, 'github.com',
    'github.com/owner' || i % 9001 || '/package-' || i, 'https://pypi.org/project/package-' || i, 'package-' || i, '',
    i % 50 = 0, 'The ' || w[1 + i * 7 % 19] || ' for every ' || w[1 + i * 11 % 19] || ' with ' || w[1 + i * 13 % 19],
    (power(hashint4(i)::bigint & 1023, 3) / 20000)::int, hashint4(i) & 255, weeks.list,
    (SELECT jsonb_agg('user' || ((hashint4(i * 31 + n) & 65535))) FROM generate_series(1, 1 + i % 25) n),
    now() - (i % 3000) * interval '1 day', '1.' || i % 10, now(), now() - (i % 4000) * interval '1 day', now(), i::text,
    '>=3.' || 8 + i % 5, ('["Framework :: Django :: ' || 3 + i % 3 || '.2"]')::jsonb,
    (ARRAY['MIT', 'BSD-3-Clause', 'Apache-2.0', ''])[1 + i % 4], now() - (i % 1500) * interval '1 day', 'active',
    CASE WHEN i % 3 = 0 THEN NULL ELSE hashint4(i) & 1048575 END, ''
FROM generate_series(1, {PACKAGES}) i, (SELECT {WORDS} AS w) words,
    (SELECT jsonb_agg(n % 9) AS list FROM generate_series(1, 52) n) weeks;
INSERT INTO grids_grid (id, title, slug, description, is_locked, header, created, modified)
SELECT i, 'Grid ' || i || ' of ' || w[1 + i % 19], 'grid-' || i, 'Side by side.', false, i % 20 = 0, now(), now()
FROM generate_series(1, {GRIDS}) i, (SELECT {WORDS} AS w) words;
INSERT INTO grids_gridpackage (grid_id, package_id, position)
SELECT DISTINCT ON (1, 2) 1 + (i::bigint % {GRIDS}), 1 + (i::bigint * 7919 % {PACKAGES}), i % 97
FROM generate_series(1, {MEMBERSHIPS}) i;
"""


def database() -> str:
    """The address of the catalogue's database, which is made where it is not there yet."""
    name = f"package_grids_bench_{SCALE}"
    with_server = psycopg2.connect(f"{SERVER}/postgres")
    with_server.autocommit = True
    with with_server.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        fresh = cursor.fetchone() is None
        if fresh:
            cursor.execute(f"CREATE DATABASE {name}")
    with_server.close()
    url = f"{SERVER}/{name}"
    manage(url, "migrate", "--verbosity=0")
    if fresh:
        fill(url)
    return url


def fill(url: str) -> None:
    tables = ("categories_category", "packages_package", "grids_grid", "grids_gridpackage")
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(CATALOGUE)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
    connection.close()
    again = "from django.db import connection; from changes import triggers as log; from changes.models import *; "
    again += "Change.objects.all().delete(); Revision.objects.all().delete(); log.seed(connection)"
    manage(url, "shell", "--verbosity=0", "-c", again)
    manage(url, "check_search", "--rebuild", "--verbosity=0")
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    connection.close()


def manage(url: str, *arguments: str) -> None:
    environment = {**os.environ, "DATABASE_URL": url, "DEBUG": "true"}
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, check=True)


@contextmanager
def server(name: str, url: str, **settings: str) -> Iterator[int]:
    """gunicorn with 2 workers; gives the id of its process."""
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": url, "PORT": str(PORTS[name]), "SECRET_KEY": "bench"}
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        "config/gunicorn.py",
        "--log-level=error",
        "--max-requests=0",
    ]
    if name == "yardstick":
        environment["DJANGO_SETTINGS_MODULE"] = "tests.yardstick"
        command.append("tests.yardstick")
    with subprocess.Popen(command, cwd=ROOT, env={**environment, **settings}) as process:
        try:
            for _ in range(200):
                try:
                    requests.get(f"http://127.0.0.1:{PORTS[name]}/", timeout=5, allow_redirects=False)
                    break
                except requests.ConnectionError:
                    time.sleep(0.05)
            yield process.pid
        finally:
            process.terminate()


def workers(master: int) -> list[int]:
    listed = Path(f"/proc/{master}/task/{master}/children").read_text(encoding="ascii")
    return [int(pid) for pid in listed.split()]


def cpu_seconds(master: int) -> float:
    ticks = 0
    for pid in workers(master):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def peak_memory(master: int) -> int:
    """The most memory that a worker has held, in MB."""
    found = []
    for pid in workers(master):
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        found += [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    return max(found) // 1024


@dataclass
class Load:
    rate: float
    p50: float
    p99: float
    cpu: float


SCRIPT = """
local paths, headers, expected = {}, {}, EXPECTED
for line in io.lines("PATHS") do paths[#paths + 1] = line end
HEADERS
local n, wrong = 0, 0
math.randomseed(os.time())
n = math.random(#paths)
request = function() n = n % #paths + 1 return wrk.format("GET", paths[n], headers) end
response = function(status, _, body)
    if status ~= expected or (status == 200 and #body == 0) then wrong = wrong + 1 end
end
done = function(summary, latency, requests)
    io.write(string.format('{"requests": %d, "us": %d, "errors": %d, "p50": %f, "p99": %f}\\n', summary.requests,
        summary.duration, summary.errors.status + summary.errors.read + summary.errors.timeout,
        latency:percentile(50), latency:percentile(99)))
end
"""


class Wrk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, port: int, paths: list[str], master: int, status: int = 200, **headers: str) -> Load:
        """Some seconds of load. AssertionError if an answer is not as it should be."""
        listed, script = self.folder / "paths", self.folder / "script.lua"
        listed.write_text("\n".join(paths) + "\n", encoding="ascii")
        lua_headers = "\n".join(f"headers[{json.dumps(k)}] = {json.dumps(v)}" for k, v in headers.items())
        text = SCRIPT.replace("PATHS", str(listed)).replace("HEADERS", lua_headers).replace("EXPECTED", str(status))
        script.write_text(text, encoding="ascii")
        before = cpu_seconds(master)
        ran = subprocess.run(
            ["wrk", "-t1", "-c4", f"-d{SECONDS}s", "--timeout=20s", "-s", str(script), f"http://127.0.0.1:{port}"],
            check=True,
            capture_output=True,
            text=True,
        )
        cpu = cpu_seconds(master) - before
        told = json.loads(ran.stdout.strip().splitlines()[-1])
        assert told["requests"] > 0, ran.stdout
        assert told["errors"] == 0, f"{told['errors']} of {told['requests']} answers were wrong: {paths[0]}"
        rate = told["requests"] / told["us"] * 1e6
        return Load(rate, told["p50"] / 1000, told["p99"] / 1000, cpu / told["requests"] * 1000)


def addresses() -> dict[str, list[str]]:
    """What is asked of each endpoint: many addresses, none twice in a row."""
    choose = random.Random(1)
    ids = choose.sample(range(1, PACKAGES + 1), 2_000)
    grids = choose.sample(range(1, GRIDS + 1), min(GRIDS, 2_000))
    words = (
        "admin api",
        "auth",
        "cache form",
        "image",
        "django-search-queue",
        "rest json",
        "package-17",
        "tre",
        "tagg",
    )
    api = "/api/v4/"
    return {
        "package": [f"{api}packages/{pk}/" for pk in ids],
        "packages, 20": [f"{api}packages/?offset={n * 20 % min(PACKAGES, 10_000)}" for n in range(500)],
        "packages, 100": [f"{api}packages/?limit=100&offset={n * 100 % min(PACKAGES, 10_000)}" for n in range(100)],
        "grid": [f"{api}grids/{pk}/" for pk in grids],
        "grids, 20": [f"{api}grids/?offset={n * 20 % min(GRIDS, 10_000)}" for n in range(min(500, GRIDS // 20))],
        "category": [f"{api}categories/{n}/" for n in range(1, 6)],
        "categories": [f"{api}categories/", f"{api}categories/?limit=3"],
        "search": [f"{api}search/?q={word.replace(' ', '+')}&offset={n}" for word in words for n in range(0, 60, 20)],
        "cursor walk": [f"{api}packages/?cursor=below-{pk}" for pk in ids],
        "changes": [f"{api}changes/?since={n}" for n in choose.sample(range(PACKAGES), 500)],
        "offset 90 %": [f"{api}packages/?offset={PACKAGES * 9 // 10 + n}" for n in range(100)],
        "by watchers": [f"{api}packages/?ordering=-repo_watchers&offset={n * 20}" for n in range(100)],
    }


def measured(wrk: Wrk, ours: int, port: int, yardstick: int, paths: list[str], **headers: Any) -> dict[str, Any]:
    """Rounds of ours, of the SELECT view and of the plain one in turn, and the medians of their ratios."""
    sizes = [len(requests.get(f"http://127.0.0.1:{port}{path}", timeout=60).content) for path in paths[:20]]
    size = 1 if headers.get("status") == 304 else int(statistics.mean(sizes))
    ids = random.Random(2).sample(range(1, PACKAGES + 1), 1_000)
    select, plain = ([f"/{kind}/{size}/{pk}" for pk in ids] for kind in ("select", "plain"))
    rounds = []
    for _ in range(ROUNDS):
        own = wrk.load(port, paths, ours, **headers)
        by_select = wrk.load(PORTS["yardstick"], select, yardstick)
        by_plain = wrk.load(PORTS["yardstick"], plain, yardstick)
        rounds.append((own, own.rate / by_select.rate, own.rate / by_plain.rate))
    own = sorted((each[0] for each in rounds), key=lambda load: load.rate)[len(rounds) // 2]
    return {
        "select": statistics.median(each[1] for each in rounds),
        "plain": statistics.median(each[2] for each in rounds),
        "load": own,
        "bytes": size,
    }


def main() -> None:
    url = database()
    chosen = sys.argv[1:]
    rows: list[str] = []

    def tell(what: str, name: str, result: dict[str, Any]) -> None:
        load = result["load"]
        row = (
            f"| {what} | {name} | {result['select']:.2f} | {result['plain']:.2f} | {load.rate:,.0f} | {load.p50:.1f} |"
            f" {load.p99:.1f} | {load.cpu:.2f} | {result['bytes']:,} |"
        )
        rows.append(row)
        sys.stdout.write(row + "\n")
        sys.stdout.flush()

    sys.stdout.write(
        f"{PACKAGES:,} packages, {GRIDS:,} grids; {ROUNDS} rounds of {SECONDS} s\n\n"
        "| requests | endpoint | to one SELECT | to none | a second | p50 ms | p99 ms | CPU ms | bytes |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
    )
    with (
        TemporaryDirectory() as folder,
        server("yardstick", url) as yardstick,
        server("cold", url, CACHE_URL="dummy://") as cold,
        server("warm", url) as warm,
    ):
        wrk = Wrk(Path(folder))
        for name, paths in addresses().items():
            if chosen and not any(word in name for word in chosen):
                continue
            tell("never seen", name, measured(wrk, cold, PORTS["cold"], yardstick, paths))
            if os.environ.get("KINDS") == "cold":
                continue
            tell("repeated", name, measured(wrk, warm, PORTS["warm"], yardstick, paths[:1]))
            etag = requests.get(f"http://127.0.0.1:{PORTS['warm']}{paths[0]}", timeout=60).headers.get("ETag", "")
            if etag:
                headers = {"status": 304, "If-None-Match": etag}
                tell("unchanged", name, measured(wrk, warm, PORTS["warm"], yardstick, paths[:1], **headers))
        sys.stdout.write(
            f"\nPeak memory of a worker: {peak_memory(cold)} MB without the cache, {peak_memory(warm)} MB with\n"
        )


if __name__ == "__main__":
    main()
