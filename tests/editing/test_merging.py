"""Merging packages: the page with its questions, and what becomes of everything that refers to a package."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from changes.models import Change
from editing.merging.carrying import REFERRING
from editing.models import EditBatch
from grids.models import Cell, Grid, GridPackage
from packages.models import FetchState, Package, Release, RepositoryAlias, Snapshot
from packages.settling import settled
from tests.conftest import Get
from tests.core.admin.editors import messages_of
from tests.factories import CellFactory, FeatureFactory, GridFactory, MembershipFactory, PackageFactory
from tests.pages import Fields, fields_of

pytestmark = pytest.mark.django_db
LIST = "/admin/packages/package/"
PAGE = f"{LIST}merge/"
NOW = datetime(2026, 11, 23, 4, 5, 6, 789012, tzinfo=UTC)


def open_page(client: Client, *packages: Package, into: Package | None = None) -> Any:
    query = {"ids": ",".join(str(each.pk) for each in packages)} | ({"into": into.pk} if into else {})
    response = client.get(PAGE, query)
    assert response.status_code == 200
    return response


def send(client: Client, fields: Fields, **answers: Any) -> Any:
    sent: dict[str, Any] = fields | {name.replace("__", "-"): value for name, value in answers.items()}
    return client.post(PAGE, sent)


def merge(client: Client, survivor: Package, *others: Package, **answers: Any) -> EditBatch:
    """Merge packages by the page; names of answers have two underscores for a hyphen."""
    fields = fields_of(open_page(client, survivor, *others, into=survivor), "merge_form")
    response = send(client, fields, **answers)
    assert response.status_code == 302, response.context_data["form"].errors
    survivor.refresh_from_db()
    return EditBatch.objects.latest("pk")


def errors_of(response: Any) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = dict(response.context_data["form"].errors)
    return errors


def whole(slug: str, **columns: Any) -> Package:
    """Return a package with a repository, a project, releases, a history and fetch states."""
    defaults = {"repo_watchers": 5, "archived": False, "pypi_version": "1.0", "licence": "MIT", "last_fetched": NOW}
    with settled():
        package = PackageFactory.create(
            slug=slug,
            title=slug.title(),
            **{"repo_url": f"https://github.com/{slug}/{slug}", "pypi_url": slug} | defaults | columns,
        )
        for version in ("0.9", "1.0"):
            Release.objects.create(package=package, version=version, uploaded_at=NOW)
        targets = {"repo": package.repo_key, "pypi": package.pypi_name, "downloads": package.pypi_name}
        for source, target in targets.items():
            state = {"outcome": "ok", "next_due": NOW, "last_success": NOW}
            FetchState.objects.create(package=package, source=source, target=target, **state)
        for day in (1, 2):
            Snapshot.objects.create(package=package, day=date(2026, 11, day), stars=len(slug), downloads=day)
    return Package.objects.get(pk=package.pk)


# The way to the page


def test_the_action_leads_to_the_page_with_the_most_used_package_chosen(editor: Client) -> None:
    few, many = PackageFactory.create(repo_watchers=900), PackageFactory.create(pypi_downloads=7)
    chosen = {"action": "merge_packages", "_selected_action": [few.pk, many.pk]}
    response = editor.post(LIST, chosen)
    assert response.status_code == 302
    page: Any = editor.get(response.headers["Location"])
    assert page.context_data["merge"].survivor == many
    assert ">Merge<" in editor.get(LIST).content.decode()
    assert not EditBatch.objects.exists()


@pytest.mark.parametrize("number", [1, 11])
def test_one_package_or_more_than_ten_are_refused(editor: Client, number: int) -> None:
    packages = PackageFactory.create_batch(number)
    ids = [package.pk for package in packages]
    response = editor.post(LIST, {"action": "merge_packages", "_selected_action": ids})
    assert "Select from 2 to 10 packages" in messages_of(response)[0]
    response = editor.get(PAGE, {"ids": ",".join(map(str, ids))})
    assert response.status_code == 302


@pytest.mark.parametrize("ids", ["", "1", "1,x", "1,1", "²,1", "1,99999999999999999999", "\x00,1", "1," * 20])
def test_ids_that_are_none_lead_to_the_list(editor: Client, ids: str) -> None:
    assert editor.get(PAGE, {"ids": ids}).headers["Location"] == LIST
    assert editor.post(PAGE, {"ids": ids, "into": "\x00"}).headers["Location"] == LIST


@pytest.mark.parametrize("missing", ["merge_package", "change_package", "delete_package"])
def test_a_user_without_one_of_the_permissions_may_not(client: Client, missing: str) -> None:
    user = User.objects.create_user("bob", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.exclude(codename=missing))
    client.force_login(user)
    ids = ",".join(str(package.pk) for package in PackageFactory.create_batch(2))
    assert client.get(PAGE, {"ids": ids}).status_code == 403
    assert client.post(PAGE, {"ids": ids}).status_code == 403
    assert ">Merge<" not in client.get(LIST).content.decode()
    assert Package.objects.count() == 2


def test_a_form_of_another_site_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root", password="x"))
    one, other = PackageFactory.create_batch(2)
    fields = fields_of(open_page(client, one, other), "merge_form")
    assert (
        client.post(PAGE, {name: fields[name] for name in fields if name != "csrfmiddlewaretoken"}).status_code == 403
    )
    assert Package.objects.count() == 2


def test_every_model_that_refers_to_packages_is_thought_of() -> None:
    """A new one needs a line, and what becomes of the rows of a merged package."""
    fields: Any = Package._meta.get_fields(include_hidden=True)
    relations = [field for field in fields if field.auto_created and not field.concrete and not field.many_to_many]
    assert {relation.related_model for relation in relations} == set(REFERRING)


# Columns


def test_columns_that_differ_are_asked_about_and_empty_ones_are_taken(editor: Client) -> None:
    one = PackageFactory.create(title="One", repo_url="", documentation_url=None, deprecated=True)
    other = PackageFactory.create(title="Other", documentation_url="https://o.example.org/", category=one.category)
    other = Package.objects.get(pk=other.pk)
    page = open_page(editor, one, other, into=one)
    rows = {row["field"].name: row["field"].initial for row in page.context_data["form"].column_rows}
    assert rows == {
        "column-title": str(one.pk),
        "column-repo_url": str(other.pk),
        "column-documentation_url": str(other.pk),
        "column-deprecated": str(one.pk),
    }
    merge(editor, one, other, column__deprecated=other.pk)
    assert (one.title, one.repo_url, one.documentation_url) == ("One", other.repo_url, "https://o.example.org/")
    assert (one.deprecated, one.category, one.repo_key) == (False, other.category, other.repo_key)
    assert list(Package.objects.all()) == [one]


def test_a_choice_that_is_none_is_refused(editor: Client) -> None:
    one, other, stranger = PackageFactory.create_batch(3)
    fields = fields_of(open_page(editor, one, other), "merge_form")
    response = send(editor, fields, column__title=stranger.pk)
    assert list(errors_of(response)) == ["column-title"]
    assert Package.objects.count() == 3


def test_no_column_is_written_that_the_page_does_not_ask_about(editor: Client) -> None:
    one, other = PackageFactory.create_batch(2, title="Same")
    before = (one.slug, one.verdict_rank, one.created)
    merge(editor, one, other, column__slug=other.pk, slug="mine", verdict_rank="1", created="2020-01-01")
    assert (one.slug, one.verdict_rank, one.created) != ("mine", 1, before[2])
    assert (one.slug, one.created) == (before[0], before[2])


def test_a_successor_is_taken_only_if_the_editor_says_so(editor: Client) -> None:
    successor = PackageFactory.create()
    one, other, third = PackageFactory.create(), PackageFactory.create(replaced_by=successor), PackageFactory.create()
    merge(editor, one, other)
    assert one.replaced_by is None
    other = PackageFactory.create(replaced_by=successor)
    merge(editor, third, other, column__replaced_by=other.pk)
    assert third.replaced_by == successor


def test_no_cycle_of_successors_is_left(editor: Client) -> None:
    one = PackageFactory.create(title="One")
    between = PackageFactory.create(replaced_by=one)
    other = PackageFactory.create(replaced_by=between)
    behind = PackageFactory.create(replaced_by=other)
    page = open_page(editor, one, other, into=one)
    assert "column-replaced_by" not in page.context_data["form"].fields
    merge(editor, one, other)
    rows = dict(Package.objects.values_list("pk", "replaced_by"))
    assert rows == {one.pk: None, between.pk: one.pk, behind.pk: one.pk}


def test_a_survivor_that_was_replaced_by_a_merged_package_is_not_any_more(editor: Client) -> None:
    other = PackageFactory.create()
    between = PackageFactory.create(replaced_by=other)
    one = PackageFactory.create(replaced_by=between)
    merge(editor, one, other)
    assert one.replaced_by is None
    between.refresh_from_db()
    assert between.replaced_by == one


# Grids and cells


def test_memberships_move_with_their_cells_and_their_places(editor: Client) -> None:
    one, other = PackageFactory.create_batch(2)
    member = MembershipFactory.create(package=other, position=3)
    cell = CellFactory.create(membership=member, feature__grid=member.grid, text="yes")
    before = member.grid.modified
    merge(editor, one, other)
    member.refresh_from_db()
    cell.refresh_from_db()
    assert (member.package, member.position) == (one, 3)
    assert (cell.membership, cell.text) == (member, "yes")
    assert Grid.objects.get().modified > before


def in_one_grid(*texts: str | None) -> tuple[Grid, list[Package], int]:
    """Return a grid with a feature, a package for each text of its cells, and the feature's id."""
    feature = FeatureFactory.create(title="Async")
    packages = []
    for text in texts:
        member = MembershipFactory.create(grid=feature.grid)
        packages.append(member.package)
        if text is not None:
            CellFactory.create(membership=member, feature=feature, text=text)
    return feature.grid, packages, feature.pk


