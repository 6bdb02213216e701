"""Facts of the sample's packages: read from facts.json, and saved as if they had been fetched today.

Every group of facts names its source, which the file explains. All days are moved by the whole days from `as_of`, the
day of which the facts are, to today. So ages stay as they were on that day, and verdicts with them.

Each fetch state says so (SAMPLE), as a success of which a part is odd: pages can tell sample facts from fetched ones. A
refresh replaces both.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from packages.advisories import write
from packages.advisories.facts import MAX_ID, MAX_SUMMARY, AdvisoryDocument, AdvisoryFact, Severity
from packages.compatibility import DJANGO, PYTHON
from packages.facts import (
    MAX_COUNT,
    MAX_DOWNLOADS,
    SAMPLE,
    UNKNOWN,
    WEEKS,
    DownloadFacts,
    Fetched,
    FetchTarget,
    Outcome,
    PyPIFacts,
    ReleaseFact,
    RepositoryFacts,
    midnight,
)
from packages.identity import forges
from packages.keys import spelled
from packages.models import Package, Snapshot
from packages.replies import Reply
from packages.results import MISSING_DAYS, Attempt, Failure, save_results

STATUS = "Development Status :: "
MOST_WEEKS = 53  # of a history

Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Weeks = Annotated[tuple[Count, ...], Field(min_length=WEEKS, max_length=WEEKS)]
History = Annotated[tuple[Annotated[int, Field(ge=0, le=MAX_DOWNLOADS)], ...], Field(max_length=MOST_WEEKS)]


class SampleError(Exception):
    """The reason, in one line, why the facts cannot be loaded."""


class Strict(BaseModel):
    """A part of the file, in which nothing is ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Group(Strict):
    """Facts with one source, by its name among the sources of the file."""

    source: str


class Repository(Group):
    """Facts of a repository; those that are left out are not known. `missing`: its host does not find it any more. Of
    any other its stars and forks must be known, which are stored as 0 where they are not."""

    stars: Count | None = None
    forks: Count | None = None
    archived: bool = False
    last_commit: date | None = None
    participants: tuple[str, ...] | None = None
    missing: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.missing and None in {self.stars, self.forks}:
            raise ValueError("it has no number of stars, or of forks")
        return self


class Commits(Group):
    """The commits of 52 weeks, oldest first; the last week ends on the day of the facts."""

    weeks: Weeks


class Project(Group):
    """Metadata of a project on PyPI. `python`, `django` and `status` stand for classifiers."""

    version: str
    licence: str = ""
    requires_python: str = ""
    requires_django: str | None = None
    python: tuple[str, ...] = ()
    django: tuple[str, ...] = ()
    status: str = ""

    @property
    def classifiers(self) -> tuple[str, ...]:
        status = (STATUS + self.status,) if self.status else ()
        return (*status, *(DJANGO + each for each in self.django), *(PYTHON + each for each in self.python))


class Releases(Group):
    """The day of the upload of each version."""

    uploads: Mapping[str, date]


class Downloads(Group):
    month: Annotated[int, Field(ge=0, le=MAX_DOWNLOADS)]


class Past(Group):
    """Numbers of each week, oldest first; the last one is of the day of the facts. The days between are in between."""

    stars: History = ()
    forks: History = ()
    downloads: History = ()


class Editor(Group):
    """Columns that an editor types and documents do not have; `replaced_by` is the slug of another package."""

    deprecated: bool = False
    replaced_by: str = ""
    reply: Reply | Literal[""] = ""
    reply_note: str = ""
    reply_until: date | None = None


class PackageFacts(Strict):
    """The facts of a package, `as_of` a day of its own or that of the file."""

    slug: str
    as_of: date | None = None
    repository: Repository | None = None
    commits: Commits | None = None
    project: Project | None = None
    releases: Releases | None = None
    downloads: Downloads | None = None
    history: Past | None = None
    editor: Editor | None = None

    @property
    def groups(self) -> list[Group]:
        values = (getattr(self, name) for name in type(self).model_fields)
        return [value for value in values if isinstance(value, Group)]


