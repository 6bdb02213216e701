"""JSON lines of every list, by format=jsonl or Accept: application/x-ndjson: the rows of its JSON, one a line."""

import csv
import gzip
import io
import json
import tracemalloc
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import brotli
import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.renderers import CsvRenderer, JsonLinesRenderer
from core.api.views import CatalogueView
from core.caching.stores import store
from packages.models import Package, ReadinessCount, Release, Snapshot
from tests.conftest import Get
from tests.factories import (
    CategoryFactory,
    CellFactory,
    FeatureFactory,
    GridFactory,
    MembershipFactory,
    PackageFactory,
)

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
V4 = "http://testserver/api/v4/"
MEDIA_TYPE = "application/x-ndjson"

# The number of queries of each list's JSON, CSV and JSON lines alike.
QUERIES = {
    "packages/?q=hyperlink&fields=all": 3,
    "packages/?expand=category,grids&limit=1": 4,
    "grids/?expand=packages": 4,
    "categories/": 2,
    "features/?grid=maps": 3,
    "packages/p/releases/": 4,
    "packages/p/history/?since=2026-01-01": 4,
    "grids/maps/features/": 4,
    "trending/?by=downloads": 2,
    "search/?q=hyperlink&type=package": 5,  # and a timeout of its own on PostgreSQL
    "changes/?since=0&limit=3": 3,
    "readiness/": 2,
    "grids/maps/comparison/?columns=health,commits_over_52,django_versions&level=all": 4,
    "compare/?packages=p,q&columns=health": 3,
}


@pytest.fixture
def packages() -> list[Package]:
    """Two packages in a grid, of which the first has every kind of value."""
    category = CategoryFactory.create(slug="apps", title="App")
    first = PackageFactory.create(
        slug="p",
        title='=HYPERLINK("http://evil.example")',
        category=category,
        repo_description='Größe,\r\n“quotes” and "quotes"\u2028',
        last_updated=NOW,
        commits_over_52=list(range(52)),
        participants=["@anna", "bert"],
    )
    second = PackageFactory.create(slug="q", title="-1", category=category)
    grid = GridFactory.create(slug="maps", title="Maps")
    feature = FeatureFactory.create(grid=grid, title="Tiles")
    for package in (first, second):
        membership = MembershipFactory.create(package=package, grid=grid)
        CellFactory.create(feature=feature, membership=membership, text="+1 fast")
    Release.objects.create(package=first, version="1.10", uploaded_at=NOW, requires_python=">=3.10")
    Snapshot.objects.create(package=first, day=date(2026, 5, 6), stars=3)
    ReadinessCount.objects.create(platform="django", version="5.2", says="named", packages=1, downloads=9, as_of=NOW)
    return [first, second]


def rows_of(body: Any) -> list[Any]:
    """Return the rows of a list's JSON."""
    if isinstance(body, list):
        return body
    if "django" in body:
        return [*body["django"], *body["python"]]
    rows: list[Any] = body["rows"] if "rows" in body else body["results"]
    return rows


