"""Locked grids: no way through admin changes one without the permission to unlock grids."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from grids.models import Grid, GridPackage
from packages.models import Package
from tests.factories import GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db
MESSAGE = "The grid “Locked” is locked. Only users with the permission to unlock grids can change it."


@pytest.fixture
def member() -> GridPackage:
    return MembershipFactory.create(grid=GridFactory.create(title="Locked", is_locked=True))


def delete_selected(client: Client, kind: str, pks: list[int], **sent: str) -> Any:
    return client.post(f"/admin/{kind}/", {"action": "delete_selected", "_selected_action": pks, **sent})


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_member_of_a_locked_grid_cannot_be_deleted(editor: Client, member: GridPackage, confirmed: bool) -> None:
    MembershipFactory.create(package=member.package, grid__title="Open")
    url = f"/admin/packages/package/{member.package.pk}/delete/"
    page = (editor.post(url, {"post": "yes"}) if confirmed else editor.get(url)).content.decode()
    assert MESSAGE in page
    assert 'name="post"' not in page
    assert "Open" not in page
    assert Package.objects.get() == member.package


@pytest.mark.parametrize("confirmed", [{}, {"post": "yes"}])
def test_a_bulk_deletion_is_all_or_nothing(editor: Client, member: GridPackage, confirmed: dict[str, str]) -> None:
    free = PackageFactory.create_batch(3)
    pks = [member.package.pk, *(package.pk for package in free)]
    page = delete_selected(editor, "packages/package", pks, **confirmed)
    assert MESSAGE in page.content.decode()
    assert Package.objects.count() == 4
    assert delete_selected(editor, "packages/package", pks[1:], post="yes").status_code == 302
    assert Package.objects.get() == member.package


@pytest.mark.parametrize("confirmed", [{}, {"post": "yes"}])
def test_a_bulk_deletion_of_grids_is_all_or_nothing(
    editor: Client, member: GridPackage, confirmed: dict[str, str]
) -> None:
    grids = [member.grid.pk, GridFactory.create().pk]
    page = delete_selected(editor, "grids/grid", grids, **confirmed).content.decode()
    assert page.count(MESSAGE) == 1, "once as a grid that is deleted, not again for its memberships"
    assert Grid.objects.count() == 2


def test_who_may_unlock_grids_can_delete_their_members(admin_client: Client, member: GridPackage) -> None:
    page = admin_client.get(f"/admin/packages/package/{member.package.pk}/delete/").content.decode()
    assert f"{member.package} in Locked" in page
    for kind, row in (("packages/package", member.package), ("grids/grid", member.grid)):
        assert admin_client.post(f"/admin/{kind}/{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Package.objects.exists()
    assert not Grid.objects.exists()


def test_many_locked_grids_are_named_in_few_queries(editor: Client) -> None:
    package = PackageFactory.create()
    for number in range(20):
        MembershipFactory.create(package=package, grid__title=f"G{number:02}", grid__is_locked=True)
    with CaptureQueriesContext(connection) as queries:
        page = editor.get(f"/admin/packages/package/{package.pk}/delete/").content.decode()
    assert "“G09” is locked" in page
    assert "“G10” is locked" not in page
    assert len(queries) < 25


def test_who_may_not_unlock_grids_has_no_box_to_lock_one(editor: Client, admin_client: Client) -> None:
    grid = GridFactory.create(title="Open")
    pages = ("/admin/grids/grid/add/", f"/admin/grids/grid/{grid.pk}/change/")
    typed = {"title": "New", "slug": "new", "is_locked": "on"}
    typed |= {f"{rows}-{part}_FORMS": "0" for rows in ("memberships", "features") for part in ("TOTAL", "INITIAL")}
    for page in pages:
        assert 'name="is_locked"' not in editor.get(page).content.decode()
        assert 'name="is_locked"' in admin_client.get(page).content.decode()
        assert editor.post(page, typed | {"slug": "other"} if "add" in page else typed).status_code == 302
    assert list(Grid.objects.values_list("title", "is_locked")) == [("New", False)] * 2
    assert admin_client.post(pages[1], typed).status_code == 302
    assert Grid.objects.get(pk=grid.pk).is_locked


def test_a_membership_cannot_be_moved_by_a_crafted_form(editor: Client, member: GridPackage) -> None:
    """Neither into the locked grid nor out of it: an existing membership is no row of the form."""
    other = MembershipFactory.create(package=member.package, grid__title="Open")
    package = member.package
    form = {"title": "New", "slug": "new", "category": str(package.category.pk), "repo_url": "", "pypi_url": ""}
    for moved, target in ((member, other.grid), (other, member.grid)):
        sent = form | {
            "memberships-TOTAL_FORMS": "1",
            "memberships-INITIAL_FORMS": "1",
            "memberships-0-id": str(moved.pk),
            "memberships-0-package": str(package.pk),
            "memberships-0-grid": str(target.pk),
        }
        editor.post(f"/admin/packages/package/{package.pk}/change/", sent)
    assert set(GridPackage.objects.values_list("pk", "grid")) == {
        (member.pk, member.grid.pk),
        (other.pk, other.grid.pk),
    }
