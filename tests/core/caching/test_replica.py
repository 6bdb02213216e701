"""DATABASE_REPLICA_URL: the API reads from the replica, whoever has just written from the primary.

The "replica" here is a database of its own with something else in it, so that it shows where an answer was read.
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
    """The address of a database with the same tables, and a package that differs."""
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
    """A cursor beside the databases of the test."""
    maintenance = psycopg2.connect(database_url("postgres"))
    maintenance.autocommit = True
    try:
        yield maintenance.cursor()
    finally:
        maintenance.close()


def title(address: str, session: Any = requests, path: str = "packages/p/") -> str:
    response = session.get(f"{address}/api/v4/{path}", timeout=10)
    assert response.status_code == 200
    found: str = response.json()["title"]
    return found


def test_the_api_reads_from_the_replica_and_an_editor_what_was_written(behind: str) -> None:
    package = PackageFactory.create(slug="p", title="of the primary")
    User.objects.create_superuser("editor", password="secret")
    editor = requests.Session()
    with server(DATABASE_REPLICA_URL=behind, DEBUG="true") as address:  # pages need no collected files
        assert title(address) == title(address, editor) == "of the replica"
        listed = requests.get(f"{address}/api/v4/packages/?slug__in=p&expand=category", timeout=10).json()
        assert [each["title"] for each in listed["results"]] == ["of the replica"]
        page = requests.get(f"{address}/api/v4/packages/p/?format=api", timeout=10).text
        assert "of the replica" in page
        assert "of the primary" not in page

        form = f"{address}/admin/login/"
        editor.get(form, timeout=10)
        sent = {"username": "editor", "password": "secret", "csrfmiddlewaretoken": editor.cookies["csrftoken"]}
        logged_in = editor.post(form, sent, headers={"Referer": form}, timeout=10, allow_redirects=False)
        assert logged_in.status_code == 302
        assert title(address, editor) == "of the primary", "no standby can show that it has come as far"
        Package.objects.filter(pk=package.pk).update(title="of the primary, moved")
        assert title(address, editor) == "of the primary, moved"
        assert title(address) == "of the replica"


def test_a_mirror_reads_the_log_where_it_reads_the_documents(behind: str) -> None:
    """Else it would read of a change there, and what was before it here. One that has come further waits."""
    with psycopg2.connect(behind) as replica, replica.cursor() as cursor:
        cursor.execute("SELECT number FROM changes_revision WHERE kind = 'changes'")
        (last,) = cursor.fetchone() or (0,)
    replica.close()
    PackageFactory.create()
    assert Revision.objects.filter(kind="changes").update(number=last + 5)
    with server(DATABASE_REPLICA_URL=behind) as address:
        changes = f"{address}/api/v4/changes/?since="
        assert requests.get(f"{changes}{last - 1}", timeout=10).json()["until"] == last
        ahead = requests.get(f"{changes}{last + 5}", timeout=10)
        assert ahead.json() == {"since": last + 5, "until": last + 5, "next": None, "results": []}
        assert requests.get(f"{changes}{last + 6}", timeout=10).status_code == 400


def test_a_cookie_of_ones_own_making_is_ignored(behind: str) -> None:
    PackageFactory.create(slug="p", title="of the primary")
    with server(DATABASE_REPLICA_URL=behind) as address:
        session = requests.Session()
        session.cookies.set("wrote", "0/0; DROP TABLE x")
        assert title(address, session) == "of the replica"


def test_a_replica_that_is_away_is_done_without() -> None:
    PackageFactory.create(slug="p", title="of the primary")
    away = database_url().rsplit("@", 1)[0] + "@127.0.0.1:1/nothing"
    with server(DATABASE_REPLICA_URL=away) as address:
        assert title(address) == "of the primary"


def test_a_replica_that_dies_costs_no_answer(behind: str) -> None:
    PackageFactory.create(slug="p", title="of the primary")
    name = behind.rsplit("/", 1)[1]
    with server(DATABASE_REPLICA_URL=behind, DEBUG="true") as address, _maintenance() as cursor:
        assert [title(address) for _ in range(4)] == ["of the replica"] * 4
        cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            assert [title(address) for _ in range(4)] == ["of the primary"] * 4
            assert requests.get(f"{address}/api/v4/packages/p/?format=api", timeout=10).status_code == 200
        finally:
            cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_kept_answers_go_by_the_replicas_own_revisions(behind: str) -> None:
    """What stands on the replica is shown until the replica has something newer, whatever the primary has by then."""
    package = PackageFactory.create(slug="p", title="of the primary")
    with server(DATABASE_REPLICA_URL=behind) as address:
        first = requests.get(f"{address}/api/v4/packages/p/", timeout=10)
        Package.objects.filter(pk=package.pk).update(title="moved")
        assert requests.get(f"{address}/api/v4/packages/p/", timeout=10).headers["ETag"] == first.headers["ETag"]
        with psycopg2.connect(behind) as replica, replica.cursor() as cursor:
            cursor.execute("UPDATE packages_package SET repo_forks = repo_forks + 1 WHERE slug = 'p'")
        replica.close()
        assert requests.get(f"{address}/api/v4/packages/p/", timeout=10).headers["ETag"] != first.headers["ETag"]
