"""Every kind of forge has a module that reads its repositories; rates and credentials of the hosts."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, get_args

import pytest
import responses
from pytest_django import Settings

from fetchers.hosts import READ, READERS, Upstreams
from fetchers.network.http import FetchError, Upstream
from fetchers.network.rate_limit import RateLimitState, SuspendedError
from packages.keys import Forge

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)


def test_every_kind_of_forge_can_be_read() -> None:
    assert set(READ) == set(get_args(Forge))
    assert set(READERS) == {*get_args(Forge), "pypi"}


class Clock:
    """A clock that moves while somebody sleeps by it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def sent(upstream: Upstream, clock: Clock, number: int) -> list[datetime]:
    """Return the times of the first requests, each sent as soon as the rate limit allows it."""
    times = []
    for _ in range(number):
        try:
            clock.now += upstream.rate_limit.acquire()
        except SuspendedError:
            break
        upstream.rate_limit.release()
        times.append(clock.now)
    return times


@pytest.mark.parametrize(
    ("name", "a_second", "a_minute"),
    [("github", 12, 720), ("github-graphql", 30, 2_000), ("pypi", 16, 1_200)],
)
def test_rates(settings: Settings, name: str, a_second: int, a_minute: int) -> None:
    """Requests are spaced evenly, so that few are in flight at a time."""
    settings.GITHUB_TOKEN = "t"
    clock = Clock()
    [upstream] = [each for each in Upstreams(clock).all() if each.name == name]
    times = sent(upstream, clock, 1_000)
    assert len(times) == 1_000
    gaps = {later - earlier for earlier, later in pairwise(times)}
    assert len(gaps) == 1
    second, minute = (sum(time - times[0] < timedelta(seconds=span) for time in times) for span in (1, 60))
    assert a_second * 0.8 <= second <= a_second
    assert minute <= a_minute


@pytest.mark.parametrize(
    ("token", "header", "an_hour"),
    [
        ("", None, (60, 110)),
        ("ATCTT3x", "Bearer ATCTT3x", (900, 1_000)),
        ("me@example.org:ATATT3x", "Basic bWVAZXhhbXBsZS5vcmc6QVRBVFQzeA==", (900, 1_000)),
    ],
)
def test_bitbuckets_token(
    wire: responses.RequestsMock, settings: Settings, token: str, header: str | None, an_hour: tuple[int, int]
) -> None:
    settings.BITBUCKET_TOKEN = token
    clock = Clock()
    upstream = Upstreams(clock, sleep=clock.sleep).forges["bitbucket.org"]
    wire.get("https://api.bitbucket.org/2.0/repositories/a/b", json={})
    upstream.get("repositories/a/b")
    assert wire.calls[0].request.headers.get("Authorization") == header
    upstream.rate_limit._state = RateLimitState()
    begun, number = clock.now, 0
    while clock.now - begun < timedelta(hours=1):
        try:
            clock.now += upstream.rate_limit.acquire()
            number += 1
        except SuspendedError as suspended:
            clock.now = suspended.until or clock.now
    assert an_hour[0] <= number <= an_hour[1]


def test_codebergs_token_is_for_codeberg_alone(wire: responses.RequestsMock, settings: Settings) -> None:
    settings.CODEBERG_TOKEN = "c0de"
    settings.FORGE_HOSTS = {"git.example.org": "forgejo"}
    clock = Clock()
    forges = Upstreams(clock, sleep=clock.sleep).forges
    wire.get("https://codeberg.org/api/v1/repos/a/b", json={})
    wire.get("https://git.example.org/api/v1/repos/a/b", json={})
    forges["codeberg.org"].get("repos/a/b")
    forges["git.example.org"].get("repos/a/b")
    assert [call.request.headers.get("Authorization") for call in wire.calls] == ["token c0de", None]


@pytest.mark.parametrize("host", ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"])
@pytest.mark.parametrize(
    "location", ["https://evil.test/x", "//evil.test/x", "http://{host}/x", "https://{host}:444/x"]
)
def test_no_token_follows_a_redirect_to_another_host(
    wire: responses.RequestsMock, settings: Settings, host: str, location: str
) -> None:
    for name in ("GITHUB_TOKEN", "GITLAB_TOKEN", "BITBUCKET_TOKEN", "CODEBERG_TOKEN"):
        setattr(settings, name, "secret")
    clock = Clock()
    upstream: Any = Upstreams(clock, sleep=clock.sleep).forges[host]
    api = upstream.base_url.split("/")[2]
    wire.get(upstream.url("x"), status=302, headers={"Location": location.format(host=api)})
    with pytest.raises(FetchError, match="redirects to another host"):
        upstream.get("x")
    assert len(wire.calls) == 1
    assert "secret" in str(dict(wire.calls[0].request.headers))
