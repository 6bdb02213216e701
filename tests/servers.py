"""Real servers, for tests that need more than a client in the same process: over the test's own database, or over the
sample catalogue in an SQLite file."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import requests
from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
SECRET_KEY = "for the tests alone: as long a text as production needs"


def copy_program(folder: Path) -> None:
    """Copy the program with its bytecode, without the `.env` that a developer may have beside it."""
    ours = [app for app in settings.INSTALLED_APPS if (ROOT / app).is_dir()]
    for app in ("config", *ours):  # a name of bytecode that goes on after .pyc is of a file that is being written
        shutil.copytree(ROOT / app, folder / app, ignore=shutil.ignore_patterns("*.pyc.*"))
    shutil.copy(ROOT / "manage.py", folder)


def database_url(name: str = "") -> str:
    """Return the URL of the test's database on PostgreSQL, or of another one on the same server."""
    options = connection.settings_dict
    password = f":{options['PASSWORD']}" if options["PASSWORD"] else ""
    host = f"{options['HOST']}:{options['PORT'] or 5432}"
    return f"postgresql://{options['USER']}{password}@{host}/{name or options['NAME']}"


@contextmanager
def server(log: IO[str] | None = None, /, **settings: str) -> Iterator[str]:
    """Run gunicorn with one worker, over the test's database unless the settings name another one, and yield its URL.
    What it logs goes to `log`."""
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": SECRET_KEY}
    environment |= {"WEB_CONCURRENCY": "1", "ACCESS_LOG": "false", "RATE_LIMIT": "0", "PYTHONWARNINGS": "ignore"}
    environment |= settings
    environment["DATABASE_URL"] = settings.get("DATABASE_URL") or database_url()
    command = [sys.executable, "-m", "gunicorn", "--config", "config/gunicorn.py", "--log-level=error"]
    # gunicorn inherits an open socket, so that no other process can take the port while it starts.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command.append(f"--bind=fd://{listener.fileno()}")
        process = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[listener.fileno()], stderr=log)
    with process:
        try:
            requests.get(url, timeout=60, allow_redirects=False)  # returns once the worker has started
            yield url
        finally:
            process.terminate()


@dataclass(frozen=True)
class Site:
    """gunicorn as in production, over the sample catalogue in an SQLite file."""

    url: str
    log: Path  # a line for each response: its status, and who asked
    environment: dict[str, str]

    def manage(self, *arguments: str) -> None:
        subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment, check=True)

    def statuses(self, agent: str, number: int = 0) -> list[int]:
        """Return the statuses of the responses to that User-Agent; wait until there are so many."""
        for _ in range(100):
            log = self.log.read_text(encoding="utf-8")
            statuses = [int(each) for each in re.findall(rf"(\d+) {agent} \[[\w.-]+\]$", log, re.MULTILINE)]
            if len(statuses) >= number:
                break
            time.sleep(0.05)
        return statuses


@contextmanager
def sample_site(folder: Path, /, **settings: str) -> Iterator[Site]:
    """Serve the sample catalogue with everything that `make serve` does, on a free port."""
    port = free_port()
    url, log = f"http://127.0.0.1:{port}", folder / "access.log"
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "SITE_URL": url,
        "PORT": str(port),
        "RATE_LIMIT": "0",
        **settings,
    }
    site = Site(url, log, environment)
    subprocess.run(["make", "--silent", ".static/staticfiles.json"], cwd=ROOT, env=environment, check=True)
    for command in (["migrate", "-v0"], ["load_sample"]):
        site.manage(*command)
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", "config/gunicorn.py"]
    logged = ["--access-logfile", str(log), "--access-logformat", "%(s)s %(a)s"]
    with running([*gunicorn, *logged], url, cwd=ROOT, env=environment):
        log.write_text("", encoding="utf-8")
        yield site


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@contextmanager
def running(command: list[str], url: str, **options: Any) -> Iterator[None]:
    """Run a program that listens at `url`; end it afterwards. A program that is not installed fails the test."""
    path = os.environ["PATH"] + ":/usr/sbin"  # where Debian has servers
    program = shutil.which(command[0], path=path)
    assert program, f"{command[0]} is not installed: .ci/run more installs it"
    with subprocess.Popen([program, *command[1:]], **options) as process:
        try:
            for _ in range(600):
                assert process.poll() is None, f"{command[0]} has ended with {process.returncode}"
                try:
                    requests.get(url, timeout=60, allow_redirects=False)
                except requests.ConnectionError:
                    time.sleep(0.1)
                else:
                    break
            yield
        finally:
            process.terminate()
