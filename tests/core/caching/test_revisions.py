"""Revisions: no number comes twice, whatever is done to the database, and `check` reports disabled triggers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.core.checks import CheckMessage, Tags, run_checks
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from changes import triggers
from changes.models import Change
from core.caching import revisions
from core.models import Revision
from grids.models import Grid
from packages.models import Package
from tests.factories import CategoryFactory, CellFactory, GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db(transaction=True)
postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no such thing")
KINDS = {"categories", "packages", "grids"}


def numbers() -> dict[str, int]:
    return dict(Revision.objects.exclude(kind=Revision.LOG).values_list("kind", "number"))


def sql(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def warnings() -> list[CheckMessage]:
    return run_checks(tags=[Tags.database], databases=["default"])


@pytest.fixture
def _triggers_restored() -> Iterator[None]:
    yield
    call_command("install_triggers", verbosity=0)


@pytest.fixture
def _revisions_reset() -> Iterator[None]:
    """Reset revisions before and after the test: numbers ahead of the clock are left by other tests, and must not reach
    those that follow."""
    _reset()
    yield
    _reset()


def _reset() -> None:
    triggers.uninstall(connection)
    Revision.objects.exclude(kind=Revision.LOG).delete()
    triggers.install(connection)


@contextmanager
def replica_session() -> Iterator[None]:
    """A session like those of restores and replication, in which only triggers with ENABLE ALWAYS fire."""
    try:
        sql("SET session_replication_role = replica")
    except DatabaseError:
        pytest.skip("the role may not SET session_replication_role")
    try:
        yield
    finally:
        sql("RESET session_replication_role")


def flushed() -> None:
    call_command("flush", interactive=False, verbosity=0)


def deleted() -> None:
    Revision.objects.all().delete()


def written_without_triggers() -> None:
    """Write an old number, which is possible without triggers; when they are installed again, it becomes a new one."""
    triggers.uninstall(connection)
    Revision.objects.exclude(kind=Revision.LOG).update(number=1)
    triggers.install(connection)


@pytest.mark.usefixtures("_triggers_restored")
@pytest.mark.parametrize("lose", [flushed, deleted, written_without_triggers])
def test_no_number_comes_twice(lose: Callable[[], None]) -> None:
    MembershipFactory.create()
    before = numbers()
    assert before.keys() >= KINDS
    lose()
    MembershipFactory.create()
    after = numbers()
    assert all(after[kind] > before[kind] for kind in KINDS)


def test_a_deletion_is_a_move() -> None:
    """A kind without a row would count as 0, and every state of the kind without a row would share cached responses."""
    MembershipFactory.create()
    Change.objects.all().delete()
    before, rows = numbers(), dict(Revision.objects.values_list("kind", "rows"))
    assert before.keys() >= KINDS | {"pruned"}
    deleted()
    after = numbers()
    assert all(after[kind] > before[kind] for kind in before)
    assert {kind: dict(Revision.objects.values_list("kind", "rows"))[kind] for kind in KINDS} == {
        kind: rows[kind] for kind in KINDS
    }


@postgresql
def test_after_a_truncate_revisions_start_again_and_rows_are_counted() -> None:
    PackageFactory.create_batch(3)
    before = numbers()
    sql("TRUNCATE changes_revision")
    assert numbers()["packages"] > before["packages"]
    assert Revision.objects.get(kind="packages").rows == 3
    assert not Revision.objects.filter(kind="grids").exists()


@pytest.mark.parametrize("lower", ["number = number - 1", "number = 0", "kind = 'other'"])
def test_no_revision_goes_back(lower: str) -> None:
    PackageFactory.create()
    before = numbers()
    with pytest.raises(IntegrityError, match="A revision only rises"):
        sql(f"UPDATE changes_revision SET {lower} WHERE kind = 'packages'")
    assert numbers() == before
    Revision.objects.filter(kind="packages").update(number=before["packages"] + 5)
    assert numbers()["packages"] == before["packages"] + 5


@pytest.mark.usefixtures("_revisions_reset")
def test_revisions_follow_the_clock_or_rise_by_one() -> None:
    CellFactory.create()  # with a row of every kind: a revision that no row moves stays what it was
    CategoryFactory.create_batch(2_000 if connection.vendor == "sqlite" else 2)
    Change.objects.all().delete()
    now = time.time() * 1_000_000
    assert all(now - 60_000_000 < number <= now + 1_000 for number in numbers().values())
    ahead = numbers()["packages"] + 3_600_000_000
    Revision.objects.filter(kind="packages").update(number=ahead)
    Package.objects.update(repo_forks=7)
    assert numbers()["packages"] == ahead + 1


def test_a_missing_revision_starts_with_the_number_of_rows() -> None:
    cell = CellFactory.create()
    before = dict(Revision.objects.values_list("kind", "rows"))
    triggers.uninstall(connection)
    Revision.objects.exclude(kind=Revision.LOG).delete()
    triggers.install(connection)
    assert {**before, **dict(Revision.objects.values_list("kind", "rows"))} == before
    cell.delete()  # which moves the revision of features, and is none
    assert {**before, **dict(Revision.objects.values_list("kind", "rows"))} == before
    cell.feature.delete()
    assert dict(Revision.objects.values_list("kind", "rows"))["features"] == before["features"] - 1


def test_many_rows_do_not_outrun_the_clock() -> None:
    """SQLite raises the revision with every row of a statement."""
    Grid.objects.bulk_create([Grid(title=str(number), slug=f"g-{number}") for number in range(3_000)])
    Grid.objects.update(description="x")
    assert numbers()["grids"] <= time.time() * 1_000_000 + 10_000


@postgresql
def test_writes_of_a_session_with_triggers_off_are_noticed() -> None:
    package, grid = PackageFactory.create(), GridFactory.create()
    before, last = numbers(), Revision.objects.get(kind=Revision.LOG).number
    with replica_session():
        Package.objects.filter(pk=package.pk).update(repo_forks=5)
        sql(f"INSERT INTO grids_gridpackage (grid_id, package_id, position) VALUES ({grid.pk}, {package.pk}, 1)")
        sql("DELETE FROM grids_gridpackage")
        sql("TRUNCATE grids_gridpackage, grids_cell")
        with pytest.raises(IntegrityError, match="only rises"):
            sql("UPDATE changes_revision SET number = 0")
    assert numbers()["packages"] > before["packages"]
    assert numbers()["grids"] > before["grids"]
    assert list(Change.objects.filter(number__gt=last).values_list("number", "kind", "action")) == [
        (last + 1, "package", "changed"),
        (last + 2, "membership", "created"),
        (last + 3, "membership", "deleted"),
    ]


@postgresql
@pytest.mark.usefixtures("_triggers_restored")
@pytest.mark.parametrize(
    ("table", "trigger", "statement"),
    [
        ("packages_package", "changes_update", "ALTER TABLE packages_package DISABLE TRIGGER changes_update"),
        ("packages_package", "changes_update", "ALTER TABLE packages_package ENABLE TRIGGER changes_update"),
        ("grids_grid", "changes_insert", "ALTER TABLE grids_grid DISABLE TRIGGER USER"),
        ("changes_pending", "changes_commit", "ALTER TABLE changes_pending ENABLE REPLICA TRIGGER changes_commit"),
    ],
)
def test_a_disabled_trigger_is_reported_and_enabled(
    table: str, trigger: str, statement: str, capsys: pytest.CaptureFixture[str]
) -> None:
    MembershipFactory.create()
    assert warnings() == []
    sql(statement)
    assert any(f"{trigger} on {table} is disabled for some sessions" in warning.msg for warning in warnings())
    before = numbers()
    call_command("install_triggers")
    assert f"{trigger} on {table} is disabled for some sessions" in capsys.readouterr().out
    assert warnings() == []
    assert all(numbers()[kind] > before[kind] for kind in KINDS)
    before = numbers()
    call_command("install_triggers")
    assert (capsys.readouterr().out, numbers()) == ("", before)


@pytest.mark.usefixtures("_triggers_restored")
def test_rows_written_without_triggers_are_counted_and_served() -> None:
    MembershipFactory.create()
    before = numbers()
    triggers.uninstall(connection)
    PackageFactory.create(category__slug="another")
    assert numbers() == before
    call_command("install_triggers", verbosity=0)
    assert all(numbers()[kind] > before[kind] for kind in KINDS)
    rows = dict(Revision.objects.filter(kind__in=KINDS).values_list("kind", "rows"))
    assert rows == {"categories": 2, "packages": 2, "grids": 1}


@pytest.mark.parametrize("is_closed", [False, pytest.param(True, marks=postgresql)])
def test_they_are_read_again_only_where_the_connection_was_closed(
    monkeypatch: pytest.MonkeyPatch, is_closed: bool
) -> None:
    """A lock or a lack of connections lasts, and the client would wait twice."""
    reads = []

    def fail(connection: BaseDatabaseWrapper) -> None:
        reads.append(connection.connection)
        if is_closed:
            connection.ensure_connection()
            connection.connection.close()
        raise OperationalError("locked")

    connection.ensure_connection()
    monkeypatch.setattr(revisions, "_read", fail)
    with pytest.raises(OperationalError, match="locked"):
        revisions.read(connection)
    assert len(reads) == (2 if is_closed else 1)
    if is_closed:
        connection.close()
