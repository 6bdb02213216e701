"""The only module that saves the results of fetching: facts, fetch states, history, and which packages are gone.

A failure changes no fact, and a fact that is UNKNOWN leaves the stored one. The facts of one source are saved together,
a batch in one transaction, or not at all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, assert_never

from django.db.models import Q

from core.database.deadlocks import retried
from core.secrets import redacted
from packages.addresses import clean
from packages.documents import PACKAGE_COLUMNS
from packages.facts import (
    MISSING,
    SUCCESSES,
    UNKNOWN,
    DownloadFacts,
    Fetched,
    FetchTarget,
    Outcome,
    PyPIFacts,
    ReleaseFact,
    RepositoryFacts,
    Source,
    Unknown,
    known,
)
from packages.identity import TARGET_COLUMNS, deciding_source, forges
from packages.keys import repository
from packages.models import ANOTHER_REPOSITORY, FetchState, Package, Release, Snapshot
from packages.moves import Move, move
from packages.pins.past import Pins
from packages.settling import Settled, settled
from packages.trends import count_gains

FRESH_FOR: dict[Source, timedelta] = {
    "repo": timedelta(hours=20),  # so that a daily cron finds everything due
    "pypi": timedelta(hours=20),
    "downloads": timedelta(days=7) - timedelta(hours=4),
}
LONGEST_BACKOFF = timedelta(days=14)
MISSING_DAYS = 3  # on which a package must be not found before it counts as gone
# Failures of the host and not of the package, which are retried soon.
HOSTS_FAULT = frozenset({Outcome.SERVER_ERROR, Outcome.TIMEOUT, Outcome.RATE_LIMITED, Outcome.UNAUTHORIZED})


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt. `trusted` is False for a "not found" of a host where suspiciously many are not found."""

    outcome: Outcome
    message: str
    trusted: bool = True


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to fetch a package from a source, and its result."""

    target: FetchTarget
    source: Source
    at: datetime
    result: Fetched[Any] | Failure


@dataclass
class SaveReport:
    """The outcome of each attempt of a batch, notes for an editor, the number of attempts superseded by an edit, and
    the number of verdicts that were settled."""

    outcomes: list[tuple[Attempt, Outcome]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    superseded: int = 0
    health: Settled = field(default_factory=Settled)


def save_results(attempts: Sequence[Attempt]) -> SaveReport:
    """Save a batch of attempts, at most one for each package and source, in one transaction with what follows for the
    verdicts."""

    def save() -> SaveReport:
        with settled() as health:
            report = _Batch(attempts).save()
        report.health = health
        return report

    return retried(save)


class _Batch:
    def __init__(self, attempts: Sequence[Attempt]) -> None:
        self.attempts = attempts
        self.report = SaveReport()
        self.forges = forges()
        self.packages = self._locked_packages()
        self.pins = Pins(self.packages.values())
        states = FetchState.objects.filter(package__in=[attempt.target.package for attempt in attempts])
        self.states = {(state.package_id, state.source): state for state in states}
        self.touched: dict[int, Package] = {}
        self.moved: dict[str, Move] = {}
        self.documented: list[Package] = []
        self.identified: list[Package] = []
        self.reused: dict[int, str] = {}
        self.releases: dict[int, tuple[ReleaseFact, ...]] = {}
        self.snapshots: dict[tuple[str, ...], list[Snapshot]] = {}
        self.written: list[FetchState] = []

    def _locked_packages(self) -> dict[int, Package]:
        """Return the packages of the attempts, and those that share a repository that was renamed.

        All are locked at once, in the order of their ids, before anything is written: other runs wait for each other in
        this order.
        """
        ids = [attempt.target.package for attempt in self.attempts]
        renamed = {self._key(each) for each in self.attempts if self._is_renamed(each)}
        rows = Package.objects.filter(Q(pk__in=ids) | Q(repo_key__in=renamed)).order_by("pk")
        packages = {package.pk: package for package in rows.select_for_update()}
        others = [package.pk for package in packages.values() if not package.is_settled]
        if others:
            Package.objects.filter(pk__in=others).forget_other_addresses()
            packages |= Package.objects.in_bulk(others)
        return packages

    def _key(self, attempt: Attempt) -> str:
        """Return the key of the repository that was fetched."""
        return repository(f"{attempt.target.host}/{attempt.target.path}", self.forges).key

    def _is_renamed(self, attempt: Attempt) -> bool:
        facts = attempt.result.facts if isinstance(attempt.result, Fetched) else None
        if not isinstance(facts, RepositoryFacts) or facts.url is UNKNOWN:
            return False
        return repository(facts.url, self.forges).key != self._key(attempt)

    def save(self) -> SaveReport:
        for attempt in self.attempts:
            package = self.packages.get(attempt.target.package)
            if package is None or not self._is_current(package, attempt):
                self.report.superseded += 1
                continue
            outcome, message = self._apply(package, attempt)
            self.report.outcomes.append((attempt, outcome))
            self._note_state(package, attempt, outcome, message)
        self.report.notes += move(self.moved, self.packages.values())
        count_gains([row for rows in self.snapshots.values() for row in rows])
        for state in self.written:  # after the moves, which change the targets
            state.target = _target_of(self.packages[state.package_id], _source(state))
        Package.objects.bulk_create(
            self.touched.values(), update_conflicts=True, unique_fields=["id"], update_fields=PACKAGE_COLUMNS.fetched
        )
        Package.objects.bulk_update(self.documented, ["documentation_url"])
        self.pins.save()
        self._note_same_repositories()
        _write_releases(self.releases)
        for columns, rows in self.snapshots.items():
            for row in rows:  # after the moves too
                row.repo_key, row.pypi_name = row.package.repo_key, row.package.pypi_name
            Snapshot.objects.bulk_create(
                rows, update_conflicts=True, unique_fields=["package", "day"], update_fields=columns
            )
        FetchState.objects.bulk_create(
            self.written, update_conflicts=True, unique_fields=["package", "source"], update_fields=STATE_COLUMNS
        )
        return self.report

    def _is_current(self, package: Package, attempt: Attempt) -> bool:
        """Return whether the attempt is of the package's present address, and whether the success that it added to, or
        found nothing new since, is still known: an editor may have changed the address in the meantime."""
        if attempt.source == "repo":
            is_of_address = self._key(attempt) == package.repo_key
        else:
            is_of_address = attempt.target.pypi_name == package.pypi_name
        if not is_of_address or not isinstance(attempt.result, Fetched):
            return is_of_address
        state = self.states.get((package.pk, attempt.source))
        if attempt.target.notes:
            return state is not None and bool(state.validators)
        return state is not None or attempt.result.facts is not None

    def _apply(self, package: Package, attempt: Attempt) -> tuple[Outcome, str]:
        """Put the fetched facts into the row. Return the outcome, and the error if it is a failure after all."""
        result = attempt.result
        if isinstance(result, Failure):
            return result.outcome, result.message
        facts: RepositoryFacts | PyPIFacts | DownloadFacts | None = result.facts
        outcome, message = (Outcome.UNCHANGED if facts is None else Outcome.OK), ""
        if isinstance(facts, RepositoryFacts):
            outcome, message = self._apply_repository(package, facts, attempt.at)
        elif isinstance(facts, PyPIFacts):
            self._apply_pypi(package, facts)
        elif isinstance(facts, DownloadFacts):
            package.pypi_facts_of, package.pypi_downloads = package.pypi_name, facts.last_month
        elif facts is not None:
            assert_never(facts)
        if outcome in SUCCESSES:
            if attempt.source == deciding_source(package.repo_key):
                package.last_fetched = attempt.at
                package.gone_since, package.gone_reason = None, ""
            self._take_snapshot(package, attempt, facts)
            self.touched[package.pk] = package
            if result.odd:
                return Outcome.PARTIAL, "; ".join(result.odd)
        return outcome, message

    def _apply_repository(self, package: Package, facts: RepositoryFacts, at: datetime) -> tuple[Outcome, str]:
        if package.repo_id and package.repo_id != facts.repo_id:
            ids = f"id {facts.repo_id}, ours had {package.repo_id}"
            why = f"another repository ({ids}) has this name now: {known(facts.url, package.repo_url)}"
            self.reused[package.pk] = why
            self.report.notes.append(f"package {package.pk} ({package.slug}): {why}; an editor must decide")
            return Outcome.INVALID, why
        if facts.repo_id and not package.repo_id:
            self.identified.append(package)
        package.repo_facts_of = package.repo_key
        package.repo_id = facts.repo_id
        self._put(
            package,
            repo_description=facts.description,
            repo_watchers=facts.watchers,
            repo_forks=facts.forks,
            archived=facts.archived,
            last_updated=_not_after(facts.last_updated, at),
            last_human_commit=_not_after(facts.last_human_commit, at),
            participants=facts.participants,
            commits_over_52=facts.commits_over_52,
            weeks_end=UNKNOWN if facts.commits_over_52 is UNKNOWN else facts.weeks_end,
        )
        if facts.url is UNKNOWN or repository(facts.url, self.forges).key == package.repo_key:
            return Outcome.OK, ""
        self.moved[package.repo_key] = Move(facts.url, facts.repo_id, at)
        return Outcome.RENAMED, ""

    def _apply_pypi(self, package: Package, facts: PyPIFacts) -> None:
        package.pypi_facts_of = package.pypi_name
        if facts.version not in {UNKNOWN, self.pins.upstream(package, "pypi_version")}:
            self._put(package, released=None)  # until the releases, which may be unknown, say it of this version
        self._put(
            package,
            pypi_version=facts.version,
            requires_python=facts.requires_python,
            requires_django=facts.requires_django,
            classifiers=facts.classifiers,
            licence=known(facts.licence, self.pins.upstream(package, "licence") or facts.licence_if_none),
            pypi_repo_url=facts.repo_url if facts.repo_url is UNKNOWN else clean(facts.repo_url).address,
            pypi_status=facts.status,
            pypi_status_reason=facts.status_reason,
        )
        if url := clean(known(facts.documentation_url, "")).address:
            if self.pins.holds(package, "documentation_url"):
                self._put(package, documentation_url=url)
            elif not package.documentation_url:
                package.documentation_url = url
                self.documented.append(package)
        if facts.releases is not UNKNOWN:
            uploaded = {release.version: release.uploaded_at for release in facts.releases}
            self._put(package, released=uploaded.get(self.pins.upstream(package, "pypi_version") or ""))
            self.releases[package.pk] = facts.releases

    def _put(self, package: Package, **columns: object) -> None:
        """Set the columns whose facts are known, past pins; a tuple is stored as a list."""
        for column, fact in columns.items():
            if fact is not UNKNOWN:
                self.pins.put(package, column, list(fact) if isinstance(fact, tuple) else fact)

    def _take_snapshot(
        self, package: Package, attempt: Attempt, facts: RepositoryFacts | PyPIFacts | DownloadFacts | None
    ) -> None:
        """Add the numbers to the history, unless one of them is an old value that stayed."""
        row = Snapshot(package=package, day=attempt.at.date())
        if isinstance(facts, RepositoryFacts) and UNKNOWN in {facts.watchers, facts.forks}:
            return
        if attempt.source == "repo":
            row.stars, row.forks = package.repo_watchers, package.repo_forks
            self.snapshots.setdefault(("stars", "forks", "repo_key"), []).append(row)
        elif attempt.source == "downloads":
            row.downloads = package.pypi_downloads
            self.snapshots.setdefault(("downloads", "pypi_name"), []).append(row)

    def _note_state(self, package: Package, attempt: Attempt, outcome: Outcome, message: str) -> None:
        key = (package.pk, attempt.source)
        state = self.states.get(key) or FetchState(package=package, source=attempt.source, validators={})
        self.states[key] = state
        if state.target != _target_of(package, attempt.source):
            state.failures = state.missing_days = 0
            state.missing_on = state.last_success = None
        state.last_attempt = attempt.at
        state.outcome = outcome
        state.error = redacted(message)[:300]
        if outcome in SUCCESSES and isinstance(attempt.result, Fetched):
            state.last_success = attempt.at
            state.failures = 0
            state.next_due = attempt.at + FRESH_FOR[attempt.source]
            state.validators = dict(attempt.result.validators)
            state.validators.pop(ANOTHER_REPOSITORY, None)  # of a fetch that found nothing new, and keeps its notes
            state.missing_days, state.missing_on = 0, None
        else:
            state.failures += 1
            if attempt.source == "repo" and package.pk in self.reused:
                state.validators |= {ANOTHER_REPOSITORY: self.reused[package.pk]}
            trusted = not isinstance(attempt.result, Failure) or attempt.result.trusted
            state.next_due = attempt.at + backoff(attempt.source, outcome, state.failures if trusted else 1)
            if outcome in MISSING and trusted:
                self._count_missing(package, state, attempt)
        self.written.append(state)

    def _count_missing(self, package: Package, state: FetchState, attempt: Attempt) -> None:
        today = attempt.at.date()
        if state.missing_on is None or state.missing_on < today:
            state.missing_days += 1
            state.missing_on = today
        if (
            state.missing_days >= MISSING_DAYS
            and attempt.source == deciding_source(package.repo_key)
            and not package.gone_since
        ):
            package.gone_since = attempt.at
            package.gone_reason = f"not found on {state.missing_days} days: {state.error}"[:300]
            self.touched[package.pk] = package

    def _note_same_repositories(self) -> None:
        """Note packages that turn out to be the same repository. They are never merged."""
        ids = {package.repo_id for package in self.identified}
        rows = Package.objects.filter(repo_id__in=ids).order_by("pk") if ids else Package.objects.none()
        same: dict[tuple[str, str], list[str]] = {}
        for pk, host, repo_id in rows.values_list("pk", "repo_host", "repo_id"):
            same.setdefault((host, repo_id), []).append(str(pk))
        for (host, repo_id), packages in same.items():
            if len(packages) > 1:
                self.report.notes.append(f"packages {', '.join(packages)} are one repository (id {repo_id} at {host})")


RELEASE_COLUMNS = ("uploaded_at", "yanked", "requires_python")
STATE_COLUMNS = (
    "target",
    "last_success",
    "last_attempt",
    "outcome",
    "error",
    "failures",
    "next_due",
    "validators",
    "missing_days",
    "missing_on",
)


def _source(state: FetchState) -> Source:
    return next(source for source in TARGET_COLUMNS if source == state.source)


def backoff(source: Source, outcome: Outcome, failures: int) -> timedelta:
    """Return the time until the next attempt, after `failures` in a row.

    It doubles up to 14 days for a failure of the package; for one of its host it is that after a success.
    """
    usual = min(FRESH_FOR[source], FRESH_FOR["repo"])
    if outcome in HOSTS_FAULT:
        return usual
    return min(LONGEST_BACKOFF, usual * (1 << min(failures - 1, 10)))


def _target_of(package: Package, source: Source) -> str:
    """Return what names the package at that source."""
    name: str = getattr(package, TARGET_COLUMNS[source])
    return name


def _not_after(time: datetime | Unknown | None, now: datetime) -> datetime | Unknown | None:
    """Return `time`, but `now` at most: a committer's clock that is ahead must not make a package look active for
    years."""
    return min(time, now) if isinstance(time, datetime) else time


def _write_releases(wanted: dict[int, tuple[ReleaseFact, ...]]) -> None:
    """Make the releases of these packages equal to PyPI's, writing only rows that differ."""
    if not wanted:
        return
    present: dict[int, dict[str, Release]] = {pk: {} for pk in wanted}
    for release in Release.objects.filter(package__in=wanted):
        present[release.package_id][release.version] = release
    listed = {pk: {fact.version for fact in facts} for pk, facts in wanted.items()}
    stale = [row.pk for pk, rows in present.items() for version, row in rows.items() if version not in listed[pk]]
    Release.objects.filter(pk__in=stale).delete()
    changed = [row for pk, facts in wanted.items() for row in _changed_releases(pk, facts, present[pk])]
    Release.objects.bulk_create(
        changed,
        batch_size=1_000,
        update_conflicts=True,
        unique_fields=["package", "version"],
        update_fields=RELEASE_COLUMNS,
    )


def _changed_releases(package: int, facts: Iterable[ReleaseFact], present: dict[str, Release]) -> Iterable[Release]:
    for fact in facts:
        row = present.get(fact.version)
        before = row or Release(package_id=package, version=fact.version)
        after = Release(
            package_id=package,
            version=fact.version,
            uploaded_at=known(fact.uploaded_at, before.uploaded_at),
            yanked=known(fact.yanked, before.yanked),
            requires_python=known(fact.requires_python, before.requires_python),
        )
        if row is None or any(getattr(row, name) != getattr(after, name) for name in RELEASE_COLUMNS):
            yield after
