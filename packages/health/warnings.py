"""Warnings beside a verdict, which they never change."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from packaging.version import InvalidVersion, Version

from packages.health.facts import SourceState
from packages.health.known import Known
from packages.health.verdicts import WarningName

STALE_AFTER = timedelta(days=90)
WIDELY_USED = 10_000  # downloads a month


def warnings(known: Known, rule: str) -> Iterator[WarningName]:
    facts = known.facts
    if any(_is_stale(source, known.now) for source in (facts.repo, facts.pypi)):
        yield "stale"
    if rule == "repository_left":
        yield "repository_probably_moved"
    if known.shares:
        yield "shared_repository"
    newest = max(known.uploads, key=lambda upload: upload.at or known.now, default=None)
    if newest and newest.yanked:
        yield "yanked_latest"
    releases = [upload.version for upload in known.uploads if not upload.yanked]
    if releases and all(map(_is_prerelease, releases)):
        yield "only_prereleases"
    if len(known.people) == 1 and (facts.downloads or 0) >= WIDELY_USED:
        yield "single_person"
    if facts.name_reused:
        yield "name_reused"
    if facts.vulnerable:  # however long ago PyPI was heard: nobody told of another version
        yield "vulnerable"


def _is_stale(source: SourceState, now: datetime) -> bool:
    since = source.last_success or source.asked_since
    return source.is_asked and since is not None and now - since > STALE_AFTER


def _is_prerelease(version: str) -> bool:
    try:
        return Version(version).is_prerelease
    except InvalidVersion:
        return False
