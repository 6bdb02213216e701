"""The headers of every response of the API: readable by pages of any site, of one type, the same for all. And the
policy of every page, which loads nothing but files of this site."""

import pytest
from django.test import Client
from pytest_django import Settings

from core.headers import PAGE_POLICY
from core.svg import CONTENT_SECURITY_POLICY
from tests.factories import PackageFactory

pytestmark = pytest.mark.django_db(transaction=True)
ELSEWHERE = {"origin": "https://elsewhere.example"}
EXPOSED = (
    "Link, X-Total-Count, X-Hidden, X-Columns, X-Until, X-Newest, X-As-Of, ETag, Retry-After, RateLimit,"
    " RateLimit-Policy, Deprecation, Content-Disposition, X-Request-ID"
)
PATHS = ("", "packages/", "packages/p/", "search/?q=x", "packages/nope/", "packages/?x=y", "schema/", "feeds/grids.rss")
IMAGES = ("packages/p/commits.svg", "packages/p/stars.svg")


@pytest.fixture(autouse=True)
def _package(settings: Settings) -> None:
    settings.CACHE_URL = "locmem://"
    PackageFactory.create(slug="p")


@pytest.mark.parametrize("path", [f"/api/v4/{path}" for path in (*PATHS, *IMAGES)] + ["/api/", "/api/v4/packages"])
@pytest.mark.parametrize("headers", [{}, ELSEWHERE, {"origin": "null"}, {"accept": "text/html"}])
def test_pages_of_any_site_may_read_the_api(client: Client, path: str, headers: dict[str, str]) -> None:
    response = client.get(path, headers=headers)
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Access-Control-Expose-Headers"] == EXPOSED
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Credentials" not in response
    assert "origin" not in response.get("Vary", "").lower()


def test_origin_is_of_no_consequence(client: Client) -> None:
    for path in ("packages/", "search/?q=x"):
        plain, elsewhere = (client.get(f"/api/v4/{path}", headers=headers) for headers in ({}, ELSEWHERE))
        assert dict(plain.items()) == dict(elsewhere.items())
        assert plain["Vary"] == "Accept, Accept-Encoding"


def test_errors_before_the_views_have_them(client: Client) -> None:
    response = client.get("/api/v4/packages/", headers={"host": "elsewhere.example"})
    assert (response.status_code, response["Content-Type"]) == (400, "application/json")
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["X-Content-Type-Options"] == "nosniff"


def test_a_browser_may_ask_before_it_sends_headers_of_its_own(client: Client) -> None:
    preflight = {**ELSEWHERE, "access-control-request-method": "GET", "access-control-request-headers": "if-none-match"}
    response = client.options("/api/v4/packages/", headers=preflight)
    assert (response.status_code, response.content) == (200, b"")
    assert response["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    allowed = response["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"if-none-match", "cache-control", "accept"} <= set(allowed)
    assert client.options("/api/v4/packages/").json()["name"] == "Packages"


def test_admin_may_not_be_read(client: Client) -> None:
    for path in ("/admin/login/", "/"):
        assert "Access-Control-Allow-Origin" not in client.get(path, headers=ELSEWHERE)


PAGE_PATHS = [f"/api/v4/{path}" for path in ("", "packages/", "packages/p/", "docs/", "packages/nope/", "docs/?x=y")]


@pytest.mark.parametrize("path", [*PAGE_PATHS, "/", "/nope", "/api/", "/admin/", "/admin/login/", "/admin/jsi18n/"])
def test_a_page_loads_nothing_but_files_of_this_site(client: Client, path: str) -> None:
    for _ in ("built", "cached"):
        response = client.get(path, headers={"accept": "text/html"})
        is_page = response["Content-Type"].startswith("text/html")
        assert is_page != ("jsi18n" in path and response.status_code == 200)
        assert response.get("Content-Security-Policy") == (PAGE_POLICY if is_page else None)
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Referrer-Policy"] == "strict-origin-when-cross-origin"
        assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    sources = {word for part in PAGE_POLICY.split("; ") for word in part.split()[1:]}
    assert sources == {"'none'", "'self'", "data:"}


