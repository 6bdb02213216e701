"""DATABASE_REPLICA_URL: the API reads from the replica, but for an editor who has just saved, from the primary.

The "replica" of these tests is a separate database with other rows, so that a response shows where it was read.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest
import requests
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from core.caching.replica import WroteMiddleware
from core.models import Revision
from packages.models import Package
from tests.factories import PackageFactory
from tests.servers import ROOT, database_url, server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="replicas are PostgreSQL's"),
]


@pytest.fixture(scope="module")
def behind(django_db_setup: None) -> Iterator[str]:
    """The URL of a database with the same tables, in which the package “p” has another title."""
    name = f"{connection.settings_dict['NAME']}_behind"
    with _maintenance() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {name}")
    url = database_url(name)
    environment = {**os.environ, "DATABASE_URL": url, "DEBUG": "true"}
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity=0"], cwd=ROOT, env=environment, check=True)
    subprocess.run([sys.executable, "manage.py", "load_sample"], cwd=ROOT, env=environment, check=True)
    with psycopg2.connect(url) as replica, replica.cursor() as cursor:
        cursor.execute("UPDATE packages_package SET slug = 'p', title = 'of the replica' WHERE slug = 'ralph'")
    replica.close()
    yield url
    with _maintenance() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def _maintenance() -> Iterator[Any]:
    """Yield a cursor on the maintenance database, outside of the databases of the tests."""
    maintenance = psycopg2.connect(database_url("postgres"))
    maintenance.autocommit = True
    try:
        yield maintenance.cursor()
    finally:
        maintenance.close()


def title(url: str, session: Any = requests, path: str = "packages/p/") -> str:
    response = session.get(f"{url}/api/v4/{path}", timeout=10)
    assert response.status_code == 200
    shown: str = response.json()["title"]
    return shown


def test_the_api_reads_from_the_replica_and_an_editor_from_the_primary(behind: str) -> None:
    package = PackageFactory.create(slug="p", title="of the primary")
    User.objects.create_superuser("editor", password="secret")
    editor = requests.Session()
    with server(DATABASE_REPLICA_URL=behind, DEBUG="true") as url:  # pages need no collected files
        assert title(url) == title(url, editor) == "of the replica"
        listed = requests.get(f"{url}/api/v4/packages/?slug__in=p&expand=category", timeout=10).json()
        assert [each["title"] for each in listed["results"]] == ["of the replica"]
        page = requests.get(f"{url}/api/v4/packages/p/?format=api", timeout=10).text
        assert "of the replica" in page
        assert "of the primary" not in page

        form = f"{url}/admin/login/"
        editor.get(form, timeout=10)
        sent = {"username": "editor", "password": "secret", "csrfmiddlewaretoken": editor.cookies["csrftoken"]}
        logged_in = editor.post(form, sent, headers={"Referer": form}, timeout=10, allow_redirects=False)
        assert logged_in.status_code == 302
        assert title(url, editor) == "of the primary", (
            "this replica is no standby, so it never shows that it has caught up"
        )
        Package.objects.filter(pk=package.pk).update(title="of the primary, moved")
        assert title(url, editor) == "of the primary, moved"
        assert title(url) == "of the replica"


@pytest.mark.parametrize(
    ("scheme", "of_the_session", "secure"), [("https", False, True), ("http", True, True), ("http", False, False)]
)
def test_the_cookie_is_secure_under_https(
    settings: Settings, rf: RequestFactory, scheme: str, of_the_session: bool, secure: bool
) -> None:
    """Also where only SITE_URL tells, as with the session's cookie: a proxy that says nothing of the scheme."""
    settings.SESSION_COOKIE_SECURE = of_the_session
    request = rf.post("/admin/", secure=scheme == "https")
    response: Any = WroteMiddleware(lambda _: HttpResponse())(request)
    assert bool(response.cookies["wrote"]["secure"]) is secure


def test_a_mirror_reads_the_log_where_it_reads_the_documents(behind: str) -> None:
    """Otherwise it could read of a change, and then the document before it. A mirror ahead of the replica waits."""
    with psycopg2.connect(behind) as replica, replica.cursor() as cursor:
        cursor.execute("SELECT number FROM changes_revision WHERE kind = 'changes'")
        (last,) = cursor.fetchone() or (0,)
    replica.close()
    PackageFactory.create()
    assert Revision.objects.filter(kind="changes").update(number=last + 5)
    with server(DATABASE_REPLICA_URL=behind) as url:
        changes = f"{url}/api/v4/changes/?since="
        assert requests.get(f"{changes}{last - 1}", timeout=10).json()["until"] == last
        ahead = requests.get(f"{changes}{last + 5}", timeout=10)
        expected = {"since": last + 5, "until": last + 5, "newest": last + 5, "next": None, "results": []}
        assert ahead.json() == expected
        assert requests.get(f"{changes}{last + 6}", timeout=10).status_code == 400


def test_a_forged_cookie_is_ignored(behind: str) -> None:
    PackageFactory.create(slug="p", title="of the primary")
    with server(DATABASE_REPLICA_URL=behind) as url:
        session = requests.Session()
        session.cookies.set("wrote", "0/0; DROP TABLE x")
        assert title(url, session) == "of the replica"


def test_the_primary_replaces_an_unreachable_replica() -> None:
    PackageFactory.create(slug="p", title="of the primary")
    unreachable = database_url().rsplit("@", 1)[0] + "@127.0.0.1:1/nothing"
    with server(DATABASE_REPLICA_URL=unreachable) as url:
        assert title(url) == "of the primary"


def test_a_replica_that_stops_costs_no_response(behind: str) -> None:
    PackageFactory.create(slug="p", title="of the primary")
    name = behind.rsplit("/", 1)[1]
    with server(DATABASE_REPLICA_URL=behind, DEBUG="true") as url, _maintenance() as cursor:
        assert [title(url) for _ in range(4)] == ["of the replica"] * 4
        cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            assert [title(url) for _ in range(4)] == ["of the primary"] * 4
            assert requests.get(f"{url}/api/v4/packages/p/?format=api", timeout=10).status_code == 200
        finally:
            cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_responses_are_cached_under_the_replicas_own_revisions(behind: str) -> None:
    """A response stays until the rows of the replica change, whatever has changed on the primary."""
    package = PackageFactory.create(slug="p", title="of the primary")
    with server(DATABASE_REPLICA_URL=behind) as url:
        first = requests.get(f"{url}/api/v4/packages/p/", timeout=10)
        Package.objects.filter(pk=package.pk).update(title="moved")
        assert requests.get(f"{url}/api/v4/packages/p/", timeout=10).headers["ETag"] == first.headers["ETag"]
        with psycopg2.connect(behind) as replica, replica.cursor() as cursor:
            cursor.execute("UPDATE packages_package SET repo_forks = repo_forks + 1 WHERE slug = 'p'")
        replica.close()
        assert requests.get(f"{url}/api/v4/packages/p/", timeout=10).headers["ETag"] != first.headers["ETag"]
