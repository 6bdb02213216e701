"""manage.py import_cells: what is exported changes nothing, what differs is written, a wrong file is refused whole."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.csv_cells import guarded, line
from grids import spreadsheets
from grids.models import Cell, Feature, Grid
from grids.spreadsheets import import_cells
from packages.settling import settled
from tests.changes.log import moved
from tests.conftest import Get
from tests.factories import CellFactory, FeatureFactory, GridFactory, MembershipFactory, PackageFactory
from tests.spreadsheets import AS_IT_OPENS, QUOTED_AS_TEXT, saved

pytestmark = pytest.mark.django_db

# What spreadsheet programs know as the beginning of a formula, what CSV quotes, line ends, and all else.
TEXTS = st.text(
    st.sampled_from("=+-@\t\r\n'\",; 019aä") | st.characters(codec="utf-8", exclude_characters="\0"), max_size=1000
)


@pytest.fixture
def grid() -> Grid:
    """A grid with the packages a, b and c, and the features Maps and Tiles, of which there are three cells."""
    grid = GridFactory.create(slug="maps")
    maps, tiles = (FeatureFactory.create(grid=grid, title=title) for title in ("Maps", "Tiles"))
    a, b, _ = (MembershipFactory.create(grid=grid, package__slug=slug) for slug in "abc")
    for feature, member, text in ((maps, a, "yes"), (maps, b, "++ fast"), (tiles, a, "no")):
        CellFactory.create(feature=feature, membership=member, text=text)
    return grid


@pytest.fixture
def load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """Return a function that imports a file with these bytes into the grid, and returns the lines that are printed."""

    def load(data: bytes, *options: str) -> list[str]:
        file = tmp_path / "cells.csv"
        file.write_bytes(data)
        call_command("import_cells", "maps", str(file), *options)
        shown = capsys.readouterr()
        return [*shown.out.splitlines(), *shown.err.splitlines()]

    return load


def sheet(*rows: list[Any]) -> bytes:
    return b"".join(map(line, rows))


def texts() -> dict[str, str]:
    """The texts of all cells, by the title of the feature and the slug of the package."""
    rows = Cell.objects.values_list("feature__title", "membership__package__slug", "text")
    return {f"{title} {slug}": text for title, slug, text in rows}


def everything() -> list[Any]:
    return list(Cell.objects.order_by("pk").values())


def again(data: bytes, delimiter: str, ends: str) -> bytes:
    """Write CSV again as another program does: with other separators, line ends and quotes."""
    rows = csv.reader(io.StringIO(data.decode(), newline=""))
    written = io.StringIO(newline="")
    dialect = csv.unix_dialect if ends == "\n" else csv.excel  # which quotes no \r if lines end with \n
    csv.writer(written, dialect, delimiter=delimiter, lineterminator=ends).writerows(rows)
    return written.getvalue().encode()


@settings(max_examples=30)
@given(st.lists(TEXTS, min_size=3, max_size=3))
@example(["=1+1", "'=1+1", "''-x"])
@example(["\r", "\ra", "\n'\r\n"])
@example(["+1", "-1", "+01"])
def test_what_is_exported_changes_nothing(written: list[str]) -> None:
    grid = Grid.objects.filter(slug="any").first() or GridFactory.create(slug="any")
    if not grid.features.exists():
        for title in ("=Tiles", "Stars", "Title"):
            CellFactory.create(
                feature=FeatureFactory.create(grid=grid, title=title), membership__package__title="=1", text=""
            )
    for cell, text in zip(Cell.objects.order_by("pk"), written, strict=True):
        Cell.objects.filter(pk=cell.pk).update(text=text)
    before = everything()
    data = Client().get("/api/v4/grids/any/comparison/?format=csv").content
    assert data.count(b"http://testserver/api/v4/packages/") == 3
    for each in (data, b"\xef\xbb\xbf" + data, again(data, ",", "\n"), again(data, ";", "\r\n")):
        imported = import_cells("any", each)
        assert imported.changes == []
        assert (imported.rows, imported.features, imported.numbers) == (3, 3, 0)
        assert imported.unchanged == sum(map(bool, written))
    assert everything() == before


@settings(max_examples=50)
@given(TEXTS, TEXTS)
@example("+1", "-1")
@example("yes", "'yes")
def test_another_text_is_imported(old: str, new: str) -> None:
    if not Cell.objects.exists():
        CellFactory.create(feature__grid__slug="any", feature__title="Maps", membership__package__slug="a")
    Cell.objects.update(text=old)
    changes = import_cells("any", sheet(["Slug", "Maps"], ["a", new]), dry_run=True).changes
    one, other = (text.replace("\r\n", "\n").replace("\r", "\n") for text in (old, new))
    if one == other or (re.fullmatch("[+-][0-9]+", old) and new == str(int(old))):
        assert changes == []
    elif guarded(old).replace("\r", "\n") != guarded(new).replace("\r", "\n"):
        assert [(change.old, change.new) for change in changes] == [(old, new)]


@pytest.mark.django_db(transaction=True)
def test_what_differs_is_written(grid: Grid, load: Any) -> None:
    Cell.objects.update(modified="2020-01-01T00:00Z", created="2020-01-01T00:00Z")
    data = sheet(
        ["Title", "Slug", "Stars", "Tiles", "Maps"],
        ["B", "b", 5, "", "=1+1"],
        ["A", "a", 5, None, "yes"],
        ["C", "c", 5, " - x\n", ""],
    )
    shown: list[str] = []
    changes, kinds = moved(lambda: shown.extend(load(data)))
    assert shown == ["3 rows, 2 features: 1 created, 1 updated, 1 deleted, 1 unchanged"]
    assert texts() == {"Maps a": "yes", "Maps b": "=1+1", "Tiles c": " - x\n"}
    maps, tiles = Feature.objects.order_by("pk")
    assert sorted(changes) == sorted(
        [("cell", "created", tiles.pk), ("cell", "changed", maps.pk), ("cell", "deleted", tiles.pk)]
    )
    assert kinds == {"features"}
    unchanged, changed, new = Cell.objects.order_by("pk")
    assert unchanged.modified.year == 2020
    assert changed.created.year == 2020
    assert changed.modified.year > 2020
    assert new.created == new.modified == changed.modified
    assert load(data) == ["3 rows, 2 features: nothing to change, 3 unchanged"]


def test_a_dry_run_shows_what_differs(grid: Grid, load: Any) -> None:
    before = everything()
    data = sheet(["Slug", "Maps", "Tiles"], ["a", "no\n\x1b[2J\u202e", ""], ["c", "'=1", "yes"])
    assert load(data, "--dry-run") == [
        "a, “Maps”: “yes” → “no\\n\\x1b[2J\\u202e”",
        "a, “Tiles”: “no” → nothing",
        "c, “Maps”: nothing → “'=1”",
        "c, “Tiles”: nothing → “yes”",
        "2 rows, 2 features: 2 would be created, 1 would be updated, 1 would be deleted, 0 unchanged",
    ]
    assert everything() == before


def test_a_dry_run_shows_fifty_differences(grid: Grid, load: Any) -> None:
    packages = [MembershipFactory.create(grid=grid).package for _ in range(52)]
    shown = load(sheet(["Slug", "Maps"], *([package.slug, "yes"] for package in packages)), "--dry-run")
    assert len(shown) == 52
    assert shown[-2:] == ["and 2 more", "52 rows, 1 feature: 52 would be created, 0 unchanged"]


@pytest.mark.parametrize("column", ["slug", "url", "url of the slug", "both"])
def test_a_row_is_named_by_slug_or_url(grid: Grid, load: Any, column: str) -> None:
    url = f"http://x.test/api/v4/packages/{grid.packages.get(slug='c').pk}/"
    cells = {
        "slug": {"Slug": "c"},
        "url": {"Package": url},
        "url of the slug": {"Package": "https://x.test/api/v4/packages/c/?format=csv"},
        "both": {"Slug": "c", "Package": url},
    }[column]
    load(sheet([*cells, "Maps"], [*cells.values(), "new"]))
    assert texts()["Maps c"] == "new"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "line 1: No column is titled Slug or Package, which name the package of a row. Commas or semicolons"),
        (b"Slug\tMaps\na\tyes\n", "line 1: No column is titled Slug or Package"),
        (b"slug,Maps\na,yes\n", "line 1: No column is titled Slug or Package"),
        (b"Slug,Mapps\na,yes\n", "line 1: No column “Mapps” is in this grid. Did you mean “Maps”? Correct the title"),
        (b"Slug,\x1b,Maps\na,b,yes\n", "line 1: No column “\\x1b” is in this grid. Correct the title, or take it out."),
        (b"Slug,Maps,Maps\na,yes,no\n", "line 1: Two columns are titled “Maps”, or are of the same feature."),
        (b"Slug,Maps,Slug\na,yes,b\n", "line 1: Two columns are titled “Slug”"),
        (b"Slug,Maps,\na,yes,\nb,no,why\n", "line 3: Column 3 has no title."),
        (b"Slug,Maps\na,yes\n\nd,yes\n", "line 4: No package “d” is in this grid. Take the row out, or add"),
        (b"Slug,Maps\nA,yes\n", "line 2: No package “A” is in this grid. Did you mean “a”? Take the row out"),
        (b"Package,Maps\nhttp://x/api/v4/packages/999999999999/,x\n", "line 2: No package “http://x/api/v4/packages/9"),
        (b"Package,Maps\n" + b"9" * 5000 + b",x\n", "line 2: No package “9999"),
        (b"Slug,Maps\n,yes\n", "line 2: The row names no package."),
        (b'Slug,Maps\na,"x\ny"\nb,z\na,z\n', "line 5: “a” stands in line 2 already."),
        (b"Slug,Package,Maps\na,/packages/b/,x\n", "line 2: The row names two packages, “a” and “b”: take the column"),
        (b"Slug,Maps\na,yes,no\n", "line 2: It has 3 cells, the first line has 2."),
        (b"Slug,Maps\na,yes\nb\n", "line 3: It has 1 cell, the first line has 2."),
        (b'Slug,Maps\na,yes\nb,"no\n', "line 3: It cannot be read as CSV: unexpected end of data."),
        (b'Slug,Maps\na,"yes"x\n', "line 2: It cannot be read as CSV: ',' expected after '\"'."),
        (b"Slug,Maps\na," + b"x" * 140_000, "line 2: It cannot be read as CSV: field larger than field limit"),
        (b"Slug,Maps\na,yes\nb,n\xf6\n", "line 3: It is not UTF-8: choose UTF-8 as the character set when you save"),
        (b"Slug,Maps\na,\0\n", "line 2: It holds a NUL, as files in UTF-16 do: save it as CSV in UTF-8."),
        ("Slug,Maps\na,yes\n".encode("utf-16"), "line 1: It holds a NUL, as files in UTF-16 do"),
        (b"Slug,Maps\na," + "é".encode() * 1001, "line 2: “Maps” has 1,001 characters: at most 1,000."),
        (b"Slug,Maps\n" + b"a,yes\n" * 10_001, "line 10002: There are too many rows: at most 10,000."),
        (b"Slug,Maps\n" + b"\n" * 10_000_000, "It is too large: at most 10 MB."),
    ],
)
def test_a_wrong_file_changes_nothing(grid: Grid, load: Any, data: bytes, why: str) -> None:
    before = everything()
    right_before_it = data.replace(b"\na,yes\n", b"\na,changed\n", 1) if data.count(b"\na,yes\n") == 1 else data
    for each in (data, right_before_it):
        with pytest.raises(CommandError) as error:
            load(each)
        message = str(error.value).partition("cells.csv: ")[2]
        assert message.startswith(why)
        assert message.endswith(" Nothing is written.")
        assert "\n" not in message
        assert error.value.returncode == 1
        assert everything() == before


def test_a_grid_or_a_file_that_does_not_exist(grid: Grid, tmp_path: Path) -> None:
    file = tmp_path / "cells.csv"
    with pytest.raises(CommandError, match=r"cells\.csv: No such file or directory"):
        call_command("import_cells", "maps", str(file))
    with pytest.raises(CommandError, match="Is a directory"):
        call_command("import_cells", "maps", str(tmp_path))
    file.write_bytes(b"Slug,Maps\na,no\n")
    for reference in ("map", "999", "a\0b", "9" * 5000):
        with pytest.raises(CommandError, match="There is no grid “"):
            call_command("import_cells", reference, str(file))
    call_command("import_cells", str(grid.pk), str(file))
    assert texts()["Maps a"] == "no"


def test_standard_input(grid: Grid, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"Slug;Maps\r\na;no\r\n")))
    call_command("import_cells", "maps", "-")
    assert texts()["Maps a"] == "no"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"Slug;Maps\r\nx;no\r\n")))
    with pytest.raises(CommandError, match=r"^standard input: line 2: No package “x”"):
        call_command("import_cells", "maps", "-")


@pytest.mark.parametrize(
    ("title", "why"),
    [
        ("Stars", "“Stars” may be one of several columns: write “Stars [repo_watchers]” or “Stars [feature-{0}]”, or"),
        ("Maps", "“Maps” may be one of several columns: write “Maps [feature-{1}]” or “Maps [feature-{2}]”, or rename"),
        (
            "Maps [feature-{1}]",
            "“Maps [feature-{1}]” may be one of several columns: write “Maps [feature-{1}] [feature",
        ),
    ],
)
def test_a_title_that_may_be_of_several_columns_is_refused(grid: Grid, load: Any, title: str, why: str) -> None:
    stars, maps = (FeatureFactory.create(grid=grid, title=title) for title in ("Stars", "Maps"))
    ids = stars.pk, grid.features.all()[0].pk, maps.pk
    FeatureFactory.create(grid=grid, title=f"Maps [feature-{ids[1]}]")
    with pytest.raises(CommandError) as error:
        load(sheet(["Slug", title.format(*ids)], ["a", "changed"]))
    assert why.format(*ids) in str(error.value)


def test_a_title_with_its_key_tells_columns_apart(grid: Grid, load: Any) -> None:
    stars, maps, slug = (FeatureFactory.create(grid=grid, title=title) for title in ("Stars", "Maps", "Slug"))
    keys = [f"{feature.title} [feature-{feature.pk}]" for feature in (stars, maps, slug)]
    load(sheet(["Slug", "Stars [repo_watchers]", *keys], ["c", 5, "1", "2", "3"]))
    cells = Cell.objects.filter(membership__package__slug="c").order_by("feature")
    assert list(cells.values_list("feature", "text")) == [(stars.pk, "1"), (maps.pk, "2"), (slug.pk, "3")]
    load(sheet(["Slug", f"Tiles [feature-{grid.features.all()[1].pk}]"], ["c", "4"]))
    assert texts()["Tiles c"] == "4"


def test_features_and_packages_of_other_grids_are_unknown(grid: Grid, load: Any) -> None:
    other = CellFactory.create(feature__title="Elsewhere", membership__package__slug="elsewhere")
    PackageFactory.create(slug="alone")
    for column, slug in (("Elsewhere", "a"), (f"Elsewhere [feature-{other.feature.pk}]", "a"), ("Maps", "elsewhere")):
        with pytest.raises(CommandError, match="in this grid"):
            load(sheet(["Slug", column], [slug, "changed"]))
    url = f"http://testserver/api/v4/packages/{other.membership.package.pk}/"
    with pytest.raises(CommandError, match="in this grid"):
        load(sheet(["Package", "Maps"], [url, "changed"]))


@pytest.mark.parametrize(("text", "cell"), [("+1", "1"), ("+02", "2"), ("-03", "-3")])
def test_a_number_that_a_program_made_of_a_sign_is_no_change(grid: Grid, load: Any, text: str, cell: str) -> None:
    Cell.objects.filter(feature__title="Maps").update(text=text)
    before = everything()
    [counts, note] = load(f"Slug,Maps,Tiles\na,{cell},no\nb,{text},\n".encode())
    assert counts == "2 rows, 2 features: nothing to change, 3 unchanged"
    assert note == (
        "note: 1 text of a sign and digits, such as +1, unchanged although the file has the number alone: a spreadsheet"
        " program took the sign off"
    )
    assert everything() == before


def test_new_digits_alone_are_told(grid: Grid, load: Any) -> None:
    [counts, note] = load(b"Slug,Maps\na,3\nb,1.0\n")
    assert counts == "2 rows, 1 feature: 2 updated, 0 unchanged"
    assert note.startswith("note: 1 new text of digits alone, which say nothing (sign 0)")
    assert texts()["Maps a"] == "3"


def test_line_ends_alone_are_no_change(grid: Grid, load: Any) -> None:
    Cell.objects.filter(feature__title="Tiles").update(text="\r=1\r\nx\ry")
    before = everything()
    for cell in ("'\n=1\nx\ny", "'\r=1\r\nx\ry", "'\r\n=1\rx\r\ny"):
        assert load(f'Slug,Tiles\na,"{cell}"\n'.encode()) == ["1 row, 1 feature: nothing to change, 1 unchanged"]
    assert everything() == before
    load(b'Slug,Tiles\na,"x\ny"\n')
    assert texts()["Tiles a"] == "x\ny"


def test_a_stored_text_without_any_characters_is_as_none(grid: Grid, load: Any) -> None:
    Cell.objects.filter(feature__title="Tiles").update(text="")
    before = everything()
    assert load(b"Slug,Tiles\na,\nb,\n") == ["2 rows, 1 feature: nothing to change, 0 unchanged"]
    assert everything() == before


def test_a_locked_grid_is_imported_as_by_import_catalogue(grid: Grid, load: Any) -> None:
    """The lock is for editors in admin: who may run commands may write anything."""
    Grid.objects.update(is_locked=True)
    load(b"Slug,Maps\na,no\n")
    assert texts()["Maps a"] == "no"


def test_what_the_database_rejects_is_one_line(grid: Grid, load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody adds a cell between the comparison and the writing of it."""
    compare = spreadsheets._Comparison.of

    def compared(self: Any, lines: Any) -> Any:
        imported = compare(self, lines)
        cell = Cell.objects.filter(feature__title="Maps")[0]
        Cell.objects.create(feature=cell.feature, membership_id=self.by_slug["c"].membership, text="theirs")
        return imported

    monkeypatch.setattr(spreadsheets._Comparison, "of", compared)
    before = everything()
    with pytest.raises(CommandError, match=r"^The database rejects it, and nothing is written: ") as error:
        load(b"Slug,Maps\na,changed\nc,mine\n")
    assert "\n" not in str(error.value)
    assert everything() == before