def lines_of(response: Any) -> list[Any]:
    """Return the documents of JSON lines: a line feed behind each, and none in them."""
    assert response["Content-Type"] == f"{MEDIA_TYPE}; charset=utf-8"
    *lines, rest = response.content.split(b"\n")
    assert rest == b""
    return [json.loads(line) for line in lines]


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("path", QUERIES)
def test_every_list_in_three_formats_of_the_same_rows_by_the_same_queries(get: Get, path: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        plain = get(path)
    rows = rows_of(plain.json())
    with CaptureQueriesContext(connection) as queries_of_lines:
        response = get(path, accept=MEDIA_TYPE)
    with CaptureQueriesContext(connection) as queries_of_csv:
        table = list(csv.reader(io.StringIO(get(path, accept="text/csv").content.decode(), newline=""), strict=True))
    number = QUERIES[path] + (path.startswith("search/") and connection.vendor == "postgresql")
    assert lines_of(response) == rows
    assert all(line in plain.content for line in response.content.split(b"\n"))  # byte for byte
    assert len(table) == len(rows) + 1
    assert {len(line) for line in table} == {len(table[0])}
    assert [len(queries), len(queries_of_lines), len(queries_of_csv)] == [number] * 3
    assert response.get("Link") == plain.get("Link")
    name = path.partition("?")[0].strip("/").replace("/", "-")
    assert response["Content-Disposition"] == f'attachment; filename="{name}.jsonl"'


def test_nothing_is_neutralised(get: Get, packages: list[Package]) -> None:
    response = get("packages/?format=jsonl&fields=title,repo_description,participants,pypi_url,category")
    link = f"{V4}categories/{packages[0].category_id}/"
    [second, first] = response.content.decode().removesuffix("\n").split("\n")
    assert first == (
        f'{{"category":"{link}","title":"=HYPERLINK(\\"http://evil.example\\")",'
        '"repo_description":"Größe,\\r\\n“quotes” and \\"quotes\\"\u2028","pypi_url":"",'
        '"participants":["@anna", "bert"]}'
    )
    assert json.loads(second)["title"] == "-1"


def test_the_envelope_is_in_headers(client: Client) -> None:
    created = [PackageFactory.create() for _ in range(5)]
    url, slugs = "/api/v4/packages/?format=jsonl&cursor=&limit=2&fields=slug", []
    while url:
        response = client.get(url)
        assert response["X-Total-Count"] == "5"
        slugs += [line["slug"] for line in lines_of(response)]
        following = [each for each in response["Link"].split(", ") if each.endswith('rel="next"')]
        url = following[0].partition(">")[0].removeprefix("<http://testserver") if following else ""
    assert slugs == [package.slug for package in created[::-1]]


@pytest.mark.usefixtures("packages")
def test_the_log_tells_where_to_go_on(get: Get) -> None:
    plain = get("changes/?limit=3")
    for accept in (MEDIA_TYPE, "text/csv"):
        response = get("changes/?limit=3", accept=accept)
        assert int(response["X-Until"]) == plain.json()["until"]
        assert response["Link"] == f'<{plain.json()["next"]}>; rel="next"'
    assert "X-Total-Count" not in response
    header, first, *_ = response.content.decode().splitlines()
    assert header.startswith('"number","at","kind","action","id","slug","old_slug","url","grid","package"')
    assert first.split(",")[0] == str(plain.json()["results"][0]["number"])


@pytest.mark.usefixtures("packages")
def test_a_comparison_names_its_columns_and_what_is_hidden(get: Get) -> None:
    response = get("grids/maps/comparison/?columns=repo_watchers,health&q=hyperlink", accept=MEDIA_TYPE)
    assert response["X-Columns"] == "repo_watchers,health"
    assert response["X-Total-Count"] == "1"
    assert response["X-Hidden"] == "filters: 1"
    [row] = lines_of(response)
    assert (row["slug"], row["values"][1]["verdict"]) == ("p", "unknown")


@pytest.mark.usefixtures("packages")
def test_versions_have_a_column_for_each_count(get: Get) -> None:
    response = get("readiness/?format=csv")
    assert response["X-As-Of"] == get("readiness/").json()["as_of"] == "2026-05-06T03:08:09-04:00"
    header, first = csv.reader(io.StringIO(response.content.decode(), newline=""), strict=True)
    version = dict(zip(header, first, strict=True))
    assert (version["platform"], version["version"], version["named.packages"]) == ("django", "5.2", "1")
    assert version["named.url"] == f"{V4}packages/?readiness=django-5.2-named"
    assert "X-As-Of" not in _nothing_counted(get)


def _nothing_counted(get: Get) -> Any:
    ReadinessCount.objects.all().delete()
    response = get("readiness/?format=jsonl")
    assert (response.status_code, response.content) == (200, b"")
    return response


@pytest.mark.usefixtures("packages")
def test_links_lead_to_what_exists(get: Get) -> None:
    """JSON lines are of lists alone: links to documents do not carry them on."""
    for query in ("format=jsonl", "format=jsonl&expand=grids"):
        document = lines_of(get(f"packages/?{query}"))[0]
        for link in (document["category"], *document["grids"]):
            url = link["packages"][0] if isinstance(link, dict) else link
            assert "?" not in url
            assert get(url.removeprefix(V4)).status_code == 200


@pytest.mark.parametrize(
    ("query", "status", "name"),
    [
        ("packages/?format=jsonl&limit=0", 400, "limit"),
        ("packages/?format=jsonl&limit=1001", 400, "limit"),
        ("packages/?format=jsonl&no=such", 400, "no"),
        ("packages/?format=jsonl&bom=true", 400, "bom"),
        ("changes/?format=jsonl&since=x", 400, "since"),
        ("changes/?format=csv&since=99999999", 400, "since"),
        ("packages/nope/releases/?format=jsonl", 404, "detail"),
        ("packages/p/?format=jsonl", 404, "detail"),
        ("readiness/django/5.2/?format=csv", 404, "detail"),
    ],
)
def test_errors_stay_json(get: Get, query: str, status: int, name: str) -> None:
    response = get(query)
    assert (response.status_code, list(response.json())) == (status, [name])
    assert response["Content-Type"] == "application/json"
    assert "Content-Disposition" not in response


def test_options_and_what_is_no_list_stay_json(client: Client, get: Get) -> None:
    assert client.options("/api/v4/packages/?format=jsonl")["Content-Type"] == "application/json"
    assert get("", accept=MEDIA_TYPE).status_code == 406


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (MEDIA_TYPE, MEDIA_TYPE),
        (f"{MEDIA_TYPE}, application/json", "application/json"),
        (f"{MEDIA_TYPE};q=0.9, application/json;q=0.1", "application/json"),
        ("application/*", "application/json"),
    ],
)
def test_accept(get: Get, accept: str, kind: str) -> None:
    assert get("packages/", accept=accept)["Content-Type"].partition(";")[0] == kind


