"""GET /api/v4/changes/: a mirror that follows it has the whole catalogue, however it was written."""

from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from changes.log import _of_kinds
from changes.models import Change
from core.database.prepared import PLACEHOLDER_ID
from core.models import Revision
from grids.models import Grid
from packages.models import Package
from tests.changes.log import last
from tests.changes.mirror import Mirror, catalogue
from tests.conftest import Get
from tests.factories import CategoryFactory, CellFactory, GridFactory, MembershipFactory, PackageFactory

# Numbers are given at commit: in a test that never commits there would be none.
pytestmark = pytest.mark.django_db(transaction=True)
postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")


def test_the_body(get: Get) -> None:
    package = PackageFactory.create(slug="one")
    grid = GridFactory.create()
    since = last()
    member = MembershipFactory.create(grid=grid, package=package)
    Package.objects.filter(pk=package.pk).update(slug="two")
    grid.delete()
    body = get(f"changes/?since={since}").json()
    times = [result.pop("at") for result in body["results"]]
    assert all(datetime.fromisoformat(at).tzinfo is not None for at in times)
    assert times == sorted(times)
    links = {"grid": f"http://testserver/api/v4/grids/{grid.pk or member.grid_id}/"}
    links["package"] = f"http://testserver/api/v4/packages/{package.pk}/"
    none = {"slug": "", "old_slug": "", "url": None, "grid": None, "package": None}
    membership = {"kind": "membership", "id": member.pk, **none, **links, "documents": list(links.values())}
    renamed = {"kind": "package", "action": "renamed", "id": package.pk, **none, "slug": "two", "old_slug": "one"}
    shown_in = [links["package"], f"{links['package']}releases/?limit=1000"]
    deleted = {"kind": "grid", "action": "deleted", "id": member.grid_id, **none, "slug": grid.slug}
    assert body == {
        "since": since,
        "until": since + 4,
        "newest": since + 4,
        "next": None,
        "results": [
            {"number": since + 1, **membership, "action": "created"},
            {"number": since + 2, **renamed, "url": links["package"], "documents": shown_in},
            {"number": since + 3, **membership, "action": "deleted"},
            {"number": since + 4, **deleted, "documents": []},
        ],
    }
    assert list(body["results"][0]) == [
        *("number", "kind", "action", "id", "slug", "old_slug", "url", "grid", "package"),
        "documents",
    ]


