"""What all tests share: no test reaches a machine outside."""

import os
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings
from pytest_socket import socket_allow_hosts

# Workers beside each other on a busy machine are slow now and then, which says nothing of the code.
hypothesis_settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("tests")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """In a hook, not a fixture, so that it holds for fixtures of every scope. pytest-socket lifts it at teardown."""
    socket_allow_hosts(["127.0.0.1", "localhost", "::1"], allow_unix_socket=True)


@pytest.fixture(autouse=True)
def _nothing_kept(settings: Settings) -> None:
    """A test that rolls back takes revisions back, which no commit does: what was kept under them would be wrong."""
    settings.CACHE_URL = "dummy://"


@pytest.fixture(autouse=True)
def _numbered_at_once(request: pytest.FixtureRequest) -> None:
    """Revisions and counts move when a transaction commits. A test in a transaction that never does sees them move
    after each statement instead."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None:
        return
    if marker.kwargs and connection.vendor == "sqlite":
        request.getfixturevalue("transactional_db")
        with connection.cursor() as cursor:  # what emptying the tables after the last test has left in the log
            cursor.execute("DELETE FROM changes_change")
            cursor.execute("DELETE FROM changes_revision")
    elif not marker.kwargs and connection.vendor == "postgresql":
        request.getfixturevalue("db")
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS changes_commit IMMEDIATE")


@pytest.fixture
def shared() -> str:
    """The address of a Redis that holds nothing, and that no test beside this one uses; .ci/run starts one."""
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
def _site(settings: Settings) -> None:
    """What a developer's environment may set otherwise."""
    settings.DEBUG = False
    settings.SITE_URL = ""
    settings.TIME_ZONE = "America/New_York"
    settings.USE_X_FORWARDED_HOST = False
    settings.SECURE_PROXY_SSL_HEADER = None
    settings.ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]


@pytest.fixture
def get(client: Client) -> Get:
    """GET of a path below /api/v4/; headers as keywords (accept="text/html")."""

    def get(path: str, **headers: str) -> Any:
        return client.get(f"/api/v4/{path}", headers=headers)

    return get