class SampleAdvisory(Group):
    """An advisory on a project, by its name on PyPI: affected are the versions from `introduced` up to `fixed`."""

    id: Annotated[str, Field(pattern=r"^[A-Z]+-[A-Za-z0-9-]+$", max_length=MAX_ID)]
    project: str
    aliases: tuple[str, ...] = ()
    summary: Annotated[str, Field(max_length=MAX_SUMMARY)]
    severity: Severity
    introduced: str = "0"
    fixed: str = ""
    published: date


def _one_each(packages: tuple[PackageFacts, ...]) -> tuple[PackageFacts, ...]:
    if len({package.slug for package in packages}) < len(packages):
        raise ValueError("a package is there twice")
    return packages


class SampleFacts(Strict):
    """The whole file. `sources` explains each name of a source."""

    as_of: date
    sources: Mapping[str, str]
    packages: Annotated[tuple[PackageFacts, ...], AfterValidator(_one_each)]
    advisories: tuple[SampleAdvisory, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        for advisory in self.advisories:
            self._check_source(advisory.id, advisory)
        for package in self.packages:
            for group in package.groups:
                self._check_source(package.slug, group)
            of_facts = package.as_of or self.as_of
            commit = package.repository and package.repository.last_commit
            uploads = package.releases.uploads.values() if package.releases else ()
            if late := [day for day in (commit, *uploads) if day and day >= of_facts]:
                raise ValueError(f"{package.slug}: {max(late)} is not before {of_facts}, the day of the facts")
        return self

    def _check_source(self, name: str, group: Group) -> None:
        if group.source not in self.sources:
            raise ValueError(f"{name}: no source is called {group.source!r}")


def read(path: Path) -> SampleFacts:
    """Return the facts of the file. SampleError if anything in it is not understood."""
    try:
        return SampleFacts.model_validate_json(path.read_bytes())
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False, include_context=False)
        first = mistakes[0]
        where = ".".join(map(str, first["loc"])) or "facts"
        raise SampleError(f"{path.name}: {where}: {first['msg']} ({len(mistakes)} in all)") from None


def save(facts: SampleFacts, now: datetime) -> int:
    """Save the facts of all packages as fetched at the beginning of the day of `now` (UTC); return their number.

    SampleError if one of the packages does not exist.
    """
    slugs = [each.slug for each in facts.packages] + [e.replaced_by for e in _editors(facts) if e.replaced_by]
    packages = {package.slug: package for package in Package.objects.filter(slug__in=slugs)}
    if absent := sorted(set(slugs) - packages.keys()):
        raise SampleError(f"there is no package {', '.join(absent)}")
    at = midnight(now.astimezone(UTC).date())
    loads = [_Load(each, packages[each.slug], at, each.as_of or facts.as_of) for each in facts.packages]
    Snapshot.objects.bulk_create((row for load in loads for row in load.snapshots()), batch_size=500)
    for day in range(1 - MISSING_DAYS, 1):
        days = timedelta(days=day)
        save_results([attempt for load in loads for attempt in load.attempts(days)])
    write.save([_advisory(each, at, at.date() - facts.as_of) for each in facts.advisories])
    for load in loads:
        if editor := load.facts.editor:
            Package.objects.filter(pk=load.package.pk).update(
                deprecated=editor.deprecated,
                replaced_by=packages.get(editor.replaced_by),
                reply_kind=editor.reply,
                reply_note=editor.reply_note,
                reply_until=load.moved(editor.reply_until),
            )
    return len(loads)


def _advisory(told: SampleAdvisory, at: datetime, shift: timedelta) -> AdvisoryDocument:
    published = midnight(told.published + shift)
    fixed = (("fixed", told.fixed),) if told.fixed else ()
    fact = AdvisoryFact(
        told.id,
        told.project,
        told.aliases,
        told.summary,
        told.severity,
        published,
        ranges=((("introduced", told.introduced), *fixed),),
        versions=(),
    )
    return AdvisoryDocument(told.id, at, (fact,))


