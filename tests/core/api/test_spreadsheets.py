"""CSV in a spreadsheet program: every cell is as it was written, and none is a formula."""

import csv
import io
from codecs import BOM_UTF8
from pathlib import Path
from typing import Any

import pytest

from core.csv_cells import guarded, line
from tests.conftest import Get
from tests.factories import CellFactory, FeatureFactory, GridFactory, MembershipFactory, PackageFactory
from tests.spreadsheets import QUOTED_AS_TEXT, READERS, opened

pytestmark = pytest.mark.more
FORMULAS = (
    *("=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", '=HYPERLINK("http://x","y")', "=cmd|' /C calc'!A0"),
    *("+1 555", "-", "+", "++", "-5.5", "- slow", "'=1+1", "''@x"),
)
TEXTS = (
    *("Größe, “Maß” ß 日本 é", 'say "x"', '"', "a\nb", "\n=1+1", " =1+1", "a, b; c", "'tis", "1.2.x", "{=1+1}"),
    "http://example.org/?a=1&b",
)
# Values, and what a cell has of each
CELLS: tuple[tuple[Any, Any], ...] = (
    *((text, f"'{text}") for text in FORMULAS),
    *((text, text) for text in TEXTS),
    ("\r=1+1", "'\n=1+1"),
    ("a\r\nb", "a\nb"),
    ("-5", -5),
    ("+3", 3),
    (-7, -7),
    (2**31, 2**31),
    (1.5, 1.5),
    (True, True),
    (False, False),
    (None, None),
    ("", None),
    (["=1", "b"], '["=1","b"]'),
    ([1, 0, 2], "[1,0,2]"),
    ({"a": "=1"}, '{"a":"=1"}'),
)


@pytest.mark.parametrize("kind", READERS)
def test_every_cell_is_right_and_none_is_a_formula(tmp_path: Path, kind: str) -> None:
    lines = [line([number, value, "."]) for number, (value, _) in enumerate(CELLS)]
    content = line(["number", "value", "end"]) + b"".join(lines)
    for header, *rows in opened(tmp_path, kind, content, BOM_UTF8 + content):
        assert header[:3] == ["number", "value", "end"]
        for number, (value, cell) in enumerate(CELLS):
            assert rows[number][:3] == [number, cell, "."], value


def test_what_is_quoted_is_a_text_if_the_program_is_told_so(tmp_path: Path) -> None:
    """Then a version is no number, and a day no date; what is not quoted is a number all the same."""
    texts = ["1.10", "-5", "+3", "007", "1e5", "2026-05-06", "true", "=1+1"]
    [[row]] = opened(tmp_path, "ods", line([*texts, 5, True]), import_filter=QUOTED_AS_TEXT)
    assert row[: len(texts) + 2] == [*map(guarded, texts), 5, True]


@pytest.mark.django_db
def test_lists_and_comparisons_open_as_they_are(get: Get, tmp_path: Path) -> None:
    grid = GridFactory.create(slug="maps")
    feature = FeatureFactory.create(grid=grid, title="=1+1")
    for number, text in enumerate(('=HYPERLINK("http://evil.example")', "@Größe", "-1+1|x", "+49 555")):
        package = PackageFactory.create(
            slug=f"p-{number}",
            title=text,
            repo_description=f'{text},\r\n“{text}”; "{text}"\n.',
            participants=[text, "b"],
            pypi_version=f"1.{number}.x",
            commits_over_52=[number] * 52,
        )
        CellFactory.create(feature=feature, membership=MembershipFactory.create(grid=grid, package=package), text=text)
    paths = ("packages/?format=csv", "grids/maps/comparison/?format=csv&level=all")
    contents = [get(path + query).content for path in paths for query in ("", "&bom=true")]
    for content, rows in zip(contents, opened(tmp_path, "xlsx", *contents), strict=True):
        written = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
        assert len(written) == 5
        for row, cells in zip(rows, written, strict=True):
            shown = [*row, *[None] * (len(cells) - len(row))]
            assert [_as_written(cell) for cell in shown] == [cell.replace("\r\n", "\n") for cell in cells]


def _as_written(cell: Any) -> str:
    return "" if cell is None else f"{cell:g}" if isinstance(cell, float) else str(cell)
