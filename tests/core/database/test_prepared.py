"""Prepared statements: a connection holds so many of them, and no more."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from core.database.prepared import PLACEHOLDER_ID, Statement

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL's connections hold statements"),
]
BOUND = 100


@pytest.fixture
def fresh() -> Iterator[BaseDatabaseWrapper]:
    """A connection that has prepared nothing."""
    fresh = connection.copy()
    yield fresh
    fresh.close()


def prepared(connection: BaseDatabaseWrapper) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        [count] = cursor.fetchone()
    return int(count)


def test_a_connection_holds_a_hundred_statements(fresh: BaseDatabaseWrapper) -> None:
    statements = [Statement(f"SELECT {number} + %s", [PLACEHOLDER_ID]) for number in range(BOUND + 1)]
    for statement in statements[:BOUND]:
        statement.rows(fresh, 1)
    assert prepared(fresh) == BOUND
    statements[0].rows(fresh, 1)
    assert prepared(fresh) == BOUND, "what is prepared already needs no room"
    assert statements[BOUND].rows(fresh, 1) == [(BOUND + 1,)]
    assert prepared(fresh) == 1, "all are given up, and prepared again when they are needed"
    assert [statement.rows(fresh, 1) for statement in statements] == [[(n + 1,)] for n in range(BOUND + 1)]
    assert prepared(fresh) <= BOUND
