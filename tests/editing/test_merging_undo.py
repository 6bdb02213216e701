"""Undoing a merge: the packages, and all that was theirs, are as they were before."""

from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from changes.models import OldSlug
from editing.models import EditBatch
from editing.undo import undo
from grids.models import Cell, GridPackage
from packages.models import Package, Pin, RepositoryAlias, Snapshot
from packages.pins import write
from packages.settling.update import update_health
from tests.conftest import Get
from tests.editing.test_merging import NOW, in_one_grid, merge, whole
from tests.editing.test_undo import everything
from tests.factories import CellFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> User:
    return User.objects.create_superuser("anna", password="x")


def served(get: Get) -> dict[str, Any]:
    """Return all documents, without the times of the last save and what is settled or fetched anew."""
    result: dict[str, Any] = {}
    for kind in ("packages", "grids", "features"):
        documents = get(f"{kind}/?limit=100&fields=all").json()["results"]
        for document in documents:
            document.pop("modified")
            document["health"] = (document.get("health") or {}).get("verdict")
            for cell in document.get("cells", ()):
                cell.pop("modified", None)
        result[kind] = documents
    for package in Package.objects.all():
        for part in ("history", "releases"):
            result[f"{part} {package.pk}"] = get(f"packages/{package.pk}/{part}/").json()
    return result


def slugs() -> set[tuple[str, int]]:
    return set(OldSlug.objects.values_list("slug", "object_id"))


def undone(batch: EditBatch, user: User) -> EditBatch:
    done = undo(batch, user)
    assert (done.notes, done.left) == ([], 0)
    assert done.batch is not None
    return done.batch


def there_and_back(anna: User, client: Client, get: Get, *packages: Package, **answers: Any) -> None:
    """Merge packages by the page, undo that, undo the undoing, and undo that."""
    update_health(everything=True)
    before = (everything(), served(get), slugs())
    client.force_login(anna)
    batch = merge(client, *packages, **answers)
    after = (everything(), served(get), slugs())
    for expected in (before, after, before):
        batch = undone(batch, anna)
        assert (everything(), slugs()) == (expected[0], expected[2])
        assert served(get) == expected[1]


@pytest.mark.parametrize("takes", [(), ("repo_url",), ("pypi_url",), ("repo_url", "pypi_url")])
def test_everything_comes_back(anna: User, client: Client, get: Get, takes: tuple[str, ...]) -> None:
    one, other = whole("one"), whole("other", repo_watchers=50, licence="BSD", stars_trend=0.5)
    for package in (one, other):
        url = f"https://github.com/old/{package.slug}"
        RepositoryAlias.objects.create(package=package, repo_url=url, repo_key=url[8:], until=NOW)
        package.slug = f"{package.slug}-new"
        package.save()
    PackageFactory.create(replaced_by=other)
    Snapshot.objects.create(package=other, day=date(2026, 11, 3), stars=9, downloads=9)
    feature = CellFactory.create(membership__package=one, text="yes").feature
    theirs = MembershipFactory.create(grid=feature.grid, package=other, position=4)
    CellFactory.create(feature=feature, membership=theirs, text="no")
    CellFactory.create(membership__package=other)
    chosen = {f"column__{column}": other.pk for column in takes}
    there_and_back(anna, client, get, one, other, **{f"cell__{feature.pk}": other.pk}, **chosen)


def test_an_empty_survivor_gives_back_what_it_has_taken(anna: User, client: Client, get: Get) -> None:
    one = PackageFactory.create(repo_url="", pypi_url="", documentation_url=None)
    reply = {"reply_kind": "help_wanted", "reply_note": "Write to me.", "reply_until": date(2126, 1, 1)}
    other = whole("other", documentation_url="https://d.example.org/", **reply)
    there_and_back(anna, client, get, one, other)


def test_a_history_that_was_completed_is_as_it_was(anna: User, client: Client, get: Get) -> None:
    one, other = whole("one"), whole("other")
    Package.objects.filter(pk=other.pk).update(pypi_url="one")
    for day in (2, 5):
        Snapshot.objects.filter(package=other, day__day=day).delete()
        Snapshot.objects.create(package=Package.objects.get(pk=other.pk), day=date(2026, 11, day), downloads=day)
    Snapshot.objects.filter(package=one, day__day=2).update(downloads=None)
    there_and_back(anna, client, get, one, other)


