"""Facts of stored packages, as the verdict takes them: a fixed number of queries for any number of packages."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from django.db.models import BooleanField, Count, ExpressionWrapper, Q

from packages.health.facts import Facts, SourceState, Upload
from packages.identity import FactsSource, forges, is_fetchable
from packages.keys import folder
from packages.models import ANOTHER_REPOSITORY, FACTS, FetchState, Package, Release

# The columns that verdicts follow from. Triggers watch these, and no others.
PACKAGE_COLUMNS_READ = (
    "repo_url",
    "repo_host",
    "repo_key",
    "repo_facts_of",
    "pypi_name",
    "pypi_facts_of",
    "modified",
    "last_fetched",
    "last_updated",
    "last_human_commit",
    "commits_over_52",
    "participants",
    "archived",
    "pypi_version",
    "classifiers",
    "requires_python",
    "pypi_status",
    "pypi_downloads",
    "deprecated",
    "replaced_by_id",
    "reply_kind",
    "reply_until",
    "gone_since",
)
RELEASE_COLUMNS_READ = ("package_id", "version", "uploaded_at", "yanked")
STATE_COLUMNS_READ = ("package_id", "source", "target", "last_success", "validators")

ENDED = ("deprecated", "quarantined")  # statuses of PyPI
# Packages that make others share a repository: those that are neither deprecated nor gone.
ALIVE = Q(deprecated=False, replaced_by=None, gone_since=None) & ~Q(pypi_status__in=ENDED)


# Imported times may be any. After one that is later, no date would be left for the end of what it tells.
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)


class _State(NamedTuple):
    """The columns of a fetch state of a package's present address."""

    last_success: datetime | None
    name_reused: bool


_NEVER_ASKED = _State(None, name_reused=False)


def facts_of(packages: Sequence[Package], vulnerable: Collection[int] = frozenset()) -> Iterator[tuple[Package, Facts]]:
    """Yield each of the packages, which are in the order of their ids, with its facts. Releases are read meanwhile. The
    ids of those whose latest release has a known vulnerability are `vulnerable`."""
    states = _states(packages)
    alive = _alive_in_repositories({package.repo_key for package in packages} - {""})
    uploads = _uploads([package.pk for package in packages])
    for package in packages:
        others = alive.get(package.repo_key, 0) - _is_alive(package)
        facts = _facts(package, states, next(uploads), is_shared=others > 0)
        yield package, replace(facts, vulnerable=package.pk in vulnerable)


def _facts(
    package: Package, states: Mapping[tuple[int, FactsSource], _State], uploads: Sequence[Upload], *, is_shared: bool
) -> Facts:
    repo, pypi = (states.get((package.pk, source), _NEVER_ASKED) for source in ("repo", "pypi"))
    of_repository = _of_repository(package) if are_present(package, "repo") else {}
    of_project = {**_of_project(package), "uploads": uploads} if are_present(package, "pypi") else {}
    is_asked = is_fetchable(package.repo_host, package.repo_key)
    return Facts(
        repo=_source_state(package, repo, is_asked=is_asked, has_facts=any(of_repository.values())),
        pypi=_source_state(package, pypi, is_asked=bool(package.pypi_name), has_facts=any(of_project.values())),
        **of_repository,
        **of_project,
        downloads=package.pypi_downloads if of_project else None,
        is_shared=is_shared,
        names_folder=bool(folder(package.repo_url, forges())),
        name_reused=repo.name_reused,
        deprecated=package.deprecated,
        has_successor=package.replaced_by_id is not None,
        finished_until=package.reply_until if package.reply_kind == "finished" else None,
        gone_since=package.gone_since,
    )


def are_present(package: Package, source: FactsSource) -> bool:
    """Return True if the facts are of the package's present address, and not of another one."""
    facts = FACTS[source]
    is_of_address: bool = getattr(package, facts.of) == getattr(package, facts.key)
    return is_of_address


def _of_repository(package: Package) -> dict[str, Any]:
    return {
        "last_commit": package.last_updated,
        "last_human_commit": package.last_human_commit,
        "weeks": package.commits_over_52,
        "participants": _texts(package.participants),
        "archived": package.archived,
    }


def _of_project(package: Package) -> dict[str, Any]:
    return {
        "latest_version": package.pypi_version,
        "classifiers": _texts(package.classifiers),
        "requires_python": package.requires_python,
        "pypi_status": package.pypi_status,
    }


def _texts(stored: Iterable[object]) -> list[str]:
    """Leave out what is no text: the database takes any list."""
    return [each for each in stored if isinstance(each, str)]


def _source_state(package: Package, state: _State, *, is_asked: bool, has_facts: bool) -> SourceState:
    """Return the state of a source. An import brings facts without a fetch state, and says when they were fetched.

    Since when the address is asked about is not stored: no earlier than the last edit, which may have changed it.
    """
    success = state.last_success or (package.last_fetched if has_facts else None)
    last_success = min(success, _LATEST) if success else None
    return SourceState(is_asked=is_asked, last_success=last_success, asked_since=min(package.modified, _LATEST))


def _states(packages: Sequence[Package]) -> dict[tuple[int, FactsSource], _State]:
    targets = {(package.pk, source): getattr(package, FACTS[source].key) for package in packages for source in FACTS}
    rows = FetchState.objects.filter(package__in=packages, source__in=FACTS).values_list(*STATE_COLUMNS_READ)
    return {
        (pk, source): _State(last_success, ANOTHER_REPOSITORY in validators)
        for pk, source, target, last_success, validators in rows
        if targets[pk, source] == target
    }


def _alive_in_repositories(keys: Collection[str]) -> dict[str, int]:
    """Return the number of packages in each repository, those left out that are deprecated or gone."""
    rows = Package.objects.filter(ALIVE, repo_key__in=keys).order_by().values_list("repo_key")
    return dict(rows.annotate(number=Count("pk")))


def unaware_sharers(ids: Collection[int]) -> list[int]:
    """Return the settled packages in the repositories of these that share them, although their warnings do not say so.

    Each of two transactions that bring a package to the same repository at the same time takes its own for the only
    one there.
    """
    # The keys are sent back as a list: to a subquery PostgreSQL joins the whole table.
    keys = list(Package.objects.filter(pk__in=ids).exclude(repo_key="").values_list("repo_key", flat=True).distinct())
    packages = Package.objects.filter(repo_key__in=keys).annotate(alive=ExpressionWrapper(ALIVE, BooleanField()))
    rows = list(packages.order_by("pk").values_list("pk", "repo_key", "alive", "health__warnings"))
    alive = Counter(key for _, key, is_alive, _ in rows if is_alive)
    return [
        pk
        for pk, key, is_alive, told in rows
        if alive[key] > is_alive and told is not None and "shared_repository" not in told
    ]


def _is_alive(package: Package) -> bool:
    is_deprecated = package.deprecated or package.replaced_by_id is not None
    return not (is_deprecated or package.gone_since or package.pypi_status in ENDED)


def _uploads(ids: Sequence[int]) -> Iterator[list[Upload]]:
    """Yield the uploads of each package, read as they are needed: some packages have thousands."""
    releases = Release.objects.filter(package__in=ids).order_by("package_id").values_list(*RELEASE_COLUMNS_READ)
    by_package = groupby(releases.iterator(chunk_size=2_000), key=itemgetter(0))
    none: tuple[int, Iterable[Any]] = (0, ())
    owner, rows = next(by_package, none)
    for pk in ids:
        if owner == pk:
            yield [Upload(version, at, yanked) for _, version, at, yanked in rows]
            owner, rows = next(by_package, none)
        else:
            yield []
