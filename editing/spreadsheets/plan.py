"""The plan of an import: the rows that it changes or adds, those that it refuses, and a fingerprint of both.

A plan is made for the preview, and again, under locks, when it is to be applied: it is applied if both have the same
fingerprint, so that what is written is what was shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from editing.words import Value

_DIGITS = 16  # of the fingerprint of a row


class PlannedRow(NamedTuple):
    """A row that is written: the number of its line, what it is called, the URL of its form if there is one, and its
    columns, with the old and the new text of each."""

    line: int
    name: str
    url: str
    is_new: bool
    values: Sequence[Value]


class RefusedRow(NamedTuple):
    line: int
    name: str
    reason: str


@dataclass
class Plan:
    """The work of an import. `notes` are sentences on rows that it writes all the same."""

    rows: list[PlannedRow] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)
    unchanged: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def added(self) -> int:
        return sum(row.is_new for row in self.rows)

    @property
    def changed(self) -> int:
        return len(self.rows) - self.added

    def fingerprints(self) -> dict[str, str]:
        """Return a fingerprint of what happens to each line of the file; lines without a difference have none."""
        of_rows = {
            str(row.line): repr((row.name, row.is_new, [tuple(value) for value in row.values])) for row in self.rows
        }
        of_rows |= {str(row.line): repr((row.name, row.reason)) for row in self.refused}
        return {line: sha256(text.encode()).hexdigest()[:_DIGITS] for line, text in of_rows.items()}

    def moved(self, shown: Mapping[str, str]) -> set[int]:
        """Return the lines to which something else happens than to those with these fingerprints."""
        now = self.fingerprints()
        return {int(line) for line in {*now, *shown} if now.get(line) != shown.get(line)}
