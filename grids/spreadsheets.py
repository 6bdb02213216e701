"""Cells from a spreadsheet: the CSV of a grid's comparison, read back after its cells were changed.

A row is a member of the grid, a column is a feature. What the file does not have stays as it is: rows and columns that
are left out, and texts that differ in nothing but what a spreadsheet program makes of them when it opens a file.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from django.db.models import Model, QuerySet
from django.utils import timezone
from rest_framework.exceptions import NotFound

from core import hooks
from core.api.parameters import nearest
from core.api.references import by_reference, is_id
from core.csv_cells import guarded, unguarded
from core.database.deadlocks import retried
from core.words import counted
from grids.comparison import column_of
from grids.models import MOST_CHARACTERS, Cell, Feature, Grid, GridPackage
from packages.comparison.columns import COLUMNS
from packages.comparison.spreadsheet import OF_EACH_ROW, keys_of_titles, with_key

MOST_BYTES = 10_000_000
MOST_ROWS = 10_000
ROWS = 500  # written by one statement
SLUG, PACKAGE = "Slug", "Package"  # the columns that name the package of a row

_URL_OF_PACKAGE = re.compile(r"/packages/([^/?#\s]+)/?")
_SIGN_AND_DIGITS = re.compile(r"[+-][0-9]+", re.ASCII)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)


class RefusedError(Exception):
    """A file that cannot be imported; its message is one line that says why."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(printable(f"line {line}: {message}" if line else message))


class Line(NamedTuple):
    """A row of the file, which begins in the line with that number."""

    number: int
    cells: list[str]


class Member(NamedTuple):
    membership: int
    package: int
    slug: str


class Change(NamedTuple):
    """The text that a cell had and the one that it gets, empty for none. `cell` is the row that there is."""

    feature: Feature
    member: Member
    cell: Cell | None
    old: str
    new: str


@dataclass
class Imported:
    """The changes of an import, and the numbers of the rows and features of the file, of the texts that stay as they
    are, and of those among them that a spreadsheet program has made numbers of."""

    rows: int = 0
    features: int = 0
    unchanged: int = 0
    numbers: int = 0
    changes: list[Change] = field(default_factory=list)


def import_cells(reference: str, data: bytes, *, dry_run: bool = False) -> Imported:
    """Write what differs in the CSV `data` from the cells of the grid with that id or slug: all of it, or nothing.

    RefusedError if the file, or the grid, is not what it should be.
    """
    header, *lines = parse(data)
    if dry_run:
        return _Comparison(reference, header, lock=False).of(lines)
    return retried(partial(_recorded, reference, header, lines))


def _recorded(reference: str, header: Line, lines: Sequence[Line]) -> Imported:
    with hooks.recording("import_cells", f"Imported cells of the grid “{reference}”"):
        return _write(reference, header, lines)


def _write(reference: str, header: Line, lines: Sequence[Line]) -> Imported:
    imported = _Comparison(reference, header, lock=True).of(lines)
    save(imported.changes)
    return imported


def save(changes: Iterable[Change]) -> None:
    """Write the texts of cells, whose rows are locked; a cell without a text is none."""
    now, written, deleted = timezone.now(), list[Cell](), list[int]()
    for feature, member, cell, _, text in changes:
        if not text and cell:
            deleted.append(cell.pk)
            continue
        row = cell or Cell(feature=feature, membership_id=member.membership, created=now)
        row.text, row.modified = text, now
        written.append(row)
    # Several times as fast as bulk_update(). No conflict is another one than that of a row with itself.
    Cell.objects.bulk_create(
        written, batch_size=ROWS, update_conflicts=True, unique_fields=["id"], update_fields=["text", "modified"]
    )
    for start in range(0, len(deleted), ROWS):
        Cell.objects.filter(pk__in=deleted[start : start + ROWS]).delete()