def test_cells_of_a_grid_that_has_both_are_united(editor: Client) -> None:
    grid, [one, other], _ = in_one_grid(None, "theirs")
    blank = FeatureFactory.create(grid=grid)
    mine = FeatureFactory.create(grid=grid)
    ours, theirs = GridPackage.objects.order_by("pk")
    CellFactory.create(membership=ours, feature=blank, text=" ")
    CellFactory.create(membership=theirs, feature=blank, text="filled")
    own = CellFactory.create(membership=ours, feature=mine, text="ours")
    created = Cell.objects.get(text="theirs").created
    page = open_page(editor, one, other, into=one)
    assert page.context_data["form"].cell_rows == []
    merge(editor, one, other)
    assert list(GridPackage.objects.all()) == [ours]
    assert sorted(Cell.objects.values_list("text", flat=True)) == ["filled", "ours", "theirs"]
    assert Cell.objects.get(text="theirs").created == created
    assert Cell.objects.get(pk=own.pk).modified == own.modified


def test_of_differing_cells_both_are_shown_and_one_is_chosen(editor: Client) -> None:
    _, [one, other], feature = in_one_grid("yes", "no <b>")
    page = open_page(editor, one, other, into=one)
    text = page.content.decode()
    assert "no &lt;b&gt;" in text
    fields = fields_of(page, "merge_form")
    assert f"cell-{feature}" not in fields, "nothing is chosen yet"
    assert list(errors_of(send(editor, fields))) == [f"cell-{feature}"]
    merge(editor, one, other, **{f"cell__{feature}": other.pk})
    assert Cell.objects.get().text == "no <b>"


