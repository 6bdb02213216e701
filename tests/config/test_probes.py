"""Probes: /healthz and /readyz, for those who watch a server."""

import socket
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from config import probes
from core.database.triggers import REGISTERED

pytestmark = pytest.mark.django_db
ELSEWHERE = {"host": "10.0.0.7:8000"}


@pytest.fixture
def probe(client: Client, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that asks without keeping answers."""
    monkeypatch.setattr(probes, "KEPT_SECONDS", 0.0)
    return lambda path="/readyz", **headers: client.get(path, headers=headers)


def test_a_process_that_lives_says_so_under_any_host(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        for headers in ({}, ELSEWHERE):
            response = client.get("/healthz", headers=headers)
            assert (response.status_code, response.content) == (200, b"ok\n")
            assert response["Cache-Control"] == "no-store"
            assert response["Content-Type"] == "text/plain; charset=utf-8"


def test_a_site_that_can_serve(probe: Any, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    probe()  # what the program needs is read once
    with django_assert_max_num_queries(25):
        response = probe(**ELSEWHERE)
    assert response.status_code == 200
    expected = {"ready": True} | dict.fromkeys(("database", "migrations", "triggers", "cache"), "ok")
    assert response.json() == expected
    assert response["Cache-Control"] == "no-store"


def test_an_answer_is_given_again_for_two_seconds(client: Client, django_assert_num_queries: Any) -> None:
    first = client.get("/readyz").content
    with django_assert_num_queries(0):
        assert client.get("/readyz").content == first


def test_head_and_other_methods(client: Client) -> None:
    for path in ("/healthz", "/readyz"):
        head, get = client.head(path), client.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head["Content-Length"] == get["Content-Length"] == str(len(get.content))
        refused = client.post(path)
        assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD")


def test_nothing_else_is_there(client: Client) -> None:
    for path in ("/healthz/", "/readyz/", "/healthzz"):
        assert client.get(path).status_code == 404


def test_a_migration_that_has_not_run(probe: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'grids' AND name LIKE '0005%'")
    response = probe()
    assert response.status_code == 503
    assert response.json()["ready"] is False
    assert response.json()["migrations"] == "grids not up to date: run manage.py migrate"
    assert response.json()["database"] == "ok"


def test_a_trigger_that_is_missing(probe: Any) -> None:
    table, name = _a_trigger()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {name}" + (f" ON {table}" if connection.vendor == "postgresql" else ""))
    response = probe()
    assert response.status_code == 503
    assert response.json()["triggers"] == "1 difference: run manage.py install_triggers"


def _a_trigger() -> tuple[str, str]:
    for triggers in REGISTERED:
        for trigger in triggers.triggers(connection):
            return trigger.table, trigger.name
    raise AssertionError


def test_a_site_without_its_cache_serves(probe: Any, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings.CACHE_URL = f"redis://127.0.0.1:{port}/0"
    response = probe()
    assert response.status_code == 200
    assert response.json()["cache"] == "it does not respond: every response is built anew"


def test_a_site_with_its_redis(probe: Any, settings: Settings, redis_url: str) -> None:
    settings.CACHE_URL = redis_url
    assert probe().json()["cache"] == "ok"