def test_pages(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    since = last()
    CategoryFactory.create_batch(7)
    found: list[int] = []
    address = f"changes/?limit=3&since={since}"
    while address:
        with django_assert_num_queries(3):
            response = get(address)
        body = response.json()
        found += [result["number"] for result in body["results"]]
        assert body["until"] == found[-1]
        assert body["newest"] == since + 7
        assert response.headers.get("Link") == (f'<{body["next"]}>; rel="next"' if body["next"] else None)
        address = (body["next"] or "").removeprefix("http://testserver/api/v4/")
    assert found == list(range(since + 1, since + 8))
    assert get(f"changes/?since={since + 7}").json() == {
        "since": since + 7,
        "until": since + 7,
        "newest": since + 7,
        "next": None,
        "results": [],
    }


def test_of_some_kinds(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Each page leads on to the next, and the last one to the end of the log, whatever is there."""
    since = last()
    for _ in range(3):
        MembershipFactory.create()  # with a grid, a package and its category
    CellFactory.create()
    end = last()

    def walk(kinds: str, limit: int) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        address = f"changes/?kind={kinds}&limit={limit}&since={since}"
        while address:
            with django_assert_num_queries(3):
                body = get(address).json()
            assert len(body["results"]) == limit or body["next"] is None
            found += [(result["number"], result["kind"]) for result in body["results"]]
            address = (body["next"] or "").removeprefix("http://testserver/api/v4/")
            assert body["until"] == (found[-1][0] if address else end)
            assert body["newest"] == end
        return found

    everything = list(Change.objects.filter(number__gt=since).order_by("number").values_list("number", "kind"))
    for kinds in ("grid", "cell", "package,grid", "membership,category,feature", ",".join(Change.KINDS)):
        wanted = [row for row in everything if row[1] in kinds.split(",")]
        assert wanted
        for limit in (1, 2, len(wanted), 100):
            assert walk(kinds, limit) == wanted
    nothing: dict[str, Any] = {"since": end, "until": end, "newest": end, "next": None, "results": []}
    assert get(f"changes/?kind=cell&since={end}").json() == nothing
    assert get(f"changes/?kind=cell&since={end - 1}").json()["results"]
    CategoryFactory.create()
    assert get(f"changes/?kind=cell&since={end}").json() == {**nothing, "until": end + 1, "newest": end + 1}


def test_kinds_that_are_given_one_by_one(get: Get) -> None:
    """A list as some clients send it has one URL with commas."""
    response = get("changes/?kind=grid&since=0&kind=package")
    assert (response.status_code, response["Location"]) == (
        302,
        "http://testserver/api/v4/changes/?kind=grid%2Cpackage&since=0",
    )
    assert get("changes/?kind=grid&kind=").json()["kind"] == ["Empty; give it a value or leave it out."]


@postgresql
def test_what_is_logged_while_kinds_are_read_is_not_skipped(get: Get) -> None:
    """`until` is no number of the time after the rows were read."""
    CategoryFactory.create()
    end = last()
    statements = count(1)

    def write_after_the_log_was_read(execute: Callable[..., Any], *statement: Any) -> Any:
        result = execute(*statement)
        if next(statements) == 2:  # the first one reads the revisions
            GridFactory.create()
        return result

    with connection.execute_wrapper(write_after_the_log_was_read):
        body = get(f"changes/?since={end}&kind=grid").json()
    assert (body["results"], body["until"], body["newest"]) == ([], end, end + 1)


@postgresql
def test_a_rare_kind_is_read_by_its_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO changes_change (number, at, kind, action, object_id, slug, old_slug)"
            " SELECT each, now(), 'package', 'changed', each, '', '' FROM generate_series(1, 20000) AS each"
        )
        cursor.execute("ANALYZE changes_change")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {_of_kinds().query}".replace(str(PLACEHOLDER_ID), "7"))
        plan = str(cursor.fetchone())
    assert plan.count("'change_kind'") >= len(Change.KINDS) - 1


@pytest.mark.parametrize(
    ("query", "name", "message"),
    [
        ("since=-1", "since", "Must be a whole number from 0 up."),
        ("since=x", "since", "Must be a whole number from 0 up."),
        ("limit=0", "limit", "Must be a whole number from 1 to 1000."),
        ("limit=1001", "limit", "Must be a whole number from 1 to 1000."),
        (
            "kind=package,grids",
            "kind",
            "There is no kind “grids” here. Did you mean “grid”? There are: category, cell, feature, grid, membership,"
            " package.",
        ),
        ("kind=package,", "kind", "An empty value stands between two commas. Write category,package, for example."),
        (
            "offset=3",
            "offset",
            "There is no parameter “offset” here. Write since=0 here to begin, then follow “next”. There are: bom,"
            " format, kind, limit, since.",
        ),
    ],
)
def test_wrong_parameters(get: Get, query: str, name: str, message: str) -> None:
    response = get(f"changes/?{query}")
    assert response.status_code == 400
    assert response.json() == {name: [message]}


def test_a_number_beyond_the_end_is_another_catalogues(get: Get) -> None:
    CategoryFactory.create()
    end = last()
    response = get(f"changes/?since={end + 1}")
    assert response.status_code == 400
    assert f"The log ends at {end}" in response.json()["since"][0]


def test_the_end_is_known_without_its_counter(get: Get) -> None:
    CategoryFactory.create_batch(2)
    end = last()
    Revision.objects.filter(kind=Revision.LOG).delete()
    assert get(f"changes/?since={end - 1}").json()["until"] == end
    assert get(f"changes/?since={end + 1}").status_code == 400


def test_an_empty_mirror_rebuilds_the_catalogue(client: Client) -> None:
    call_command("load_sample", verbosity=0)
    mirror = Mirror(client)
    mirror.follow()
    assert (mirror.documents, mirror.memberships) == catalogue(client)
    assert len(mirror.documents) > 50
    Package.objects.filter(pk__in=list(Package.objects.values_list("pk", flat=True)[:9])).delete()
    Package.objects.filter(slug__startswith="django-").update(repo_forks=3)
    Grid.objects.all()[0].delete()
    MembershipFactory.create_batch(3)
    one = Package.objects.all()[0]
    Package.objects.filter(pk=one.pk).update(slug="renamed")
    mirror.follow()
    assert (mirror.documents, mirror.memberships) == catalogue(client)


@postgresql
def test_pruning_while_the_log_is_read_leaves_no_gap(get: Get) -> None:
    CategoryFactory.create_batch(6)
    end = last()
    statements = count(1)

    def prune_after_the_log_was_read(execute: Callable[..., Any], *statement: Any) -> Any:
        result = execute(*statement)
        if next(statements) == 2:  # the first one reads the revisions
            Change.objects.filter(number__lte=end - 2).delete()
        return result

    with connection.execute_wrapper(prune_after_the_log_was_read):
        response = get(f"changes/?since={end - 5}")
    assert Change.objects.count() == 2
    assert response.status_code == 410
