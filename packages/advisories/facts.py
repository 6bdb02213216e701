"""An advisory as a feed tells it, in validated values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

Severity = Literal["critical", "high", "moderate", "low", "unknown"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # the worst first

# An event of a range, "introduced", "fixed", "last_affected" or "limit", with its version
Event = tuple[str, str]
Range = Sequence[Event]

MAX_ID, MAX_SUMMARY, MAX_NAME, MAX_VERSION = 100, 300, 255, 100  # characters


@dataclass(frozen=True, slots=True)
class AdvisoryFact:
    """An advisory, as far as it is on one project. `versions` are those that are affected beside the `ranges`."""

    osv_id: str
    pypi_name: str
    aliases: tuple[str, ...]
    summary: str
    severity: Severity
    published: datetime | None
    ranges: tuple[tuple[Event, ...], ...]
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AdvisoryDocument:
    """A document of the feed: what it says of each project on PyPI; nothing if it was withdrawn."""

    osv_id: str
    modified: datetime
    facts: tuple[AdvisoryFact, ...]


def worst(severities: Sequence[str]) -> Severity:
    """Return the worst of these severities that is known."""
    return min((each for each in SEVERITIES if each in severities), key=SEVERITIES.index, default="unknown")


def place(severity: str) -> int:
    """Return the place of a severity in an order from the worst to the unknown."""
    return _PLACES.get(severity, len(_PLACES))


_PLACES: Mapping[str, int] = {severity: number for number, severity in enumerate(SEVERITIES)}
