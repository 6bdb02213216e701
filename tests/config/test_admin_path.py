"""ADMIN_PATH: admin at another path, and nowhere else; nobody is told where."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.urls import get_resolver

from config import values
from tests.servers import SECRET_KEY, copy_program

# Looks at a site in a process of its own: its URLs are made when it starts.
PROGRAM = """
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.contrib.auth.models import User
from django.urls import reverse

call_command("migrate", verbosity=0)
anybody, editor = Client(), Client()
editor.force_login(User.objects.create_superuser("anna", password="x"))
BROWSER = {"accept": "text/html"}

assert reverse("admin:index") == "/back-office/", reverse("admin:index")
for path in ("/admin/", "/admin", "/admin/login/", "/back-officer/", "/x/back-office/"):
    response = anybody.get(path, headers=BROWSER)
    assert response.status_code == 404, (path, response.status_code)
    assert b"back-office" not in response.content.replace(path.encode(), b""), path
assert anybody.get("/back-office").headers["Location"] == "/back-office/"
assert anybody.get("/back-office/").headers["Location"] == "/back-office/login/?next=/back-office/"
assert anybody.get("/back-office/login/").status_code == 200
for path in ("/", "/api/v4/", "/api/v4/docs/", "/api/v4/docs/clients/", "/api/v4/schema/", "/nope", "/llms.txt"):
    assert b"back-office" not in anybody.get(path, headers=BROWSER, follow=True).content, path
for settings.INDEXED in (False, True):
    robots = anybody.get("/robots.txt").content.decode()
    assert "back-office" not in robots and "/admin" not in robots, robots

page = editor.get("/back-office/", headers={"accept-language": "de"}).content.decode()
assert "Abmelden" in page, "admin is in the language of the browser, wherever it is"
seen, waiting = set(), ["/back-office/"]
import re
while waiting and len(seen) < 60:
    path = waiting.pop(0)
    seen.add(path)
    response = editor.get(path)
    assert response.status_code in {200, 302, 405}, (path, response.status_code)
    html = response.content.decode() if "html" in response.headers["Content-Type"] else ""
    assert not re.search(r'"/admin\\b', html), path
    links = re.findall(r'(?:href|action|data-url)="(/back-office/[^"#?]*)"', html)
    waiting += [each for each in dict.fromkeys(links) if each not in seen and each not in waiting]
    assert "/admin" not in response.headers.get("Location", "")
assert len(seen) > 20, seen
assert editor.post("/back-office/logout/").status_code == 200
print("all is well")
"""


@pytest.mark.more
def test_a_site_with_another_path(tmp_path: Path) -> None:
    copy_program(tmp_path)
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": SECRET_KEY,
        "DEBUG": "true",
        "ALLOWED_HOSTS": "testserver",
        "ADMIN_PATH": "back-office",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "all is well\n", done.stderr[-2_000:]


def test_no_path_of_the_site_can_be_admins() -> None:
    routes = [str(each.pattern) for each in get_resolver().url_patterns]
    first = {re.match(r"\^?([\w.-]*)", route)[1] for route in routes}  # type: ignore[index]  # it matches anything
    first -= {"", "admin", *(each for each in first if each.endswith("-") or "." in each)}  # whole names of files
    assert first - values.TAKEN == set()


def test_nothing_has_the_path_written_into_it() -> None:
    """Whatever names it reads ADMIN_PATH, or reverses a name of a route."""
    root = Path(__file__).resolve().parent.parent.parent
    folders = ("categories", "changes", "config", "core", "editing", "fetchers", "grids", "packages", "search", "v3")
    files = [
        path
        for folder in folders
        for path in (root / folder).rglob("*")
        if path.suffix in {".py", ".html", ".js"} and "migrations" not in path.parts
    ]
    assert len(files) > 200
    found = [
        f"{path.relative_to(root)}: {line.strip()}"
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"""["'(=]\^?/admin\b|["']admin/["']""", line) and "static" not in line and "{%" not in line
    ]
    assert found == []


@pytest.mark.parametrize("path", ["admin", "back-office", "a", "Editors_1", "7b0c9d"])
def test_paths_that_may_be(path: str) -> None:
    values.admin_path(path)
