"""CSV of every list, by format=csv or Accept: text/csv: a header of the keys, and a line for each document."""

import csv
import gzip
import io
import json
from datetime import UTC, date, datetime

import brotli
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, Settings

from core.caching.stores import store
from packages.models import FetchState, Package, Release, Snapshot
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


@pytest.fixture
def package() -> Package:
    """A package with every kind of value, in a grid with a feature."""
    category = CategoryFactory.create(slug="apps", title="App")
    package = PackageFactory.create(
        slug="p",
        title='=HYPERLINK("http://evil.example")',
        category=category,
        repo_description='Größe,\r\n“quotes” and "quotes"',
        last_updated=NOW,
        commits_over_52=list(range(52)),
        participants=["@anna", "bert"],
        created=NOW,
        modified=NOW,
    )
    grid = GridFactory.create(slug="maps", title="Maps")
    feature = FeatureFactory.create(grid=grid, title="Tiles")
    CellFactory.create(feature=feature, membership=MembershipFactory.create(package=package, grid=grid), text="+1 fast")
    Release.objects.create(package=package, version="1.10", uploaded_at=NOW, requires_python=">=3.10")
    Snapshot.objects.create(package=package, day=date(2026, 5, 6), stars=3)
    return package


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.usefixtures("package")
def test_a_list_as_csv(get: Get) -> None:
    pk = Package.objects.get().pk
    fields = "fields=title,id,category,last_updated,last_fetched,repo_description,repo_watchers,participants,deprecated"
    response = get(f"packages/?format=csv&{fields}")
    category = Package.objects.get().category_id
    assert response.content.decode() == (
        '"category","id","title","last_updated","last_fetched","repo_description","repo_watchers","participants",'
        '"deprecated"\r\n'
        f'"{V4}categories/{category}/",{pk},"\'=HYPERLINK(""http://evil.example"")","2026-05-06T03:08:09-04:00",,'
        '"Größe,\r\n“quotes” and ""quotes""",0,"[""@anna"",""bert""]",false\r\n'
    )
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="packages.csv"'
    assert response["X-Total-Count"] == "1"
    assert response["Link"] == f'<{V4}packages/?{fields.replace(",", "%2C")}&format=csv>; rel="first"'


LISTS = {
    "packages/": "packages.csv",
    "grids/": "grids.csv",
    "categories/": "categories.csv",
    "features/": "features.csv",
    "packages/p/releases/": "packages-p-releases.csv",
    "packages/p/history/": "packages-p-history.csv",
    "grids/maps/features/": "grids-maps-features.csv",
    "search/?q=HYPERLINK": "search.csv",
}


@pytest.mark.usefixtures("package")
def test_every_list_has_csv_with_the_keys_and_the_queries_of_its_json(get: Get) -> None:
    for path, name in LISTS.items():
        with CaptureQueriesContext(connection) as queries:
            body = get(path).json()
        with CaptureQueriesContext(connection) as queries_of_csv:
            response = get(path, accept="text/csv")
        documents = body if isinstance(body, list) else body["results"]
        header, *lines = table(response.content.decode())
        assert header == list(documents[0]), path
        assert len(lines) == len(documents) == int(response["X-Total-Count"]) == 1, path
        assert len(queries_of_csv) == len(queries), path
        assert response["Content-Disposition"] == f'attachment; filename="{name}"'


@pytest.mark.parametrize("path", ["", "packages/p/", "grids/maps/", "categories/apps/", "readiness/django/5.2/"])
@pytest.mark.usefixtures("package")
def test_what_is_no_list_of_documents_has_no_csv(get: Get, path: str) -> None:
    response = get(f"{path}?format=csv")
    assert response.status_code == 404
    assert response.json() == {"detail": "There is no format “csv” here; use format=json or format=api."}
    assert get(path, accept="text/csv").status_code == 406


