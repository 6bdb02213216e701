"""Real servers over the test's own database, for tests that need more than a client in the same process."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import requests
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
SECRET_KEY = "for the tests alone: as long a text as production needs"


def database_url(name: str = "") -> str:
    """Return the URL of the test's database on PostgreSQL, or of another one on the same server."""
    options = connection.settings_dict
    password = f":{options['PASSWORD']}" if options["PASSWORD"] else ""
    host = f"{options['HOST']}:{options['PORT'] or 5432}"
    return f"postgresql://{options['USER']}{password}@{host}/{name or options['NAME']}"


@contextmanager
def server(log: IO[str] | None = None, /, **settings: str) -> Iterator[str]:
    """Run gunicorn with one worker over the test's database, and yield its URL. What it logs goes to `log`."""
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": SECRET_KEY, "DATABASE_URL": database_url()}
    environment |= {"WEB_CONCURRENCY": "1", "ACCESS_LOG": "false", "PYTHONWARNINGS": "ignore"} | settings
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
