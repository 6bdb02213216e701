"""GET /api/v4/changes/: a mirror that follows it has the catalogue, whoever wrote what, and however."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from categories.models import Category
from changes import triggers
from changes.log import BATCH, RETENTION, prune
from changes.models import Change, OldSlug
from core.models import Revision
from grids.models import Grid, GridPackage
from packages.models import FetchState, Package, Release, Snapshot
from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory

# Numbers are given at commit: a test that never commits would see none.
pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")


def last() -> int:
    return Revision.objects.get_or_create(kind=Revision.LOG, defaults={"number": 0, "rows": 0})[0].number


def revisions() -> dict[str, int]:
    return dict(Revision.objects.exclude(kind=Revision.LOG).values_list("kind", "number"))


def moved(write: Callable[[], object]) -> tuple[list[tuple[str, str, int]], set[str]]:
    """What `write` brings into the log, and the kinds whose revision it moves."""
    since, before = last(), revisions()
    write()
    found = Change.objects.filter(number__gt=since).order_by("number").values_list("kind", "action", "object_id")
    return list(found), {kind for kind, number in revisions().items() if number != before.get(kind)}


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_body(get: Get) -> None:
    package = PackageFactory.create(slug="one")
    grid = GridFactory.create()
    since = last()
    member = MembershipFactory.create(grid=grid, package=package)
    Package.objects.filter(pk=package.pk).update(slug="two")
    grid.delete()
    body = get(f"changes/?since={since}").json()
    times = [result.pop("at") for result in body["results"]]
    assert all(datetime.fromisoformat(at).tzinfo is not None for at in times)
    assert times == sorted(times)
    links = {"grid": f"http://testserver/api/v4/grids/{grid.pk or member.grid_id}/"}
    links["package"] = f"http://testserver/api/v4/packages/{package.pk}/"
    none = {"slug": "", "old_slug": "", "url": None, "grid": None, "package": None}
    assert body == {
        "since": since,
        "until": since + 4,
        "next": None,
        "results": [
            {"number": since + 1, "kind": "membership", "action": "created", "id": member.pk, **none, **links},
            {
                "number": since + 2,
                "kind": "package",
                "action": "renamed",
                "id": package.pk,
                **none,
                "slug": "two",
                "old_slug": "one",
                "url": links["package"],
            },
            {"number": since + 3, "kind": "membership", "action": "deleted", "id": member.pk, **none, **links},
            {
                "number": since + 4,
                "kind": "grid",
                "action": "deleted",
                "id": member.grid_id,
                **none,
                "slug": grid.slug,
            },
        ],
    }
    assert list(body["results"][0]) == [
        *("number", "kind", "action", "id", "slug", "old_slug", "url", "grid", "package"),
    ]


def test_pages(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    since = last()
    CategoryFactory.create_batch(7)
    found: list[int] = []
    address = f"changes/?limit=3&since={since}"
    while address:
        with django_assert_num_queries(3):
            response = get(address)
        body = response.json()
        found += [result["number"] for result in body["results"]]
        assert body["until"] == found[-1]
        assert response.headers.get("Link") == (f'<{body["next"]}>; rel="next"' if body["next"] else None)
        address = (body["next"] or "").removeprefix("http://testserver/api/v4/")
    assert found == list(range(since + 1, since + 8))
    assert get(f"changes/?since={since + 7}").json() == {
        "since": since + 7,
        "until": since + 7,
        "next": None,
        "results": [],
    }


@pytest.mark.parametrize(
    ("query", "name", "message"),
    [
        ("since=-1", "since", "Must be a whole number from 0 up."),
        ("since=x", "since", "Must be a whole number from 0 up."),
        ("limit=0", "limit", "Must be a whole number from 1 to 1000."),
        ("limit=1001", "limit", "Must be a whole number from 1 to 1000."),
        ("offset=3", "offset", "There is no parameter “offset” here. There are: format, limit, since."),
    ],
)
def test_wrong_parameters(get: Get, query: str, name: str, message: str) -> None:
    response = get(f"changes/?{query}")
    assert response.status_code == 400
    assert response.json() == {name: [message]}


def test_a_number_beyond_the_end_is_another_catalogues(get: Get) -> None:
    CategoryFactory.create()
    end = last()
    response = get(f"changes/?since={end + 1}")
    assert response.status_code == 400
    assert f"The log ends at {end}" in response.json()["since"][0]


def test_every_way_of_writing_is_noticed() -> None:
    category = CategoryFactory.create()
    package = PackageFactory.create(category=category)
    grid = GridFactory.create()
    pk, table = package.pk, Package._meta.db_table
    changed = [("package", "changed", pk)]

    def upsert() -> None:
        row = Package.objects.get(pk=pk)
        row.repo_watchers = 77
        Package.objects.bulk_create(
            [row], update_conflicts=True, unique_fields=["id"], update_fields=["repo_watchers", "last_fetched"]
        )

    def bulk_update() -> None:
        row = Package.objects.get(pk=pk)
        row.repo_forks = 5
        Package.objects.bulk_update([row], ["repo_forks"])

    assert moved(lambda: Package.objects.filter(pk=pk).update(licence="MIT")) == (changed, {"packages"})
    assert moved(upsert) == (changed, {"packages"})
    assert moved(bulk_update) == (changed, {"packages"})
    assert moved(lambda: sql(f"UPDATE {table} SET deprecated = NOT deprecated")) == (changed, {"packages"})
    assert moved(lambda: sql(f"UPDATE {table} SET title = 'other'")) == (changed, {"packages", "grids"})
    assert moved(lambda: sql(f"UPDATE {table} SET slug = 'other'"))[0] == [("package", "renamed", pk)]
    assert moved(lambda: sql(f"UPDATE {table} SET slug = 'other'")) == ([], set()), "nothing moved"
    fetched = Package.objects.filter(pk=pk)
    assert moved(lambda: fetched.update(last_fetched=NOW)) == ([], {"packages"}), "served, yet no change"

    def rolled_back() -> None:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            fetched.update(title="never")
            raise ZeroDivisionError

    assert moved(rolled_back) == ([], set())
    found, kinds = moved(lambda: GridPackage.objects.bulk_create([GridPackage(grid=grid, package=package)]))
    member = GridPackage.objects.get()
    assert (found, kinds) == ([("membership", "created", member.pk)], {"packages", "grids"})
    assert moved(lambda: GridPackage.objects.update(position=3))[0] == [("membership", "changed", member.pk)]
    other = GridFactory.create()
    renewed = [("membership", "deleted", member.pk), ("membership", "created", member.pk)]
    assert moved(lambda: GridPackage.objects.update(grid=other))[0] == renewed
    assert moved(lambda: sql("DELETE FROM grids_gridpackage"))[0] == [("membership", "deleted", member.pk)]
    assert moved(lambda: Category.objects.update(show_pypi=False)) == (
        [("category", "changed", category.pk)],
        {"categories"},
    )
    assert moved(lambda: Grid.objects.filter(pk=other.pk).delete()) == ([("grid", "deleted", other.pk)], {"grids"})
    assert moved(lambda: sql(f"DELETE FROM {table}")) == ([("package", "deleted", pk)], {"packages"})


def test_what_is_served_besides_moves_the_revision_alone() -> None:
    package = PackageFactory.create()
    writes: list[Callable[[], object]] = [
        lambda: Release.objects.create(package=package, version="1"),
        lambda: Release.objects.update(yanked=True),
        lambda: Snapshot.objects.create(package=package, day=NOW.date(), stars=1),
        lambda: FetchState.objects.create(package=package, source="repo", outcome="ok", next_due=NOW),
        lambda: FetchState.objects.update(failures=2),
        lambda: sql("DELETE FROM packages_release"),
    ]
    for write in writes:
        assert moved(write) == ([], {"packages"})


def test_a_row_that_gets_another_id() -> None:
    CategoryFactory.create(id=7)
    found, _ = moved(lambda: sql("UPDATE categories_category SET id = 8 WHERE id = 7"))
    assert found == [("category", "deleted", 7), ("category", "created", 8)]


def test_many_rows_in_one_statement_are_numbered_by_id() -> None:
    packages = PackageFactory.create_batch(30)
    found, _ = moved(lambda: Package.objects.update(repo_forks=9))
    assert found == [("package", "changed", package.pk) for package in packages]


def test_the_number_of_documents_is_counted_along() -> None:
    counts = dict(Revision.objects.values_list("kind", "rows"))
    PackageFactory.create_batch(3)
    Package.objects.all()[0].delete()
    GridFactory.create()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        PackageFactory.create()
        raise ZeroDivisionError
    now = dict(Revision.objects.values_list("kind", "rows"))
    assert {kind: now[kind] - counts.get(kind, 0) for kind in ("categories", "packages", "grids")} == {
        "categories": 3,
        "packages": 2,
        "grids": 1,
    }


def test_old_slugs_lead_to_the_new_one(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    package = PackageFactory.create(slug="a")
    for slug in ("b", "c"):
        Package.objects.filter(pk=package.pk).update(slug=slug)
    for old in ("a", "b"):
        for below in ("", "releases/", "history/"):
            response = client.get(f"/api/v4/packages/{old}/{below}?format=json")
            assert response.status_code == 301
            assert response["Location"] == f"/api/v4/packages/c/{below}?format=json"
    with django_assert_num_queries(2):
        assert client.get("/api/v4/packages/c/").status_code == 200
    PackageFactory.create(slug="a")
    assert client.get("/api/v4/packages/a/").status_code == 200, "another stands there now"
    Package.objects.filter(pk=package.pk).update(slug="b")
    assert client.get("/api/v4/packages/c/")["Location"] == "/api/v4/packages/b/"
    assert client.get("/api/v4/packages/b/").status_code == 200
    Package.objects.filter(pk=package.pk).delete()
    assert client.get("/api/v4/packages/c/").status_code == 404
    assert not OldSlug.objects.filter(object_id=package.pk).exists()


@pytest.mark.parametrize(("factory", "kind"), [(GridFactory, "grids"), (CategoryFactory, "categories")])
def test_old_slugs_of_other_kinds(client: Client, factory: Any, kind: str) -> None:
    document = factory.create(slug="old")
    PackageFactory.create(slug="new")
    type(document).objects.filter(pk=document.pk).update(slug="new")
    assert client.get(f"/api/v4/{kind}/old/")["Location"] == f"/api/v4/{kind}/new/"
    assert client.get("/api/v4/packages/old/").status_code == 404


class Mirror:
    """Follows the feed from 0 with nothing else than the API."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.documents: dict[tuple[str, int], Any] = {}
        self.memberships: set[tuple[str, str]] = set()
        self.seen: list[int] = []
        self.until = 0

    def follow(self) -> None:
        address: str | None = f"/api/v4/changes/?limit=50&since={self.until}"
        while address:
            body = self.client.get(address).json()
            for change in body["results"]:
                self.seen.append(change["number"])
                self._apply(change)
            self.until, address = body["until"], body["next"]

    def _apply(self, change: Any) -> None:
        if change["kind"] == "membership":
            pair = (change["grid"], change["package"])
            (self.memberships.discard if change["action"] == "deleted" else self.memberships.add)(pair)
            return
        key = (change["kind"], change["id"])
        response = self.client.get(change["url"]) if change["url"] else None
        if response is not None and response.status_code == 200:
            self.documents[key] = _own(response.json())
        else:
            self.documents.pop(key, None)


