"""fetchers.network.http.Upstream: its redirects, its errors and its rate limit."""

import io
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import responses

from fetchers.network.http import FetchError, NotAskedError, Response, Upstream
from fetchers.network.rate_limit import PublishedRate, RateLimit, RateLimitState
from packages.facts import Outcome
from tests.fetchers.upstreams import Clock

BASE = "https://api.test/v1"
NOW = Clock().now


@pytest.fixture
def rate_limit() -> RateLimit:
    return RateLimit(RateLimitState(), lambda: NOW)


def make(rate_limit: RateLimit, **options: Any) -> Upstream:
    return Upstream("api.test", f"{BASE}/", rate_limit, "package-grids/test", **{"sleep": lambda _: None} | options)


def fault(upstream: Upstream, path: str = "x") -> FetchError:
    with pytest.raises(FetchError) as failed:
        upstream.get(path)
    return failed.value


def test_what_is_sent(wire: responses.RequestsMock, rate_limit: RateLimit) -> None:
    wire.get(f"{BASE}/a/b", json={"a": 1}, headers={"ETag": '"1"'})
    upstream = make(rate_limit, headers={"Authorization": "Bearer t"})
    response = upstream.get("/a/b", headers={"Accept": "application/x"}, etag='"0"')
    assert (response.status, response.json(), response.headers["ETag"]) == (200, {"a": 1}, '"1"')
    sent = wire.calls[0].request.headers
    assert (sent["User-Agent"], sent["Authorization"]) == ("package-grids/test", "Bearer t")
    assert (sent["Accept"], sent["If-None-Match"]) == ("application/x", '"0"')


def test_a_post_expects_a_200(wire: responses.RequestsMock, rate_limit: RateLimit) -> None:
    wire.post(f"{BASE}/q", json={"data": 1})
    assert make(rate_limit).post("q", {"query": "x"}).json() == {"data": 1}
    assert wire.calls[0].request.body == b'{"query": "x"}'
    for status in (204, 302, 409):
        wire.post(f"{BASE}/q{status}", status=status, headers={"Location": f"{BASE}/q"})
        with pytest.raises(FetchError) as failed:
            make(rate_limit).post(f"q{status}", {})
        assert failed.value.outcome is Outcome.INVALID
    assert len(wire.calls) == 4


@pytest.mark.parametrize("status", [200, 202, 204, 304, 409])
def test_expected_statuses(wire: responses.RequestsMock, rate_limit: RateLimit, status: int) -> None:
    wire.get(f"{BASE}/x", status=status)
    assert make(rate_limit).get("x").status == status


@pytest.mark.parametrize(
    ("status", "outcome", "upstream_wide"),
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
def test_errors(
    wire: responses.RequestsMock, rate_limit: RateLimit, status: int, outcome: Outcome, *, upstream_wide: bool
) -> None:
    wire.get(f"{BASE}/x", status=status)
    error = fault(make(rate_limit))
    assert (error.outcome, error.upstream_wide) == (outcome, upstream_wide)


def test_the_error_of_a_403_is_the_upstreams(wire: responses.RequestsMock, rate_limit: RateLimit) -> None:
    wire.get(f"{BASE}/x", status=403, body="blocked")
    upstream = make(rate_limit, forbidden=lambda response: FetchError(response.body.decode(), Outcome.BLOCKED))
    assert (str(fault(upstream)), fault(upstream).outcome) == ("blocked", Outcome.BLOCKED)


@pytest.mark.parametrize("header", ["Authorization", "PRIVATE-TOKEN"])
def test_a_refused_token_suspends_the_upstream(
    wire: responses.RequestsMock, rate_limit: RateLimit, header: str
) -> None:
    wire.get(f"{BASE}/x", status=401)
    upstream = make(rate_limit, headers={header: "t"})
    error = fault(upstream)
    assert (error.outcome, error.upstream_wide) == (Outcome.UNAUTHORIZED, True)
    assert isinstance(fault(upstream), NotAskedError)
    assert len(wire.calls) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_pauses_the_upstream(wire: responses.RequestsMock, rate_limit: RateLimit, status: int) -> None:
    wire.get(f"{BASE}/x", status=status, headers={"Retry-After": "121"})
    upstream = make(rate_limit)
    assert fault(upstream).wait == 121
    assert isinstance(fault(upstream), NotAskedError)
    assert rate_limit.state.paused_until == NOW + timedelta(seconds=121)
    assert len(wire.calls) == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("header", "seconds"), [("0", 1), ("1", 1), ("120", 120)])