def test_the_queries_do_not_grow_with_the_rows(grid: Grid) -> None:
    Cell.objects.all().delete()

    def queries(text: str) -> int:
        slugs = list(grid.packages.values_list("slug", flat=True))
        data = sheet(["Slug", "Maps", "Tiles"], *([slug, text, text] for slug in slugs))
        with settled():  # what the factories wrote
            pass
        with CaptureQueriesContext(connection) as captured:
            assert len(import_cells("maps", data).changes) == 2 * len(slugs)
        return len(captured)

    few = [queries(text) for text in ("yes", "no", "")]
    MembershipFactory.create_batch(30, grid=grid)
    assert [queries(text) for text in ("yes", "no", "")] == few
    assert max(few) <= 14


@pytest.mark.more
def test_a_sheet_that_libreoffice_has_saved_changes_nothing(grid: Grid, get: Get, tmp_path: Path) -> None:
    """With commas or semicolons; if it was told to take what is quoted as text, no number is one."""
    awkward = (
        *("=1+1", "'=1+1", "++", "-- slow", "- a\r\n- b", "\r=1", "\n\nx", " yes ", "x\ty", "é“日", 'a "b"; c, d'),
        *("don't", "'tis", "no", "n/a", "?", "+1 fast", "-5,5 x"),
    )
    numbers = ("+1", "+2", "-3", "+10")
    feature = grid.features.all()[0]
    for text in (*awkward, *numbers):
        CellFactory.create(feature=feature, membership__package__title=text, text=text)
    before = everything()
    for query in ("", "&bom=true"):
        data = get(f"grids/maps/comparison/?format=csv{query}").content
        for delimiter in ",;":
            for import_filter, read_as_numbers in ((AS_IT_OPENS, 3), (QUOTED_AS_TEXT, 0)):
                sheet = saved(tmp_path, data, delimiter, import_filter)
                imported = import_cells("maps", sheet)
                assert [(change.old, change.new) for change in imported.changes] == []
                assert (imported.unchanged, imported.numbers) == (len(before), read_as_numbers)
    assert everything() == before
