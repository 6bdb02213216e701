"""Canaries: packages whose facts are known, and only grow. A host that tells them wrongly is not believed in a run.

What is known of a canary is what the catalogue has stored of it, so the operator names it, and no number. Its facts are
compared before anything of its host is saved: last year's facts, another repository's, or none at all.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any

from packaging.version import InvalidVersion, Version

from fetchers.hosts import Upstreams
from fetchers.steps import Steps
from fetchers.summary import Summary
from packages.facts import UNKNOWN, DownloadFacts, PyPIFacts, RepositoryFacts, Source, Unknown
from packages.identity import forges
from packages.keys import repository
from packages.models import Package
from packages.pins.past import Pins
from packages.results import HOSTS_FAULT, Attempt, Failure

SHRINKS = 0.9  # of stars and forks may be left, or of releases: some people leave, some releases are deleted
DOWNLOADS_SHRINK = 0.1  # of the downloads of a month may be left
FEW = 3  # stars and forks may go beside that: one fork of two is no sign of anything

Deviations = Iterator[str]


class Canaries:
    """The canaries of one run, by their slugs."""

    def __init__(self, slugs: Collection[str], upstreams: Upstreams, clock: Callable[[], datetime]) -> None:
        self._upstreams = upstreams
        self._clock = clock
        self._packages = list(Package.objects.filter(slug__in=slugs).order_by("pk")) if slugs else []
        self.unknown = sorted(set(slugs).difference(package.slug for package in self._packages))

    def deviation(self, source: Source, host: str) -> str:
        """Fetch the canaries of a host, and return how the first one that deviates does; "" if none does.

        A host that fails, or may not be asked, is no liar: that is found out in the usual way.
        """
        for package in self._packages:
            if (package.repo_host if source == "repo" else package.pypi_name and source) == host:
                for attempt in self._attempts(source, host, package):
                    if deviation := next(deviations(package, attempt), ""):
                        return f"its canary {package.slug} deviates: {deviation}"
        return ""

    def _attempts(self, source: Source, host: str, package: Package) -> list[Attempt]:
        """Fetch a package whole, whatever is noted of it."""
        steps = Steps(source, self._upstreams, self._clock, Summary(), force=True)
        waiting = list(steps.of_targets(host, steps.targets(host, [package.pk])))
        attempts: list[Attempt] = []
        while waiting:
            result = waiting.pop()()
            waiting += result.follow_ups
            attempts += result.attempts
        return attempts


def deviations(package: Package, attempt: Attempt) -> Deviations:
    """Yield in what the facts that were fetched contradict those that are stored."""
    result = attempt.result
    if isinstance(result, Failure):
        if result.outcome not in HOSTS_FAULT:
            yield f"{result.outcome}: {result.message}"
        return
    pins = Pins([package])
    facts: RepositoryFacts | PyPIFacts | DownloadFacts | None = result.facts
    if isinstance(facts, RepositoryFacts):
        yield from _of_repository(package, pins, facts)
    elif isinstance(facts, PyPIFacts):
        yield from _of_project(package, pins, facts)
    elif isinstance(facts, DownloadFacts):
        yield from _shrunk("downloads", package.pypi_downloads, facts.last_month, DOWNLOADS_SHRINK)


def _of_repository(package: Package, pins: Pins, facts: RepositoryFacts) -> Deviations:
    known = {name: pins.upstream(package, name) for name in ("repo_watchers", "repo_forks", "last_updated")}
    if package.repo_id and facts.repo_id != package.repo_id:
        yield f"its id is {facts.repo_id}, and was {package.repo_id}"
    if isinstance(facts.url, Unknown) or repository(facts.url, forges()).key != package.repo_key:
        yield f"its URL is {_shown(facts.url)}"
    yield from _shrunk("stars", known["repo_watchers"], facts.watchers, few=FEW)
    yield from _shrunk("forks", known["repo_forks"], facts.forks, few=FEW)
    yield from _emptied("description", pins.upstream(package, "repo_description"), facts.description)
    yield from _older("newest commit", known["last_updated"], facts.last_updated)


def _of_project(package: Package, pins: Pins, facts: PyPIFacts) -> Deviations:
    yield from _older("version", _version(pins.upstream(package, "pypi_version")), _version(facts.version))
    releases = facts.releases if isinstance(facts.releases, Unknown) else len(facts.releases)
    yield from _shrunk("releases", package.releases.count(), releases)
    yield from _emptied("classifiers", pins.upstream(package, "classifiers"), facts.classifiers)
    yield from _emptied("licence", pins.upstream(package, "licence"), facts.licence)


def _shrunk(what: str, known: int | None, told: int | Unknown, left: float = SHRINKS, few: int = 0) -> Deviations:
    if known and (isinstance(told, Unknown) or told < known * left - few):
        yield f"{_shown(told)} {what}, where {known:,} were known"


def _emptied(what: str, known: object, told: object) -> Deviations:
    if known and (told is UNKNOWN or not told):
        yield f"no {what}, where one was known"


def _older(what: str, known: Any, told: Any) -> Deviations:
    if known and (told is UNKNOWN or told is None or told < known):
        yield f"its {what} is {_shown(told)}, and was {_shown(known)}"


def _version(text: str | Unknown | None) -> Version | Unknown | None:
    """Return a version that can be compared; None for one from before PEP 440."""
    try:
        return text if isinstance(text, Unknown) else Version(text or "")
    except InvalidVersion:
        return None


def _shown(value: object) -> str:
    if value is None or isinstance(value, Unknown):
        return "not told"
    return f"{value:,}" if isinstance(value, int) else str(value)
