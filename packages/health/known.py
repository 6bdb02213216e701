"""Definitions of the verdict: which facts are known at a time, and what follows from them before any rule is tried."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from packages import support
from packages.bots import is_bot
from packages.compatibility import PYTHONS, admits, django_versions, python_versions
from packages.health.facts import Facts, SourceState

YEAR, TWO_YEARS, THREE_YEARS = timedelta(days=365), timedelta(days=730), timedelta(days=1_096)
SILENT_AFTER = YEAR  # without a success, after which a source says nothing


class Known:
    """A package as it is known at a time: by the facts of sources that say something, and what follows from them."""

    def __init__(self, facts: Facts, now: datetime) -> None:
        self.facts, self.now = facts, now
        self.repo = speaks(facts.repo, now)
        self.pypi = speaks(facts.pypi, now)
        self.status = facts.pypi_status if self.pypi else ""
        self.classifiers = tuple(facts.classifiers) if self.pypi else ()
        self.requires_python = facts.requires_python if self.pypi else ""
        self.uploads = [upload for upload in facts.uploads if upload.at and self.pypi]
        self.releases = sorted(upload.at for upload in self.uploads if upload.at and not upload.yanked)
        self.people = {login for login in facts.participants if not is_bot(login)} if self.repo else set()
        self.shares = facts.is_shared or facts.names_folder
        self.last_commit = (facts.last_human_commit or facts.last_commit) if self.repo else None
        is_all_bots = bool(facts.participants) and not self.people and not facts.last_human_commit
        # Commits that others make, for other packages or by machines, tell nothing of this one.
        self.commit = None if self.shares or is_all_bots else self.last_commit
        self.weeks = sum(map(bool, facts.weeks)) if self.repo and self.commit else 0

    @property
    def release(self) -> datetime | None:
        """The time of the newest release."""
        return self.releases[-1] if self.releases else None

    def release_within(self, period: timedelta) -> bool:
        return self.release is not None and age(self.facts.pypi, self.release) <= period

    def commit_within(self, period: timedelta) -> bool:
        return self.commit is not None and age(self.facts.repo, self.commit) <= period

    @cached_property
    def activity(self) -> timedelta | None:
        """The age of the newest release, or of a commit that counts, but no later than two years after that release."""
        commit = min(self.commit, self.release + TWO_YEARS) if self.commit and self.release else self.commit
        ages = [
            age(source, moment)
            for source, moment in ((self.facts.pypi, self.release), (self.facts.repo, commit))
            if moment
        ]
        return min(ages, default=None)

    @cached_property
    def day(self) -> date:
        """The day on which versions have to be supported."""
        return (self.facts.pypi.last_success or self.now).astimezone(UTC).date()

    @cached_property
    def djangos(self) -> list[str]:
        return django_versions(self.classifiers)

    @cached_property
    def supports_django(self) -> bool:
        return any(support.is_supported(version, support.DJANGO, self.day) for version in self.djangos)

    @cached_property
    def supports_python(self) -> bool:
        named = python_versions(self.classifiers, self.requires_python)
        return any(support.is_supported(version, support.PYTHON, self.day) for version in named)

    @cached_property
    def refuses(self) -> bool:
        """Return True if the package itself says that it works with nothing that is supported."""
        supported = [version for version in PYTHONS if support.is_supported(version, support.PYTHON, self.day)]
        admitted = [admits(self.requires_python, version) for version in supported]
        names_python = any(re.match(r"Programming Language :: Python :: \d", each) for each in self.classifiers)
        return (
            (bool(self.djangos) and not self.supports_django)
            or (names_python and not self.supports_python)
            or not (None in admitted or any(admitted))
        )

    @property
    def word_stands(self) -> bool:
        """Return True if an editor's word that the package is finished stands."""
        until = self.facts.finished_until
        return until is not None and self.now.astimezone(UTC).date() <= until and not self.refuses


def speaks(source: SourceState, now: datetime) -> bool:
    return source.last_success is not None and now - source.last_success <= SILENT_AFTER


def age(source: SourceState, moment: datetime) -> timedelta:
    """Return the age of what happened at a moment, as the source that told it last saw it."""
    return (source.last_success or moment) - moment