def test_errors_outside_the_views_have_the_policy(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong_host = client.get("/admin/login/", headers={"host": "elsewhere.example"})
    forged = Client(enforce_csrf_checks=True).post("/admin/login/")
    monkeypatch.setattr("django.contrib.auth.views.LoginView.get", None)
    client.raise_request_exception = False
    failed = client.get("/admin/login/")
    assert [each.status_code for each in (wrong_host, forged, failed)] == [400, 403, 500]
    for response in (wrong_host, forged, failed):
        assert response["Content-Security-Policy"] == PAGE_POLICY
        html = response.content.decode()
        assert "<style" not in html
        assert "<script>" not in html


def test_the_pages_of_django_for_debugging_work(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their styles and scripts are inline; those of our own pages are not."""
    settings.DEBUG = True
    for path in ("/admin/login/", "/nope", "/sitemap.xml", "/api/v4/nope/", "/api/v4/"):
        assert client.get(path, headers={"accept": "text/html"})["Content-Security-Policy"] == PAGE_POLICY, path
    monkeypatch.setattr("django.contrib.auth.views.LoginView.get", None)
    client.raise_request_exception = False
    wrong_host, failed = client.get("/", headers={"host": "elsewhere.example"}), client.get("/admin/login/")
    for response, status in ((wrong_host, 400), (failed, 500)):
        assert response.status_code == status
        assert "<style>" in response.content.decode()
        assert "Content-Security-Policy" not in response


def test_what_is_no_page_has_another_policy_or_none(client: Client) -> None:
    for path in IMAGES:
        assert client.get(f"/api/v4/{path}")["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    page = client.get("/api/v4/packages/", headers={"accept": "text/html"})
    again = client.get("/api/v4/packages/", headers={"accept": "text/html", "if-none-match": page["ETag"]})
    assert again.status_code == 304
    for response in (again, client.get("/api/v4/packages/"), client.get("/api/v4/feeds/grids.atom")):
        assert "Content-Security-Policy" not in response


@pytest.mark.parametrize(
    "path", ["packages/", "packages/p/", "search/?q=x", "feeds/packages.atom", "changes/", *IMAGES]
)
def test_a_304_has_neither_type_nor_length(client: Client, path: str) -> None:
    """A cache takes over the headers of a 304 for the response that it has (RFC 9111, 4.3.4)."""
    first = client.get(f"/api/v4/{path}")
    for condition in (first["ETag"], f"W/{first['ETag']}", f'"other", {first["ETag"]}', "*"):
        response = client.get(f"/api/v4/{path}", headers={"if-none-match": condition})
        assert (response.status_code, response.content) == (304, b"")
        assert "Content-Type" not in response
        assert "Content-Length" not in response
        assert {name: response[name] for name in ("ETag", "Cache-Control", "Vary")} == {
            name: first[name] for name in ("ETag", "Cache-Control", "Vary")
        }


def test_a_star_names_what_exists_alone(client: Client) -> None:
    star = {"if-none-match": "*"}
    assert client.get("/api/v4/packages/p/", headers=star).status_code == 304
    assert client.get("/api/v4/packages/nope/", headers=star).status_code == 404
    assert client.get("/api/v4/packages/?no=such", headers=star).status_code == 400


def test_with_a_site_url_the_request_does_not_name_the_site(client: Client, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]

    def etags() -> set[str]:
        hosts = ("one.example", "two.example:8080")
        return {
            client.get("/api/v4/packages/", headers={"host": host}, secure=s)["ETag"]
            for host in hosts
            for s in (True, False)
        }

    assert len(etags()) == 4
    settings.SITE_URL = "https://packages.example.org"
    assert len(etags()) == 1


@pytest.mark.parametrize("query", ["&&&", "&limit=1&&offset=0", "offset=0&limit=1", "limit=%31&offset=0", "&"])
def test_a_query_has_one_key_for_all_of_its_spellings(client: Client, query: str) -> None:
    plain = "limit=1&offset=0" if "limit" in query else ""
    responses = [client.get(f"/api/v4/packages/?{each}") for each in (plain, query)]
    assert responses[0]["ETag"] == responses[1]["ETag"]
    assert responses[0].content == responses[1].content


def test_bytes_that_are_not_utf8_share_no_key_with_their_replacement(client: Client) -> None:
    assert client.get("/api/v4/packages/?q=%EF%BF%BD").status_code == 200
    response = client.get("/api/v4/packages/?q=%ff")
    assert (response.status_code, response.json()) == (400, {"q": ["Is not UTF-8."]})
    response = client.get("/api/v4/packages/?%ff=1&limit=1")
    assert response.status_code == 400


def test_many_mistakes_get_a_short_response(client: Client) -> None:
    response = client.get("/api/v4/packages/?" + "&".join(f"x{number}=1" for number in range(900)))
    assert response.status_code == 400
    assert len(response.json()) == 11
    assert len(response.content) < 10_000