def parse(data: bytes) -> list[Line]:
    """Return the rows of a file of CSV, the titles of the columns first; rows without any text are left out.

    The file is UTF-8, with or without a byte order mark, its columns are separated by commas or by semicolons.
    """
    if len(data) > MOST_BYTES:
        raise RefusedError(f"It is too large: at most {MOST_BYTES // 1_000_000} MB.")
    text = _decoded(data)
    header, *lines = rows(text, _delimiter(text))
    lines = [line for line in lines if any(line.cells)]
    if len(lines) > MOST_ROWS:
        raise RefusedError(f"There are too many rows: at most {MOST_ROWS:,}.", lines[MOST_ROWS].number)
    for line in lines:
        if len(line.cells) != len(header.cells):
            has = counted(len(line.cells), "cell")
            raise RefusedError(f"It has {has}, the first line has {len(header.cells)}.", line.number)
    return [header, *lines]


def _decoded(data: bytes) -> str:
    if (nul := data.find(b"\0")) >= 0:
        why = "It holds a NUL, as files in UTF-16 do: save it as CSV in UTF-8."
        raise RefusedError(why, data.count(b"\n", 0, nul) + 1)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        why = "It is not UTF-8: choose UTF-8 as the character set when you save it as CSV."
        raise RefusedError(why, data.count(b"\n", 0, error.start) + 1) from error


def _delimiter(text: str) -> str:
    """Return what separates the columns: the first line must have a title that we know."""
    for delimiter in (",", ";"):
        with suppress(csv.Error, StopIteration):
            if {SLUG, PACKAGE}.intersection(next(_reader(text, delimiter))):
                return delimiter
    why = f"No column is titled {SLUG} or {PACKAGE}, which name the package of a row."
    raise RefusedError(f"{why} Commas or semicolons separate columns.", 1)


def _reader(text: str, delimiter: str) -> Any:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def rows(text: str, delimiter: str) -> Iterator[Line]:
    """Yield the rows of a text of CSV. RefusedError, once it comes to it, where it is none."""
    reader, begin = _reader(text, delimiter), 1
    try:
        for cells in reader:
            yield Line(begin, cells)
            begin = reader.line_num + 1
    except csv.Error as error:
        raise RefusedError(f"It cannot be read as CSV: {error}.", begin) from error


class _Comparison:
    """A file beside the cells of its grid; what it may write to is locked if `lock` is true."""

    def __init__(self, reference: str, header: Line, *, lock: bool) -> None:
        self.lock = lock
        try:
            grid = by_reference(self._rows_of(Grid), reference)
        except NotFound as error:
            raise RefusedError(f"There is no grid “{reference[:100]}”.") from error
        self.titles = [unguarded(title) for title in header.cells]
        features = self._rows_of(Feature).filter(grid=grid).order_by("position", "id")
        self.features = dict(_features(self.titles, features))
        self.named_by = [self.titles.index(title) for title in (SLUG, PACKAGE) if title in self.titles]
        # Cells before memberships, as a deletion of packages takes them: neither waits for the other then.
        cells = self._rows_of(Cell).filter(feature__in=self.features.values()).order_by("pk")
        self.cells = {(cell.feature_id, cell.membership_id): cell for cell in cells}
        memberships = self._rows_of(GridPackage).filter(grid=grid).order_by("pk")
        memberships = memberships.select_related("package").only("package__slug")
        members = [Member(each.pk, each.package_id, each.package.slug) for each in memberships]
        self.by_slug = {member.slug: member for member in members}
        self.by_id = {member.package: member for member in members}

    def _rows_of(self, model: type[Model]) -> QuerySet[Any]:
        rows = model._default_manager.all()
        return rows.select_for_update(no_key=True, of=("self",)) if self.lock else rows

    def of(self, lines: Sequence[Line]) -> Imported:
        imported = Imported(rows=len(lines), features=len(self.features))
        line_of: dict[Member, int] = {}
        for line in lines:
            member = self._member(line)
            if member in line_of:
                raise RefusedError(f"“{member.slug}” stands in line {line_of[member]} already.", line.number)
            line_of[member] = line.number
            self._add(line, member, imported)
        return imported

    def _member(self, line: Line) -> Member:
        """Return the member that the row names; if it has both slug and URL, they must agree."""
        named = [text for text in (unguarded(line.cells[index]) for index in self.named_by) if text]
        members = [self._named(text, line.number) for text in named]
        if not members:
            raise RefusedError("The row names no package.", line.number)
        if members[0] != members[-1]:
            slugs = " and ".join(f"“{member.slug}”" for member in members)
            why = f"The row names two packages, {slugs}: take the column that is wrong out of the file."
            raise RefusedError(why, line.number)
        return members[0]

    def _named(self, text: str, line: int) -> Member:
        url = _URL_OF_PACKAGE.search(text)
        name = url[1] if url else text
        member = self.by_id.get(int(name)) if url and is_id(name) else self.by_slug.get(name)
        if member is None:
            guess = nearest(name, self.by_slug)
            why = f"No package “{text[:100]}” is in this grid.{guess} Take the row out, or add the package to the grid."
            raise RefusedError(why, line)
        return member

    def _add(self, line: Line, member: Member, imported: Imported) -> None:
        """Compare the cells of a row."""
        for index, written in enumerate(line.cells):
            feature = self.features.get(index)
            if feature is None:
                if written and not self.titles[index]:
                    raise RefusedError(f"Column {index + 1} has no title.", line.number)
                continue
            cell, new = self.cells.get((feature.pk, member.membership)), unguarded(written)
            old = cell.text if cell else ""
            if len(new) > MOST_CHARACTERS:
                why = f"“{feature}” has {len(new):,} characters: at most {MOST_CHARACTERS:,}."
                raise RefusedError(why, line.number)
            is_number = _is_number_of(old, written)
            if is_number or _is_same(old, written):
                imported.unchanged += bool(old)
                imported.numbers += is_number
            else:
                imported.changes.append(Change(feature, member, cell, old, new))


