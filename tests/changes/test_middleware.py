"""Former slugs redirect to the document."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from changes.models import OldSlug
from packages.models import Package
from tests.factories import CategoryFactory, GridFactory, PackageFactory

# Numbers are given at commit: in a test that never commits there would be none.
pytestmark = pytest.mark.django_db(transaction=True)


def test_old_slugs_lead_to_the_new_one(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    package = PackageFactory.create(slug="a")
    for slug in ("b", "c"):
        Package.objects.filter(pk=package.pk).update(slug=slug)
    for old in ("a", "b"):
        for below in ("", "releases/", "history/"):
            response = client.get(f"/api/v4/packages/{old}/{below}?format=json")
            assert response.status_code == 301
            assert response["Location"] == f"/api/v4/packages/c/{below}?format=json"
    with django_assert_num_queries(2):
        assert client.get("/api/v4/packages/c/").status_code == 200
    PackageFactory.create(slug="a")
    assert client.get("/api/v4/packages/a/").status_code == 200, "another stands there now"
    Package.objects.filter(pk=package.pk).update(slug="b")
    assert client.get("/api/v4/packages/c/")["Location"] == "/api/v4/packages/b/"
    assert client.get("/api/v4/packages/b/").status_code == 200
    Package.objects.filter(pk=package.pk).delete()
    assert client.get("/api/v4/packages/c/").status_code == 404
    assert not OldSlug.objects.filter(object_id=package.pk).exists()


@pytest.mark.parametrize(("factory", "kind"), [(GridFactory, "grids"), (CategoryFactory, "categories")])
def test_old_slugs_of_other_kinds(client: Client, factory: Any, kind: str) -> None:
    document = factory.create(slug="old")
    PackageFactory.create(slug="new")
    type(document).objects.filter(pk=document.pk).update(slug="new")
    assert client.get(f"/api/v4/{kind}/old/")["Location"] == f"/api/v4/{kind}/new/"
    assert client.get("/api/v4/packages/old/").status_code == 404
