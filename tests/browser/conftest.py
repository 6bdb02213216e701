"""Chromium, and the sites that it opens."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.live_server_helper import LiveServer
from selenium import webdriver

from tests.browser.jobs import Editor
from tests.browsers import chromium
from tests.servers import ROOT, SECRET_KEY, server

Sites = Callable[[str], str]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("profile"), "hide-scrollbars") as browser:
        yield browser


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """Return the function that serves a catalogue of tests.browser.catalogues, and returns its URL."""
    urls: dict[str, str] = {}
    with ExitStack() as servers:

        def url_of(name: str) -> str:
            if name not in urls:
                database = f"sqlite:///{tmp_path_factory.mktemp(name) / 'db.sqlite3'}"
                _fill(database, name)
                urls[name] = servers.enter_context(server(DATABASE_URL=database))
            return urls[name]

        yield url_of


def _fill(database: str, name: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": database,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    for command in (
        ["make", "--silent", ".static/staticfiles.json"],
        [sys.executable, "manage.py", "migrate", "-v0"],
        [sys.executable, "-m", "tests.browser.catalogues", name],
    ):
        subprocess.run(command, cwd=ROOT, env=environment, check=True)


@pytest.fixture
def editor(live_server: LiveServer, browser: webdriver.Chrome, client: Client) -> Iterator[Editor]:
    """An editor who is logged in, with every right, at a site in this process."""
    client.force_login(User.objects.create_superuser("anna", password="x"))
    editor = Editor(browser, live_server.url)
    with editor.watched():
        browser.get(f"{live_server.url}/static/pages/site.css")
        browser.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value})
        yield editor
    browser.get("about:blank")
    browser.delete_all_cookies()
