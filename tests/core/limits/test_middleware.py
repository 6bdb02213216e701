"""Clients that use up their allowance: what they are told, whom it concerns, and what is not counted."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from core.caching.stores import store
from core.limits import counters
from core.limits.allowance import SECOND, WINDOW, Allowance, State
from core.limits.middleware import client_key
from tests.core.api.test_formats import BROWSER
from tests.core.limits.counting import ME, RATE, Standing
from tests.factories import PackageFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]
POLICY = f'"default";q={RATE};w=60'
MINE = Allowance.of(RATE)
JSON = {"accept": "application/json"}


def use_up(counter: Standing, client: bytes = ME) -> None:
    counter.owe(client, RATE, MINE)


@pytest.fixture(autouse=True)
def _package() -> None:
    PackageFactory.create(slug="p")


@pytest.mark.parametrize(
    "path", ["/api/v4/", "/api/v4/packages/p/", "/api/v4/search/?q=x", "/api/v4/packages/p/badge.svg"]
)
def test_a_refusal_in_json(client: Client, counter: Standing, path: str) -> None:
    use_up(counter)
    response = client.get(path, headers=JSON)
    assert response.status_code == 429
    assert response["Content-Type"] == "application/json"
    assert list(response.json()) == ["detail"]
    detail = response.json()["detail"]
    assert f"{RATE} units a minute" in detail
    assert "Try again in 1 s" in detail
    assert "one request every 10 seconds" in detail
    assert response["Retry-After"] == "1"
    assert response["RateLimit"] == '"default";r=0;t=1'
    assert response["RateLimit-Policy"] == POLICY
    assert response["Cache-Control"] == "no-store"
    assert int(response["Content-Length"]) == len(response.content)
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "RateLimit" in response["Access-Control-Expose-Headers"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "Vary" not in response


@pytest.mark.parametrize("path", ["/api/v4/packages/p/", "/packages/p/p/", "/nothing/"])
def test_a_refusal_as_a_page(client: Client, counter: Standing, path: str) -> None:
    use_up(counter)
    response = client.get(path, headers={"accept": BROWSER})
    assert (response.status_code, response["Retry-After"]) == (429, "1")
    text = response.content.decode()
    assert "<h1>Too many requests</h1>" in text
    assert f"{RATE} units a minute" in text
    assert "default-src" in response["Content-Security-Policy"]
    assert response["Cache-Control"] == "no-store"


def test_a_refusal_of_v3(client: Client, counter: Standing) -> None:
    use_up(counter)
    response = client.get("/api/v3/packages/", headers={"accept": BROWSER})
    assert response.status_code == 429
    assert response.json()["error"] == 429
    assert "Try again" in response.json()["message"]
    assert "successor-version" in response["Link"]


def test_a_refusal_of_head_has_no_body(client: Client, counter: Standing) -> None:
    use_up(counter)
    response = client.head("/api/v4/packages/", headers=JSON)
    assert (response.status_code, response.content) == (429, b"")
    assert int(response["Content-Length"]) > 100


def test_a_refusal_asks_no_database(
    client: Client, counter: Standing, django_assert_num_queries: Any, settings: Settings
) -> None:
    client.get("/api/v4/packages/")
    use_up(counter)
    with django_assert_num_queries(0):
        for accept in ("application/json", BROWSER):
            assert client.get("/api/v4/packages/", headers={"accept": accept}).status_code == 429


@pytest.mark.parametrize(("owed", "seconds"), [(0, 1), (1, 2), (9, 10), (60, 61), (1000, 61)])
def test_who_waits_as_long_as_told_is_served(client: Client, counter: Standing, owed: int, seconds: int) -> None:
    use_up(counter)
    counter.owe(ME, owed, MINE)
    response = client.get("/api/v4/packages/", headers=JSON)
    assert (response.status_code, response["Retry-After"]) == (429, str(seconds))
    assert response["RateLimit"] == f'"default";r=0;t={seconds}'
    counter.wait(seconds - 0.001)
    assert client.get("/api/v4/packages/", headers=JSON).status_code == 429
    counter.wait(0.001)
    assert client.get("/api/v4/packages/", headers=JSON).status_code == 200


def test_a_refusal_takes_nothing(client: Client, counter: Standing) -> None:
    use_up(counter)
    for _ in range(5):
        assert client.get("/api/v4/packages/").status_code == 429
    counter.wait(1)
    assert client.get("/api/v4/packages/").status_code == 200


@pytest.mark.parametrize("path", ["packages/?limit=1000", "search/?q=p&format=api", "packages/"])
def test_the_pace_that_needs_no_question(client: Client, counter: Standing, settings: Settings, path: str) -> None:
    """Serve whatever is requested so, even where nothing is cached, and from an allowance that is used up."""
    settings.CACHE_URL = "dummy://"
    assert MINE.pace == "one request every 10 seconds"
    use_up(counter)
    for _ in range(12):
        counter.wait(10)
        assert client.get(f"/api/v4/{path}").status_code == 200


def test_the_default_is_one_request_a_second() -> None:
    assert Allowance.of(600).pace == "one request a second"
    assert Allowance.of(599).pace == "one request every 2 seconds"
    assert Allowance.of(6000).pace == "one request a second"


def test_the_header_fields_are_structured_fields() -> None:
    """A String with Integers as parameters (RFC 9651), of the names that the draft has."""
    item = re.compile(r'"[a-z]+"(;[a-z]{1,2}=(0|[1-9][0-9]{0,14}))+')
    for rate in (10, 600, 1_000_000):
        mine = Allowance.of(rate)
        states = [State(True, 0), State(True, WINDOW), State(False, WINDOW * 2), mine.spend(0, 3), mine.owe(WINDOW, 5)]
        for value in (mine.policy, *map(mine.current, states)):
            assert item.fullmatch(value), value
    assert MINE.current(State(True, 0)) == '"default";r=60;t=0'
    assert MINE.current(State(True, 1)) == '"default";r=59;t=1'
    assert MINE.current(State(True, 12 * SECOND)) == '"default";r=48;t=12'
    assert MINE.current(State(True, WINDOW + SECOND)) == '"default";r=0;t=61'


@pytest.mark.parametrize(
    ("path", "headers", "status", "is_told"),
    [
        ("/api/v4/packages/p/", JSON, 200, False),
        ("/api/v4/packages/p/", {"accept": BROWSER}, 200, False),
        ("/api/v4/packages/p/badge.svg", {}, 200, False),
        ("/api/v4/feeds/packages.atom", {}, 200, False),
        ("/api/v4/packages/?x=y", JSON, 400, True),
        ("/api/v4/packages/?x=y", {"accept": BROWSER}, 400, True),
        ("/api/v4/packages/none/", JSON, 404, True),
        ("/api/v4/packages/", {"accept": "image/png"}, 406, True),
        ("/api/v4/packages", JSON, 301, True),
        ("/api/v3/packages/", JSON, 200, False),
        ("/api/v3/packages/none/", JSON, 404, True),
        ("/llms.txt", {}, 200, False),
        ("/nothing/", {"accept": BROWSER}, 404, True),
    ],
)
def test_what_each_response_tells(
    client: Client, counter: Standing, path: str, headers: dict[str, str], status: int, is_told: bool
) -> None:
    """The policy, which is the same for all, stands everywhere; what is left only where no cache stores it."""
    first, second = client.get(path, headers=headers), client.get(path, headers=headers)
    for response in (first, second):
        assert response.status_code == status
        assert response["RateLimit-Policy"] == POLICY
        assert ("RateLimit" in response) == is_told
        assert is_told == ("no-store" in response.get("Cache-Control", ""))
        assert "Retry-After" not in response
    if is_told:
        left = [int(each["RateLimit"].split(";")[1].removeprefix("r=")) for each in (first, second)]
        assert RATE > left[0] > left[1]
    elif "ETag" in first:
        unchanged = client.get(path, headers={**headers, "if-none-match": first["ETag"]})
        assert unchanged.status_code == 304
        assert unchanged["RateLimit-Policy"] == POLICY
        assert "RateLimit" not in unchanged


def test_what_is_stored_has_no_clients_state(client: Client, counter: Standing, settings: Settings) -> None:
    """A response that was cached under one allowance is served under another, and under none."""
    client.get("/api/v4/packages/")
    settings.RATE_LIMIT = 6000
    assert client.get("/api/v4/packages/")["RateLimit-Policy"] == '"default";q=6000;w=60'
    settings.RATE_LIMIT = 0
    assert "RateLimit-Policy" not in client.get("/api/v4/packages/")


@pytest.mark.parametrize(
    "path",
    [
        *("/healthz", "/readyz", "/robots.txt", "/favicon.ico", "/.well-known/security.txt", "/metrics"),
        *("/static/pages/pages.css", "/admin/", "/admin", "/admin/login/", "/admin/packages/package/"),
    ],
)
def test_what_is_not_counted(client: Client, counter: Standing, path: str) -> None:
    use_up(counter)
    response = client.get(path)
    assert response.status_code != 429
    assert "RateLimit-Policy" not in response
    assert "RateLimit" not in response


@pytest.mark.parametrize("path", ["/administer/", "/robots.txt2", "/statics/", "/healthz/x", "/metricsx"])
def test_what_only_looks_like_it_is_counted(client: Client, counter: Standing, path: str) -> None:
    use_up(counter)
    assert client.get(path).status_code == 429


def test_an_editor_works_on_while_the_address_is_refused(client: Client, counter: Standing) -> None:
    User.objects.create_superuser("anna", password="x")
    use_up(counter)
    client.login(username="anna", password="x")
    assert client.get("/admin/packages/package/").status_code == 200
    assert client.get("/api/v4/packages/").status_code == 429


def test_a_preflight_is_free(client: Client, counter: Standing) -> None:
    use_up(counter)
    response = client.options("/api/v4/packages/", headers={"access-control-request-method": "GET"})
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("198.51.100.7", "198.51.100.8", False),
        ("198.51.100.7", "::ffff:198.51.100.7", True),
        ("2001:db8:1:2::7", "2001:db8:1:2:ffff::8", True),
        ("2001:db8:1:2::7", "2001:db8:1:3::7", False),
        ("2001:db8::", "32.1.13.184", False),
    ],
)
def test_who_is_one_client(client: Client, counter: Standing, one: str, other: str, is_same: bool) -> None:
    key = client_key(one, ())
    assert key is not None
    use_up(counter, key)
    assert client.get("/api/v4/packages/", REMOTE_ADDR=one).status_code == 429
    assert (client.get("/api/v4/packages/", REMOTE_ADDR=other).status_code == 429) == is_same


@pytest.mark.parametrize("address", ["", "nonsense"])
def test_who_has_no_address_is_not_counted(client: Client, counter: Standing, address: str) -> None:
    response = client.get("/api/v4/packages/", REMOTE_ADDR=address)
    assert response.status_code == 200
    assert "RateLimit-Policy" not in response
    assert len(counter.full_at) == 0


@pytest.mark.parametrize(("address", "is_exempt"), [("10.1.2.3", True), ("2001:db8::1", True), ("10.2.0.1", False)])
def test_who_is_exempt(client: Client, counter: Standing, settings: Settings, address: str, is_exempt: bool) -> None:
    settings.RATE_LIMIT_EXEMPT = ["10.1.0.0/16", "2001:db8::1"]
    response = client.get("/api/v4/packages/", REMOTE_ADDR=address)
    assert ("RateLimit-Policy" in response) != is_exempt
    assert bool(counter.full_at) != is_exempt


@pytest.mark.parametrize(("proxies", "status"), [([], 429), (["127.0.0.1"], 200)])
def test_an_address_that_is_named_by_the_client(
    client: Client, counter: Standing, settings: Settings, proxies: list[str], status: int
) -> None:
    """A trusted proxy names the client, whose neighbours at the same proxy are others; nobody else names anybody."""
    settings.TRUSTED_PROXIES = proxies
    use_up(counter)
    for number in range(3):
        headers = {**JSON, "x-forwarded-for": f"198.51.100.{number}", "x-real-ip": "203.0.113.1", "forwarded": "for=1"}
        assert client.get("/api/v4/packages/", headers=headers).status_code == status


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", None])
def test_redis_counts_for_all_or_lets_through(
    client: Client, settings: Settings, request: pytest.FixtureRequest, url: str | None
) -> None:
    settings.RATE_LIMIT = 10
    settings.CACHE_URL = url or request.getfixturevalue("redis_url")
    for cached in (store, counters.counter):
        cached.cache_clear()
    statuses = [client.get("/api/v4/search/?q=p", headers=JSON).status_code for _ in range(12)]
    if url:
        assert statuses == [200] * 12
    else:
        assert statuses == [200] * 5 + [429] * 7, "6 units for the first, and one for each that was cached"
    response = client.get("/api/v4/nothing/", headers=JSON)
    assert response["RateLimit-Policy"] == '"default";q=10;w=60'
    assert ("RateLimit" in response) == (not url), "what is left is not known without Redis"