def test_an_object_has_a_column_for_each_of_its_keys(get: Get, package: Package) -> None:
    """All pages of a list have the same columns, whether or not a row has the object."""
    sources = [f"freshness.{source}" for source in ("repo", "pypi", "downloads")]
    keys = ("last_success", "last_attempt", "outcome", "error", "failures", "next_due")
    path = "packages/?format=csv&fields=title,freshness,category&expand=category&limit=1"
    header, line = table(get(path).content.decode())
    category = ["id", "title", "slug", "description", "title_plural", "show_pypi", "created", "modified"]
    of_category = [f"category.{key}" for key in category]
    assert header == [*of_category, "title", *[f"{source}.{key}" for source in sources for key in keys]]
    assert line[1:3] == ["App", "apps"]
    assert line[len(of_category) + 1 :] == [""] * 18
    FetchState.objects.create(package=package, source="repo", target=package.repo_key, outcome="ok", next_due=NOW)
    again, line = table(get(path).content.decode())
    assert again == header
    state = dict(zip(header, line, strict=True))
    assert (state["freshness.repo.outcome"], state["freshness.repo.failures"]) == ("ok", "0")
    assert state["freshness.repo.next_due"] == "2026-05-06T03:08:09-04:00"


@pytest.mark.usefixtures("package")
def test_a_list_is_its_json(get: Get) -> None:
    [document] = get("grids/maps/features/").json()["results"]
    header, line = table(get("grids/maps/features/?format=csv").content.decode())
    assert json.loads(line[header.index("cells")]) == document["cells"]
    header, line = table(get("grids/?format=csv&expand=packages").content.decode())
    [member] = json.loads(line[header.index("packages")])
    assert (member["slug"], len(member)) == ("p", 18)
    keys = ("participants", "commits_over_52", "django_versions", "grids")
    [document] = get(f"packages/?fields={','.join(keys)}").json()["results"]
    header, line = table(get(f"packages/?fields={','.join(keys)}&format=csv").content.decode())
    assert {key: json.loads(cell) for key, cell in zip(header, line, strict=True)} == document


def test_an_empty_list_has_its_header(get: Get) -> None:
    assert get("packages/?format=csv&fields=title,slug").content == b'"title","slug"\r\n'
    for path in ("search/?q=&format=csv", "trending/?format=csv"):
        header, *lines = table(get(path).content.decode())
        assert (header[-1], lines) == ("url" if "search" in path else "downloads_30d", []), path


def test_headers_lead_through_all_pages(client: Client) -> None:
    created = [PackageFactory.create() for _ in range(5)]
    url, slugs = "/api/v4/packages/?format=csv&cursor=&limit=2&fields=slug", []
    while url:
        response = client.get(url)
        assert response["X-Total-Count"] == "5"
        [title], *lines = table(response.content.decode())
        assert title == "slug"
        slugs += [slug for (slug,) in lines]
        following = [each for each in response["Link"].split(", ") if each.endswith('rel="next"')]
        url = following[0].partition(">")[0].removeprefix("<http://testserver") if following else ""
    assert slugs == [package.slug for package in created[::-1]]


def test_a_null_alone_in_its_line_is_no_empty_line(get: Get) -> None:
    PackageFactory.create(last_fetched=None)
    assert get("packages/?format=csv&fields=last_fetched").content == b'"last_fetched"\r\n""\r\n'


def test_a_byte_order_mark_for_those_that_ask(get: Get) -> None:
    plain = get("packages/?format=csv").content
    assert get("packages/?format=csv&bom=true").content == b"\xef\xbb\xbf" + plain
    assert get("packages/?bom=TRUE", accept="text/csv").content == b"\xef\xbb\xbf" + plain
    assert get("packages/?format=csv&bom=false").content == plain


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("packages/?bom=true", "Only CSV has a byte order mark: add format=csv, or leave this out."),
        ("search/?q=x&bom=true&format=json", "Only CSV has a byte order mark: add format=csv, or leave this out."),
        ("packages/?format=csv&bom=yes", "Must be true or false."),
        ("packages/?bom=yes", "Must be true or false."),
        ("packages/?format=csv&bom=", "Empty; give it a value or leave it out."),
        ("categories/1/?bom=true", "There is no parameter “bom” here. There are: fields, format."),
        ("readiness/?bom=true", "Only CSV has a byte order mark: add format=csv, or leave this out."),
    ],
)
def test_a_byte_order_mark_where_none_can_be(get: Get, query: str, message: str) -> None:
    response = get(query)
    assert (response.status_code, response.json()) == (400, {"bom": [message]})


