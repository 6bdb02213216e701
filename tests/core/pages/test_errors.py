"""Pages of errors: of the API where HTML is asked for, and of everything outside it."""

from collections.abc import Mapping

import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries, Settings

from changes.models import Change
from core.caching import middleware
from core.database.sessions import TooLateError
from core.pages import handlers
from packages.pages.lists import PackageListPage
from packages.views import PackageViewSet
from tests.conftest import Get
from tests.factories import PackageFactory
from tests.pages import text_of

pytestmark = pytest.mark.django_db
HTML = {"accept": "text/html"}
JSON = "application/json"


def check_frame(html: str, *words: str) -> None:
    """Check that a page has the frame, one search box, and these words."""
    assert '<nav aria-label="Sections">' in html
    assert html.count('type="search"') == 1
    assert '<meta name="robots" content="noindex">' in html
    assert 'rel="canonical"' not in html
    text = text_of(html)
    for each in words:
        assert each in text


@pytest.mark.parametrize(
    ("path", "headers", "status", "words"),
    [
        ("packages/?limt=3", HTML, 400, ("Bad request", "limt : There is no parameter", "Did you mean “limit”?")),
        ("packages/?limit=x", HTML, 400, ("limit : Must be a whole number from 1 to 1000.",)),
        ("packages/rlaph/", HTML, 404, ("Not found", "There is no package “rlaph”.", "All packages")),
        ("grids/404/comparison/", HTML, 404, ("There is no grid “404”.", "All grids")),
        ("categories/%00/", HTML, 404, ("There is no category",)),
        ("features/7/", HTML, 404, ("There is no feature “7”.",)),
        ("packages/x/?format=xml", HTML, 404, ("There is no format “xml” here; use format=json or format=api.",)),
        ("readiness/djang/5.2/", HTML, 404, ("There is no platform “djang” here. Did you mean “django”?",)),
        ("nowhere/", HTML, 404, ("There is nothing at this address; the API begins at /api/v4/.",)),
        ("packages/", {"accept": "x-text/html"}, 406, ("Not acceptable", "Could not satisfy the request")),
        ("changes/?since=1", HTML, 410, ("Gone", "are gone from the log. Start afresh")),
    ],
)
def test_an_error_of_the_api(
    get: Get, path: str, headers: Mapping[str, str], status: int, words: tuple[str, ...]
) -> None:
    if status == 410:
        PackageFactory.create_batch(3)
        Change.objects.filter(pk__lt=Change.objects.latest("pk").pk).delete()
    response = get(path, **headers)
    assert response.status_code == status
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert response["Cache-Control"] == "no-store"
    check_frame(response.content.decode(), *words, "This page as JSON")


