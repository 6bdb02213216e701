"""Words for how fresh the facts of each source are."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.utils import timezone

from packages.facts import SAMPLE, SOURCES, SUCCESSES, Outcome, Source
from packages.identity import is_fetchable
from packages.serializers import PackageSerializer

NAMES: Mapping[Source, str] = {"repo": "Repository", "pypi": "PyPI", "downloads": "Downloads"}
# What became of an attempt that failed
FAILURES: Mapping[Outcome, str] = {
    Outcome.NOT_FOUND: "it was not found",
    Outcome.GONE: "it is gone",
    Outcome.PRIVATE: "it is private",
    Outcome.BLOCKED: "access is blocked",
    Outcome.UNAUTHORIZED: "access was refused",
    Outcome.RATE_LIMITED: "too many requests were made",
    Outcome.SERVER_ERROR: "the server failed",
    Outcome.TIMEOUT: "there was no response in time",
    Outcome.INVALID: "the response was not usable",
}


class SourceInWords(NamedTuple):
    """A source, and what is known of fetching it.

    `success` is None where it had none. `note` stands in the place of one that was never asked, or whose facts are
    those of the sample. `partial` names the parts that were odd in the last response. `failure` is why the last attempt
    failed, "" if it did not; then `attempt`, `failures` (in a row) and `next_due` (None if it is due) tell of it.
    """

    name: str
    note: str = ""
    success: datetime | None = None
    partial: str = ""
    failure: str = ""
    attempt: datetime | None = None
    failures: int = 0
    next_due: datetime | None = None


def sources_in_words(package: Any) -> list[SourceInWords]:
    """Return the sources of a package that came from with_freshness(), as much as its document tells of them."""
    states: Mapping[str, Any] = PackageSerializer().get_freshness(package)
    return [_source(package, source, states[source]) for source in SOURCES]


def _source(package: Any, source: Source, state: Mapping[str, Any] | None) -> SourceInWords:
    name = NAMES[source]
    if state is None:
        return SourceInWords(name, _never_asked(package, source))
    if getattr(package, f"{source}_error") == SAMPLE:  # which the document leaves out where it was "not found"
        return SourceInWords(name, SAMPLE)
    if state["outcome"] in SUCCESSES:
        return SourceInWords(name, success=state["last_success"], partial=state["error"])
    next_due = state["next_due"]
    return SourceInWords(
        name,
        success=state["last_success"],
        failure=FAILURES[state["outcome"]],
        attempt=state["last_attempt"],
        failures=state["failures"],
        next_due=next_due if next_due > timezone.now() else None,
    )


def _never_asked(package: Any, source: Source) -> str:
    if source == "repo":
        if not package.repo_key:
            return "no repository is known"
        if not is_fetchable(package.repo_host, package.repo_key):
            return "it cannot be fetched from its host"
    elif not package.pypi_name:
        return "no project on PyPI is known"
    return "not fetched yet"
