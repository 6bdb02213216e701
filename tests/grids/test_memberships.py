"""The form of memberships in admin, from both sides: large grids, and several editors."""

import re
import threading
from contextlib import suppress
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from grids.memberships import MembershipFormSet
from grids.models import GridPackage
from packages.models import Package
from tests.core.admin.editors import change_url, errors_of, messages_of, open_form, send
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory
from tests.packages.verdicts import forget_marks
from tests.pages import Fields, fields_of
from tests.threads import in_background

pytestmark = pytest.mark.django_db


def large_grid(members: int) -> Any:
    category, grid = CategoryFactory.create(), GridFactory.create()
    packages = Package.objects.bulk_create(
        Package(title=f"Member {number:04}", slug=f"member-{number}", category=category) for number in range(members)
    )
    GridPackage.objects.bulk_create(GridPackage(grid=grid, package=package) for package in packages)
    forget_marks()
    return grid


def members(grid: Any) -> list[str]:
    return list(grid.packages.order_by("title").values_list("title", flat=True))


def adding(*packages: Any) -> dict[str, Any]:
    rows = {f"memberships-{row}-package": package.pk for row, package in enumerate(packages)}
    return {"memberships-TOTAL_FORMS": len(packages), **rows}


def removing(*packages: Any) -> dict[str, Any]:
    return {f"memberships-{package.pk}-DELETE": "on" for package in packages}


def test_a_grid_of_a_thousand_packages_can_be_saved(admin_client: Client) -> None:
    grid = large_grid(1000)
    first, last = grid.packages.order_by("title")[0], grid.packages.order_by("-title")[0]
    response = admin_client.get(change_url(grid))
    assert response.content.count(b"-DELETE") == 1000
    form = fields_of(response, "grid_form")
    assert len(form) < 40
    with CaptureQueriesContext(connection) as queries:
        assert errors_of(send(admin_client, grid, form, title="New", **removing(first, last))) == []
    assert len(queries) <= 30
    assert (grid.packages.count(), grid.packages.filter(pk__in=[first.pk, last.pk]).count()) == (998, 0)
    [entry] = LogEntry.objects.all()
    assert entry.get_change_message() == (
        f"Changed Title. Deleted membership “{first} in {grid}”. Deleted membership “{last} in {grid}”."
    )


def test_all_of_a_thousand_packages_can_be_removed_together(admin_client: Client) -> None:
    grid = large_grid(1000)
    assert errors_of(send(admin_client, grid, open_form(admin_client, grid), **removing(*grid.packages.all()))) == []
    assert grid.packages.count() == 0


def test_a_larger_grid_shows_a_thousand_and_says_so(admin_client: Client) -> None:
    grid = large_grid(1001)
    last = grid.packages.order_by("-title")[0]
    page = admin_client.get(change_url(grid))
    assert page.content.count(b"-DELETE") == 1000
    assert "There are more, which this page does not show" in page.content.decode()
    form = fields_of(page, "grid_form")
    [error] = errors_of(send(admin_client, grid, form, **adding(last)))
    assert error == "“Member 1000” is here already."
    assert errors_of(send(admin_client, grid, form, title="New")) == []
    assert grid.packages.count() == 1001


def test_a_package_that_is_in_the_grid_cannot_be_added_again(admin_client: Client) -> None:
    member = MembershipFactory.create(package__title="Twice", grid__title="Same")
    grid, package = member.grid, member.package
    for document, row in ((grid, adding(package)), (package, {"memberships-0-grid": grid.pk})):
        response = send(admin_client, document, open_form(admin_client, document), slug="typed", **row)
        other = "Twice" if document is grid else "Same"
        assert errors_of(response) == [f"“{other}” is here already."]
        typed = fields_of(response, f"{document._meta.model_name}_form")
        assert typed["slug"] == ["typed"]
        assert typed[next(name for name in row if name.startswith("memberships-0"))] == [
            str(package.pk if document is grid else grid.pk)
        ]
    assert GridPackage.objects.get() == member


def test_a_package_cannot_be_added_twice_in_one_form(admin_client: Client) -> None:
    grid, package = GridFactory.create(), PackageFactory.create()
    response = send(admin_client, grid, open_form(admin_client, grid), **adding(package, package))
    assert "Please correct the duplicate data for package." in errors_of(response)
    assert not GridPackage.objects.exists()


def test_a_member_that_somebody_else_removed_stays_away(admin_client: Client) -> None:
    grid = MembershipFactory.create(package__title="Gone").grid
    stays = MembershipFactory.create(grid=grid, package__title="Stays").package
    new = PackageFactory.create(title="New")
    form = open_form(admin_client, grid)
    GridPackage.objects.filter(package__title="Gone").delete()
    response = send(admin_client, grid, form, description="Mine", **adding(new), **removing(stays))
    assert errors_of(response) == []
    grid.refresh_from_db()
    assert (grid.description, members(grid)) == ("Mine", ["New"])
    assert "Removed meanwhile by somebody else among the packages, and still removed: “Gone”." in messages_of(response)


@pytest.mark.parametrize("with_package", [False, True])
def test_a_member_that_both_removed_is_named(admin_client: Client, with_package: bool) -> None:
    member = MembershipFactory.create(package__title="Gone")
    form = open_form(admin_client, member.grid)
    (member.package if with_package else member).delete()
    response = send(admin_client, member.grid, form, **{f"memberships-{member.package_id}-DELETE": "on"})
    assert errors_of(response) == []
    assert "Removed meanwhile by somebody else among the packages, and still removed: “Gone”." in messages_of(response)