def _own(document: Any) -> Any:
    """A document without what memberships say."""
    return {key: value for key, value in document.items() if key not in {"grids", "packages", "last_fetched"}}


def catalogue(client: Client) -> tuple[dict[tuple[str, int], Any], set[tuple[str, str]]]:
    documents, memberships = {}, set()
    for kind, name in (("categories", "category"), ("packages", "package"), ("grids", "grid")):
        for document in client.get(f"/api/v4/{kind}/?limit=1000").json()["results"]:
            documents[name, document["id"]] = _own(document)
            link = f"http://testserver/api/v4/grids/{document['id']}/"
            memberships |= {(link, package) for package in document.get("packages", ())}
    return documents, memberships


def test_an_empty_mirror_rebuilds_the_catalogue(client: Client) -> None:
    call_command("load_sample", verbosity=0)
    mirror = Mirror(client)
    mirror.follow()
    assert (mirror.documents, mirror.memberships) == catalogue(client)
    assert len(mirror.documents) > 50
    Package.objects.filter(pk__in=list(Package.objects.values_list("pk", flat=True)[:9])).delete()
    Package.objects.filter(slug__startswith="django-").update(repo_forks=3)
    Grid.objects.all()[0].delete()
    MembershipFactory.create_batch(3)
    one = Package.objects.all()[0]
    Package.objects.filter(pk=one.pk).update(slug="renamed")
    mirror.follow()
    assert (mirror.documents, mirror.memberships) == catalogue(client)


