"""Fixtures of the tests of API v3."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

Get = Callable[..., Any]


@pytest.fixture
def get(client: Client) -> Get:
    """Return a function that requests a path below /api/v3/, with headers as keywords (accept="text/html")."""

    def get(path: str = "", **headers: str) -> Any:
        return client.get(f"/api/v3/{path}", headers=headers)

    return get
