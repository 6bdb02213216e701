"""Import the cells of a grid from a spreadsheet: `manage.py import_cells GRID FILE.csv`."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DataError, IntegrityError

from core.words import counted
from grids.spreadsheets import MOST_BYTES, Change, Imported, RefusedError, import_cells, is_bare_number, printable

MOST_SHOWN = 50  # differences


class Command(BaseCommand):
    help = (
        "Write the texts of a grid's features that differ in FILE: the CSV of the grid's comparison "
        "(/api/v4/grids/GRID/comparison/?format=csv&level=all) after its cells were changed. Rows and columns that "
        "are left out stay as they are, an empty cell deletes a text. Exit code 0: all of it is written; 1: nothing "
        "is, for the reason that one line tells."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("grid", metavar="GRID", help="the slug or the id of the grid")
        parser.add_argument("file", metavar="FILE", help="a file of CSV; - for standard input")
        parser.add_argument("--dry-run", action="store_true", help="show what differs, without changing anything")

    def handle(self, *, grid: str, file: str, dry_run: bool, **_: Any) -> None:
        name = "standard input" if file == "-" else file
        try:
            imported = import_cells(grid, _contents(file), dry_run=dry_run)
        except OSError as error:
            raise CommandError(f"{name}: {error.strerror}") from error
        except RefusedError as error:
            raise CommandError(f"{name}: {error} Nothing is written.") from error
        except (IntegrityError, DataError) as error:
            reason = " ".join(str(error).split())
            raise CommandError(f"The database rejects it, and nothing is written: {reason}") from error
        if dry_run:
            for line in _differences(imported.changes):
                self.stdout.write(line)
        self.stdout.write(_summary(imported, dry_run=dry_run))
        for note in _notes(imported):
            self.stderr.write(f"note: {note}")


def _contents(file: str) -> bytes:
    """Return the bytes of the file; of one that is too large no more than tells that it is."""
    if file == "-":
        return sys.stdin.buffer.read(MOST_BYTES + 1)
    with Path(file).open("rb") as opened:
        return opened.read(MOST_BYTES + 1)


def _differences(changes: list[Change]) -> list[str]:
    lines = [
        f"{change.member.slug}, “{printable(str(change.feature))}”: {_quoted(change.old)} → {_quoted(change.new)}"
        for change in changes[:MOST_SHOWN]
    ]
    more = len(changes) - MOST_SHOWN
    return [*lines, f"and {more:,} more"] if more > 0 else lines


def _quoted(text: str) -> str:
    return f"“{printable(text)}”" if text else "nothing"


def _summary(imported: Imported, *, dry_run: bool) -> str:
    changes, would = imported.changes, "would be " if dry_run else ""
    numbers = {
        "created": sum(change.cell is None for change in changes),
        "updated": sum(change.cell is not None and bool(change.new) for change in changes),
        "deleted": sum(not change.new for change in changes),
    }
    done = [f"{number:,} {would}{what}" for what, number in numbers.items() if number] or ["nothing to change"]
    read = f"{counted(imported.rows, 'row')}, {counted(imported.features, 'feature')}"
    return f"{read}: {', '.join(done)}, {imported.unchanged:,} unchanged"


def _notes(imported: Imported) -> list[str]:
    notes = []
    if imported.numbers:
        notes.append(
            f"{counted(imported.numbers, 'text')} of a sign and digits, such as +1, unchanged although the file has the"
            " number alone: a spreadsheet program took the sign off"
        )
    if bare := sum(is_bare_number(change.new) for change in imported.changes):
        notes.append(
            f"{counted(bare, 'new text')} of digits alone, which say nothing (sign 0): a spreadsheet program makes 1 of"
            " what is typed as +1"
        )
    return notes
