"""The files of dumps are exact: whatever is stored comes back out of JSON lines, CSV and SQLite alike."""

import csv
import io
import json
import sqlite3
from contextlib import closing
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from categories.models import Category
from core.dumps import TABLES as NAMES
from core.models import Revision
from fetchers.mirror.dump import dump_catalogue
from fetchers.mirror.dump.columns import HISTORY, PACKAGES, TABLES, Column
from fetchers.mirror.dump.files import csv_lines, json_lines, time_text
from grids.models import Cell
from packages.advisories.models import PackageAdvisory
from packages.models import Package, PackageHealth, Pin, Release, Snapshot
from tests.conftest import Get
from tests.dumps import Rows, check_whole, csv_rows, dump_of, json_rows, manifest_of, parse_csv, stored_rows
from tests.factories import CellFactory, MembershipFactory, PackageFactory

NASTY = [
    *(
        "",
        " ",
        "  leading",
        "trailing ",
        '"',
        '""',
        ",",
        "a,b",
        'say "hi"',
        "null",
        "NULL",
        "\\N",
        "true",
        "007",
        "1e5",
    ),
    *("line\nbreak", "carriage\rreturn", "both\r\n", "\ttab", "=1+1", "+1", "-1", "@x", "'quoted'", "\ufeffmark"),
    *(
        "Ünï",
        "日本語",
        "🎉👩‍💻",
        "a\u2028b",
        "\u202eright to left",
        "é",
        "\x01\x1f\x7f",
        "<script>",
        "\\",
        "\\n",
        "a;b",
    ),
]
# Neither database stores NUL, nor half a character.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.sampled_from(NASTY)
COLUMNS = [
    Column("number", "integer", ()),
    Column("text", "text", ()),
    Column("flag", "boolean", ()),
    Column("list", "json", ()),
    Column("other", "text", ()),
]
JSON = st.lists(TEXTS | st.integers(-(2**53), 2**53) | st.none() | st.booleans())
VALUES = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | TEXTS,
    st.none() | st.booleans(),
    JSON,
    st.none() | TEXTS,
)


@given(st.lists(VALUES, max_size=5))
def test_lines_tell_what_was_written(rows: list[tuple[Any, ...]]) -> None:
    flat = [[*row[:3], json.dumps(row[3]), row[4]] for row in rows]
    names = [column.name for column in COLUMNS]
    written = json_lines(COLUMNS, flat).decode()
    assert [json.loads(line) for line in written.split("\n")[:-1]] == [
        dict(zip(names, row, strict=True)) for row in rows
    ]
    text = csv_lines(COLUMNS, flat).decode()
    head = ",".join(f'"{name}"' for name in names) + "\r\n"
    assert parse_csv(head + text if rows else head) == [dict(zip(names, row, strict=True)) for row in flat] or not rows


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_the_csv_reader_of_python_reads_it(texts: list[str]) -> None:
    columns = [Column(f"column{number}", "text", ()) for number in range(len(texts))]
    [read] = csv.reader(io.StringIO(csv_lines(columns, [texts]).decode(), newline=""))
    assert read == texts


@given(st.datetimes(), st.integers(-12, 12))
def test_times_are_of_utc(time: datetime, hours: int) -> None:
    time = time.replace(year=2020, tzinfo=timezone(timedelta(hours=hours)))
    assert time_text(time).endswith("Z")
    assert datetime.fromisoformat(time_text(time)) == time


def fill() -> None:
    """Store nasty texts in all public columns that take any text, and every kind of null."""
    NOW = datetime(2026, 5, 6, 7, 8, 9, 123456, tzinfo=timezone.utc)  # noqa: N806, UP017
    for number, text in enumerate(NASTY):
        package = PackageFactory.create(title=f"x{text}"[:100], repo_description=text, pypi_version=text or None)
        Category.objects.filter(pk=package.category_id).update(description=text, title_plural=text)
        facts = {"participants": [text, "b"], "classifiers": [text] if number % 2 else [], "released": NOW}
        Package.objects.filter(pk=package.pk).update(
            **facts, archived=[None, True, False][number % 3], requires_django=[None, "", text[:9]][number % 3]
        )
        pin = {"pinned": text or None, "upstream": text or None, "reason": f"x{text}"[:200], "since": NOW}
        Pin.objects.create(package=package, column="repo_description", **pin)
        Release.objects.create(package=package, version=f"{number}{text}", uploaded_at=NOW if number % 2 else None)
        CellFactory.create(text=text, feature__title=f"x{text}"[:100], feature__description=text)
        Snapshot.objects.create(package=package, day=NOW.date(), stars=number or None, forks=number)
        advisory = {"aliases": [text], "summary": text, "fixed": [text] if number % 2 else [], "modified": NOW}
        PackageAdvisory.objects.create(package=package, osv_id=f"X-{number}", **advisory)
    PackageHealth.objects.create(
        package=Package.objects.all()[0], since=NOW, before="quiet", reasons=[{"rule": "x", "value": {"ü": None}}]
    )
    MembershipFactory.create(package=Package.objects.all()[1])


@pytest.fixture
def dump(transactional_db: None, tmp_path: Path) -> Path:
    fill()
    dump_catalogue(tmp_path, licence="CC0-1.0")
    return dump_of(tmp_path)


def flat(rows: Rows, *, booleans: bool = True) -> Rows:
    """Return rows of JSON as the other files have them: lists as JSON, and in SQLite numbers for true and false."""
    return [
        {
            name: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            if isinstance(value, list)
            else int(value)
            if isinstance(value, bool) and not booleans
            else value
            for name, value in row.items()
        }
        for row in rows
    ]


