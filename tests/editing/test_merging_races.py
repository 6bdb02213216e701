"""A merge beside another editor, a refresh, an import and an open form."""

import re
import threading
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from categories.models import Category
from editing.merging.carrying import lock
from editing.models import EditBatch
from editing.recorder import recording
from grids.models import Cell, Grid, GridPackage
from packages.models import Package
from packages.results import save_results
from tests.core.admin import editors
from tests.core.admin.editors import messages_of
from tests.documents import catalogue, category, grid
from tests.documents import package as document
from tests.editing.test_merging import in_one_grid, merge, open_page, send
from tests.factories import GridFactory, MembershipFactory, PackageFactory
from tests.fetchers.mirror.importing import import_documents
from tests.packages.test_results import FACTS, attempt, fetched
from tests.pages import fields_of
from tests.threads import in_background

pytestmark = pytest.mark.django_db
postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")


def logged_in(name: str) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(name, password="x"))
    return client


def test_what_moved_since_the_page_was_shown_is_shown_first(admin_client: Client) -> None:
    grid, [one, other], feature = in_one_grid("yes", "no")
    fields = fields_of(open_page(admin_client, one, other, into=one), "merge_form")
    Cell.objects.filter(text="no").update(text="perhaps")
    answers = {f"cell__{feature}": "typed", f"text__{feature}": "my own words"}
    response = send(admin_client, fields, **answers)
    assert response.status_code == 409
    page = response.content.decode()
    assert "was changed meanwhile" in page
    assert "perhaps" in page
    assert "my own words" in page
    assert grid.memberships.count() == 2
    again = fields_of(response, "merge_form")
    assert send(admin_client, again).status_code == 302
    assert Cell.objects.get().text == "my own words"


def test_a_membership_that_came_since_is_shown_first(admin_client: Client) -> None:
    one, other = PackageFactory.create_batch(2)
    fields = fields_of(open_page(admin_client, one, other), "merge_form")
    MembershipFactory.create(package=other if fields["into"] == [str(one.pk)] else one)
    assert send(admin_client, fields).status_code == 409
    assert not EditBatch.objects.exists()


def test_the_second_of_two_editors_hears_that_the_package_is_gone(admin_client: Client) -> None:
    one, other = PackageFactory.create_batch(2)
    second = logged_in("bob")
    fields = fields_of(open_page(second, one, other, into=other), "merge_form")
    merge(admin_client, one, other)
    response = send(second, fields)
    assert response.url == "/admin/packages/package/"
    assert f"The package number {other.pk} is not there any more" in messages_of(response)[0]
    assert list(Package.objects.all()) == [one]


@postgresql
@pytest.mark.django_db(transaction=True)
def test_two_editors_who_merge_the_same_pair_at_the_same_time() -> None:
    grid = GridFactory.create()
    one, other = (MembershipFactory.create(grid=grid).package for _ in range(2))
    both_send = threading.Barrier(2, timeout=60)
    codes: list[Any] = []

    def work(client: Client, survivor: Package) -> None:
        fields = fields_of(open_page(client, one, other, into=survivor), "merge_form")
        both_send.wait()
        codes.append(send(client, fields).url)

    clients = [logged_in("anna"), logged_in("bob")]
    for thread in [in_background(work, client, each) for client, each in zip(clients, (one, other), strict=True)]:
        thread.result()
    assert Package.objects.count() == 1
    assert GridPackage.objects.count() == 1
    assert EditBatch.objects.count() == 1
    assert sorted(url == "/admin/packages/package/" for url in codes) == [False, True]


@postgresql
@pytest.mark.django_db(transaction=True)
def test_a_merge_waits_for_an_editor_of_the_grid_and_asks_again() -> None:
    grid, [one, other], _ = in_one_grid("yes", None)
    client = logged_in("anna")
    fields = fields_of(open_page(client, one, other, into=one), "merge_form")
    is_held, may_end = threading.Event(), threading.Event()

    def edit() -> None:
        with recording("bob"):
            list(Grid.objects.select_for_update(no_key=True))
            membership = GridPackage.objects.get(package=other)
            Cell.objects.create(feature=grid.features.get(), membership=membership, text="no")
            is_held.set()
            may_end.wait(60)

    editor = in_background(edit)
    is_held.wait(60)
    codes: list[int] = []
    merging = in_background(lambda: codes.append(send(client, fields).status_code))
    merging.join(0.5)
    assert merging.is_alive(), "it waits for the grid"
    may_end.set()
    editor.result()
    merging.result()
    assert codes == [409]
    assert Package.objects.count() == 2


