"""The filters of GET /api/v4/grids/ and /categories/."""

from typing import Any
from urllib.parse import urlencode

import pytest

from packages.health.verdicts import Verdict, rank
from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db


def slugs(get: Get, kind: str, **parameters: Any) -> list[str]:
    response = get(f"{kind}/?{urlencode(parameters)}")
    assert response.status_code == 200, response.content
    return [document["slug"] for document in response.json()["results"]]


@pytest.mark.parametrize(("kind", "factory"), [("grids", GridFactory), ("categories", CategoryFactory)])
def test_q(get: Get, kind: str, factory: Any) -> None:
    factory.create(slug="a", title="Wagtail things")
    factory.create(slug="b-wagtail", title="x")
    factory.create(slug="c", title="x", description="for WAGTAIL sites")
    factory.create(slug="d", title="x", description="for others")
    assert slugs(get, kind, q="wagtail") == ["c", "b-wagtail", "a"]
    assert slugs(get, kind, q="wagtail for") == ["c"]
    assert slugs(get, kind, q="nothing") == []
    assert get(f"{kind}/?q={'x' * 501}").status_code == 400


def test_grids_of_a_package(get: Get) -> None:
    package, other = PackageFactory.create(slug="p"), PackageFactory.create(slug="o")
    for slug, members in (("a", [package]), ("b", [package, other]), ("c", [other]), ("d", [])):
        grid = GridFactory.create(slug=slug)
        for member in members:
            MembershipFactory.create(grid=grid, package=member)
    assert slugs(get, "grids", package="p") == slugs(get, "grids", package=package.pk) == ["b", "a"]
    assert slugs(get, "grids", package=f"p,{other.pk}") == ["c", "b", "a"]
    assert slugs(get, "grids", package="nope") == slugs(get, "grids", package="999999") == []
    assert get("grids/?package=a+b").json() == {"package": ["“a b” is neither an id nor a slug, like ralph."]}


@pytest.mark.parametrize(("kind", "factory"), [("grids", GridFactory), ("categories", CategoryFactory)])
def test_ids_slugs_and_time(get: Get, kind: str, factory: Any) -> None:
    a, b, c = (factory.create(slug=slug) for slug in "abc")
    assert slugs(get, kind, id__in=f"{a.pk},{c.pk},999999") == ["c", "a"]
    assert slugs(get, kind, slug__in="b, a,nothing") == ["b", "a"]
    assert slugs(get, kind, id__in=f"{a.pk},{b.pk}", slug__in="b,c") == ["b"]
    factory._meta.model.objects.filter(pk=a.pk).update(modified="2026-01-01T00:00:00Z")
    factory._meta.model.objects.exclude(pk=a.pk).update(modified="2026-01-03T00:00:00Z")
    assert slugs(get, kind, modified__gte="2026-01-02") == ["c", "b"]
    assert slugs(get, kind, modified__gte="2026-01-03T00:00:01Z") == []


def test_grids_without_a_package_of_some_levels(get: Get) -> None:
    verdicts: dict[str, list[Verdict]] = {"a": ["thriving", "gone"], "b": ["quiet"], "c": ["gone"], "d": ["unknown"]}
    for slug in ("a", "b", "c", "d", "e"):
        grid = GridFactory.create(slug=slug)
        for verdict in verdicts.get(slug, []):
            MembershipFactory.create(grid=grid, package=PackageFactory.create(verdict_rank=rank(verdict)))
    assert slugs(get, "grids", without_level="good") == ["e", "d", "c", "b"]
    assert slugs(get, "grids", without_level="good,fair") == ["e", "d", "c"]
    assert slugs(get, "grids", without_level="good,fair,poor,none") == ["e"]
    assert get("grids/?without_level=god").json()["without_level"][0].startswith("There is no level “god” here.")


@pytest.mark.parametrize("name", ["header", "is_locked"])
def test_flags(get: Get, name: str) -> None:
    GridFactory.create(slug="y", **{name: True})
    GridFactory.create(slug="n", **{name: False})
    assert slugs(get, "grids", **{name: "true"}) == ["y"]
    assert slugs(get, "grids", **{name: "false"}) == ["n"]
    assert get(f"grids/?{name}=x").json() == {name: ["Must be true or false."]}


def test_typical_requests_of_clients(get: Get) -> None:
    """All grids on one page; grids by a word; a search, then the package by its slug; a category by its slug."""
    for number in range(120):
        GridFactory.create(slug=f"g{number}", title="Wagtail" if number % 2 else "Other")
    assert len(get("grids/?limit=500").json()["results"]) == 120
    wagtail = get("grids/?q=wagtail&limit=500").json()["results"]
    assert len(wagtail) == 60
    assert {grid["title"] for grid in wagtail} == {"Wagtail"}
    PackageFactory.create(slug="django-ralph", title="Ralph", category=CategoryFactory.create(slug="apps"))
    slug = get("search/?q=ralph").json()[0]["slug"]
    package = get(f"packages/{slug}/").json()
    assert package["title"] == "Ralph"
    assert package["category"].endswith(f"/{get('categories/apps/').json()['id']}/")
