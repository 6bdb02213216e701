"""Pages for people: the same bytes for all, cached as JSON is, in the form that DRF's negotiation chooses."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.urls import get_resolver, resolve
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from core.caching.dependencies import Routes
from core.caching.stores import store
from packages.models import Package, Release
from tests.core.api.test_formats import BROWSER
from tests.factories import MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db(transaction=True)
DOCUMENTS = ("", "packages/", "packages/p/", "packages/p/releases/", "packages/p/history/", "grids/", "search/?q=p")
PAGES = (*DOCUMENTS, "categories/", "changes/", "docs/")
# Of Firefox, Chrome, Safari and curl -H
BROWSERS = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7",
    BROWSER,
    "text/html",
)
PROGRAMS = (
    "",
    "*/*",
    "application/json",
    "application/json, text/plain, */*",
    "application/json;q=0.9, */*;q=0.1",
    "application/*",
    "application/json; charset=utf-8",
    "application/json; indent=0",
)


@pytest.fixture(autouse=True)
def _catalogue(settings: Settings) -> None:
    settings.CACHE_URL = "locmem://"
    store.cache_clear()
    package = PackageFactory.create(slug="p", title="Maps")
    Release.objects.bulk_create(Release(package=package, version=str(number)) for number in range(30))
    MembershipFactory.create(package=package)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_the_same_for_all(client: Client, admin_client: Client, path: str) -> None:
    """It knows no user, no language and no cookie, whether it is built or was cached."""
    url = f"/api/v4/{path}"
    plain = client.get(url, headers={"accept": BROWSER})
    assert plain["Cache-Control"] == "public, no-cache"
    assert plain["Vary"] == "Accept, Accept-Encoding"
    assert plain["ETag"]
    theirs = {"accept": BROWSER, "accept-language": "de", "referer": "https://elsewhere.example/", "user-agent": "x"}
    admin_client.cookies["csrftoken"] = "x" * 32
    admin_client.cookies["django_language"] = "de"
    for cache in ("locmem://", "locmem://?max_mb=3"):
        store.cache_clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("django.conf.settings.CACHE_URL", cache)
            other = admin_client.get(url, headers=theirs)
        assert (other.content, dict(other.items())) == (plain.content, dict(plain.items()))
        assert not other.cookies


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_token_and_nobody_to_log_in(client: Client, path: str) -> None:
    html = client.get(f"/api/v4/{path}", headers={"accept": BROWSER}).content.decode().lower()
    assert 'csrftoken": ' not in html
    assert "csrfmiddlewaretoken" not in html
    assert "log in" not in html
    assert "log out" not in html
    assert not re.search('(?<![a-z0-9"])[a-z0-9]{32,}', html), "a token"
    assert "django_language" not in html


def test_all_browsers_share_a_page_and_all_programs_a_document(client: Client) -> None:
    for accepts, kind in ((BROWSERS, "text/html; charset=utf-8"), (PROGRAMS, "application/json")):
        responses = [client.get("/api/v4/packages/p/", headers={"accept": accept}) for accept in accepts]
        responses.append(client.get("/api/v4/packages/p/?", headers={"accept": accepts[0]}))
        assert {response["Content-Type"] for response in responses} == {kind}
        assert len({response["ETag"] for response in responses}) == 1


def test_a_page_shows_one_spelling_of_its_query(client: Client) -> None:
    """A response must be right for all requests that share its key."""
    first, second = (
        client.get(f"/api/v4/packages/?{query}", headers={"accept": BROWSER})
        for query in ("limit=1&offset=0&&", "offset=%30&limit=1")
    )
    assert first["ETag"] == second["ETag"]
    assert first.content == second.content
    assert "/api/v4/packages/?limit=1&amp;offset=0" in first.content.decode()


@pytest.mark.parametrize("site", ["https://packages.example.org", ""])
@pytest.mark.parametrize("path", [*PAGES, "packages/p/releases/?limit=10"])
def test_a_page_names_no_host_of_another_request(client: Client, settings: Settings, path: str, site: str) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.SITE_URL = site
    pages = {}
    for host in ("one.example", "two.example:8080"):
        page = client.get(f"/api/v4/{path}", headers={"accept": BROWSER, "host": host}, secure=host == "one.example")
        pages[host] = (page["ETag"], page.content)
        other = "two.example" if host == "one.example" else "one.example"
        assert other not in page.content.decode()
        assert not site or host not in page.content.decode()
    assert (len(set(pages.values())) == 1) == bool(site)


def test_errors_and_redirects_are_not_stored(client: Client) -> None:
    """Without a word of ours, shared caches hold them for minutes, or for ever."""
    for path, status in (
        ("packages/nope/", 404),
        ("packages/?no=such", 400),
        ("packages/?format=xml", 404),
        ("packages/?limit=500", 302),
        ("packages/?q=", 302),
        ("packages", 301),
        ("nope/", 404),
        ("changes/?since=99999999", 400),
    ):
        response = client.get(f"/api/v4/{path}", headers={"accept": "text/html"})
        assert (response.status_code, response["Cache-Control"]) == (status, "no-store")
        assert "ETag" not in response
        assert not response.cookies
        assert "csrftoken" not in response.content.decode().lower()
    assert client.get("/api/v4/packages/", headers={"accept": "image/png"})["Cache-Control"] == "no-store"


def test_a_page_tells_days_of_today_while_its_json_stays(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Days are those of UTC, whatever the zone of the site: a page ends with them."""
    now = [datetime(2026, 5, 6, 0, 0, 1, tzinfo=UTC)]

    def clock() -> datetime:
        return now[0]

    monkeypatch.setattr("django.utils.timezone.now", clock)
    monkeypatch.setattr("core.caching.keys.time.time", lambda: clock().timestamp())
    Package.objects.update(released=now[0] - timedelta(days=7), pypi_version="1.0")

    def get(accept: str) -> tuple[str, str]:
        response = client.get("/api/v4/packages/", headers={"accept": accept})
        assert response["Cache-Control"] == "public, no-cache"
        return response["ETag"], response.content.decode()

    page, json = get("text/html"), get("*/*")
    assert ">7 days ago</time>" in page[1]
    now[0] += timedelta(hours=23, minutes=59)
    assert (get("text/html"), get("*/*")) == (page, json)
    now[0] += timedelta(minutes=1)
    etag, html = get("text/html")
    assert etag != page[0]
    assert ">8 days ago</time>" in html
    assert get("*/*") == json


