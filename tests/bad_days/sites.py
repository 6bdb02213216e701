"""A site of a test's own, as it is served: gunicorn, its log, an editor's session."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from tests.pages import Fields, fields_of
from tests.servers import ROOT, SECRET_KEY

PACKAGE = "djangorestframework"
JSON, PAGE = {"Accept": "application/json"}, {"Accept": "text/html"}
MANAGE = {"PATH": os.environ["PATH"], "DEBUG": "true", "PYTHONWARNINGS": "ignore"}


def prepare(database: str) -> None:
    """Fill a database with the sample catalogue and an editor."""
    variables = {"DATABASE_URL": database, "DJANGO_SUPERUSER_PASSWORD": "editor"}
    account = ["createsuperuser", "--no-input", "--username=editor", "--email=editor@example.org", "--verbosity=0"]
    for command in (["migrate", "--verbosity=0"], ["load_sample", "--verbosity=0"], account):
        done = manage(*command, **variables)
        assert done.returncode == 0, done.stderr


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=MANAGE | variables, capture_output=True, text=True, timeout=120, check=False
    )


class Site:
    """A site that is served: its URL, its master process, its log, and an editor's session."""

    def __init__(self, url: str, log: Path, process: "subprocess.Popen[bytes]", environment: Mapping[str, str]) -> None:
        self.url, self.log, self.process, self.environment = url, log, process, environment
        self.editor = requests.Session()

    def get(self, path: str, headers: Mapping[str, str] = JSON) -> requests.Response:
        """Request a path of the API, as a client that holds no connection."""
        return requests.get(f"{self.url}/api/v4/{path}", headers=headers, timeout=60)

    def title(self, package: str = PACKAGE) -> str:
        response = self.get(f"packages/{package}/")
        assert response.status_code == 200, response.text
        return str(response.json()["title"])

    def lines(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines()

    def new_lines(self, before: list[str], number: int = 1) -> list[str]:
        """Return the lines since then; wait for so many, since a line may follow its response."""
        end = time.monotonic() + 10
        while len(lines := self.lines()[len(before) :]) < number and time.monotonic() < end:
            time.sleep(0.05)
        return lines

    def log_in(self) -> None:
        form = f"{self.url}/admin/login/"
        self.editor.get(form, timeout=60)
        data = {"username": "editor", "password": "editor", "csrfmiddlewaretoken": self.editor.cookies["csrftoken"]}
        assert self.editor.post(form, data=data, timeout=60, allow_redirects=False).status_code == 302

    def open_form(self, package: str = PACKAGE) -> tuple[str, Fields]:
        """Return the address and the fields of the form of a package in admin."""
        pk = self.get(f"packages/{package}/").json()["id"]
        url = f"{self.url}/admin/packages/package/{pk}/change/"
        response = self.editor.get(url, timeout=60)
        assert response.status_code == 200, response.text
        return url, fields_of(response, "package_form")

    def save(self, form: tuple[str, Fields], title: str) -> requests.Response:
        """Send an open form with another title."""
        url, fields = form
        return self.editor.post(url, data=fields | {"title": [title]}, timeout=60, allow_redirects=False)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return manage(*arguments, **self.environment)

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        return [int(child) for child in children.split()]

    def becomes_available(self, seconds: float = 15) -> None:
        """Wait until the API responds with 200 again."""
        end = time.monotonic() + seconds
        while True:
            with suppress(requests.ConnectionError):
                if self.get(f"packages/{PACKAGE}/").status_code == 200:
                    return
            assert time.monotonic() < end, "\n".join(self.lines())
            time.sleep(0.1)


@contextmanager
def site(folder: Path, database: str, **settings: str) -> Iterator[Site]:
    """Serve a database by one worker, if the settings do not say otherwise: variables of the server and of commands."""
    log = folder / "log"
    variables = {
        "DATABASE_URL": database,
        "STATEMENT_SECONDS": "2",
        "CACHE_URL": "locmem://",
        "RATE_LIMIT": "0",
        "WEB_CONCURRENCY": "1",
        "ACCESS_LOG": "false",
    } | settings
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": SECRET_KEY, "PYTHONWARNINGS": "ignore"} | variables
    environment |= {"DJANGO_SETTINGS_MODULE": "tests.uncollected"}
    command = [sys.executable, "-m", "gunicorn", "--config", "config/gunicorn.py", "--log-level=error"]
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("ab") as file:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command.append(f"--bind=fd://{listener.fileno()}")
        process = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[listener.fileno()], stderr=file)
    try:
        requests.get(f"{url}/healthz", timeout=60)  # returns once a worker has started
        yield Site(url, log, process, variables)
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(30)


def check_unavailable(response: requests.Response, *, is_page: bool = False) -> None:
    """Check that a response says that the database is not available, to people or to programs."""
    assert response.status_code == 503, response.text
    assert response.headers["Retry-After"] == "5"
    if is_page:
        assert "<h1>Service unavailable</h1>" in response.text
        assert re.search(r"The database is not available at the moment", response.text)
    else:
        assert response.json()["detail"].startswith("The database is not available at the moment")
