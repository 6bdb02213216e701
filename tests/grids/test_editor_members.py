"""The packages that lines name which are pasted into the grid editor."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from changes.models import OldSlug
from grids.editor.members import MOST_LINES
from grids.models import Grid
from packages.models import Package, RepositoryAlias
from tests.factories import GridFactory, PackageFactory
from tests.grids.editing_grids import post

pytestmark = pytest.mark.django_db


@pytest.fixture
def grid() -> Grid:
    return GridFactory.create()


def package(title: str, slug: str, repo: str = "", pypi: str = "") -> Package:
    """Create a package as its form does, with what follows from its addresses."""
    package = PackageFactory.build(title=title, slug=slug, repo_url=repo, pypi_url=pypi)
    package.category.save()
    package.save()
    return package


def resolved(client: Client, grid: Grid, *lines: str) -> Any:
    response = post(client, grid, "members/", {"lines": lines})
    assert response.status_code == 200, response.json()
    return response.json()["lines"]


@pytest.mark.parametrize(
    "line",
    [
        "Django Shop",
        "dJANGO sHOP",
        "shop",
        "  shop \r",
        "django-shop2",
        "Django_Shop2",
        "https://pypi.org/project/django-shop2/",
        "https://github.com/Awesto/Django-Shop",
        "https://github.com/awesto/django-shop.git",
        "git@github.com:awesto/django-shop.git",
        "github.com/awesto/django-shop/issues",
        "awesto/django-shop",
        "https://example.org/packages/shop/",
        "https://example.org/packages/shop%00/",
        "https://github.com/former/shop",
        "old-shop",
    ],
)
def test_a_line_names_a_package(admin_client: Client, grid: Grid, line: str) -> None:
    shop = package("Django Shop", "shop", "https://github.com/awesto/django-shop", "django-shop2")
    package("Other", "other", "https://github.com/awesto/other", "other")
    former = {"repo_url": "https://github.com/former/shop", "repo_key": "github.com/former/shop"}
    RepositoryAlias.objects.create(package=shop, until=timezone.now(), **former)
    OldSlug.objects.create(kind="package", slug="old-shop", object_id=shop.pk)
    [found] = resolved(admin_client, grid, line)
    assert found == {
        "text": line.strip(),
        "package": {"id": shop.pk, "title": "Django Shop", "slug": "shop"},
        "why": "",
        "near": [],
    }


def test_a_line_that_names_several(admin_client: Client, grid: Grid) -> None:
    for name in ("a", "b"):
        package("Shop", name, "https://github.com/x/many")
    for line in ("shop", "https://github.com/x/many"):
        [found] = resolved(admin_client, grid, line)
        assert (found["package"], [each["slug"] for each in found["near"]]) == (None, ["a", "b"])
        assert found["why"] == "Several packages have this name or address: choose one."


def test_a_line_that_names_nothing_gets_near_names(admin_client: Client, grid: Grid) -> None:
    package("Django Shop", "shop")
    package("Wagtail", "wagtail")
    lines = ("Djagno Shop", "wagtial", "https://github.com/x/wagtails", "zzz", "\x00", "://", "/packages/\x00/", "%")
    found = resolved(admin_client, grid, *lines)
    near = [[each["title"] for each in line["near"]] for line in found]
    assert near[:4] == [["Django Shop"], ["Wagtail"], ["Wagtail"], []]
    assert {line["why"] for line in found} == {"No package has this title, slug, PyPI project or repository."}


def test_lines_are_taken_once_and_in_their_order(admin_client: Client, grid: Grid) -> None:
    assert [each["text"] for each in resolved(admin_client, grid, "b", "", "a", " b ", "  ")] == ["b", "a"]


def test_the_number_of_queries_is_that_of_one_line(admin_client: Client, grid: Grid) -> None:
    PackageFactory.create_batch(3)
    numbers = []
    for lines in (["a/b"], [f"a/package-{n}" for n in range(MOST_LINES)]):
        with CaptureQueriesContext(connection) as queries:
            resolved(admin_client, grid, *lines)
        numbers.append(len(queries))
    assert numbers == [6, 6], "session, user; aliases, former slugs, packages; near names"


def test_bounds(admin_client: Client, grid: Grid) -> None:
    response = post(admin_client, grid, "members/", {"lines": ["x"] * (MOST_LINES + 1)})
    assert response.status_code == 400
    assert "at most 200 items" in response.json()["detail"]
    assert len(resolved(admin_client, grid, "x" * 100_000)[0]["text"]) == 500
