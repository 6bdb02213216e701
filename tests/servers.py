"""Real servers over the test's own database, for what no client in the process can show."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent


def database_url(name: str = "") -> str:
    """The address of the test's database on PostgreSQL, or of another one beside it."""
    made = connection.settings_dict
    password = f":{made['PASSWORD']}" if made["PASSWORD"] else ""
    return f"postgresql://{made['USER']}{password}@{made['HOST']}:{made['PORT'] or 5432}/{name or made['NAME']}"


@contextmanager
def server(**settings: str) -> Iterator[str]:
    """gunicorn with one worker, over the test's database; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "x", "DATABASE_URL": database_url(), "PORT": str(port)}
    environment |= {"WEB_CONCURRENCY": "1", "PYTHONWARNINGS": "ignore"} | settings
    command = [sys.executable, "-m", "gunicorn", "--config", "config/gunicorn.py", "--log-level=error"]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        try:
            _wait_for(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_for(address: str) -> None:
    for _ in range(200):
        try:
            requests.get(address, timeout=5, allow_redirects=False)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nothing answers at {address}")
