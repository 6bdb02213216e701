"""An unreachable replica is left alone for ten seconds: no request waits for it meanwhile."""

from typing import Any

import pytest
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError
from django.test import RequestFactory

from core.caching import replica
from core.caching.revisions import Revisions
from core.database.sessions import WAITING


class Connection:
    """A connection that only counts how often it was tried and closed."""

    def __init__(self, alias: str) -> None:
        self.alias, self.tried, self.closed = alias, 0, 0

    def close(self) -> None:
        self.closed += 1


def test_an_unreachable_replica_is_tried_again_after_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    connections = {alias: Connection(alias) for alias in (DEFAULT_DB_ALIAS, replica.REPLICA)}
    waited: list[tuple[str, float | None]] = []
    clock = [1.0]  # long ago, so that the pause does not reach into other tests

    def read(connection: Any) -> Revisions:
        connection.tried += 1
        waited.append((connection.alias, WAITING.get()))
        if connection.alias == replica.REPLICA:
            raise OperationalError("connection refused")
        return Revisions({}, {})

    monkeypatch.setitem(settings.DATABASES, replica.REPLICA, {})
    monkeypatch.setattr(replica, "connections", connections)
    monkeypatch.setattr("core.caching.revisions.read", read)
    monkeypatch.setattr("core.caching.replica.time.monotonic", lambda: clock[0])
    tried = []
    for second in (0, 1, 9.9, 10.1, 11, 20, 20.2):
        clock[0] = 1 + second
        with replica.reading(RequestFactory().get("/api/v4/packages/")) as reading:
            assert reading.connection.alias == DEFAULT_DB_ALIAS
        tried.append(connections[replica.REPLICA].tried)
    assert tried == [1, 1, 1, 2, 2, 2, 3]
    assert connections[replica.REPLICA].closed == 3
    assert set(waited) == {(replica.REPLICA, 2.0), (DEFAULT_DB_ALIAS, None)}, "the primary has its time besides"
