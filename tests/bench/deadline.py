"""The cost of the deadline of a wait for PostgreSQL: the same round trips with it and without, in turn.

A process of its own, with the site's settings; tests.bench starts it and prints the line that it writes.
"""

import os
import subprocess
import sys
import time
from statistics import median

import psycopg2
from psycopg2.extensions import set_wait_callback

from core.database import deadlines
from tests.bench.catalogue import ROOT, environment

ROUNDS = 9
TRIPS = 1_000
STATEMENT = "SELECT kind, number, rows FROM changes_revision"  # the first one of every request


def cost_of_deadline(url: str) -> str:
    """Run this module as a program, and return what it writes."""
    command = [sys.executable, "-m", "tests.bench.deadline"]
    variables = environment(url) | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    return subprocess.run(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, check=True, text=True).stdout


def microseconds(*, with_deadline: bool) -> tuple[float, float]:
    """Return the time of a round trip, and its CPU time."""
    set_wait_callback(deadlines.wait if with_deadline else None)
    connection = psycopg2.connect(os.environ["DATABASE_URL"])
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(STATEMENT)
        start, cpu = time.perf_counter(), time.process_time()
        for _ in range(TRIPS):
            cursor.execute(STATEMENT)
            cursor.fetchall()
        spent = time.perf_counter() - start, time.process_time() - cpu
    connection.close()
    return spent[0] / TRIPS * 1e6, spent[1] / TRIPS * 1e6


def main() -> None:
    rounds = [(*microseconds(with_deadline=True), *microseconds(with_deadline=False)) for _ in range(ROUNDS)]
    limited, limited_cpu, plain, plain_cpu = map(median, zip(*rounds, strict=True))
    sys.stdout.write(
        f"A round trip to PostgreSQL: {limited:.0f} µs with a deadline, {plain:.0f} µs without"
        f" (CPU: {limited_cpu:.0f} and {plain_cpu:.0f} µs).\n"
    )


if __name__ == "__main__":
    main()