TYPES = ["text/html", "application/json", "*/*", "text/*", "application/*", "application/xhtml+xml", "image/webp", "*"]
TYPES += [
    "application/vnd.oai.openapi",
    "application/yaml",
    "application/vnd.oai.openapi+json",
    "TEXT/HTML",
    "",
    "a/b/c",
]
PARAMETERS = ["", ";q=0", ";q=0.5", "; q=1", "; indent=4", ";indent=2", "; indent=0", ";indent=99", ";indent=x"]
PARAMETERS += [";charset=utf-8", '; x="a,b"', ";", "; indent=4; q=0.1", ";indent=" + "9" * 300]
RANGES = st.builds(str.__add__, st.sampled_from(TYPES), st.sampled_from(PARAMETERS))
ACCEPTS = st.lists(RANGES, max_size=5).map(", ".join) | st.text(st.characters(min_codepoint=32, max_codepoint=126))


@pytest.fixture(scope="module")
def routes() -> Routes:
    return Routes(get_resolver().url_patterns)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["packages/", "packages/p/", "search/", "changes/", "", "schema/", "docs/"]),
    accept=ACCEPTS,
    chosen=st.sampled_from([None, None, None, "json", "api", "openapi", "html", "xml", "JSON", ""]),
)
@example(path="packages/", accept="", chosen=None)
@example(path="packages/", accept="*/*, text/html", chosen=None)
@example(path="packages/", accept="application/json; indent=4, text/html; indent=2", chosen=None)
@example(path="packages/", accept="text/html; indent=2", chosen=None)
@example(path="schema/", accept=BROWSER, chosen=None)
def test_the_form_in_the_key_is_that_of_the_response(
    client: Client, routes: Routes, path: str, accept: str, chosen: str | None
) -> None:
    """The view, by itself, chooses what the cache has found out before."""
    url = f"/api/v4/{path}" + ("" if chosen is None else f"?format={chosen}")
    route = routes.find(f"/api/v4/{path}")
    assert route is not None
    form = route.negotiate(chosen, accept)
    view: Any = resolve(f"/api/v4/{path}")
    request = RequestFactory().get(url, headers={"accept": accept})
    request.resolver_match = view
    alone = view.func(request, *view.args, **view.kwargs)
    served = client.get(url, headers={"accept": accept})
    if form is None:
        assert alone.status_code == served.status_code
        assert served.status_code in {404, 406}
    elif alone.status_code == 200:
        assert (alone.accepted_renderer.format, alone.accepted_media_type) == form
        alone.render()
        assert served.status_code == 200
        assert (served["Content-Type"], served.content) == (alone["Content-Type"], alone.content)
    else:
        assert (chosen, alone.status_code, served.status_code) == (chosen, 400, 400), "a page of docs takes no format"


def test_odd_accept_headers_of_programs_share_a_document(client: Client) -> None:
    accepts = ("application/json; q=0.5", "application/json;version=2", "application/*; x=y", "image/png, */*;q=0.1")
    responses = [client.get("/api/v4/packages/p/", headers={"accept": accept}) for accept in accepts]
    assert {response["ETag"] for response in responses} == {client.get("/api/v4/packages/p/")["ETag"]}