@postgresql
def test_four_writers_at_once_leave_no_gap(client: Client) -> None:
    """One of them holds its transaction open for long: nobody waits for it, and no reader misses what it wrote."""
    category = CategoryFactory.create()
    since = last()
    opened, done = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            PackageFactory.create(category=category, slug="slow", repo_url="")
            opened.set()
            assert done.wait(30)

    def quick(writer: int) -> None:
        for turn in range(25):
            with transaction.atomic():
                package = PackageFactory.create(category=category, slug=f"quick-{writer}-{turn}", repo_url="")
                MembershipFactory.create(grid=GridFactory.create(slug=f"g-{writer}-{turn}"), package=package)
                if turn % 5 == 4:
                    package.delete()

    mirror = Mirror(client)
    writers = [in_background(quick, number) for number in range(3)]
    slowest = in_background(slow)
    assert opened.wait(30)
    while any(writer.is_alive() for writer in writers):
        mirror.follow()
        assert mirror.seen == list(range(1, len(mirror.seen) + 1)), "a gap"
    for writer in writers:
        writer.result()
    assert slowest.is_alive(), "nobody waited for the slow one"
    mirror.follow()
    assert not [key for key, document in mirror.documents.items() if document["slug"] == "slow"]
    done.set()
    slowest.result()
    mirror.follow()
    assert mirror.seen == list(range(1, last() + 1))
    assert (mirror.documents, mirror.memberships) == catalogue(client)
    assert last() - since > 3 * 25 * 3


