"""The ping that a run sends when it ended well."""

from typing import Any

import pytest
import requests
import responses
from pytest_django import Settings

from fetchers.network import http
from fetchers.network.ping import MAX_BYTES, ping
from fetchers.summary import Summary, Tally
from packages.facts import Outcome
from tests.factories import PackageFactory
from tests.fetchers.test_refresh_command import exit_code

URL = "https://ping.example.org/a-secret?rid=7"


@responses.activate
def test_one_request_and_no_redirect(caplog: pytest.LogCaptureFixture) -> None:
    responses.get(URL, body="OK")
    assert ping(URL, "agent")
    assert [(call.request.url, call.request.headers["User-Agent"]) for call in responses.calls] == [(URL, "agent")]
    responses.replace(responses.GET, URL, status=302, headers={"Location": "https://elsewhere.example.org/"})
    assert not ping(URL, "agent")
    assert len(responses.calls) == 2
    assert caplog.messages == ["The ping to ping.example.org failed: 302"]


@responses.activate
@pytest.mark.parametrize(
    ("failure", "why"),
    [
        ({"status": 500}, "500"),
        ({"status": 404}, "404"),
        ({"body": requests.ConnectionError("https://ping.example.org/a-secret refused")}, "server_error"),
        ({"body": requests.Timeout()}, "timeout"),
        ({"body": RuntimeError("a-secret")}, "RuntimeError"),
        ({"body": "x" * (MAX_BYTES + 1)}, "invalid"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_failure_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture, failure: dict[str, Any], why: str) -> None:
    responses.get(URL, **failure)
    assert not ping(URL, "agent")
    assert caplog.messages == [f"The ping to ping.example.org failed: {why}"]


def test_a_response_has_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts = []

    def request(self: Any, method: str, url: str, **options: Any) -> None:
        timeouts.append(options["timeout"])
        raise requests.Timeout

    monkeypatch.setattr(http._Session, "request", request)
    assert not ping(URL, "agent")
    assert timeouts == [pytest.approx((5.0, 10.0), abs=0.1)]


@pytest.mark.django_db
@responses.activate
def test_a_run_that_ended_well_sends_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_code("--package", "none") == 2
    settings.PING_URL = URL
    responses.get(URL, status=500)
    assert exit_code() == 0, "a monitor that fails does not make a run fail"
    assert len(responses.calls) == 1
    assert exit_code("--dry-run") == 0
    assert exit_code("--package", "none") == 2
    failed = Summary({"pypi": {"pypi": Tally(due=4, tried=4)}})
    failed.tallies["pypi"]["pypi"].outcomes[Outcome.TIMEOUT] = 4
    monkeypatch.setattr("fetchers.refresh.Refresh.run", lambda _: failed)
    assert exit_code() == 1
    assert len(responses.calls) == 1, "only a run that ended well"
    settings.PING_URL = ""
    monkeypatch.setattr("fetchers.refresh.Refresh.run", lambda _: Summary())
    assert exit_code() == 0
    assert len(responses.calls) == 1
    PackageFactory.create(slug="one")
    settings.PING_URL = URL
    assert exit_code("--package", "one") == 0
    assert len(responses.calls) == 1, "only a run of all packages"
