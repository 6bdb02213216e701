"""Verdicts on packages, with their levels, reasons and warnings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

Verdict = Literal["thriving", "maintained", "finished", "quiet", "unmaintained", "deprecated", "gone", "unknown"]
Level = Literal["good", "fair", "poor", "none"]
WarningName = Literal[
    "stale",
    "repository_probably_moved",
    "shared_repository",
    "yanked_latest",
    "only_prereleases",
    "single_person",
    "name_reused",
    "vulnerable",
]

LEVELS: Mapping[Verdict, Level] = {
    "thriving": "good",
    "maintained": "good",
    "finished": "good",
    "quiet": "fair",
    "unmaintained": "poor",
    "deprecated": "poor",
    "gone": "poor",
    "unknown": "none",
}

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
# From the best to the worst; unknown is neither.
RANKED: tuple[Verdict, ...] = (
    "thriving",
    "maintained",
    "finished",
    "quiet",
    "unmaintained",
    "deprecated",
    "gone",
)


def rank(verdict: Verdict) -> int | None:
    """Return the place of a verdict among those that are ranked, from 1 for the best; None for unknown."""
    return RANKED.index(verdict) + 1 if verdict in RANKED else None


def ranked(rank: int | None) -> Verdict:
    """Return the verdict with that rank."""
    return RANKED[rank - 1] if rank else "unknown"


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule that was tried, as far as it is named in RULES. `value` and `threshold` are JSON; `holds` is True for the
    rule that decided, which is the last."""

    rule: str
    holds: bool
    value: object = None
    threshold: object = None


@dataclass(frozen=True, slots=True)
class Health:
    """`valid_until`: the time at which the verdict or a warning changes though no fact does; None if it never does."""

    verdict: Verdict
    level: Level
    reasons: tuple[Reason, ...]
    warnings: tuple[WarningName, ...]
    valid_until: datetime | None