def test_three_packages_and_a_cycle_of_successors(anna: User, client: Client, get: Get) -> None:
    grid, [one, other], feature = in_one_grid("yes", "no")
    third = whole("third", replaced_by=one)
    MembershipFactory.create(package=third, grid=grid)
    Package.objects.filter(pk=one.pk).update(replaced_by=other)
    answers = {f"cell__{feature}": "typed", f"text__{feature}": "maybe"}
    there_and_back(anna, client, get, one, other, third, **answers)


def pin(package: Package, column: str, value: Any) -> None:
    write.pin(package, column, value, "wrong upstream", "anna")
    package.refresh_from_db()


@pytest.mark.parametrize("takes", [(), ("repo_url", "pypi_url")])
def test_pins(anna: User, client: Client, get: Get, takes: tuple[str, ...]) -> None:
    one, other = whole("one", documentation_url=""), whole("other", repo_description="theirs", licence="BSD")
    pin(one, "archived", True)
    pin(other, "archived", None)
    pin(other, "licence", "Apache-2.0")
    pin(other, "repo_description", "corrected")
    pin(other, "documentation_url", "https://d.example.org/")
    there_and_back(anna, client, get, one, other, **{f"column__{column}": other.pk for column in takes})


def test_pins_go_along_with_what_is_taken(anna: User, client: Client) -> None:
    client.force_login(anna)
    one, other = whole("one", documentation_url=""), whole("other", repo_description="theirs", licence="BSD")
    pin(one, "archived", True)
    pin(other, "archived", None)
    pin(other, "licence", "Apache-2.0")
    pin(other, "repo_description", "corrected")
    pin(other, "documentation_url", "https://d.example.org/")
    merge(client, one, other, column__repo_url=other.pk)
    rows = {each.column: (each.package_id, each.pinned, each.upstream) for each in Pin.objects.all()}
    assert rows == {
        "archived": (one.pk, True, False),
        "repo_description": (one.pk, "corrected", "theirs"),
        "documentation_url": (one.pk, "https://d.example.org/", None),
    }
    assert (one.archived, one.repo_description, one.licence) == (True, "corrected", "MIT")
    assert one.documentation_url == "https://d.example.org/"


def test_a_pin_of_an_address_that_both_have_stays(anna: User, client: Client) -> None:
    client.force_login(anna)
    one, other = whole("one", repo_description="ours"), whole("other", repo_url="https://github.com/one/one")
    pin(other, "repo_description", "corrected")
    merge(client, one, other)
    kept = Pin.objects.get()
    assert (kept.package, kept.upstream, one.repo_description) == (one, "ours", "corrected")


def test_a_pinned_empty_value_is_not_filled(anna: User, client: Client) -> None:
    client.force_login(anna)
    one, other = whole("one"), whole("other", documentation_url="https://d.example.org/")
    pin(one, "documentation_url", "")
    merge(client, one, other)
    assert one.documentation_url == ""


def test_the_slug_of_a_restored_package_is_its_own_again(anna: User, client: Client, get: Get) -> None:
    client.force_login(anna)
    one, other = PackageFactory.create(), PackageFactory.create(slug="other")
    batch = merge(client, one, other)
    assert get("packages/other/").status_code == 301
    undone(batch, anna)
    assert get("packages/other/").json()["id"] == other.pk
    assert not OldSlug.objects.exists()


def test_one_of_the_packages_alone_can_be_brought_back(anna: User, client: Client, get: Get) -> None:
    client.force_login(anna)
    one, other, third = PackageFactory.create(), whole("other"), whole("third")
    MembershipFactory.create(package=other)
    batch = merge(client, one, other, third)
    deleted = batch.edits.get(table_name="packages_package", object_id=other.pk)
    undo(batch, anna, only=deleted)
    assert set(Package.objects.all()) == {one, other}
    assert other.releases.count() == 2
    assert GridPackage.objects.get().package == other
    assert get("packages/other/").json()["id"] == other.pk
    assert get("packages/third/").status_code == 301


def test_what_others_wrote_since_stays(anna: User, client: Client) -> None:
    client.force_login(anna)
    one, other = PackageFactory.create(title="One"), PackageFactory.create(title="Other")
    cell = CellFactory.create(membership__package=other, text="yes")
    batch = merge(client, one, other, column__title=other.pk)
    Package.objects.filter(pk=one.pk).update(title="Newest")
    Cell.objects.filter(pk=cell.pk).update(text="later", modified=timezone.now())
    assert undo(batch, anna).left == 1
    one.refresh_from_db()
    assert (one.title, Package.objects.get(pk=other.pk).title) == ("Newest", "Other")
    cell.refresh_from_db()
    assert (cell.text, cell.membership.package) == ("later", other)
