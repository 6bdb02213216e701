"""The columns of dumps: each column of the database is declared as public or private, and no private one leaves."""

import gzip
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection

from categories.documents import CATEGORY_COLUMNS
from core.documents import Columns
from fetchers.mirror.dump import dump_catalogue
from fetchers.mirror.dump.columns import PRIVATE, PUBLIC, TABLES
from fetchers.models import Batch, HostRateLimit, Run
from grids.documents import FEATURE_COLUMNS, GRID_COLUMNS
from packages.documents import PACKAGE_COLUMNS
from packages.models import FetchState, Package, PackageHealth, RepositoryAlias, Snapshot
from tests.dumps import dump_of
from tests.factories import CellFactory, PackageFactory

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
SECRET = "sesame-7351"
# Tables that only one of the databases has
ELSEWHERE = {
    "postgresql": ("search_trigrams", "search_words"),
    "sqlite": ("changes_pending",),
}


def columns_of_database() -> dict[str, set[str]]:
    with connection.cursor() as cursor:
        tables = connection.introspection.get_table_list(cursor)
        describe = connection.introspection.get_table_description
        return {table.name: {column.name for column in describe(cursor, table.name)} for table in tables}


def undeclared(found: Mapping[str, set[str]]) -> dict[str, set[str]]:
    declared = {table: PUBLIC.get(table, set()) | PRIVATE.get(table, set()) for table in {*PUBLIC, *PRIVATE, *found}}
    return {table: missing for table, columns in found.items() if (missing := columns - declared[table])}


@pytest.mark.django_db
def test_every_column_of_every_table_is_declared() -> None:
    found = columns_of_database()
    assert undeclared(found) == {}, "say in fetchers/mirror/dump/columns.py whether they are public"
    declared = {(table, column) for part in (PUBLIC, PRIVATE) for table in part for column in part[table]}
    gone = {each for each in declared if each[1] not in found.get(each[0], ())}
    gone = {each for each in gone if not each[0].startswith(ELSEWHERE[connection.vendor])}
    assert gone - {("search_entry", "words")} == set(), "there are no such columns"


@pytest.mark.django_db
def test_an_undeclared_column_is_refused() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE packages_package ADD COLUMN note varchar(10)")
        cursor.execute("CREATE TABLE notes (text varchar(10))")
    assert undeclared(columns_of_database()) == {"packages_package": {"note"}, "notes": {"text"}}


def test_no_column_is_both() -> None:
    assert {table: both for table in PUBLIC.keys() & PRIVATE if (both := PUBLIC[table] & PRIVATE[table])} == {}


@pytest.mark.parametrize(
    ("columns", "elsewhere"),
    [
        (CATEGORY_COLUMNS, {"package_count", "last_updated_median"}),  # of its packages, which are there
        (GRID_COLUMNS, {"packages", "package_count", "package_slugs"}),
        (FEATURE_COLUMNS, {"cells"}),
        # The verdict has columns of its own, and pins and advisories have tables; freshness is private but for
        # last_fetched.
        (
            PACKAGE_COLUMNS,
            {"grids", "grid_slugs", "category_slug", "health", "freshness", "reply", "pins", "advisories"},
        ),
    ],
    ids=lambda value: value.kind.plural if isinstance(value, Columns) else "",
)
def test_every_key_of_a_document_is_a_column(columns: Columns, elsewhere: set[str]) -> None:
    (table,) = (each for each in TABLES if each.name == columns.kind.plural)
    names = {column.name for column in table.columns}
    relations = {name: each.foreign_key for name, each in columns.relations.items() if each.foreign_key}
    assert {relations.get(name, name) for name in columns.served if name not in elsewhere} <= names


def hide_a_secret() -> None:
    """Put the secret into every private column that can have it."""
    package = PackageFactory.create()
    texts = ("repo_id", "gone_reason", "pypi_repo_url")
    Package.objects.filter(pk=package.pk).update(**dict.fromkeys(texts, f"https://{SECRET}"))
    FetchState.objects.create(
        package=package, source="repo", outcome="timeout", next_due=NOW, error=SECRET, validators={"etag": SECRET}
    )
    RepositoryAlias.objects.create(package=package, repo_url=f"https://{SECRET}/x", repo_key=SECRET, until=NOW)
    Snapshot.objects.create(package=package, day=NOW.date(), stars=1, downloads=1, repo_key=SECRET, pypi_name=SECRET)
    user = User.objects.create_user(SECRET, f"{SECRET}@example.org", SECRET, first_name=SECRET, last_name=SECRET)
    LogEntry.objects.create(
        user=user, content_type=ContentType.objects.all()[0], object_repr=SECRET, action_flag=ADDITION
    )
    Session.objects.create(session_key=SECRET, session_data=SECRET, expire_date=NOW)
    run = Run.objects.create(started=NOW, summary={"notes": [SECRET]})
    Batch.objects.create(run=run, source="repo", host=SECRET, work={"run": SECRET}, result={"notes": [SECRET]})
    HostRateLimit.objects.create(name=SECRET)


@pytest.mark.django_db(transaction=True)
def test_nothing_private_leaves(tmp_path: Path) -> None:
    hide_a_secret()
    cell = CellFactory.create()
    PackageHealth.objects.create(package=cell.membership.package, warnings=["stale"])
    dump_catalogue(tmp_path)
    files: dict[str, Any] = {path.name: path.read_bytes() for path in dump_of(tmp_path).iterdir()}
    assert len(files) == 22
    for name, data in files.items():
        assert SECRET.encode() not in (gzip.decompress(data) if name.endswith(".gz") else data), name
    assert b"stale" in gzip.decompress(files["packages.jsonl.gz"]), "what is public does"
