"""fetchers.network.http.Host: one upstream behind doors, its redirects, its errors and its pace."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import responses

from fetchers.network.http import Answer, FetchError, Host, NotAskedError, retry_after
from fetchers.network.rate_limit import Pace, PaceState, Rate
from packages.facts import Outcome

BASE = "https://api.test/v1"
NOW = datetime.now(UTC)


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as wire:
        yield wire


@pytest.fixture
def pace() -> Pace:
    return Pace(PaceState(), lambda: NOW)


def make(pace: Pace, **options: Any) -> Host:
    return Host("api.test", f"{BASE}/", pace, "package-grids/test", **{"sleep": lambda _: None} | options)


def fault(host: Host, path: str = "x") -> FetchError:
    with pytest.raises(FetchError) as failed:
        host.get(path)
    return failed.value


def test_what_is_sent(wire: responses.RequestsMock, pace: Pace) -> None:
    wire.get(f"{BASE}/a/b", json={"a": 1}, headers={"ETag": '"1"'})
    host = make(pace, headers={"Authorization": "Bearer t"})
    answer = host.get("/a/b", headers={"Accept": "application/x"}, etag='"0"')
    assert (answer.status, answer.json(), answer.headers["ETag"]) == (200, {"a": 1}, '"1"')
    sent = wire.calls[0].request.headers
    assert (sent["User-Agent"], sent["Authorization"]) == ("package-grids/test", "Bearer t")
    assert (sent["Accept"], sent["If-None-Match"]) == ("application/x", '"0"')


def test_a_post_is_answered_with_200_alone(wire: responses.RequestsMock, pace: Pace) -> None:
    wire.post(f"{BASE}/q", json={"data": 1})
    assert make(pace).post("q", {"query": "x"}).json() == {"data": 1}
    assert wire.calls[0].request.body == b'{"query": "x"}'
    for status in (204, 302, 409):
        wire.post(f"{BASE}/q{status}", status=status, headers={"Location": f"{BASE}/q"})
        with pytest.raises(FetchError) as failed:
            make(pace).post(f"q{status}", {})
        assert failed.value.outcome is Outcome.INVALID
    assert len(wire.calls) == 4


@pytest.mark.parametrize("status", [200, 202, 204, 304, 409])
def test_answers(wire: responses.RequestsMock, pace: Pace, status: int) -> None:
    wire.get(f"{BASE}/x", status=status)
    assert make(pace).get("x").status == status


@pytest.mark.parametrize(
    ("status", "outcome", "host_wide"),
    [
        (400, Outcome.INVALID, False),
        (401, Outcome.PRIVATE, False),
        (403, Outcome.PRIVATE, False),
        (404, Outcome.NOT_FOUND, False),
        (410, Outcome.GONE, False),
        (429, Outcome.RATE_LIMITED, True),
        (451, Outcome.BLOCKED, False),
        (500, Outcome.SERVER_ERROR, False),
        (503, Outcome.SERVER_ERROR, False),
    ],
)
def test_errors(wire: responses.RequestsMock, pace: Pace, status: int, outcome: Outcome, *, host_wide: bool) -> None:
    wire.get(f"{BASE}/x", status=status)
    error = fault(make(pace))
    assert (error.outcome, error.host_wide) == (outcome, host_wide)


def test_a_403_is_read_by_who_knows_the_host(wire: responses.RequestsMock, pace: Pace) -> None:
    wire.get(f"{BASE}/x", status=403, body="blocked")
    host = make(pace, forbidden=lambda answer: FetchError(answer.body.decode(), Outcome.BLOCKED))
    assert (str(fault(host)), fault(host).outcome) == ("blocked", Outcome.BLOCKED)


@pytest.mark.parametrize("header", ["Authorization", "PRIVATE-TOKEN"])
def test_a_refused_token_closes_the_host(wire: responses.RequestsMock, pace: Pace, header: str) -> None:
    wire.get(f"{BASE}/x", status=401)
    host = make(pace, headers={header: "t"})
    error = fault(host)
    assert (error.outcome, error.host_wide) == (Outcome.UNAUTHORIZED, True)
    assert isinstance(fault(host), NotAskedError)
    assert len(wire.calls) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_pauses_the_host(wire: responses.RequestsMock, pace: Pace, status: int) -> None:
    wire.get(f"{BASE}/x", status=status, headers={"Retry-After": "90"})
    host = make(pace)
    assert fault(host).wait == 90
    assert isinstance(fault(host), NotAskedError)
    assert pace.state.paused_until == NOW + timedelta(seconds=90)
    assert len(wire.calls) == 1


def test_a_429_without_more_pauses_a_minute(wire: responses.RequestsMock, pace: Pace) -> None:
    wire.get(f"{BASE}/x", status=429)
    fault(make(pace))
    assert pace.state.paused_until == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("0", 0, 0),
        ("90", 90, 90),
    ],
)
def test_retry_after_as_seconds(text: str, least: float, most: float) -> None:
    wait = retry_after(Answer(BASE, 503, {"Retry-After": text}, b""))
    assert wait is not None
    assert least <= wait <= most


@pytest.mark.parametrize(("ahead", "least", "most"), [(5, 290, 300), (-5, 0, 0)])
def test_retry_after_as_a_date(ahead: int, least: float, most: float) -> None:
    text = format_datetime(datetime.now(UTC) + timedelta(minutes=ahead))
    wait = retry_after(Answer(BASE, 503, {"Retry-After": text}, b""))
    assert wait is not None
    assert least <= wait <= most


@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5", "٣", "9" * 30])
def test_retry_after_of_nonsense(text: str) -> None:
    assert retry_after(Answer(BASE, 503, {"Retry-After": text}, b"")) is None


@pytest.mark.parametrize("target", ["/v1/y", f"{BASE}/y", "y", "https://api.test/v1/y"])
def test_redirects_on_the_host_are_followed(wire: responses.RequestsMock, pace: Pace, target: str) -> None:
    wire.get(f"{BASE}/x", status=301, headers={"Location": target})
    wire.get(f"{BASE}/y", body="here")
    answer = make(pace).get("x")
    assert (answer.url, answer.body) == (f"{BASE}/y", b"here")


@pytest.mark.parametrize(
    "target",
    ["https://evil.test/", "http://api.test/v1/y", "https://api.test:444/v1/y", "//evil.test/", "https://[::1", ""],
)
def test_other_redirects_are_not(wire: responses.RequestsMock, pace: Pace, target: str) -> None:
    wire.get(f"{BASE}/x", status=302, headers={"Location": target})
    error = fault(make(pace))
    assert error.outcome is Outcome.INVALID
    assert "redirects" in str(error)
    assert len(wire.calls) <= 4


def test_the_quota_is_read_from_every_answer(wire: responses.RequestsMock, pace: Pace) -> None:
    reset = NOW.replace(microsecond=0) + timedelta(hours=1)
    headers = {"X-RateLimit-Limit": "60", "X-RateLimit-Reset": str(int(reset.timestamp()))}
    wire.get(f"{BASE}/x", headers=headers | {"X-RateLimit-Remaining": "6"})
    wire.get(f"{BASE}/y", status=404, headers=headers | {"X-RateLimit-Remaining": "5"})
    host = make(pace)
    host.get("x")
    assert fault(host, "y").outcome is Outcome.NOT_FOUND
    assert (pace.state.limit, pace.state.remaining, pace.state.resets_at) == (60, 5, reset)
    assert isinstance(fault(host), NotAskedError)
    assert len(wire.calls) == 2


def test_a_turn_is_waited_for(wire: responses.RequestsMock) -> None:
    wire.get(f"{BASE}/x")
    slept: list[float] = []
    pace = Pace(PaceState(), lambda: NOW, rate=Rate(timedelta(seconds=2), burst=1), patience=timedelta(minutes=1))
    host = make(pace, sleep=slept.append)
    for _ in range(3):
        host.get("x")
    assert slept == [2, 4]
