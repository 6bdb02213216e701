"""Decide whether a version is affected, by the order of versions of PEP 440.

Source: the OSV schema, "Evaluation". A version is affected if it is listed, or within one of the ranges. OSV lists the
versions that are in its ranges too, so a range with a version that PEP 440 does not know is left out.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from packaging.version import InvalidVersion, Version

from packages.advisories.facts import Range

FROM_THE_FIRST, NO_LIMIT = "0", "*"


@lru_cache(maxsize=4_096)
def parsed(version: str) -> Version | None:
    """Return the version, None if it is none by PEP 440."""
    try:
        return Version(version)
    except InvalidVersion:
        return None


def affects(version: str, ranges: Iterable[Range], versions: Iterable[str]) -> bool:
    """Return whether the version is affected. It may be spelled in another way than in the list."""
    own = parsed(version)
    if own is None:
        return version in versions
    return any(is_in(own, each) for each in ranges) or any(each == version or parsed(each) == own for each in versions)


def is_in(version: Version, events: Range) -> bool:
    """Return whether the version is within a range."""
    limits = [limit for kind, limit in events if kind == "limit"]
    if limits and NO_LIMIT not in limits and not any(version < limit for limit in filter(None, map(parsed, limits))):
        return False
    is_affected = False
    for kind, at in _in_order(events):
        if at is None or (version > at if kind == "last_affected" else version >= at):
            is_affected = kind == "introduced"
    return is_affected


def fixed_in(ranges: Iterable[Range]) -> list[str]:
    """Return the versions in which it is fixed, in their order; those of PEP 440 alone."""
    fixed = {at for events in ranges for kind, at in events if kind == "fixed" and parsed(at)}
    return in_order(fixed)


def in_order(versions: Iterable[str]) -> list[str]:
    """Sort versions of PEP 440."""
    return sorted(versions, key=Version)


def _in_order(events: Range) -> Sequence[tuple[str, Version | None]]:
    """Return the events that are no limits by their versions, None for what is before all; none if one is no version of
    PEP 440. Those of the same version stay in the order in which they are told."""
    found = []
    for kind, at in events:
        is_first = kind == "introduced" and at == FROM_THE_FIRST
        version = None if is_first else parsed(at)
        if kind == "limit":
            continue
        if version is None and not is_first:
            return []
        found.append((kind, version))
    first = [each for each in found if each[1] is None]
    return first + sorted((each for each in found if each[1] is not None), key=lambda each: each[1])
