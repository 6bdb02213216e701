"""The `documents` of a change: exactly those that it shows in, by comparing all documents before and after each kind of
write."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from categories.models import Category
from grids.models import Cell, Feature, Grid, GridPackage
from packages.models import Package, Release, Snapshot
from tests.changes.log import last
from tests.conftest import Get
from tests.factories import CategoryFactory, CellFactory, FeatureFactory, GridFactory, PackageFactory

# Numbers are given at commit: in a test that never commits there would be none.
pytestmark = pytest.mark.django_db(transaction=True)
KINDS = ("categories", "packages", "grids", "features")


@pytest.fixture
def _catalogue() -> None:
    """Two grids with two packages each, one of them in both, with a feature and cells; and a document of each kind that
    nothing belongs to."""
    category = CategoryFactory.create(id=1)
    CategoryFactory.create(id=2)
    for pk in (1, 2, 3):
        package = PackageFactory.create(id=pk, category=category, title=f"Package {pk}", slug=f"p{pk}")
        Release.objects.create(package=package, version="1.0")
    for grid, members in ((1, (1, 2)), (2, (2, 3))):
        feature = FeatureFactory.create(id=grid, grid=GridFactory.create(id=grid, slug=f"g{grid}"))
        for package_id in members:
            member = GridPackage.objects.create(grid=feature.grid, package_id=package_id)
            CellFactory.create(feature=feature, membership=member)
    PackageFactory.create(id=4, category=category, slug="p4")
    GridFactory.create(id=3, slug="g3")
    Feature.objects.create(id=3, grid_id=3, title="Maps")
    GridPackage.objects.create(grid_id=3, package_id=4)
    PackageFactory.create(id=6, category=category, slug="p6")


def documents(get: Get) -> dict[str, Any]:
    """Return all documents by their URLs, and the releases of all packages."""
    found: dict[str, Any] = {}
    for kind in KINDS:
        for document in get(f"{kind}/?limit=100").json()["results"]:
            found[f"{kind}/{document['id']}/"] = document
    for package in [url for url in found if url.startswith("packages/")]:
        url = f"{package}releases/?limit=1000"
        found[url] = get(url).json()
    return found


def package(pk: int) -> list[str]:
    """Return the documents of a package that is logged itself."""
    return [f"packages/{pk}/", f"packages/{pk}/releases/?limit=1000"]


def _delete_package() -> None:
    Package.objects.get(pk=2).delete()


WRITES: dict[str, tuple[Callable[[], object], list[str]]] = {
    "a category that comes": (lambda: CategoryFactory.create(id=33), ["categories/33/"]),
    "a category that is edited": (lambda: Category.objects.filter(pk=1).update(title="x"), ["categories/1/"]),
    "a category that is renamed": (lambda: Category.objects.filter(pk=1).update(slug="x"), ["categories/1/"]),
    "a category that goes": (lambda: Category.objects.filter(pk=2).delete(), []),
    "a package that comes": (lambda: PackageFactory.create(id=5, category=_category()), package(5)),
    "a fact of a package": (lambda: Package.objects.filter(pk=2).update(repo_watchers=7), package(2)),
    "a package of another category": (lambda: Package.objects.filter(pk=2).update(category=2), package(2)),
    "a package that is renamed": (lambda: Package.objects.filter(pk=2).update(slug="x"), package(2)),
    "a package with another title": (
        lambda: Package.objects.filter(pk=2).update(title="zz"),
        [*package(2), "grids/1/", "grids/2/"],
    ),
    "a package in no grid that goes": (lambda: Package.objects.filter(pk=6).delete(), []),
    "a package in two grids that goes": (_delete_package, ["grids/1/", "grids/2/", "features/1/", "features/2/"]),
    "a release that comes": (lambda: Release.objects.create(package_id=1, version="2"), package(1)),
    "a release that is yanked": (lambda: Release.objects.filter(package=1).update(yanked=True), package(1)),
    "a release that goes": (lambda: Release.objects.filter(package=1).delete(), package(1)),
    "a grid that comes": (lambda: GridFactory.create(id=4), ["grids/4/"]),
    "a grid that is edited": (lambda: Grid.objects.filter(pk=1).update(title="x", description="y"), ["grids/1/"]),
    "a grid that is renamed": (lambda: Grid.objects.filter(pk=1).update(slug="x"), ["grids/1/"]),
    "a grid that goes": (lambda: Grid.objects.get(pk=1).delete(), ["packages/1/", "packages/2/"]),
    "a membership that comes": (
        lambda: GridPackage.objects.create(grid_id=3, package_id=6),
        ["grids/3/", "packages/6/"],
    ),
    "a membership at another place": (
        lambda: GridPackage.objects.filter(grid=2, package=2).update(position=0),
        ["packages/2/"],
    ),
    "a membership that goes": (
        lambda: GridPackage.objects.filter(grid=1, package=2).delete(),
        ["grids/1/", "packages/2/", "features/1/"],
    ),
    "a membership that moves": (
        lambda: GridPackage.objects.filter(grid=3).update(package=1),
        ["grids/3/", "packages/1/", "packages/4/"],
    ),
    "a feature that comes": (lambda: Feature.objects.create(id=4, grid_id=1, title="Maps"), ["features/4/"]),
    "a feature that is edited": (lambda: Feature.objects.filter(pk=1).update(title="x"), ["features/1/"]),
    "a feature that goes": (lambda: Feature.objects.get(pk=1).delete(), []),
    "a cell that comes": (
        lambda: Cell.objects.create(feature_id=3, membership=_member(3, 4), text="yes"),
        ["features/3/"],
    ),
    "a cell that is edited": (lambda: Cell.objects.filter(feature=1).update(text="no"), ["features/1/"]),
    "a cell that goes": (lambda: Cell.objects.filter(feature=1).delete(), ["features/1/"]),
    "what no document shows": (lambda: Snapshot.objects.create(package_id=1, day=timezone.now(), stars=1), []),
}


def _category() -> Category:
    return Category.objects.get(pk=1)


def _member(grid: int, package_id: int) -> GridPackage:
    return GridPackage.objects.get(grid=grid, package=package_id)


@pytest.mark.usefixtures("_catalogue")
@pytest.mark.parametrize(("write", "expected"), WRITES.values(), ids=WRITES.keys())
def test_documents(get: Get, write: Callable[[], object], expected: list[str]) -> None:
    before, since = documents(get), last()
    write()
    after = documents(get)
    results = get(f"changes/?since={since}&limit=1000").json()["results"]
    urls = [url.removeprefix("http://testserver/api/v4/") for result in results for url in result["documents"]]
    assert all(len(set(result["documents"])) == len(result["documents"]) for result in results)
    listed = {url for url in urls if url in after}  # the others are deleted, as the log says later
    assert listed == set(expected)
    changed = {url for url, document in after.items() if before.get(url) != document}
    assert changed <= listed
    # Which column of a package has changed is not logged: its document or its releases may be what they were. And
    # another title need not move it in the order of a grid.
    packages = {url for result in results if result["kind"] == "package" for url in package(result["id"])}
    grids = {f"grids/{result['id']}/" for result in results if result["kind"] == "grid"}
    assert listed - changed <= packages | grids
    assert changed or not listed
    gone = {f"{_plural(result['kind'])}/{result['id']}/" for result in results if result["action"] == "deleted"}
    assert {url for url in before.keys() - after.keys() if "releases" not in url} == gone & before.keys()


def _plural(kind: str) -> str:
    return {"category": "categories", "membership": "", "cell": ""}.get(kind, f"{kind}s")


@pytest.mark.usefixtures("_catalogue")
def test_a_fetch_that_finds_no_change_is_none(get: Get) -> None:
    since = last()
    Package.objects.update(last_fetched=timezone.now(), stars_30d=3)
    assert get(f"changes/?since={since}").json()["results"] == []


@pytest.mark.usefixtures("_catalogue")
def test_the_urls_lead_to_the_documents(get: Get) -> None:
    """In the format that was requested, each under the URL that other documents have for it."""
    for result in get("changes/?limit=1000&format=json").json()["results"]:
        for url in result["documents"]:
            assert "format=json" in url
            assert get(url.removeprefix("http://testserver/api/v4/")).status_code == 200
        if result["url"]:
            assert result["documents"][0] == result["url"]