def test_all_files_have_the_same_rows(dump: Path) -> None:
    check_whole(dump)
    manifest = manifest_of(dump)
    assert list(manifest) == ["time", "change", "licence", "files"]
    assert manifest["licence"] == "CC0-1.0"
    assert manifest["change"] == Revision.objects.get(kind=Revision.LOG).number
    assert [table.name for table in TABLES] == list(NAMES)
    total = 0
    for table in TABLES:
        rows = json_rows(dump, table.name)
        assert len(rows) == table.model._default_manager.count() >= len(NASTY)
        assert [list(row) for row in rows[:1]] == [[column.name for column in table.columns]]
        assert csv_rows(dump, table.name) == flat(rows)
        assert stored_rows(dump, f"SELECT * FROM {table.name} ORDER BY rowid") == flat(rows, booleans=False)
        assert manifest["files"][f"{table.name}.csv.gz"]["rows"] == len(rows)
        total += len(rows)
    assert manifest["files"]["catalogue.sqlite"]["rows"] == manifest["files"]["catalogue.sqlite.gz"]["rows"] == total
    history = json_rows(dump, "history-2026-05")
    assert csv_rows(dump, "history-2026-05") == history
    assert [row["stars"] for row in history] == [None, *range(1, len(NASTY))]
    assert list(history[0]) == [column.name for column in HISTORY.columns]


def test_rows_are_what_is_stored(dump: Path) -> None:
    rows = {row["id"]: row for row in json_rows(dump, "packages")}
    for package in Package.objects.select_related("health"):
        row = rows.pop(package.pk)
        for name in ("title", "repo_description", "pypi_version", "archived", "requires_django", "classifiers"):
            assert row[name] == getattr(package, name), name
        assert row["released"] in {None, "2026-05-06T07:08:09.123456Z"}
        assert "grids" not in row
    assert not rows
    texts = dict(Cell.objects.values_list("feature_id", "text"))
    assert {row["feature_id"]: row["text"] for row in json_rows(dump, "cells")} == texts
    assert sorted(texts.values()) == sorted(NASTY)
    assert list(json_rows(dump, "memberships")[0]) == ["id", "grid_id", "package_id", "position"]


def test_rows_are_as_the_api_shows_them(dump: Path, get: Get) -> None:
    rows = {row["id"]: row for row in json_rows(dump, "packages")}
    path = "packages/?fields=all&limit=100"
    documents = get(path).json()["results"]
    assert len(documents) == len(rows)
    shown = {column.name for column in PACKAGES.columns} & documents[0].keys()
    assert len(shown) > 30
    for document in documents:
        row = rows[document["id"]]
        for name in shown - {"replaced_by_id"}:
            expected, value = document[name], row[name]
            if name in {"created", "modified", "last_updated", "last_fetched", "released"} and value:
                expected, value = datetime.fromisoformat(expected), datetime.fromisoformat(value)
            assert value == expected, name
        health = document["health"]
        assert (row["verdict"], row["level"]) == (health["verdict"], health["level"])
        assert (row["verdict_before"], row["verdict_reasons"]) == (health["before"], health["reasons"])
        assert document["category"].endswith(f"/{row['category_id']}/")


def test_the_database_needs_nothing_but_sqlite(dump: Path) -> None:
    with closing(sqlite3.connect(dump / "catalogue.sqlite")) as opened:
        kinds = dict(opened.execute("SELECT type, count(*) FROM sqlite_schema GROUP BY 1").fetchall())
        assert set(kinds) == {"table", "index", "view"}
        assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert opened.execute("PRAGMA foreign_key_check").fetchall() == []
        assert opened.execute("PRAGMA journal_mode").fetchall() == [("delete",)]
    manifest = manifest_of(dump)
    assert stored_rows(dump, "SELECT * FROM dump") == [
        {"time": manifest["time"], "change": manifest["change"], "licence": "CC0-1.0"}
    ]
    assert len(stored_rows(dump, "SELECT category_slug FROM package_list")) == Package.objects.count()
    assert {row["text"] for row in stored_rows(dump, "SELECT * FROM grid_cells")} == set(NASTY)
    assert len(stored_rows(dump, "SELECT grid_slug, level FROM grid_packages")) == len(NASTY) + 1


@pytest.mark.django_db(transaction=True)
def test_versions_are_rows_of_views(tmp_path: Path) -> None:
    classifiers = ["Framework :: Django :: 5.2", "Framework :: Django :: 4.2", "Programming Language :: Python :: 3.12"]
    PackageFactory.create(slug="p", classifiers=classifiers)
    dump_catalogue(tmp_path)
    views = {
        view: stored_rows(dump_of(tmp_path), f"SELECT slug, version FROM {view}")
        for view in ("django_versions", "python_versions")
    }
    assert views == {
        "django_versions": [{"slug": "p", "version": "4.2"}, {"slug": "p", "version": "5.2"}],
        "python_versions": [{"slug": "p", "version": "3.12"}],
    }


@pytest.mark.django_db(transaction=True)
def test_an_empty_catalogue(tmp_path: Path) -> None:
    dump_catalogue(tmp_path)
    check_whole(dump_of(tmp_path))
    assert [json_rows(dump_of(tmp_path), name) for name in NAMES] == [[]] * len(NAMES)
    assert [csv_rows(dump_of(tmp_path), name) for name in NAMES] == [[]] * len(NAMES)
    assert manifest_of(dump_of(tmp_path))["licence"] is None


@pytest.mark.django_db(transaction=True)
def test_queries_do_not_grow_with_the_catalogue(tmp_path: Path, django_assert_max_num_queries: Any) -> None:
    fill()
    Snapshot.objects.create(package=Package.objects.all()[0], day=date(2026, 4, 1), stars=1)
    with django_assert_max_num_queries(16 if connection.vendor == "postgresql" else 15):
        dump_catalogue(tmp_path)