def _editors(facts: SampleFacts) -> list[Editor]:
    return [package.editor for package in facts.packages if package.editor]


class _Load:
    """The facts of one package, moved from the day `as_of` to the day that begins at `at`."""

    def __init__(self, facts: PackageFacts, package: Package, at: datetime, as_of: date) -> None:
        self.facts, self.package, self.at = facts, package, at
        self.shift = at.date() - as_of
        self.target = FetchTarget(
            package.pk,
            host=package.repo_host,
            path=spelled(package.repo_url, forges()).path,
            pypi_name=package.pypi_name,
        )

    def moved(self, day: date | None) -> date | None:
        return day and day + self.shift

    def attempts(self, ago: timedelta) -> Iterator[Attempt]:
        """Yield the fetches of the day so long ago: all sources today, before that alone what is not found."""
        at, facts = self.at + ago, self.facts
        if facts.repository and facts.repository.missing:
            yield Attempt(self.target, "repo", at, Failure(Outcome.NOT_FOUND, SAMPLE))
        if ago:
            return
        if facts.repository and not facts.repository.missing:
            yield Attempt(self.target, "repo", at, _fetched(self._repository(facts.repository)))
        if facts.project:
            yield Attempt(self.target, "pypi", at, _fetched(self._project(facts.project)))
        if facts.downloads:
            yield Attempt(self.target, "downloads", at, _fetched(DownloadFacts(facts.downloads.month)))

    def _repository(self, facts: Repository) -> RepositoryFacts:
        participants, commits = facts.participants, self.facts.commits
        return RepositoryFacts(
            repo_id="",
            url=UNKNOWN,
            description=UNKNOWN,
            watchers=UNKNOWN if facts.stars is None else facts.stars,
            forks=UNKNOWN if facts.forks is None else facts.forks,
            archived=facts.archived,
            last_updated=self._noon(facts.last_commit),
            participants=UNKNOWN if participants is None else participants,
            commits_over_52=commits.weeks if commits else UNKNOWN,
            weeks_end=self.at.date(),
        )

    def _project(self, facts: Project) -> PyPIFacts:
        releases = self.facts.releases
        uploads = releases.uploads if releases else {}
        return PyPIFacts(
            version=facts.version,
            requires_python=facts.requires_python,
            requires_django=facts.requires_django,
            classifiers=facts.classifiers,
            licence=facts.licence,
            status="active",
            status_reason="",
            releases=tuple(
                ReleaseFact(version, self._noon(day), yanked=False, requires_python=facts.requires_python)
                for version, day in uploads.items()
            ),
        )

    def _noon(self, day: date | None) -> datetime | None:
        moved = self.moved(day)
        return datetime.combine(moved, time(12), UTC) if moved else None

    def snapshots(self) -> Iterator[Snapshot]:
        """Yield the days of the history before today, which the fetches of today add."""
        history = self.facts.history or Past(source="")
        numbers = [_by_day(each) for each in (history.stars, history.forks, history.downloads)]
        for ago in range(max(map(len, numbers)) - 1, 0, -1):
            stars, forks, downloads = (each[-1 - ago] if ago < len(each) else None for each in numbers)
            yield Snapshot(
                package=self.package,
                day=self.at.date() - timedelta(days=ago),
                stars=stars,
                forks=forks,
                downloads=downloads,
                repo_key=self.package.repo_key,
                pypi_name=self.package.pypi_name,
            )


def _fetched(facts: RepositoryFacts | PyPIFacts | DownloadFacts) -> Fetched[object]:
    # Without validators: a refresh reads everything again.
    return Fetched(facts, {}, odd=(SAMPLE,))


def _by_day(weeks: Sequence[int]) -> list[int]:
    """Return the numbers of all days from the first week to the last, those between two weeks on a straight line."""
    days = [round(before + (after - before) * day / 7) for before, after in pairwise(weeks) for day in range(7)]
    return [*days, *weeks[-1:]]
