"""Find the tests that use the database: they alone run on a second one, and no other test may read a connection."""

import traceback
from typing import Any

import pytest
from django.db import connections
from django.db.utils import ConnectionHandler

FIXTURES = {"db", "transactional_db", "live_server"}
HELP = (
    "This test reads a database connection, but nothing shows that it uses the database, so it would not run on "
    "PostgreSQL: give it the marker django_db, or the marker database if it sets its own database up.\n"
)


def uses_database(item: pytest.Item) -> bool:
    """Return whether a test has the database, or is in a module that looks at which database it is."""
    if item.get_closest_marker("django_db") or item.get_closest_marker("database"):
        return True
    module = getattr(item, "module", None)
    return bool(FIXTURES.intersection(getattr(item, "fixturenames", ()))) or any(
        hasattr(module, name) for name in ("connection", "connections")
    )


class WatchedConnections(ConnectionHandler):
    """Django's connections, which note who reads one while a test runs that does not use the database."""

    readers: list[str] | None = None  # None while a test may read them

    def __getitem__(self, alias: str) -> Any:
        if self.readers is not None:
            self.readers.append("".join(traceback.format_stack(limit=6)[:-1]))
        return super().__getitem__(alias)

    def all(self, initialized_only: bool = False) -> list[Any]:
        """Return all connections, of which Django closes the old ones around each request, whoever uses them."""
        names = [name for name in self if not initialized_only or hasattr(self._connections, name)]  # type: ignore[attr-defined]
        return [super(WatchedConnections, self).__getitem__(name) for name in names]


def watch(item: pytest.Item | None) -> None:
    """Begin to note the readers of connections during that test; end it with None."""
    connections.__class__ = WatchedConnections
    connections.readers = None if item is None or item.get_closest_marker("database") else []  # type: ignore[attr-defined]


def check() -> None:
    """Fail the test that is running if it has read a connection that it should not read."""
    if readers := getattr(connections, "readers", None):
        pytest.fail(HELP + readers[0], pytrace=False)
