"""Packages whose health is judged in tests: each builder's name is the verdict on what it builds, unless it is changed.

Ages are days before NOW. All sources were fetched at NOW unless the caller says otherwise.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from packages.health.facts import Facts, SourceState, Upload
from packages.health.verdicts import Level, Verdict

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = NOW.date()
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)

LEVELS: dict[Verdict, Level] = {
    "thriving": "good",
    "maintained": "good",
    "finished": "good",
    "quiet": "fair",
    "unmaintained": "poor",
    "deprecated": "poor",
    "gone": "poor",
    "unknown": "none",
}


def ago(days: float, seconds: float = 0) -> datetime:
    return NOW - timedelta(days=days, seconds=seconds)


def fetched(days: float = 0, seconds: float = 0) -> SourceState:
    """A source that is asked, and whose newest success is so old."""
    return SourceState(is_asked=True, last_success=ago(days, seconds), asked_since=ago(5000))


def fetched_at(success: datetime) -> SourceState:
    return SourceState(is_asked=True, last_success=success, asked_since=ago(5000))


def imported(days: float = 0, seconds: float = 0) -> SourceState:
    """A source that is not asked; what it told came with an import."""
    return SourceState(last_success=ago(days, seconds))


def never_fetched(days: float, seconds: float = 0) -> SourceState:
    """A source that has been asked for so long, and never answered."""
    return SourceState(is_asked=True, asked_since=ago(days, seconds))


NOT_ASKED = SourceState()


def released(*days: float) -> tuple[Upload, ...]:
    return tuple(Upload(f"4.{number}", ago(each)) for number, each in enumerate(days))


def released_at(*times: datetime) -> tuple[Upload, ...]:
    return tuple(Upload(f"4.{number}", each) for number, each in enumerate(times))


def yanked(days: float) -> Upload:
    return Upload("9.9", ago(days), yanked=True)


def prerelease(days: float, version: str = "5.0rc1") -> Upload:
    return Upload(version, ago(days))


def undated() -> Upload:
    return Upload("4.0", None)


def weeks(busy: int) -> list[int]:
    """A year with commits in so many of its weeks."""
    return [0] * (52 - busy) + [3] * busy


def people(number: int) -> list[str]:
    return ["ann", "ben", "cleo", "dan"][:number]


STATUSES = {4: "4 - Beta", 5: "5 - Production/Stable", 6: "6 - Mature", 7: "7 - Inactive"}


def says(django: str = "5.2", python: str = "3.12", status: int | None = None) -> list[str]:
    """Classifiers that name these versions; "any" is Django without a version."""
    return [
        *("Framework :: Django" if each == "any" else f"Framework :: Django :: {each}" for each in django.split()),
        *(f"Programming Language :: Python :: {each}" for each in python.split()),
        *([f"Development Status :: {STATUSES[status]}"] if status else []),
    ]


def package(**changes: Any) -> Facts:
    """A thriving package: all conditions hold with room to spare."""
    facts = Facts(
        repo=fetched(),
        last_commit=ago(100),
        weeks=weeks(20),
        participants=people(4),
        archived=False,
        pypi=fetched(),
        uploads=released(95, 150, 800),
        latest_version="4.2",
        classifiers=says(),
        requires_python=">=3.10",
        pypi_status="active",
        downloads=5000,
    )
    return replace(facts, **changes)


def maintained(**changes: Any) -> Facts:
    """The same with a single release in the last year."""
    return package(**{"uploads": released(95, 800), **changes})


def finished(**changes: Any) -> Facts:
    """A package without a release or a commit for 900 days, which is of use as it is."""
    return package(**{"uploads": released(900, 950), "last_commit": ago(900), "weeks": weeks(0), **changes})


def quiet(**changes: Any) -> Facts:
    """The same with too few downloads to be called finished."""
    return finished(**{"downloads": 999, **changes})


def committed(**changes: Any) -> Facts:
    """The same with a commit 9 days ago, and a release in the last two years: maintained if the commit counts."""
    return quiet(**{"last_commit": ago(9), "uploads": released(700), **changes})


def word(**changes: Any) -> Facts:
    """A quiet package that is finished by the editor's word alone."""
    return quiet(**{"finished_until": TODAY, **changes})


def moved(**changes: Any) -> Facts:
    """A package whose repository is archived, and that was released 100 days after the last commit there."""
    return package(**{"archived": True, "last_commit": ago(200), "uploads": released(100, 110, 600), **changes})


def released_only(**changes: Any) -> Facts:
    """A quiet package without a repository."""
    return quiet(
        **{"repo": NOT_ASKED, "last_commit": None, "weeks": (), "participants": (), "archived": None, **changes}
    )


def repository_only(**changes: Any) -> Facts:
    """A package that is not on PyPI."""
    return package(
        **{
            "pypi": NOT_ASKED,
            "uploads": (),
            "latest_version": None,
            "classifiers": (),
            "requires_python": "",
            "pypi_status": "",
            "downloads": None,
            **changes,
        }
    )


# PyPI as it told a package at the end of support of these versions, and at the first second after it
LAST_OF_PYTHON_310 = fetched_at(datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC))
DAY_AFTER_PYTHON_310 = fetched_at(datetime(2026, 11, 1, tzinfo=UTC))
LAST_OF_DJANGO_42 = fetched_at(datetime(2026, 4, 30, 23, 59, 59, tzinfo=UTC))
DAY_AFTER_DJANGO_42 = fetched_at(datetime(2026, 5, 1, tzinfo=UTC))