@pytest.mark.parametrize(
    ("query", "status", "name"),
    [
        ("packages/?format=csv&limit=0", 400, "limit"),
        ("packages/?format=csv&no=such", 400, "no"),
        ("packages/nope/releases/?format=csv", 404, "detail"),
    ],
)
def test_errors_stay_json(get: Get, query: str, status: int, name: str) -> None:
    response = get(query)
    assert (response.status_code, list(response.json())) == (status, [name])
    assert response["Content-Type"] == "application/json"
    assert "Content-Disposition" not in response


def test_options_stay_json(client: Client) -> None:
    response = client.options("/api/v4/packages/?format=csv")
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert response.json()["renders"] == ["application/json", "text/html", "text/csv", "application/x-ndjson"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv", "text/csv"),
        ("text/csv; charset=utf-8", "text/csv"),
        ("text/csv, application/json", "application/json"),
        ("text/*", "text/html"),
        ("text/csv, text/html, */*", "text/html"),
    ],
)
def test_accept(get: Get, accept: str, kind: str) -> None:
    """CSV is the last where a client takes several forms."""
    assert get("packages/", accept=accept)["Content-Type"].partition(";")[0] == kind


@pytest.mark.usefixtures("package")
def test_links_lead_to_what_exists(get: Get) -> None:
    """CSV is of lists alone: links to documents do not carry it on."""
    header, line = table(get("packages/?format=csv").content.decode())
    for key in ("category", "grids"):
        cell = line[header.index(key)]
        link = json.loads(cell)[0] if cell.startswith("[") else cell
        assert "?" not in link
        assert get(link.removeprefix(V4)).status_code == 200


@pytest.mark.usefixtures("package")
def test_pages_of_lists_link_to_their_csv(get: Get) -> None:
    assert (
        'href="http://testserver/api/v4/packages/?format=csv"' in get("packages/", accept="text/html").content.decode()
    )
    assert "format=csv" not in get("packages/p/", accept="text/html").content.decode()


@pytest.mark.django_db(transaction=True)
def test_csv_is_cached_until_a_write(
    client: Client, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settings.CACHE_URL = "locmem://"
    store.cache_clear()
    PackageFactory.create(slug="p", repo_description="x" * 500)
    url = "/api/v4/packages/?fields=slug,repo_description&limit=3"
    plain = client.get(url, headers={"accept": "text/csv"})
    by_query = client.get(f"{url}&format=csv")
    assert (by_query.content, by_query["Vary"]) == (plain.content, "Accept, Accept-Encoding")
    assert len({plain["ETag"], by_query["ETag"], client.get(f"{url}&format=csv&bom=true")["ETag"]}) == 3
    for encoding, unpack in (("gzip", gzip.decompress), ("br", brotli.decompress)):
        packed = client.get(url, headers={"accept": "text/csv", "accept-encoding": encoding})
        assert (packed["Content-Encoding"], unpack(packed.content)) == (encoding, plain.content)
    with django_assert_num_queries(3):
        again = client.get(url, headers={"accept": "text/csv"})
        head = client.head(url, headers={"accept": "text/csv"})
        unchanged = client.get(url, headers={"accept": "text/csv", "if-none-match": plain["ETag"]})
    assert (again.content, dict(again.items())) == (plain.content, dict(plain.items()))
    assert (head.content, dict(head.items())) == (b"", dict(plain.items()))
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    Package.objects.update(slug="q")
    assert client.get(url, headers={"accept": "text/csv"}).content == plain.content.replace(b'"p"', b'"q"')


def test_the_schema_describes_csv_as_text_and_only_of_lists(get: Get) -> None:
    paths = get("schema/?format=json").json()["paths"]
    of_list, of_one = (paths[f"/api/v4/packages/{path}"]["get"] for path in ("", "{reference}/"))
    types = {status: list(each.get("content", ())) for status, each in of_list["responses"].items()}
    assert types["200"] == ["application/json", "text/csv", "application/x-ndjson"]
    assert {status for status, each in types.items() if "text/csv" in each} == {"200"}
    assert of_list["responses"]["200"]["content"]["text/csv"]["schema"] == {"type": "string"}
    assert "text/csv" not in of_one["responses"]["200"]["content"]
    formats = [
        next(each["schema"]["enum"] for each in operation["parameters"] if each["name"] == "format")
        for operation in (of_list, of_one)
    ]
    assert formats == [["json", "csv", "jsonl"], ["json"]], "the page for people is none of the forms that clients read"
