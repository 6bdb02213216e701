"""Admin: forms, permissions, and the number of queries of a page."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin import site
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils.dateparse import parse_datetime
from pytest_django import DjangoAssertNumQueries

from categories.documents import CATEGORY_COLUMNS
from core import hooks
from core.documents import Columns
from grids.documents import GRID_COLUMNS
from grids.models import Grid, GridPackage
from packages.documents import PACKAGE_COLUMNS
from packages.models import Package, Release
from tests.core.admin.editors import errors_of, grid_form, package_form
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db
LONG_AGO = parse_datetime("2020-01-01T00:00:00Z")
KINDS = ("categories/category", "packages/package", "grids/grid")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("page", ["", "?q=a&o=1", "add/"])
def test_pages_respond(admin_client: Client, kind: str, page: str) -> None:
    MembershipFactory.create()
    assert admin_client.get(f"/admin/{kind}/{page}").status_code == 200


@pytest.mark.parametrize("kind", KINDS)
def test_queries_of_a_list_do_not_grow_with_its_rows(
    admin_client: Client, kind: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    MembershipFactory.create()
    admin_client.get(f"/admin/{kind}/")  # content types are looked up once a process
    with CaptureQueriesContext(connection) as one:
        admin_client.get(f"/admin/{kind}/")
    assert len(one) <= 8
    MembershipFactory.create_batch(30)
    with django_assert_num_queries(len(one)):
        admin_client.get(f"/admin/{kind}/")


def test_queries_of_a_form_do_not_grow_with_its_rows(
    admin_client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    member = MembershipFactory.create()
    Release.objects.create(package=member.package, version="1.0")
    pages = (f"/admin/packages/package/{member.package.pk}/change/", f"/admin/grids/grid/{member.grid.pk}/change/")
    costs = []
    for page in pages:
        admin_client.get(page)  # content types are looked up once a process
        with CaptureQueriesContext(connection) as one:
            admin_client.get(page)
        costs.append(len(one))
    MembershipFactory.create_batch(30, package=member.package)
    MembershipFactory.create_batch(30, grid=member.grid)
    Release.objects.bulk_create(Release(package=member.package, version=f"2.{minor}") for minor in range(30))
    for page, cost in zip(pages, costs, strict=True):
        with django_assert_num_queries(cost):
            assert admin_client.get(page).content.count(b"has_original") == 31 * (2 if "package/" in page else 1)


def test_search_and_autocomplete(admin_client: Client) -> None:
    package = PackageFactory.create(title="Needle", repo_url="https://github.com/hay/stack")
    PackageFactory.create(title="Other")
    for words in ("needle", "hay/stack"):
        page = admin_client.get("/admin/packages/package/", {"q": words})
        assert page.context_data
        assert list(page.context_data["cl"].result_list) == [package]
    parameters = {"term": "need", "app_label": "grids", "model_name": "gridpackage", "field_name": "package"}
    assert admin_client.get("/admin/autocomplete/", parameters).json()["results"] == [
        {"id": str(package.pk), "text": "Needle"}
    ]


def test_a_new_package(editor: Client) -> None:
    response = editor.post("/admin/packages/package/add/", package_form(CategoryFactory.create()))
    assert errors_of(response) == []
    package = Package.objects.get()
    assert (package.pypi_name, package.documentation_url, package.last_fetched) == ("django", "", None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"slug": "123"}, "A slug needs a character that is not a digit"),
        ({"repo_url": "javascript:alert(1)"}, "must be an http(s), git or ssh address"),
        ({"documentation_url": "ftp://a.test/"}, "must begin with http:// or https://"),
        ({"pypi_url": "javascript:alert(1)"}, "must be a name or begin with http:// or https://"),
        ({"slug": "taken"}, "Package with this Slug already exists"),
    ],
)
def test_invalid_values_are_refused(editor: Client, changes: dict[str, str], message: str) -> None:
    taken = PackageFactory.create(slug="taken")
    [error] = errors_of(editor.post("/admin/packages/package/add/", package_form(taken.category, **changes)))
    assert message in error
    assert Package.objects.get() == taken


def test_an_imported_slug_of_digits_can_be_saved_again(editor: Client) -> None:
    package = PackageFactory.create(slug="123")
    form = package_form(package.category, slug="123", title="Changed")
    assert errors_of(editor.post(f"/admin/packages/package/{package.pk}/change/", form)) == []
    package.refresh_from_db()
    assert (package.slug, package.title) == ("123", "Changed")


def test_a_shared_repository_must_be_confirmed(editor: Client) -> None:
    other = PackageFactory.create(title="First", slug="first", repo_url="https://github.com/a/b")
    form = package_form(other.category, repo_url="git@GitHub.com:A/b.git")
    assert errors_of(editor.post("/admin/packages/package/add/", form)) == [
        "The package “First” (first) has the same repository, as https://github.com/a/b. "
        "If both packages are in it, tick “Save anyway”."
    ]
    assert errors_of(editor.post("/admin/packages/package/add/", form | {"shared_repository": "on"})) == []
    new = Package.objects.get(slug="new")
    assert (new.repo_url, new.repo_key) == ("git@GitHub.com:A/b.git", "github.com/a/b")
    # Later edits need no confirmation.
    edit = package_form(other.category, repo_url="git@GitHub.com:A/b.git", title="Newer")
    assert errors_of(editor.post(f"/admin/packages/package/{new.pk}/change/", edit)) == []


def test_a_shared_project_must_be_confirmed(editor: Client) -> None:
    other = PackageFactory.create(title="First", slug="first", pypi_url="https://pypi.org/project/Django/")
    form = package_form(other.category)
    assert errors_of(editor.post("/admin/packages/package/add/", form)) == [
        "The package “First” (first) has the same PyPI project, as https://pypi.org/project/Django/. "
        "If both packages are in it, tick “Save anyway”."
    ]
    assert errors_of(editor.post("/admin/packages/package/add/", form | {"shared_repository": "on"})) == []
    assert Package.objects.filter(pypi_name="django").count() == 2


def test_two_packages_may_have_the_very_same_url(editor: Client) -> None:
    other = PackageFactory.create(repo_url="https://github.com/a/mono")
    form = package_form(other.category, repo_url="https://github.com/a/mono", shared_repository="on")
    assert errors_of(editor.post("/admin/packages/package/add/", form)) == []
    assert Package.objects.filter(repo_url="https://github.com/a/mono").count() == 2


@pytest.mark.parametrize(
    ("column", "typed", "error"),
    [
        ("pypi_url", "django-foo==1.0", "This is more than the name of a project. Did you mean “django-foo”?"),
        (
            "repo_url",
            "https://me:secret@github.com/o/r",
            "It has a user name or password, which would be published. Did you mean “https://github.com/o/r”?",
        ),
        ("repo_url", "https://github.com/owner", "This names an owner at github.com, no repository."),
        (
            "documentation_url",
            "https://a.test/?fbclid=1",
            "It has a tracking parameter. Did you mean “https://a.test/”?",
        ),
        ("repo_url", "https://github.com/o/r\r\nx", "It has a line break. Did you mean “https://github.com/o/r”?"),
    ],
)
def test_an_address_that_cannot_be_read_is_refused_with_the_right_spelling(
    editor: Client, column: str, typed: str, error: str
) -> None:
    category = CategoryFactory.create()
    response = editor.post("/admin/packages/package/add/", package_form(category, **{column: typed}))
    assert errors_of(response) == [error]
    assert not Package.objects.exists()


def test_an_imported_address_that_cannot_be_read_can_be_saved_again(editor: Client) -> None:
    package = PackageFactory.create(repo_url="not a url at all", pypi_url="django-foo==1.0")
    form = package_form(package.category, repo_url="not a url at all", pypi_url="django-foo==1.0", title="Changed")
    assert errors_of(editor.post(f"/admin/packages/package/{package.pk}/change/", form)) == []
    package.refresh_from_db()
    assert (package.title, package.repo_url) == ("Changed", "not a url at all")


def test_another_address_forgets_the_facts_of_the_old_one(editor: Client) -> None:
    package = PackageFactory.create(repo_watchers=5, pypi_url="django", pypi_version="1.0")
    Release.objects.create(package=package, version="1.0")
    form = package_form(package.category, repo_url="https://github.com/other/one")
    assert errors_of(editor.post(f"/admin/packages/package/{package.pk}/change/", form)) == []
    package.refresh_from_db()
    assert (package.repo_watchers, package.repo_facts_of) == (0, "github.com/other/one")
    assert (package.pypi_version, package.releases.count()) == ("1.0", 1)


@pytest.mark.parametrize("is_new", [True, False])
def test_the_former_slug_of_another_package_is_given_with_a_warning(editor: Client, is_new: bool) -> None:
    other = PackageFactory.create(title="First", slug="old")
    for slug in ("between", "now"):
        other.slug = slug
        other.save()
    package = PackageFactory.create()
    form = package_form(other.category, slug="old", title="Second")
    url = "/admin/packages/package/" + ("add/" if is_new else f"{package.pk}/change/")
    messages = [str(message) for message in editor.post(url, form, follow=True).context["messages"]]
    assert "The package “First” had the slug old before: links by it lead to “Second” now." in messages
    # Its own former slug is nobody else's.
    own = editor.post(
        f"/admin/packages/package/{other.pk}/change/", form | {"slug": "between", "pypi_url": ""}, follow=True
    )
    assert not [message for message in own.context["messages"] if "before" in str(message)]
    other.refresh_from_db()
    assert other.slug == "between"


def test_fetched_columns_cannot_be_edited(editor: Client) -> None:
    package = PackageFactory.create(repo_watchers=5)
    typed = {"repo_watchers": 99, "participants": '["me"]', "last_fetched": "2026-01-01"}
    form = package_form(package.category, repo_url=package.repo_url, **typed)
    assert errors_of(editor.post(f"/admin/packages/package/{package.pk}/change/", form)) == []
    before = (package.repo_watchers, package.participants, package.last_fetched)
    package.refresh_from_db()
    assert (package.repo_watchers, package.participants, package.last_fetched) == before


def test_a_null_documentation_url_stays_null_until_it_is_typed(editor: Client) -> None:
    package = PackageFactory.create(documentation_url=None)
    url = f"/admin/packages/package/{package.pk}/change/"
    for typed, stored in (("", None), ("https://a.test/", "https://a.test/"), ("", "")):
        assert errors_of(editor.post(url, package_form(package.category, documentation_url=typed))) == []
        package.refresh_from_db()
        assert package.documentation_url == stored


def test_modified_changes_with_an_edit_and_not_without_one(editor: Client) -> None:
    package = PackageFactory.create(title="New", slug="new", repo_url="", pypi_url="django", modified=LONG_AGO)
    form = package_form(package.category)
    url = f"/admin/packages/package/{package.pk}/change/"
    editor.post(url, form)
    package.refresh_from_db()
    assert package.modified == LONG_AGO
    editor.post(url, form | {"title": "Changed"})
    package.refresh_from_db()
    assert package.modified != LONG_AGO


def test_memberships_can_be_edited_from_both_sides(editor: Client) -> None:
    grid, package = GridFactory.create(modified=LONG_AGO), PackageFactory.create()
    form = grid_form(slug="g") | {"memberships-TOTAL_FORMS": 1, "memberships-0-package": package.pk}
    assert errors_of(editor.post(f"/admin/grids/grid/{grid.pk}/change/", form)) == []
    member = GridPackage.objects.get()
    grid.refresh_from_db()
    assert (member.package, grid.modified != LONG_AGO) == (package, True)

    other = GridFactory.create()
    form = package_form(package.category) | {
        f"memberships-{grid.pk}-DELETE": "on",
        "memberships-TOTAL_FORMS": 1,
        "memberships-0-grid": other.pk,
    }
    assert errors_of(editor.post(f"/admin/packages/package/{package.pk}/change/", form)) == []
    assert GridPackage.objects.get().grid == other


def test_a_locked_grid_can_be_changed_from_neither_side(editor: Client, admin_client: Client) -> None:
    member = MembershipFactory.create(grid=GridFactory.create(is_locked=True))
    grid, package = member.grid, member.package
    url = f"/admin/grids/grid/{grid.pk}/"
    assert editor.post(f"{url}change/", grid_form()).status_code == 403
    assert editor.post(f"{url}delete/", {"post": "yes"}).status_code == 403

    leave = package_form(package.category) | {f"memberships-{grid.pk}-DELETE": "on"}
    join = package_form(package.category) | {"memberships-TOTAL_FORMS": 1, "memberships-0-grid": grid.pk}
    stranger = PackageFactory.create()
    for pk, form in ((package.pk, leave), (stranger.pk, join)):
        assert errors_of(editor.post(f"/admin/packages/package/{pk}/change/", form)) == [
            f"The grid “{grid}” is locked. Only users with the permission to unlock grids can change it."
        ]
    assert GridPackage.objects.get() == member

    assert errors_of(admin_client.post(f"{url}change/", grid_form(title="Unlocked"))) == []
    assert Grid.objects.get().title == "Unlocked"


@pytest.mark.parametrize(
    ("factory", "columns"),
    [(CategoryFactory, CATEGORY_COLUMNS), (PackageFactory, PACKAGE_COLUMNS), (GridFactory, GRID_COLUMNS)],
)
def test_a_page_shows_every_column_to_those_who_can_only_view_it(
    client: Client, factory: Any, columns: Columns
) -> None:
    document = factory.create()
    user = User.objects.create_user("viewer", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(user)
    page = client.get(f"/admin/{document._meta.app_label}/{document._meta.model_name}/{document.pk}/change/")
    assert page.status_code == 200
    for column in (*columns.edited, *columns.fetched):
        assert f"field-{document._meta.get_field(column).name}" in page.content.decode()


def test_upstream_text_is_escaped_and_only_http_links_are_links(admin_client: Client) -> None:
    package = PackageFactory.create(repo_url="ssh://git@a.test/x", repo_description="<script>alert(1)</script>")
    page = admin_client.get(f"/admin/packages/package/{package.pk}/change/").content.decode()
    assert "<script>alert(1)" not in page
    assert 'href="ssh:' not in page
    Package.objects.update(repo_url="https://a.test/x?<b>")
    page = admin_client.get(f"/admin/packages/package/{package.pk}/change/").content.decode()
    assert '<a href="https://a.test/x?&lt;b&gt;"' in page


def test_folders_above_add_actions_and_pages(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hooks are read when a list is shown: an action is offered by its permissions, as Django's own are."""

    @admin.action(description="Praise", permissions=["change"])
    def praise(model_admin: Any, request: HttpRequest, queryset: QuerySet[Package]) -> None:
        model_admin.message_user(request, f"Praised {queryset.count()}.")

    monkeypatch.setitem(hooks.added_actions, "packages.Package", [praise])
    package = PackageFactory.create()
    data = {"action": "praise", "_selected_action": [package.pk]}
    html = admin_client.post("/admin/packages/package/", data, follow=True).content.decode()
    assert "Praised 1." in html
    assert '<option value="praise">Praise</option>' in html
    model_admin = site.get_model_admin(Package)
    page = path("praise/", lambda _: HttpResponse(), name="praise")
    monkeypatch.setitem(hooks.added_pages, "packages.Package", [lambda found: [page] if found is model_admin else []])
    assert page in model_admin.get_urls()


@pytest.mark.parametrize("action", ["delete_selected", "export_as_csv", "change_category", "decide_about_reused_names"])
@pytest.mark.parametrize("across", ["0", "1"])
def test_what_is_no_id_is_not_selected(admin_client: Client, action: str, across: str) -> None:
    package = PackageFactory.create()
    for ids in (["x"], ["9" * 40, "-1", "\x00"], ["1.5", "²", ""], ["x", str(package.pk)]):
        data = {"action": action, "_selected_action": ids, "index": "0", "select_across": across}
        assert admin_client.post("/admin/packages/package/", data).status_code in {200, 302}
    assert Package.objects.count() == 1
