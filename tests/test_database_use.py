"""Tests that use the database are told from the others: by a marker, which no test can forget."""

import pytest
from django import db

from tests.database_use import check, watch


@pytest.mark.django_db
def test_a_marker_of_the_database_is_enough(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("database")


def test_a_fixture_of_a_fixture_is_enough(admin_user: object, request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("database")


def test_the_others_have_no_marker_and_fail_if_they_read_a_connection(request: pytest.FixtureRequest) -> None:
    assert not request.node.get_closest_marker("database")
    check()
    list(db.connections.all())  # as Django does around each request
    check()
    assert db.connection.vendor
    with pytest.raises(pytest.fail.Exception, match="reads a database connection"):
        check()
    watch(None)