def test_what_was_looked_for_is_in_the_search_box(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(3):  # the revisions, the package, and the old slugs
        html = get("packages/rest-frame_wrok/", **HTML).content.decode()
    assert 'name="q" value="rest frame wrok"' in html
    assert '<a href="/api/v4/packages/">All packages</a>' in html
    assert 'aria-current="true">Packages</a>' in html


def test_what_was_looked_for_stays_text(get: Get) -> None:
    html = get("packages/%3Cb%3E%22x/", **HTML).content.decode()
    assert "<b>" not in html
    assert 'value="&lt;b&gt;&quot;x"' in html
    assert "There is no package “&lt;b&gt;&quot;x”." in html


def test_a_method_that_is_not_allowed(client: Client) -> None:
    response = client.post("/api/v4/packages/", headers=HTML)
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD, OPTIONS"
    check_frame(response.content.decode(), "Method not allowed", 'Method "POST" not allowed.')


def test_a_database_that_is_too_slow(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(*_: object, **__: object) -> None:
        raise OperationalError("interrupted")

    monkeypatch.setattr(PackageViewSet, "list", ended)
    response = get("packages/", **HTML)
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    check_frame(response.content.decode(), "Service unavailable", "The database did not respond in time")


@pytest.mark.parametrize(
    ("query", "accept", "content_type"),
    [
        ("", "text/html", "text/html; charset=utf-8"),
        ("", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"),
        ("?format=api", "*/*", "text/html; charset=utf-8"),
        ("?format=json", "text/html", JSON),
        ("", "*/*", JSON),
        ("", "", JSON),
        ("", "text/html;q=x, nonsense,,/;;=", "text/html; charset=utf-8"),
        ("", "application/json, text/html;q=0.1", JSON),
    ],
)
def test_a_database_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, query: str, accept: str, content_type: str
) -> None:
    def silent(_request: object) -> None:
        raise TooLateError("silent")

    monkeypatch.setattr(middleware, "reading", silent)
    client = Client(raise_request_exception=False)
    response = client.get(f"/api/v4/packages/{query}", headers={"accept": accept})
    assert (response.status_code, response["Retry-After"], response["Content-Type"]) == (503, "5", content_type)
    assert response["Cache-Control"] == "no-store"
    if content_type == JSON:
        assert "The database is not available" in response.json()["detail"]
    else:
        check_frame(response.content.decode(), "Service unavailable", "The database is not available at the moment")


def test_the_filter_form_stands_beside_what_was_wrong(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PackageListPage, "main_filters", ("q", "repo_watchers__gte"))
    html = get("packages/?q=maps&repo_watchers__gte=many", **HTML).content.decode()
    check_frame(html, "Filters", "repo_watchers__gte : ")
    assert 'name="q" value="maps"' in html
    assert '<form class="filters" action="/api/v4/packages/"' in html


@pytest.mark.parametrize("is_debugged", [False, True])
@pytest.mark.parametrize("path", ["/nowhere", "/nowhere/%00%FF/", "/packages/ralph/", "/apix", "/favicon.ico"])
def test_nothing_outside_the_api(
    client: Client,
    settings: Settings,
    django_assert_num_queries: DjangoAssertNumQueries,
    path: str,
    is_debugged: bool,
) -> None:
    settings.DEBUG = is_debugged
    with django_assert_num_queries(0):
        response = client.get(path, headers={"accept": JSON})
    assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert response["Cache-Control"] == "no-store"
    check_frame(response.content.decode(), "Not found", "There is no such page.")
    assert client.head(path).status_code == 404


def test_nothing_outside_the_api_takes_any_method() -> None:
    assert Client(enforce_csrf_checks=True).post("/nowhere").status_code == 404


def test_admin_and_static_files_keep_their_ways(client: Client) -> None:
    assert client.get("/admin")["Location"] == "/admin/"
    assert client.get("/admin/nowhere/")["Location"].startswith("/admin/login/")
    response = client.get("/static/nowhere.css")
    assert response.status_code == 404
    check_frame(response.content.decode(), "There is no such page.")


@pytest.mark.parametrize(
    ("path", "accept", "content_type"),
    [
        ("/", "*/*", "text/html; charset=utf-8"),
        ("/admin/", "text/html", "text/html; charset=utf-8"),
        ("/api/v4/", "text/html", "text/html; charset=utf-8"),
        ("/api/v4/", "*/*", JSON),
    ],
)
def test_a_host_that_is_not_allowed(client: Client, path: str, accept: str, content_type: str) -> None:
    response = client.get(path, headers={"host": "elsewhere.example", "accept": accept})
    assert (response.status_code, response["Content-Type"]) == (400, content_type)
    assert response["Cache-Control"] == "no-store"
    if content_type != JSON:
        check_frame(response.content.decode(), "Bad request", "check its Host header")


@pytest.mark.parametrize(
    ("path", "accept", "content_type"),
    [
        ("/admin/", "*/*", "text/html; charset=utf-8"),
        ("/api/v4/", "text/html", "text/html; charset=utf-8"),
        ("/api/v4/", "*/*", JSON),
    ],
)
def test_a_failure_of_the_program(
    rf: RequestFactory, django_assert_num_queries: DjangoAssertNumQueries, path: str, accept: str, content_type: str
) -> None:
    """Its page has nothing that could fail too."""
    with django_assert_num_queries(0):
        response = handlers.server_error(rf.get(path, headers={"accept": accept}))
    assert (response.status_code, response["Content-Type"]) == (500, content_type)
    assert "The server failed; it is not your request" in text_of(response.content.decode())
