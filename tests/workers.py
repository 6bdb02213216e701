"""Workers of Celery and a coordinator, in processes of their own."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import IO

from tests.servers import ROOT

LIFTED, REAL = "tests.lifted_workers", "fetchers.distribution.app"
Process = subprocess.Popen[str]


def variables(database: str, redis: str, broker: str, upstream: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of workers and coordinators."""
    return {
        "PATH": os.environ["PATH"],
        "DEBUG": "true",
        "DATABASE_URL": database,
        "CACHE_URL": f"{redis}/0",
        "CELERY_BROKER_URL": broker,
        **upstream,
    }


def start_worker(environment: Mapping[str, str], app: str = LIFTED, log: IO[str] | None = None) -> Process:
    """Start a worker with one process for batches, in a group of its own."""
    options = ["--concurrency", "1", "--loglevel", "WARNING", "--hostname", f"{secrets.token_hex(4)}@%h"]
    command = [sys.executable, "-m", "celery", "-A", app, "worker", *options]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, start_new_session=True, stdout=log, stderr=log, text=True
    )


def kill(worker: Process) -> None:
    """Kill a worker with its processes, as a machine that loses its power does."""
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait(60)


def coordinate(environment: Mapping[str, str], *arguments: str) -> Process:
    command = [sys.executable, "manage.py", "refresh_packages", "--distribute", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)


@contextmanager
def workers(number: int, environment: Mapping[str, str], log: IO[str] | None = None) -> Iterator[list[Process]]:
    """Run workers, and end those that are left."""
    with ExitStack() as stack:
        running = [stack.enter_context(start_worker(environment, log=log)) for _ in range(number)]
        try:
            yield running
        finally:
            for worker in running:
                if worker.poll() is None:
                    kill(worker)
