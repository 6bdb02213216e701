"""Fixtures of all tests, and the guard that keeps them from reaching other machines."""

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings
from pytest_socket import socket_allow_hosts

from core.requests import REQUEST_ID
from tests.database_use import check, uses_database, watch
from tests.flush import flush_by_deletion, vacuum_now_and_then
from tests.servers import database_url

# The passwords of tests are no secrets. A server of a test, which hashes as in production, can read the hashes.
PBKDF2PasswordHasher.iterations = 1
flush_by_deletion()

# Parallel workers on a busy machine are slow now and then; that is no fault of the code.
hypothesis_settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("tests")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Set the marker `database`, by which .ci/run chooses the tests that run on PostgreSQL too."""
    for item in items:
        if uses_database(item):
            item.add_marker("database")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Allow connections to this machine only. A hook, not a fixture, so that it covers fixtures of every scope;
    pytest-socket lifts it at teardown."""
    socket_allow_hosts(["127.0.0.1", "localhost", "::1"], allow_unix_socket=True)
    watch(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """Fail a test that uses the database though it has no marker `database`."""
    yield
    check()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    watch(None)
    yield
    if "database" in item.keywords and nextitem:  # the database ends with the last test
        vacuum_now_and_then()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:  # (that of pytest-django)
    """Have Django find out by a query, once a process, what no test that counts queries should count."""
    with django_db_blocker.unblock():
        assert connection.features.supports_json_field


@pytest.fixture(autouse=True)
def _no_cache(settings: Settings) -> None:
    """Cache nothing: a test that rolls back takes revisions back, and responses cached under them would be wrong."""
    settings.CACHE_URL = "dummy://"


@pytest.fixture(autouse=True)
def _revisions_move_immediately(request: pytest.FixtureRequest) -> None:
    """Move revisions and counts after each statement in tests whose transaction never commits; otherwise they move at
    the commit."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None:
        return
    if marker.kwargs and connection.vendor == "sqlite":
        request.getfixturevalue("transactional_db")
    elif not marker.kwargs and connection.vendor == "postgresql":
        request.getfixturevalue("db")
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS changes_commit IMMEDIATE")


@pytest.fixture
def redis_url() -> str:
    """The URL of an empty Redis database that no parallel test uses; .ci/run starts the Redis."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    url = f"redis://127.0.0.1:6379/{1 + worker % 15}"
    try:
        redis.Redis.from_url(url, socket_connect_timeout=1, protocol=2).flushdb()
    except redis.RedisError:
        if os.environ.get("CI"):
            raise
        pytest.skip("no Redis on 127.0.0.1:6379")
    return url


Get = Callable[..., Any]


@pytest.fixture(autouse=True)
def _one_request_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give all requests the same id, so that headers of two responses can be compared."""
    monkeypatch.setattr("core.requests.new_id", lambda: "0123456789abcdef")
    REQUEST_ID.set("")  # that of the last request of another test


@pytest.fixture(autouse=True)
def _site(settings: Settings) -> None:
    """Fix the settings that a developer's environment may change."""
    settings.METRICS_TOKEN = ""
    settings.DEBUG = False
    settings.SITE_URL = ""
    settings.INDEXED = False
    settings.TIME_ZONE = "America/New_York"
    settings.TRUSTED_PROXIES = []
    settings.RATE_LIMIT, settings.RATE_LIMIT_EXEMPT = 0, []
    settings.AXES_ENABLED = False  # a row of the log for each client that is logged in; tests of logins turn it on
    settings.ALLOW_PRIVATE_HOSTS = False
    settings.USE_X_FORWARDED_HOST = False
    settings.SECURE_PROXY_SSL_HEADER = None
    settings.ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]


@pytest.fixture
def get(client: Client) -> Get:
    """Return a function that requests a path below /api/v4/, with headers as keywords (accept="text/html")."""

    def get(path: str, **headers: str) -> Any:
        return client.get(f"/api/v4/{path}", headers=headers)

    return get


@pytest.fixture
def editor(client: Client) -> Client:
    """A client whose user has every permission but that to unlock grids."""
    user = User.objects.create_user("editor", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.exclude(codename="unlock_grid"))
    client.force_login(user)
    return client


@pytest.fixture
def shared_database(transactional_db: None, tmp_path: Path) -> Iterator[str]:
    """Return the URL of the test's database, for other processes and for threads. SQLite's, which is in memory, is
    copied to a file for the test."""
    if connection.vendor == "postgresql":
        yield database_url()
        return
    settings, file = connection.settings_dict, tmp_path / "db.sqlite3"
    before, name = connection.connection, settings["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM INTO '{file}'")
    connection.connection = None
    settings["NAME"] = str(file)
    try:
        yield f"sqlite:///{file}"
    finally:
        connection.close()
        settings["NAME"] = name
        connection.connection = before
