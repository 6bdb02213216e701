"""Requests to the API: as a stranger with nothing in the settings that changes an answer."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

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
