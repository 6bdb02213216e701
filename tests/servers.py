"""Real servers over the test's own database, for what no client in the process can show."""

import os
import socket
import subprocess
import sys
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
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "x", "DATABASE_URL": database_url()}
    environment |= {"WEB_CONCURRENCY": "1", "PYTHONWARNINGS": "ignore"} | settings
    command = [sys.executable, "-m", "gunicorn", "--config", "config/gunicorn.py", "--log-level=error"]
    # It inherits an open socket: nobody else can take the port while it starts.
    with socket.create_server(("127.0.0.1", 0)) as opened:
        address = f"http://127.0.0.1:{opened.getsockname()[1]}"
        command.append(f"--bind=fd://{opened.fileno()}")
        process = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[opened.fileno()])
    with process:
        try:
            requests.get(address, timeout=60, allow_redirects=False)  # answered once the worker has started
            yield address
        finally:
            process.terminate()
