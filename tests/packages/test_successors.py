"""Successors: no chain of them is a cycle."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from packages.models import Package
from packages.successors import last_link
from tests.factories import CategoryFactory, PackageFactory
from tests.threads import in_background

pytestmark = pytest.mark.django_db


def chain(titles: Sequence[str]) -> list[Package]:
    """Create packages of which each is replaced by the next one."""
    packages: list[Package] = []
    for title in reversed(titles):
        packages.insert(0, PackageFactory.create(title=title, replaced_by=packages[0] if packages else None))
    return packages


def save(client: Client, package: Package, successor: Package | None, **changes: Any) -> list[str]:
    """Save the form of a package in admin, and return the errors of its successor."""
    form: dict[str, Any] = {"title": package.title, "slug": package.slug, "category": package.category.pk}
    form |= {"repo_url": package.repo_url, "replaced_by": successor.pk if successor else ""} | changes
    for formset in ("memberships", "pins", "fetch_states", "aliases", "releases"):
        form |= {f"{formset}-{part}_FORMS": 0 for part in ("TOTAL", "INITIAL")}
    response: Any = client.post(f"/admin/packages/package/{package.pk}/change/", form)
    if response.status_code == 302:
        return []
    errors: list[str] = response.context_data["adminform"].form.errors["replaced_by"]
    return errors


def test_a_cycle_of_two_is_refused(admin_client: Client) -> None:
    old, new = chain(["Old", "New"])
    assert save(admin_client, new, old) == ["“Old” is itself replaced by this package."]
    new.refresh_from_db()
    assert new.replaced_by is None


@pytest.mark.parametrize("length", [3, 4, 40])
def test_a_longer_cycle_is_refused(admin_client: Client, length: int) -> None:
    first, *_, before_last, last = chain([f"P{number}" for number in range(length)])
    message = f"“P0” leads to “{before_last}”, which is itself replaced by this package."
    assert save(admin_client, last, first) == [message]
    assert not Package.objects.get(pk=last.pk).replaced_by


def test_a_successor_that_closes_no_cycle_is_saved(admin_client: Client) -> None:
    first, second, third = chain(["A", "B", "C"])
    fourth, _ = chain(["D", "E"])
    assert save(admin_client, third, fourth) == []
    assert save(admin_client, first, third) == []
    assert save(admin_client, second, None) == []
    chosen = dict(Package.objects.values_list("title", "replaced_by__title"))
    assert chosen == {"A": "C", "B": None, "C": "D", "D": "E", "E": None}


def test_a_package_in_a_cycle_made_by_hand_can_be_saved_and_taken_out(admin_client: Client) -> None:
    first, second = chain(["A", "B"])
    Package.objects.filter(pk=second.pk).update(replaced_by=first)
    outside = PackageFactory.create()
    assert save(admin_client, outside, first) == []
    assert save(admin_client, second, first, title="B, changed") == []
    assert save(admin_client, second, None) == []


def test_one_query_however_long_the_chain(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    short, long = chain(["A", "B"]), chain([f"P{number}" for number in range(30)])
    with CaptureQueriesContext(connection) as queries:
        assert last_link(short[0], short[1]) == short[0]
    assert len(queries) == (2 if connection.vendor == "postgresql" else 1)
    with django_assert_num_queries(len(queries)):
        assert last_link(long[0], long[-1]) == long[-2]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_two_editors_cannot_close_a_cycle_together() -> None:
    first, second = PackageFactory.create_batch(2, category=CategoryFactory.create())
    client = Client()
    client.force_login(User.objects.create_superuser("editor", password="x"))
    refused: list[str] = []
    with transaction.atomic():
        assert last_link(second, first) is None
        other = in_background(lambda: refused.extend(save(client, second, first)))
        other.join(1)
        assert other.is_alive(), "it waits for the end of this transaction"
        Package.objects.filter(pk=first.pk).update(replaced_by=second)
    other.result()
    assert refused == [f"“{first}” is itself replaced by this package."]