@postgresql
def test_a_commit_that_waits_for_a_foreign_key_holds_up_nobody() -> None:
    """Checking a foreign key at commit can wait for whoever holds the row: never with the counter in hand."""
    package = PackageFactory.create()
    grid = GridFactory.create()
    locked, done = threading.Event(), threading.Event()

    def holder() -> None:
        with transaction.atomic():
            Package.objects.select_for_update().get(pk=package.pk)
            locked.set()
            assert done.wait(30)
            Package.objects.filter(pk=package.pk).update(repo_forks=1)

    def waiter() -> None:
        with transaction.atomic():
            Category.objects.update(description="x")
            GridPackage.objects.create(grid_id=grid.pk, package_id=package.pk)

    holding = in_background(holder)
    assert locked.wait(30)
    waiting = in_background(waiter)
    time.sleep(0.3)
    assert waiting.is_alive()
    CategoryFactory.create()  # commits, though the waiter is in the middle of its own commit
    done.set()
    holding.result()
    waiting.result()


class in_background(threading.Thread):  # noqa: N801 (reads as a verb where it is called)
    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        super().__init__(daemon=True)
        self.work, self.arguments = work, arguments
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.work(*self.arguments)
        except BaseException as error:  # noqa: BLE001 (given to whoever asks for the result)
            self.error = error
        finally:
            connection.close()

    def result(self) -> None:
        self.join(60)
        assert not self.is_alive()
        if self.error:
            raise self.error