def test_a_short_retry_after_is_waited_out(
    wire: responses.RequestsMock, status: int, header: str, seconds: float
) -> None:
    wire.get(f"{BASE}/x", status=status, headers={"Retry-After": header})
    wire.get(f"{BASE}/x", status=status, headers={"Retry-After": header})
    wire.get(f"{BASE}/x", json={"a": 1})
    clock = Clock()
    upstream = make(RateLimit(RateLimitState(), clock), sleep=clock.sleep)
    assert upstream.get("x").json() == {"a": 1}
    assert clock.slept == [seconds, seconds]


def test_a_429_without_more_pauses_a_minute(wire: responses.RequestsMock) -> None:
    wire.get(f"{BASE}/x", status=429)
    clock = Clock()
    upstream = make(RateLimit(RateLimitState(), clock), sleep=clock.sleep)
    assert (fault(upstream).outcome, clock.slept) == (Outcome.RATE_LIMITED, [60, 60])
    assert len(wire.calls) == 3, "then the package has failed"


def test_no_request_is_sent_after_a_wait_in_which_the_run_ended(wire: responses.RequestsMock) -> None:
    wire.get(f"{BASE}/x", status=429, headers={"Retry-After": "30"})
    clock = Clock()
    rate_limit = RateLimit(RateLimitState(), clock)
    upstream = make(rate_limit, sleep=clock.sleep, is_ending=lambda: bool(clock.slept))
    error = fault(upstream)
    assert (type(error), str(error), len(wire.calls)) == (NotAskedError, "api.test: the run ended", 1)


def test_a_pause_that_begins_during_a_wait_is_waited_for(wire: responses.RequestsMock) -> None:
    wire.get(f"{BASE}/x", json={})
    clock = Clock()
    rate_limit = RateLimit(RateLimitState(), clock, rate=PublishedRate(timedelta(seconds=2), burst=1))
    rate_limit.acquire()

    def sleep(seconds: float) -> None:
        if not clock.slept:
            rate_limit.pause(50)
        clock.sleep(seconds)

    make(rate_limit, sleep=sleep).get("x")
    assert clock.slept == [2, 48]


def test_a_host_that_prolongs_its_pause_is_not_asked_in_the_middle_of_it(wire: responses.RequestsMock) -> None:
    clock = Clock()
    rate_limit = RateLimit(RateLimitState(), clock)
    rate_limit.pause(30)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        rate_limit.pause(30)

    error = fault(make(rate_limit, sleep=sleep))
    assert (type(error), str(error), clock.slept) == (NotAskedError, "api.test: it prolongs its pause", [30, 30, 30])
    assert not wire.calls


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("0", 0, 0),
        ("90", 90, 90),
    ],
)
def test_retry_after_as_seconds(text: str, least: float, most: float) -> None:
    wait = Response(BASE, 503, {"Retry-After": text}, b"").retry_after()
    assert wait is not None
    assert least <= wait <= most


@pytest.mark.parametrize(("ahead", "least", "most"), [(5, 290, 300), (-5, 0, 0)])
def test_retry_after_as_a_date(ahead: int, least: float, most: float) -> None:
    text = format_datetime(datetime.now(UTC) + timedelta(minutes=ahead))
    wait = Response(BASE, 503, {"Retry-After": text}, b"").retry_after()
    assert wait is not None
    assert least <= wait <= most


