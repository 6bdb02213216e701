"""Permissions in admin: what each of them is enough for by itself."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from fetchers.models import HostRateLimit, Run
from grids.models import GridPackage
from packages.models import FetchState, Package, Release, RepositoryAlias
from tests.factories import CategoryFactory, GridFactory, PackageFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 6, tzinfo=UTC)
CATEGORY = {"app_label": "packages", "model_name": "package", "field_name": "category"}
SUCCESSOR = {**CATEGORY, "field_name": "replaced_by"}
MEMBER = {"app_label": "grids", "model_name": "gridpackage", "field_name": "package"}
GRID = {**MEMBER, "field_name": "grid"}


def user_with(client: Client, *codenames: str) -> Client:
    user = User.objects.create_user("editor", password="x", is_staff=True)
    permissions = Permission.objects.filter(codename__in=codenames)
    assert len(permissions) == len(codenames)
    user.user_permissions.set(permissions)
    client.force_login(user)
    return client


@pytest.fixture
def fetched() -> Package:
    package = PackageFactory.create(title="Fetched")
    FetchState.objects.create(package=package, source="repo", outcome="gone", next_due=NOW, error="not there")
    Release.objects.create(package=package, version="1.2.3rc4")
    RepositoryAlias.objects.create(package=package, repo_url="https://a.test/old", repo_key="a.test/old", until=NOW)
    return package


def test_change_package_alone_can_edit_a_package(client: Client) -> None:
    package, successor, category = PackageFactory.create(), PackageFactory.create(), CategoryFactory.create()
    editor = user_with(client, "change_package")
    url = f"/admin/packages/package/{package.pk}/change/"
    page = editor.get(url).content.decode()
    assert page.count('class="admin-autocomplete"') == 2
    for field, chosen in ((CATEGORY, category), (SUCCESSOR, successor)):
        results = editor.get("/admin/autocomplete/", {**field, "term": chosen.title}).json()["results"]
        assert {"id": str(chosen.pk), "text": chosen.title} in results
    form: dict[str, Any] = {"title": "New", "slug": "new", "category": category.pk, "replaced_by": successor.pk}
    for formset in ("fetch_states", "aliases", "releases"):
        form |= {f"{formset}-{part}_FORMS": 0 for part in ("TOTAL", "INITIAL")}
    assert editor.post(url, form).status_code == 302
    package.refresh_from_db()
    assert (package.title, package.category, package.replaced_by) == ("New", category, successor)


@pytest.mark.parametrize(
    ("permission", "allowed"),
    [
        ("change_package", [CATEGORY, SUCCESSOR, MEMBER]),  # who may change packages may view them, for any form
        ("add_package", [CATEGORY, SUCCESSOR]),
        ("add_gridpackage", [MEMBER, GRID]),
        ("view_category", [CATEGORY]),
        ("view_package", [SUCCESSOR, MEMBER]),
        ("delete_package", []),
        ("change_category", [CATEGORY]),
    ],
)
def test_autocompletes_respond_to_those_who_choose_with_them(
    client: Client, permission: str, allowed: list[dict[str, str]]
) -> None:
    PackageFactory.create()
    GridFactory.create()
    editor = user_with(client, permission)
    fields = (CATEGORY, SUCCESSOR, MEMBER, GRID)
    responses = [editor.get("/admin/autocomplete/", {**field, "term": ""}) for field in fields]
    assert [each.status_code for each in responses] == [200 if field in allowed else 403 for field in fields]
    assert all(each.json()["results"] for each in responses if each.status_code == 200)


def test_autocompletes_give_no_names_of_users(client: Client) -> None:
    """Not to those who may change nothing that refers to them."""
    editor = user_with(client, "change_package", "add_gridpackage")
    Group.objects.create(name="g")
    for app, model, field in (("admin", "logentry", "user"), ("auth", "user", "groups")):
        parameters = {"app_label": app, "model_name": model, "field_name": field, "term": ""}
        assert editor.get("/admin/autocomplete/", parameters).status_code == 403
    assert Client().get("/admin/autocomplete/", CATEGORY).status_code == 302


@pytest.mark.parametrize("permission", ["view_package", "change_package"])
def test_who_may_view_a_package_sees_what_was_fetched(client: Client, fetched: Package, permission: str) -> None:
    page = user_with(client, permission).get(f"/admin/packages/package/{fetched.pk}/change/").content.decode()
    for shown in ("not there", "1.2.3rc4", "https://a.test/old"):
        assert shown in page


@pytest.mark.parametrize(
    ("permission", "status"), [("change_package", 200), ("view_package", 403), ("view_category", 403)]
)
def test_who_may_change_packages_sees_runs(client: Client, permission: str, status: int) -> None:
    run = Run.objects.create(started=NOW, sources=["repo"])
    limit = HostRateLimit.objects.create(name="github")
    editor = user_with(client, permission)
    for path in ("run/", f"run/{run.pk}/change/", "hostratelimit/", f"hostratelimit/{limit.pk}/change/"):
        assert editor.get(f"/admin/fetchers/{path}").status_code == status
    assert editor.post(f"/admin/fetchers/run/{run.pk}/change/", {"exit_code": "1"}).status_code == 403
    assert (b"/admin/fetchers/run/" in editor.get("/admin/").content) is (status == 200)
    assert b"Package Grids" in editor.get("/admin/").content


def test_memberships_need_their_own_permission(client: Client) -> None:
    package, grid = PackageFactory.create(), GridFactory.create()
    editor = user_with(client, "change_package")
    form: dict[str, Any] = {"title": "New", "slug": "new", "category": package.category.pk}
    for formset in ("memberships", "fetch_states", "aliases", "releases"):
        form |= {f"{formset}-{part}_FORMS": 0 for part in ("TOTAL", "INITIAL")}
    form |= {"memberships-TOTAL_FORMS": 1, "memberships-0-grid": grid.pk}
    assert editor.post(f"/admin/packages/package/{package.pk}/change/", form).status_code == 302
    assert not GridPackage.objects.exists()
