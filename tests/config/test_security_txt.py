"""GET /.well-known/security.txt: whom to tell of a security hole (RFC 9116)."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from pytest_django import Settings

from config import discovery

PATH = "/.well-known/security.txt"


def fields(client: Client) -> dict[str, str]:
    response = client.get(PATH)
    assert (response.status_code, response["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert response["Cache-Control"] == "public, max-age=3600"
    lines = response.content.decode().splitlines()
    assert all(re.fullmatch(r"[A-Z][A-Za-z-]+: [!-~]+", line) for line in lines)
    found = dict(line.split(": ", 1) for line in lines)
    assert len(found) == len(lines)
    return found


def test_there_is_none_without_a_contact(client: Client, settings: Settings) -> None:
    settings.SECURITY_CONTACT = ""
    assert client.get(PATH).status_code == 404


@pytest.mark.parametrize(
    ("contact", "uri"),
    [
        ("security@example.org", "mailto:security@example.org"),
        ("mailto:security@example.org", "mailto:security@example.org"),
        ("https://example.org/security", "https://example.org/security"),
    ],
)
def test_its_fields(client: Client, settings: Settings, contact: str, uri: str) -> None:
    settings.SECURITY_CONTACT, settings.SITE_URL = contact, "https://packages.example.org"
    found = fields(client)
    assert list(found) == ["Contact", "Expires", "Preferred-Languages", "Canonical"]
    assert found["Contact"] == uri
    assert found["Canonical"] == f"https://packages.example.org{PATH}"
    left = datetime.fromisoformat(found["Expires"]) - datetime.now(UTC)
    assert timedelta(days=150) < left < timedelta(days=366), "in less than a year, as the RFC recommends"


@pytest.mark.parametrize(
    ("today", "expires"),
    [
        ("2026-01-01", "2026-08-01"),
        ("2026-05-31", "2026-12-01"),
        ("2026-06-01", "2027-01-01"),
        ("2026-11-30", "2027-06-01"),
        ("2026-12-31", "2027-07-01"),
        ("2028-02-29", "2028-09-01"),
    ],
)
def test_it_expires_later(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch, today: str, expires: str
) -> None:
    """For whoever reads it from a cache too; the same for all of a month."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Clock":  # noqa: ARG003 (datetime's signature)
            return cls.fromisoformat(f"{today}T12:00:00+00:00")

    monkeypatch.setattr(discovery, "datetime", Clock)
    settings.SECURITY_CONTACT = "security@example.org"
    assert fields(client)["Expires"] == f"{expires}T00:00:00Z"


def test_it_is_read_alone(client: Client, settings: Settings) -> None:
    settings.SECURITY_CONTACT = "security@example.org"
    assert client.post(PATH).status_code == 405
    assert client.head(PATH).status_code == 200