def test_a_member_that_somebody_else_added_is_not_added_again(admin_client: Client) -> None:
    grid, both, theirs, mine = GridFactory.create(), *(PackageFactory.create(title=name) for name in "BCM")
    form = open_form(admin_client, grid)
    MembershipFactory.create(grid=grid, package=both)
    MembershipFactory.create(grid=grid, package=theirs)
    response = send(admin_client, grid, form, **adding(both, mine))
    assert errors_of(response) == []
    assert members(grid) == ["B", "C", "M"]
    assert "Added meanwhile by somebody else among the packages, and still there: “B”, “C”." in messages_of(response)
    assert LogEntry.objects.get().get_change_message() == f"Added membership “M in {grid}”."


def test_from_the_side_of_a_package(admin_client: Client) -> None:
    package, gone, both = PackageFactory.create(), *(GridFactory.create(title=title) for title in ("Gone", "Both"))
    MembershipFactory.create(package=package, grid=gone)
    form = open_form(admin_client, package)
    GridPackage.objects.all().delete()
    MembershipFactory.create(package=package, grid=both)
    response = send(admin_client, package, form, **{"memberships-0-grid": both.pk})
    assert errors_of(response) == []
    assert list(package.grids.values_list("title", flat=True)) == ["Both"]
    assert {"Both", "Gone"} == {title for text in messages_of(response) for title in re.findall("“([BG].*?)”", text)}


def race(monkeypatch: pytest.MonkeyPatch, *forms: tuple[Any, Fields]) -> list[Any]:
    """Send two forms so that both are valid before either is saved."""
    validated = threading.Barrier(2, timeout=3)
    clean = MembershipFormSet.clean

    def clean_then_wait(formset: MembershipFormSet) -> None:
        clean(formset)
        with suppress(threading.BrokenBarrierError):
            validated.wait()

    monkeypatch.setattr(MembershipFormSet, "clean", clean_then_wait)
    responses: list[Any] = []

    def work(document: Any, form: Fields) -> None:
        client = Client()
        client.force_login(User.objects.get())
        responses.append(send(client, document, form))

    threads = [in_background(work, *form) for form in forms]
    for thread in threads:
        thread.result()
    return responses


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sides", ["grid and grid", "grid and package", "package and package"])
def test_two_editors_add_the_same_member_at_the_same_moment(
    admin_client: Client, sides: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = {"grid": GridFactory.create(title="G"), "package": PackageFactory.create(title="P")}
    forms = []
    for side in sides.split(" and "):
        document = documents[side]
        other = "package" if side == "grid" else "grid"
        row = {f"memberships-0-{other}": [str(documents[other].pk)], "description": ["typed"]}
        forms.append((document, open_form(admin_client, document) | row))
    responses = race(monkeypatch, *forms)
    assert [errors_of(response) for response in responses] == [[], []]
    assert GridPackage.objects.count() == 1
    told = [text for response in responses for text in messages_of(response) if "meanwhile" in text]
    assert len(told) >= 1
    assert any("Added meanwhile" in text for text in told)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_a_package_that_is_deleted_before_its_membership_is_saved(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL finds at the commit only that the package is gone."""
    grid, package = GridFactory.create(), PackageFactory.create()
    form = open_form(admin_client, grid)
    clean = MembershipFormSet.clean

    def delete() -> None:
        package.delete()

    def clean_then_delete(formset: MembershipFormSet) -> None:
        clean(formset)
        in_background(delete).result()
        monkeypatch.setattr(MembershipFormSet, "clean", clean)

    monkeypatch.setattr(MembershipFormSet, "clean", clean_then_delete)
    response = send(admin_client, grid, form, title="Typed", **adding(package))
    assert errors_of(response) == ["Select a valid choice. That choice is not one of the available choices."]
    assert fields_of(response, "grid_form")["title"] == ["Typed"]
    grid.refresh_from_db()
    assert grid.title != "Typed"


def test_who_may_not_remove_members_has_no_boxes_and_removes_none(client: Client) -> None:
    member = MembershipFactory.create()
    user = User.objects.create_user("editor", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.exclude(codename="delete_gridpackage"))
    client.force_login(user)
    page = client.get(change_url(member.grid))
    assert str(member.package) in page.content.decode()
    assert b"-DELETE" not in page.content
    send(client, member.grid, fields_of(page, "grid_form"), **removing(member.package))
    assert GridPackage.objects.get() == member


@pytest.mark.parametrize("shown", ["", "[1]", "{", '{"a": 1}', "null"])
def test_a_list_of_what_was_shown_that_cannot_be_read_is_none(admin_client: Client, shown: str) -> None:
    member = MembershipFactory.create()
    form = open_form(admin_client, member.grid)
    response = send(admin_client, member.grid, form, title="New", **{"memberships-shown": shown})
    assert errors_of(response) == []
    assert members(member.grid) == [member.package.title]


def test_a_membership_is_valid_once(admin_client: Client) -> None:
    member = MembershipFactory.create()
    with pytest.raises(ValidationError, match="Grid and Package already exists"):
        GridPackage(grid=member.grid, package=member.package).full_clean()
