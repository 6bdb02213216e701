"""Old slugs lead to the renamed document, and the pages of the site of v3 to the documents of v4."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from packages.models import Package
from tests.core.api.test_formats import BROWSER
from tests.factories import CategoryFactory, GridFactory, PackageFactory

KINDS: tuple[tuple[str, Any], ...] = (
    ("packages", PackageFactory),
    ("grids", GridFactory),
    ("categories", CategoryFactory),
)
PAGES = (("packages/p", "packages"), ("grids/g", "grids"), ("categories", "categories"))


def rename(document: Any, slug: str) -> None:
    type(document).objects.filter(pk=document.pk).update(slug=slug)


@pytest.mark.django_db(transaction=True)
def test_an_old_slug_redirects(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for kind, factory in KINDS:
        rename(factory.create(slug="old"), "new")
        for path, query in (("old", ""), ("old/", "?x=1"), ("old/", "")):
            with django_assert_num_queries(3):
                response = client.get(f"/api/v3/{kind}/{path}{query}")
            assert (response.status_code, response["Location"]) == (301, f"/api/v3/{kind}/new/")
            assert response["Cache-Control"] == "no-store"
        assert client.head(f"/api/v3/{kind}/old/").status_code == 301
    response = client.get("/api/v3/grids/old/packages?limit=5&x=1")
    assert (response.status_code, response["Location"]) == (301, "/api/v3/grids/new/packages/?limit=5")
    PackageFactory.create(slug="old")
    assert client.get("/api/v3/packages/old/").status_code == 200, "another one has it now"


@pytest.mark.django_db(transaction=True)
def test_an_old_slug_of_digits_redirects_in_v3_alone(client: Client) -> None:
    rename(PackageFactory.create(pk=3, slug="2026"), "2027")
    assert client.get("/api/v3/packages/2026/")["Location"] == "/api/v3/packages/2027/"
    assert client.get("/api/v4/packages/2026/").status_code == 404
    assert Package.objects.get().slug == "2027"


@pytest.mark.django_db
@pytest.mark.parametrize(("page", "kind"), PAGES)
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_page_leads_to_the_document_of_v4(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, page: str, kind: str, slash: str
) -> None:
    dict(KINDS)[kind].create(slug="Some_thing-1")
    with django_assert_num_queries(0):
        response = client.get(f"/{page}/Some_thing-1{slash}?utm_source=x", headers={"accept": BROWSER})
    assert (response.status_code, response["Location"]) == (301, f"/api/v4/{kind}/Some_thing-1/")
    assert response["Cache-Control"] == "public, max-age=3600"
    assert client.get(response["Location"]).status_code == 200
    document = client.get(f"/api/v3/{kind}/Some_thing-1/").json()
    assert document["absolute_url"] == f"/{page}/Some_thing-1/"


@pytest.mark.django_db
@pytest.mark.parametrize(("page", "kind"), PAGES)
def test_a_page_of_a_slug_of_digits(client: Client, page: str, kind: str) -> None:
    """V4 reads digits as an id, which may be another document's."""
    document = dict(KINDS)[kind].create(slug="404")
    dict(KINDS)[kind].create(pk=405 + document.pk)
    assert client.get(f"/{page}/404/")["Location"] == f"/api/v4/{kind}/{document.pk}/"
    for nothing in (405 + document.pk, "9" * 30):
        assert client.get(f"/{page}/{nothing}/").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    "slug",
    [
        *(
            "",
            "%2F%2Fevil.example",
            "..%2F..%2Fadmin",
            "evil.example",
            "\\\\evil.example",
            "a/b",
            "javascript:alert(1)",
        ),
        *("a%0Ab", "a%0D%0ALocation:%20x", "%00", "%FF", "a%20b", "%C3%A9", "x%3Fy", "<script>"),
    ],
)
def test_a_strange_slug_is_not_found(client: Client, slug: str) -> None:
    for page, _ in PAGES:
        for slash in ("", "/"):
            response = client.get(f"/{page}/{slug}{slash}", headers={"accept": BROWSER})
            assert response.status_code == 404
            assert "Location" not in response
            assert response["Content-Type"] == "text/html; charset=utf-8"
            assert "Content-Security-Policy" in response


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_a_page_is_only_read(method: str) -> None:
    client = Client(enforce_csrf_checks=True)
    response = getattr(client, method)("/packages/p/x/")
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
    assert client.head("/packages/p/x/").status_code == 301