@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5", "٣", "9" * 30])
def test_retry_after_of_nonsense(text: str) -> None:
    assert Response(BASE, 503, {"Retry-After": text}, b"").retry_after() is None


@pytest.mark.parametrize("target", ["/v1/y", f"{BASE}/y", "y", "https://api.test/v1/y"])
def test_redirects_within_the_api_are_followed(
    wire: responses.RequestsMock, rate_limit: RateLimit, target: str
) -> None:
    wire.get(f"{BASE}/x", status=301, headers={"Location": target})
    wire.get(f"{BASE}/y", body="here")
    response = make(rate_limit).get("x")
    assert (response.url, response.body) == (f"{BASE}/y", b"here")


@pytest.mark.parametrize(
    "target",
    ["https://evil.test/", "http://api.test/v1/y", "https://api.test:444/v1/y", "//evil.test/", "https://[::1", ""],
)
def test_other_redirects_are_not_followed(wire: responses.RequestsMock, rate_limit: RateLimit, target: str) -> None:
    wire.get(f"{BASE}/x", status=302, headers={"Location": target})
    error = fault(make(rate_limit))
    assert error.outcome is Outcome.INVALID
    assert "redirects" in str(error)
    assert len(wire.calls) <= 4


def test_the_quota_is_read_from_every_response(wire: responses.RequestsMock, rate_limit: RateLimit) -> None:
    reset = NOW.replace(microsecond=0) + timedelta(hours=1)
    headers = {"X-RateLimit-Limit": "60", "X-RateLimit-Reset": str(int(reset.timestamp()))}
    wire.get(f"{BASE}/x", headers=headers | {"X-RateLimit-Remaining": "6"})
    wire.get(f"{BASE}/y", status=404, headers=headers | {"X-RateLimit-Remaining": "5"})
    upstream = make(rate_limit)
    upstream.get("x")
    assert fault(upstream, "y").outcome is Outcome.NOT_FOUND
    assert (rate_limit.state.limit, rate_limit.state.remaining, rate_limit.state.resets_at) == (60, 5, reset)
    assert isinstance(fault(upstream), NotAskedError)
    assert len(wire.calls) == 2


def test_a_published_rate_is_waited_for(wire: responses.RequestsMock) -> None:
    wire.get(f"{BASE}/x")
    slept: list[float] = []
    rate_limit = RateLimit(
        RateLimitState(), lambda: NOW, rate=PublishedRate(timedelta(seconds=2), burst=1), max_wait=timedelta(minutes=1)
    )
    upstream = make(rate_limit, sleep=slept.append)
    for _ in range(3):
        upstream.get("x")
    assert slept == [2, 4]


# Downloads


def download(rate_limit: RateLimit, path: str, most: int = 100) -> tuple[Response, bytes]:
    file = io.BytesIO(b"of an earlier run, which was longer")
    response = make(rate_limit).download(path, file, max_bytes=most)
    return response, file.getvalue()


def test_a_download_is_in_the_file_alone(wire: responses.RequestsMock, rate_limit: RateLimit) -> None:
    wire.get(f"{BASE}/a", body=b"archive")
    response, written = download(rate_limit, "a")
    assert (response.status, response.body, written) == (200, b"", b"archive")


def test_a_download_after_a_redirect(wire: responses.RequestsMock, rate_limit: RateLimit) -> None:
    wire.get(f"{BASE}/a", status=302, headers={"Location": f"{BASE}/b"}, body=b"It has moved to another place.")
    wire.get(f"{BASE}/b", body=b"archive")
    assert download(rate_limit, "a")[1] == b"archive"


def test_a_download_has_a_limit(wire: responses.RequestsMock, rate_limit: RateLimit) -> None:
    wire.get(f"{BASE}/a", body=b"x" * 101)
    with pytest.raises(FetchError, match="more than 100 bytes"):
        download(rate_limit, "a")