def test_a_third_text_may_be_typed(editor: Client) -> None:
    _, [one, other], feature = in_one_grid("yes", "no")
    fields = fields_of(open_page(editor, one, other, into=one), "merge_form")
    answer = {f"cell__{feature}": "typed"}
    for typed in ("", " ", "x" * 1001, "nul\x00"):
        response = send(editor, fields, **answer, **{f"text__{feature}": typed})
        assert errors_of(response)
        assert typed.strip("\x00") in response.content.decode()
    assert Package.objects.count() == 2
    send(editor, fields, **answer, **{f"text__{feature}": "maybe\r\nlater"})
    assert Cell.objects.get().text.splitlines() == ["maybe", "later"]


def test_three_packages_in_a_grid_in_which_the_survivor_is_not(editor: Client) -> None:
    _, [first, second], feature = in_one_grid("yes", "no")
    one = PackageFactory.create()
    merge(editor, one, first, second, **{f"cell__{feature}": second.pk})
    member = GridPackage.objects.get()
    assert (member.package, member.cells.get().text) == (one, "no")


def test_a_locked_grid_refuses_by_its_name(editor: Client, admin_client: Client) -> None:
    grid, [one, other], _ = in_one_grid(None, "x")
    Grid.objects.update(is_locked=True, title="Locked one")
    page = open_page(editor, one, other, into=one)
    assert "The grid “Locked one” is locked." in page.content.decode()
    response = send(editor, fields_of(page, "merge_form"))
    assert response.status_code == 403
    assert "The grid “Locked one” is locked." in response.content.decode()
    assert Package.objects.count() == 2
    merge(admin_client, one, other)
    assert grid.memberships.get().package == one