@pytest.fixture
def _old_half() -> Iterator[None]:
    CategoryFactory.create_batch(6)
    half = last() - 3
    Change.objects.filter(number__lte=half).update(at=NOW - RETENTION - timedelta(seconds=1))
    Change.objects.filter(number__gt=half).update(at=NOW - RETENTION + timedelta(days=1))
    yield
    Change.objects.all().delete()


@pytest.mark.usefixtures("_old_half")
def test_pruned_after_400_days(get: Get) -> None:
    end = last()
    assert prune(NOW) == end - 3
    assert prune(NOW) == 0
    assert [change["number"] for change in get(f"changes/?since={end - 3}").json()["results"]] == [
        end - 2,
        end - 1,
        end,
    ]
    for since in (0, end - 4):
        response = get(f"changes/?since={since}")
        assert response.status_code == 410
        assert response.json() == {
            "detail": f"Changes up to {end - 3} are gone from the log. Start afresh: keep the number {end}, read all"
            f" of categories, packages and grids (cursor=), then go on with since={end}."
        }
    assert prune(NOW + timedelta(days=2)) == 3
    assert get(f"changes/?since={end}").status_code == 200
    assert get(f"changes/?since={end - 1}").status_code == 410
    CategoryFactory.create()
    assert [change["number"] for change in get(f"changes/?since={end}").json()["results"]] == [end + 1]


@postgresql
def test_what_is_pruned_while_it_is_read_leaves_no_gap(get: Get) -> None:
    CategoryFactory.create_batch(6)
    end = last()
    statements = count(1)

    def prune_after_the_log_was_read(execute: Callable[..., Any], *statement: Any) -> Any:
        result = execute(*statement)
        if next(statements) == 2:  # the first one reads the revisions
            Change.objects.filter(number__lte=end - 2).delete()
        return result

    with connection.execute_wrapper(prune_after_the_log_was_read):
        response = get(f"changes/?since={end - 5}")
    assert Change.objects.count() == 2
    assert response.status_code == 410


def test_the_end_is_known_without_its_counter(get: Get) -> None:
    CategoryFactory.create_batch(2)
    end = last()
    Revision.objects.filter(kind=Revision.LOG).delete()
    assert get(f"changes/?since={end - 1}").json()["until"] == end
    assert get(f"changes/?since={end + 1}").status_code == 400


def test_pruning_goes_on_after_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    assert BATCH >= 1_000
    monkeypatch.setattr("changes.log.BATCH", 2)
    CategoryFactory.create_batch(5)
    Change.objects.update(at=NOW - RETENTION * 2)
    Revision.objects.filter(kind=Revision.LOG).update(number=last())
    count = Change.objects.count()
    assert prune(NOW) == count


def test_the_command_says_what_it_pruned(capsys: pytest.CaptureFixture[str]) -> None:
    CategoryFactory.create()
    Change.objects.update(at=NOW - RETENTION * 2)
    count = Change.objects.count()
    call_command("prune_changes")
    assert capsys.readouterr().out == f"{count} changes older than 400 days are gone from the log\n"
    call_command("prune_changes")
    assert capsys.readouterr().out == ""


def test_what_stood_before_the_log_began_is_in_it(client: Client) -> None:
    member = MembershipFactory.create()
    triggers.uninstall(connection)
    try:
        missing = {each.table for each in triggers.LOG_TRIGGERS.deviations(connection)}
        assert {watched.table for watched in triggers.LOG_TRIGGERS.watched} < missing
        Change.objects.all().delete()
        Revision.objects.all().delete()
        triggers.seed(connection)
    finally:
        triggers.install(connection)
    assert triggers.LOG_TRIGGERS.deviations(connection) == []
    mirror = Mirror(client)
    mirror.follow()
    assert (mirror.documents, mirror.memberships) == catalogue(client)
    assert mirror.seen == [1, 2, 3, 4]
    pk = member.pk
    assert moved(member.delete)[0] == [("membership", "deleted", pk)]
    assert last() == 5
