"""What all tests share: no test reaches a machine outside."""

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from pytest_django import Settings
from pytest_socket import socket_allow_hosts

# Workers beside each other on a busy machine are slow now and then, which says nothing of the code.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


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
