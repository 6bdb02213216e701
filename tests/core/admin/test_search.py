"""The search in admin and in its autocompletes: it finds what the API's search finds, best first."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from core.admin import search
from packages.models import FetchState, Package
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db
QUERIES = (
    "django rest framework",
    '"rest framework"',
    "framework for web apis",
    "rest -framework",
    "django",
    "auth",
    "celry",  # a typing error
    "apps",  # a category
    "no such thing",
    "-django",
    "!!!",
    "%",
    "x" * 501,
)
ODD_QUERIES = "q=%00 q=a%00b q=%ff q=%22unclosed q=' q=%5C q=:*%20NOT( q=a&o=99 q=a&o=- q=a&p=0 q=a&p=-1 q=a&p=x"
ODD_QUERIES += " q=a&p=99999999999999999999 q=a&all= q=a&_facets=True q=a&_popup=1 slug=%00 slug__in=a,%00 e=%00"
ODD_QUERIES += " q=" + "w+" * 600


def listed(client: Client, kind: str, **parameters: Any) -> list[str]:
    """Return the slugs of a list in admin, in its order."""
    page: Any = client.get(f"/admin/{kind}s/{kind}/", parameters)
    assert page.status_code == 200
    return [document.slug for document in page.context_data["cl"].result_list]


def completed(client: Client, field: str, term: str, page: int = 1) -> tuple[list[str], bool]:
    """Return the titles that an autocomplete of a membership offers, and whether there are more."""
    parameters: dict[str, str | int] = {"app_label": "grids", "model_name": "gridpackage", "field_name": field}
    response = client.get("/admin/autocomplete/", parameters | {"term": term, "page": page})
    assert response.status_code == 200
    document = response.json()
    return [result["text"] for result in document["results"]], document["pagination"]["more"]


def packages(titles: Sequence[str], **columns: Any) -> None:
    """Create packages, each with more watchers than those after it."""
    category = CategoryFactory.create()
    Package.objects.bulk_create(
        Package(title=title, slug=f"p{place}", category=category, repo_watchers=2 ** (20 - place % 20), **columns)
        for place, title in enumerate(titles)
    )


@pytest.mark.parametrize("kind", ["package", "grid"])
def test_admin_finds_what_the_api_finds(admin_client: Client, kind: str) -> None:
    call_command("load_sample")
    for query in QUERIES:
        response = admin_client.get("/api/v4/search/", {"q": query, "type": kind, "limit": "100"})
        hits = response.json() if len(query) <= 500 else []
        assert listed(admin_client, kind, q=query, all="") == [hit["slug"] for hit in hits], query
        assert completed(admin_client, kind, query)[0] == [hit["title"] for hit in hits][:20], query


def test_the_best_come_first_unless_a_column_is_clicked(admin_client: Client) -> None:
    packages(["Zebra", "A zebra", "Zebras"])
    best_first, by_title = ["p0", "p2", "p1"], ["p1", "p0", "p2"]
    assert listed(admin_client, "package", q="zebra") == best_first
    assert listed(admin_client, "package", q="zebra", o="") == best_first
    assert listed(admin_client, "package", q="zebra", o="1") == by_title
    assert listed(admin_client, "package", q="zebra", o="-1") == by_title[::-1]
    assert listed(admin_client, "package") == by_title
    assert listed(admin_client, "package", q="   ") == by_title


def test_no_column_is_marked_as_sorted_by_when_the_best_come_first(admin_client: Client) -> None:
    packages(["Zebra"])
    for parameters, marked in (("q=zebra", 0), ("q=zebra&o=1", 1), ("", 1)):
        page = admin_client.get(f"/admin/packages/package/?{parameters}").content
        assert page.count(b'class="sortable column-title sorted') == marked


def test_pages_of_a_search(admin_client: Client) -> None:
    packages([f"Zebra {place:03}" for place in range(120)])
    everything = listed(admin_client, "package", q="zebra", all="")
    assert len(set(everything)) == 120
    pages = [listed(admin_client, "package", q="zebra", p=page) for page in (1, 2, 3)]
    assert [slug for page in pages for slug in page] == everything
    assert admin_client.get("/admin/packages/package/", {"q": "zebra", "p": "4"}).status_code == 302
    offered = [completed(admin_client, "package", "zebra", page) for page in range(1, 7)]
    assert [more for _, more in offered] == [True] * 5 + [False]
    titles = dict(Package.objects.values_list("slug", "title"))
    assert [title for page, _ in offered for title in page] == [titles[slug] for slug in everything]


def test_filters_select_among_all_that_is_found(admin_client: Client) -> None:
    packages([f"Zebra {place:03}" for place in range(60)])
    last = PackageFactory.create(slug="last", title="A last zebra", deprecated=True)
    for source in ("repo", "pypi"):
        FetchState.objects.create(package=last, source=source, outcome="ok", next_due=last.created)
    FetchState.objects.create(
        package=Package.objects.get(slug="p7"), source="repo", outcome="ok", next_due=last.created
    )
    assert listed(admin_client, "package", q="zebra", deprecated__exact="1") == ["last"]
    assert listed(admin_client, "package", q="zebra", fetch_states__outcome__exact="ok") == ["p7", "last"]


def test_grids_are_counted_beside_a_search(admin_client: Client) -> None:
    grid = GridFactory.create(title="Zebras")
    GridFactory.create(title="Grid of zebras")
    MembershipFactory.create_batch(3, grid=grid)
    page: Any = admin_client.get("/admin/grids/grid/", {"q": "zebras"})
    rows = [(each.title, each.number_of_packages) for each in page.context_data["cl"].result_list]
    assert rows == [("Zebras", 3), ("Grid of zebras", 0)]


def test_a_repository_finds_its_packages(admin_client: Client) -> None:
    PackageFactory.create(slug="here", repo_url="https://github.com/hay/stack")
    PackageFactory.create(slug="there", repo_url="https://a.test/hay/stack")
    PackageFactory.create(slug="none", repo_url="")
    for url, found in (
        ("hay/stack", {"here", "there"}),
        ("https://a.test/hay/stack", {"there"}),
        ("https://github.com/Hay/stack", {"here"}),
        ("git@github.com:hay/stack.git", {"here"}),
        ("https://github.com/hay/other", set()),
    ):
        assert set(listed(admin_client, "package", q=url)) == found


def test_categories_are_still_found_by_parts_of_words(admin_client: Client) -> None:
    CategoryFactory.create(title="Frameworks")
    page: Any = admin_client.get("/admin/categories/category/", {"q": "mework"})
    assert [category.title for category in page.context_data["cl"].result_list] == ["Frameworks"]


def test_no_more_than_the_best_are_read(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    packages([f"Zebra {place:03}" for place in range(10)])
    monkeypatch.setattr(search, "MAX_FOUND", 4)
    assert listed(admin_client, "package", q="zebra") == ["p0", "p1", "p2", "p3"]


def test_queries_of_a_search_do_not_grow_with_its_rows(
    admin_client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    packages([f"Zebra {place}" for place in range(6)])  # with fewer, similar names are looked for too
    listed(admin_client, "package", q="zebra")  # content types are looked up once a process
    with CaptureQueriesContext(connection) as few:
        listed(admin_client, "package", q="zebra")
    assert len(few) <= 15
    for _ in range(20):
        PackageFactory.create(title="Zebra")
    with django_assert_num_queries(len(few)):
        assert len(listed(admin_client, "package", q="zebra")) == 26


@pytest.mark.parametrize("kind", ["packages/package", "grids/grid", "categories/category"])
def test_odd_queries_are_no_server_errors(admin_client: Client, kind: str) -> None:
    MembershipFactory.create()
    for odd in ODD_QUERIES.split():
        page = admin_client.get(f"/admin/{kind}/?{odd}")
        assert page.status_code == 200 or page.headers["Location"].endswith("?e=1"), odd


@pytest.mark.parametrize("field", ["category", "replaced_by"])
def test_odd_terms_are_no_server_errors(admin_client: Client, field: str) -> None:
    PackageFactory.create(title="package", category__title="package")
    parameters = {"app_label": "packages", "model_name": "package", "field_name": field}
    for term in ("\x00", "pack\x00age", "%", "!!!", "x" * 600, "w " * 600):
        results = admin_client.get("/admin/autocomplete/", {**parameters, "term": term}).json()["results"]
        assert bool(results) is (term.replace("\x00", "") in {"", "package"}), term
