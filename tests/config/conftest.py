"""A site of its own folder and database, served by gunicorn as in production."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.servers import SECRET_KEY, copy_program

OLD, NEW = "old.example.org", "new.example.org"


class Site:
    """A site served from a folder of its own: its URL, its gunicorn, and what that has written."""

    def __init__(self, folder: Path, url: str, master: int) -> None:
        self.folder, self.url, self.master = folder, url, master

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    def first_link(self) -> str:
        links = requests.get(f"{self.url}/api/v4/", headers={"Accept": "application/json"}, timeout=30).json()
        return str(next(iter(links.values())))

    def reload(self) -> None:
        os.kill(self.master, signal.SIGHUP)

    def wait_for(self, text: str, times: int = 1) -> None:
        end = time.monotonic() + 60
        while len(re.findall(text, self.log)) < times:
            assert time.monotonic() < end, f"no {text!r} in:\n{self.log}"
            time.sleep(0.05)


def settings(site: str) -> str:
    return f"SECRET_KEY='{SECRET_KEY}'\nSITE_URL=https://{site}\nWEB_CONCURRENCY=1\nRATE_LIMIT=0\nTIME_ZONE=Asia/Kathmandu\n"


ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "ignore", "TZ": "Asia/Tokyo"}


@pytest.fixture(scope="session")
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program, an empty database and the static files, which each site copies."""
    folder = tmp_path_factory.mktemp("installed")
    copy_program(folder)
    (folder / ".env").write_text(settings(OLD), encoding="utf-8")
    static = ["collectstatic", "--no-input", "-v0", "--ignore=drf_spectacular_sidecar", "--ignore=rest_framework"]
    for arguments in (["migrate", "-v0"], static):
        subprocess.run([sys.executable, "manage.py", *arguments], check=True, cwd=folder, env=ENVIRONMENT)
    return folder


@pytest.fixture
def site(_installed: Path, tmp_path: Path) -> Iterator[Site]:
    folder = Path(shutil.copytree(_installed, tmp_path / "site"))
    options: dict[str, Any] = {"cwd": folder, "env": ENVIRONMENT}
    command = [sys.executable, "-m", "gunicorn", "--config", "config/gunicorn.py", "--bind=127.0.0.1:0"]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stderr=log, stdout=log, **options) as gunicorn:
        try:
            site = Site(folder, "", gunicorn.pid)
            site.wait_for(r"Listening at: http://127.0.0.1:\d+")
            site.url = re.findall(r"Listening at: (http://[\d.:]+)", site.log)[0]
            assert site.first_link().startswith(f"https://{OLD}/")  # its worker has begun
            yield site
        finally:
            gunicorn.send_signal(signal.SIGQUIT)  # without the 30 seconds in which a worker may finish its requests