@postgresql
@pytest.mark.django_db(transaction=True)
def test_a_membership_that_is_added_while_the_package_goes_is_refused_or_moves() -> None:
    """No row is left that refers to a package that is gone, and nobody gets an error of the server."""
    one, other = PackageFactory.create_batch(2)
    grid = GridFactory.create()
    client = logged_in("anna")
    fields = fields_of(open_page(client, one, other, into=one), "merge_form")
    is_held, may_end = threading.Event(), threading.Event()

    def edit() -> None:
        with recording("bob"):
            GridPackage.objects.create(grid=grid, package=other)
            is_held.set()
            may_end.wait(60)

    editor = in_background(edit)
    is_held.wait(60)
    codes: list[int] = []
    merging = in_background(lambda: codes.append(send(client, fields).status_code))
    merging.join(0.5)
    may_end.set()
    editor.join(60)
    merging.result()
    if codes == [302]:
        assert editor.error is not None
        assert not GridPackage.objects.exists()
    else:
        editor.result()
        assert codes == [409]
        assert GridPackage.objects.get().package == other


def test_what_a_refresh_has_fetched_of_a_merged_package_is_superseded(admin_client: Client) -> None:
    one, other = PackageFactory.create_batch(2)
    late = attempt(other, fetched(FACTS))
    merge(admin_client, one, other)
    report = save_results([late])
    assert (report.superseded, report.outcomes) == (1, [])
    assert list(Package.objects.all()) == [one]
    assert one.repo_watchers == 0


def test_an_open_form_of_a_merged_package_gives_back_what_was_typed(admin_client: Client) -> None:
    one, other = PackageFactory.create_batch(2)
    form = editors.open_form(admin_client, other)
    merge(logged_in("bob"), one, other)
    response = editors.send(admin_client, other, form, title="Typed by hand")
    assert response.status_code == 200
    page = response.content.decode()
    assert "was deleted while the form was open" in page
    assert "Typed by hand" in page


def test_an_open_form_of_the_survivor_is_merged_with_what_it_has_taken(admin_client: Client) -> None:
    one, other = PackageFactory.create(documentation_url=""), PackageFactory.create(documentation_url="https://d.org/")
    form = editors.open_form(admin_client, one)
    merge(logged_in("bob"), one, other)
    assert editors.errors_of(editors.send(admin_client, one, form, title="Mine")) == []
    one.refresh_from_db()
    assert (one.title, one.documentation_url) == ("Mine", "https://d.org/")


def documents_of(*packages: Package, **changes: Any) -> Any:
    documents = [
        document(each.pk, slug=each.slug, repo_url=each.repo_url, pypi_url=each.pypi_url, **changes)
        for each in packages
    ]
    return catalogue(categories=[category(1)], packages=documents)


def test_an_import_does_not_create_a_merged_package_anew(admin_client: Client, tmp_path: Path) -> None:
    import_documents(tmp_path / "first", catalogue(categories=[category(1)]))
    of = {"category": Category.objects.get()}
    one, other, stranger = (PackageFactory.create(**of) for _ in range(3))
    documents = documents_of(one, other, stranger)
    merge(admin_client, one, other)
    Package.objects.filter(pk=stranger.pk).delete()
    report = import_documents(tmp_path / "second", documents)
    assert set(Package.objects.values_list("pk", flat=True)) == {one.pk, stranger.pk}
    assert any("was merged into package" in line for line in notes_of(report)), notes_of(report)


def notes_of(report: Any) -> list[str]:
    return [line for line in report.lines if line]


@postgresql
def test_locks_are_taken_grids_first_each_in_the_order_of_ids() -> None:
    members = [MembershipFactory.create() for _ in range(2)]
    with recording("anna"), CaptureQueriesContext(connection) as queries:
        lock([member.package_id for member in reversed(members)])
    taken = [query["sql"] for query in queries if "FOR " in query["sql"]]
    assert ["grids_grid" in sql for sql in taken] == [True, False]
    assert all(re.search(r'ORDER BY (1|"\w+"."id") ASC', sql) for sql in taken)


def test_an_import_leaves_memberships_that_were_merged(admin_client: Client, tmp_path: Path) -> None:
    """The survivor was edited here since the source has edited it; once the source edits it, its memberships count."""
    documents = catalogue([category(1)], [grid(7, [2])], [document(1), document(2, grids=[7])])
    import_documents(tmp_path / "first", documents)
    one, other = Package.objects.order_by("pk")
    MembershipFactory.create(package=other)
    merge(admin_client, one, other, column__repo_url=one.pk)
    before = set(GridPackage.objects.values_list("pk", "grid", "package"))
    import_documents(tmp_path / "second", documents)
    assert set(GridPackage.objects.values_list("pk", "grid", "package")) == before
    documents["packages"][0]["modified"] = "2126-01-01T00:00:00Z"
    import_documents(tmp_path / "third", documents)
    assert one.grids.filter(pk=7).count() == 0
    assert one.grids.count() == 1
