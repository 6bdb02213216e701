"""fetchers.indexes.pypistats: downloads of the last month, and what goes wrong with them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import responses

from fetchers.indexes import pypistats
from fetchers.network.http import FetchError, Host
from fetchers.network.rate_limit import Pace, PaceState
from packages.facts import DownloadFacts, Fetched, FetchTarget, Outcome

URL = "https://stats.test/api/packages/my-project/recent"
KNOWN = FetchTarget(7, pypi_name="my-project")
GOOD = {
    "data": {"last_day": 1, "last_month": 1234, "last_week": 7},
    "package": "my-project",
    "type": "recent_downloads",
}


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as wire:
        yield wire


@pytest.fixture
def host() -> Host:
    pace = Pace(PaceState(), lambda: datetime.now(UTC))
    return Host("pypistats", "https://stats.test/api", pace, "package-grids/test", sleep=lambda _: None)


def test_downloads(wire: responses.RequestsMock, host: Host) -> None:
    wire.get(URL, json=GOOD)
    assert pypistats.read(host, KNOWN) == Fetched(DownloadFacts(1234), {})


FAULTS: dict[str, tuple[dict[str, Any], Outcome]] = {
    "404": ({"status": 404, "body": "404"}, Outcome.NOT_FOUND),
    "403": ({"status": 403}, Outcome.PRIVATE),
    "429": ({"status": 429, "body": "RATE LIMIT EXCEEDED"}, Outcome.RATE_LIMITED),
    "500": ({"status": 500}, Outcome.SERVER_ERROR),
    "502 HTML": ({"status": 502, "body": "<html>"}, Outcome.SERVER_ERROR),
    "503 Retry-After": ({"status": 503, "headers": {"Retry-After": "9"}}, Outcome.SERVER_ERROR),
    "204": ({"status": 204}, Outcome.INVALID),
    "redirect elsewhere": ({"status": 302, "headers": {"Location": "https://evil.test/"}}, Outcome.INVALID),
    "redirect loop": ({"status": 302, "headers": {"Location": URL}}, Outcome.INVALID),
    "timeout": ({"body": requests.ConnectTimeout("slow")}, Outcome.TIMEOUT),
    "reset": ({"body": requests.ConnectionError("reset")}, Outcome.SERVER_ERROR),
    "HTML": ({"body": "<html>"}, Outcome.INVALID),
    "huge": ({"body": b" " * 5_300_000}, Outcome.INVALID),
    "a list": ({"json": []}, Outcome.INVALID),
    "another project": ({"json": GOOD | {"package": "other"}}, Outcome.INVALID),
    "no data": ({"json": GOOD | {"data": None}}, Outcome.INVALID),
    "negative": ({"json": GOOD | {"data": {"last_month": -1}}}, Outcome.INVALID),
    "absurd": ({"json": GOOD | {"data": {"last_month": 2**31}}}, Outcome.INVALID),
    "NaN": ({"json": GOOD | {"data": {"last_month": float("nan")}}}, Outcome.INVALID),
    "text": ({"json": GOOD | {"data": {"last_month": "1"}}}, Outcome.INVALID),
}


@pytest.mark.parametrize(("answer", "outcome"), FAULTS.values(), ids=FAULTS)
def test_faults(wire: responses.RequestsMock, host: Host, answer: dict[str, Any], outcome: Outcome) -> None:
    wire.get(URL, **answer)
    with pytest.raises(FetchError) as failed:
        pypistats.read(host, KNOWN)
    assert failed.value.outcome is outcome
