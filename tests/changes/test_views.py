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

from changes.models import Change
from core.models import Revision
from grids.models import Grid
from packages.models import Package
from tests.changes.log import last
from tests.changes.mirror import Mirror, catalogue
from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory

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
    assert body == {
        "since": since,
        "until": since + 4,
        "next": None,
        "results": [
            {"number": since + 1, "kind": "membership", "action": "created", "id": member.pk, **none, **links},
            {
                "number": since + 2,
                "kind": "package",
                "action": "renamed",
                "id": package.pk,
                **none,
                "slug": "two",
                "old_slug": "one",
                "url": links["package"],
            },
            {"number": since + 3, "kind": "membership", "action": "deleted", "id": member.pk, **none, **links},
            {
                "number": since + 4,
                "kind": "grid",
                "action": "deleted",
                "id": member.grid_id,
                **none,
                "slug": grid.slug,
            },
        ],
    }
    assert list(body["results"][0]) == [
        *("number", "kind", "action", "id", "slug", "old_slug", "url", "grid", "package"),
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
        assert response.headers.get("Link") == (f'<{body["next"]}>; rel="next"' if body["next"] else None)
        address = (body["next"] or "").removeprefix("http://testserver/api/v4/")
    assert found == list(range(since + 1, since + 8))
    assert get(f"changes/?since={since + 7}").json() == {
        "since": since + 7,
        "until": since + 7,
        "next": None,
        "results": [],
    }


@pytest.mark.parametrize(
    ("query", "name", "message"),
    [
        ("since=-1", "since", "Must be a whole number from 0 up."),
        ("since=x", "since", "Must be a whole number from 0 up."),
        ("limit=0", "limit", "Must be a whole number from 1 to 1000."),
        ("limit=1001", "limit", "Must be a whole number from 1 to 1000."),
        ("offset=3", "offset", "There is no parameter “offset” here. There are: format, limit, since."),
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