def _features(titles: Sequence[str], features: QuerySet[Feature]) -> Iterator[tuple[int, Feature]]:
    """Yield the feature of each column that is one, after the number of the column."""
    columns = [(column_of(feature, "{}"), feature) for feature in features]
    by_key = {column.key: feature for column, feature in columns}
    keys = keys_of_titles([column.description for column in (*COLUMNS, *(column for column, _ in columns))])
    seen = set[str]()
    for index, title in enumerate(titles):
        key = _key(title, keys) if title and title not in OF_EACH_ROW else title
        if key in seen and (key in by_key or key in OF_EACH_ROW):
            raise RefusedError(f"Two columns are titled “{title[:100]}”, or are of the same feature.", 1)
        seen.add(key)
        if key in by_key:
            yield index, by_key[key]


def _key(title: str, keys: Mapping[str, Sequence[str]]) -> str:
    """Return the key of the only column that may have this title."""
    found = keys.get(title)
    if not found:
        guess = nearest(title, keys)
        raise RefusedError(f"No column “{title[:100]}” is in this grid.{guess} Correct the title, or take it out.", 1)
    if len(found) > 1:
        which = " or ".join(f"“{longer}”" for key in found if (longer := with_key(title, key)) in keys)
        raise RefusedError(f"“{title}” may be one of several columns: write {which}, or rename a feature.", 1)
    return found[0]


def pasted_text(text: str, written: str) -> str | None:
    """Return the text that a cell gets if this is pasted into it; None if it keeps its own."""
    is_kept = _is_same(text, written) or _is_number_of(text, written)
    return None if is_kept else _line_ends(unguarded(written))


def _is_same(text: str, written: str) -> bool:
    """Return True if a cell has this text, or would have but for the line ends, which spreadsheet programs change."""
    pairs = (text, unguarded(written)), (guarded(text), written)
    return any(_line_ends(one) == _line_ends(other) for one, other in pairs)


def _line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _is_number_of(text: str, written: str) -> bool:
    """Return True if a spreadsheet program makes that of a sign and digits, which it takes for a number."""
    return bool(_SIGN_AND_DIGITS.fullmatch(text)) and text != written == str(int(text))


def is_bare_number(text: str) -> bool:
    """Return True for digits alone, as a spreadsheet program makes them of a + and digits."""
    return bool(_DIGITS.fullmatch(text))


def printable(text: str) -> str:
    """Return a text in one line, without characters that a terminal would obey."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