@pytest.mark.usefixtures("packages")
def test_pages_of_lists_link_to_their_rows(get: Get) -> None:
    for path in ("packages/", "changes/", "readiness/", "grids/maps/comparison/"):
        html = get(path, accept="text/html").content.decode()
        for name, words in (("csv", "CSV"), ("jsonl", "JSON lines")):
            assert f'href="{V4}{path}?format={name}" rel="nofollow">the same as {words}</a>' in html, path
    assert "format=jsonl" not in get("packages/p/", accept="text/html").content.decode()


@pytest.mark.parametrize("renderer", [CsvRenderer(), JsonLinesRenderer()])
def test_the_largest_page_is_in_memory_once(renderer: Any) -> None:
    """A line is written before the next one is made."""
    documents = [{"title": "x" * 10_000} for _ in range(1_000)]
    view = CatalogueView()
    view.paths = lambda: iter([("title",)])  # type: ignore[method-assign]
    request = Request(RequestFactory().get("/api/v4/packages/"))
    context = {"view": view, "request": request, "response": Response()}
    tracemalloc.start()
    content = renderer.render(documents, renderer.media_type, context)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(content) > 10_000_000
    assert peak < 2.5 * len(content)  # the buffer, and once more while it grows


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["packages/?fields=slug,repo_description&limit=3", "changes/?since=0"])
def test_lines_are_cached_until_a_write(
    client: Client, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries, path: str
) -> None:
    settings.CACHE_URL = "locmem://"
    store.cache_clear()
    for slug in "pqrst":
        PackageFactory.create(slug=slug, repo_description="x" * 500)
    url = f"/api/v4/{path}"
    for accept in (MEDIA_TYPE, "text/csv"):
        plain = client.get(url, headers={"accept": accept})
        assert plain["Vary"] == "Accept, Accept-Encoding"
        assert plain["ETag"] != client.get(url)["ETag"]
        for encoding, unpack in _UNPACK.items():
            packed = client.get(url, headers={"accept": accept, "accept-encoding": encoding})
            assert packed["Content-Encoding"] == encoding
            assert unpack(packed.content) == plain.content
        with django_assert_num_queries(2):
            again = client.get(url, headers={"accept": accept})
            unchanged = client.get(url, headers={"accept": accept, "if-none-match": plain["ETag"]})
        assert (again.content, dict(again.items())) == (plain.content, dict(plain.items()))
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        Package.objects.filter(slug="p").update(repo_description=accept)
        assert client.get(url, headers={"accept": accept})["ETag"] != plain["ETag"]


_UNPACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "br": brotli.decompress}