# Facts


def history(package: Package) -> list[tuple[int | None, int | None]]:
    """Return the stars and the downloads of each day, of the package's present addresses."""
    days: Any = Snapshot.objects.filter(package=package).of_present_addresses().order_by("day")
    return list(days.values_list("present_stars", "present_downloads"))


def test_facts_of_the_surviving_addresses_stay(editor: Client) -> None:
    one, other = whole("one"), whole("other", repo_watchers=50)
    releases = list(one.releases.values())
    merge(editor, one, other)
    assert (one.repo_watchers, one.pypi_version) == (5, "1.0")
    assert list(Release.objects.values()) == releases
    assert list(Snapshot.objects.order_by("day").values_list("package", "stars")) == [(one.pk, 3), (one.pk, 3)]
    assert set(FetchState.objects.values_list("package", flat=True)) == {one.pk}
    [alias] = RepositoryAlias.objects.all()
    assert (alias.package, alias.repo_url, alias.repo_key) == (one, other.repo_url, other.repo_key)


def test_a_project_comes_with_its_facts(editor: Client) -> None:
    one, other = PackageFactory.create(), whole("other", pypi_downloads=9, requires_python=">=3")
    merge(editor, one, other, column__repo_url=one.pk)
    assert (one.pypi_name, one.pypi_facts_of, one.pypi_downloads) == ("other", "other", 9)
    assert one.requires_python == ">=3"
    assert set(one.releases.values_list("version", flat=True)) == {"0.9", "1.0"}
    assert sorted(one.fetch_states.values_list("source", flat=True)) == ["downloads", "pypi"]
    assert history(one) == [(None, 1), (None, 2)]


def test_a_chosen_repository_comes_with_its_facts_and_leaves_the_former_address(editor: Client) -> None:
    one, other = whole("one", repo_watchers=5), whole("other", repo_watchers=50, last_fetched=NOW - timedelta(days=1))
    for package in (one, other):
        url = f"https://github.com/old/{package.slug}"
        RepositoryAlias.objects.create(package=package, repo_url=url, repo_key=url[8:], until=NOW)
    former = one.repo_url
    merge(editor, one, other, column__repo_url=other.pk)
    assert (one.repo_url, one.repo_watchers, one.last_fetched) == (other.repo_url, 50, NOW - timedelta(days=1))
    assert (one.pypi_name, one.pypi_version) == ("one", "1.0")
    urls = {former, "https://github.com/old/one", "https://github.com/old/other"}
    assert set(one.aliases.values_list("repo_url", flat=True)) == urls
    assert one.fetch_states.get(source="repo").target == other.repo_key
    assert history(one) == [(5, 1), (5, 2)]


def test_an_address_that_is_no_former_one_is_none(editor: Client) -> None:
    one, other, third = PackageFactory.create_batch(3)
    elsewhere = PackageFactory.create(repo_url=third.repo_url)
    merge(editor, one, other, third, former=[third.pk])
    assert not RepositoryAlias.objects.exists(), f"{elsewhere} has the repository of the third one"


def test_the_history_of_a_shared_address_is_completed(editor: Client) -> None:
    one, other = whole("one"), whole("other")
    Package.objects.filter(pk=other.pk).update(pypi_url="one")
    Snapshot.objects.filter(package=other).delete()
    for day, downloads in ((2, 99), (3, 3)):
        Snapshot.objects.create(package=Package.objects.get(pk=other.pk), day=date(2026, 11, day), downloads=downloads)
    merge(editor, one, other)
    assert history(one) == [(3, 1), (3, 2), (None, 3)]


# Slugs, and the log


@pytest.mark.django_db(transaction=True)
def test_slugs_of_merged_packages_lead_to_the_survivor(editor: Client, get: Get) -> None:
    one, other, third = PackageFactory.create(slug="one"), PackageFactory.create(slug="b"), PackageFactory.create()
    other.slug = "c"
    other.save()
    last = Change.objects.latest("number").number or 0
    merge(editor, one, other, third)
    for slug in ("b", "c", third.slug):
        assert get(f"packages/{slug}/").headers["Location"].endswith("/api/v4/packages/one/")
        page = get(f"packages/{slug}/", accept="text/html")
        assert page.headers["Location"].endswith("/packages/one/")
        assert editor.get(f"/api/v3/packages/{slug}/").headers["Location"].endswith("/api/v3/packages/one/")
    log = list(Change.objects.filter(number__gt=last, kind="package").order_by("number"))
    assert [(each.action, each.object_id, each.old_slug) for each in log if each.action != "changed"] == [
        ("deleted", other.pk, ""),
        ("deleted", third.pk, ""),
        ("renamed", one.pk, "c"),
        ("renamed", one.pk, third.slug),
    ]
    assert [each.number for each in log] == list(range(last + 1, last + 1 + len(log)))
    assert get(f"changes/?since={last}").json()["results"][-1]["documents"]


# The record


def test_a_merge_is_one_edit_with_names(editor: Client) -> None:
    one, other = PackageFactory.create(title="One"), PackageFactory.create(title="Other <i>")
    batch = merge(editor, one, other)
    assert (batch.user_name, batch.words) == ("editor", "Merged “Other <i>” into “One”")
    assert sorted(LogEntry.objects.values_list("action_flag", "object_id")) == [(2, str(one.pk)), (3, str(other.pk))]
    page = editor.get(f"{LIST}{one.pk}/change/").content.decode()
    assert "Other &lt;i&gt;" in page
    assert f"/admin/editing/editbatch/{batch.pk}/change/" in page


def test_more_cells_than_a_page_can_ask_about(editor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    grid, [one, other], feature = in_one_grid("yes", "no")
    fields = fields_of(open_page(editor, one, other, into=one), "merge_form")
    monkeypatch.setattr("editing.merging.plan.MOST_CELLS", 0)
    page = open_page(editor, one, other, into=one).content.decode()
    assert "1 cell differ" in page
    assert f"cell-{feature}" not in page, "none of them is shown"
    assert send(editor, fields, **{f"cell__{feature}": one.pk}).status_code == 200
    assert grid.memberships.count() == 2


def test_a_package_that_goes_while_the_database_refuses(editor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = PackageFactory.create_batch(2)
    fields = fields_of(open_page(editor, one, other), "merge_form")

    def refuse(*_: Any) -> None:
        Package.objects.filter(pk=other.pk).delete()
        raise IntegrityError

    monkeypatch.setattr("editing.merging.page._merge", refuse)
    response = send(editor, fields)
    assert response.headers["Location"] == LIST
    assert "is not there any more" in messages_of(response)[0]


def test_queries_do_not_grow_with_cells_and_packages_that_refer(editor: Client) -> None:
    numbers = []
    for number in (2, 2, 30):  # the first one fills caches
        grid = GridFactory.create()
        one, other = PackageFactory.create_batch(2)
        theirs = MembershipFactory.create(grid=grid, package=other)
        MembershipFactory.create(grid=grid, package=one)
        for feature in FeatureFactory.create_batch(number, grid=grid):
            CellFactory.create(feature=feature, membership=theirs)
        moved = CellFactory.create(membership__package=other).membership
        for feature in FeatureFactory.create_batch(number, grid=moved.grid):
            CellFactory.create(feature=feature, membership=moved)
        PackageFactory.create_batch(number, replaced_by=other)
        for version in range(number):
            Release.objects.create(package=other, version=str(version))
        fields = fields_of(open_page(editor, one, other, into=one), "merge_form")
        with CaptureQueriesContext(connection) as shown:
            open_page(editor, one, other, into=one)
        with CaptureQueriesContext(connection) as merged:
            assert send(editor, fields).status_code == 302
        numbers.append((len(shown), len(merged)))
    assert numbers[1] == numbers[2]
    assert numbers[1][0] <= 14
    assert numbers[1][1] <= 75
