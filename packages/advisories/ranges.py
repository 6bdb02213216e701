"""Decide whether a version is affected, by the order of versions of PEP 440.

Source: the OSV schema, "Evaluation". A version is affected if it is listed, or within one of the ranges. OSV lists the
versions that are in its ranges too, so a range with a version that PEP 440 does not know is left out.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

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
    return any(_is_in(own, _ordered(each)) for each in ranges) or any(
        each == version or parsed(each) == own for each in versions
    )


def outside(versions: Iterable[str], ranges: Iterable[Range]) -> list[str]:
    """Return those of the versions that are in none of the ranges."""
    ordered = [_ordered(each) for each in ranges]
    both = ((each, parsed(each)) for each in versions)
    return [each for each, version in both if version is None or not any(_is_in(version, one) for one in ordered)]


class _Ordered(NamedTuple):
    """The events of a range that are no limits by their versions, None for what is before all; and the limits, none if
    there is one without end."""

    events: Sequence[tuple[str, Version | None]]
    limits: Sequence[Version]


def _is_in(version: Version, ordered: _Ordered) -> bool:
    if ordered.limits and not any(version < limit for limit in ordered.limits):
        return False
    is_affected = False
    for kind, at in ordered.events:
        if at is None or (version > at if kind == "last_affected" else version >= at):
            is_affected = kind == "introduced"
    return is_affected


def _ordered(events: Range) -> _Ordered:
    """Sort the events; those of the same version stay in the order in which they are told. None are left if a version
    is none of PEP 440."""
    limits = [at for kind, at in events if kind == "limit"]
    first: list[tuple[str, Version | None]] = []
    rest: list[tuple[str, Version]] = []
    for kind, at in events:
        if kind == "limit":
            continue
        version = parsed(at)
        if kind == "introduced" and at == FROM_THE_FIRST:
            first.append((kind, None))
        elif version is None:
            return _Ordered((), ())
        else:
            rest.append((kind, version))
    ends = [] if NO_LIMIT in limits else [version for version in map(parsed, limits) if version]
    return _Ordered([*first, *sorted(rest, key=itemgetter(1))], ends)


def fixed_in(ranges: Iterable[Range]) -> list[str]:
    """Return the versions in which it is fixed, in their order; those of PEP 440 alone."""
    return in_order(at for events in ranges for kind, at in events if kind == "fixed" and parsed(at))


def in_order(versions: Iterable[str]) -> list[str]:
    """Sort versions of PEP 440, each once: of two spellings of one, the shorter."""
    by_version: dict[Version, str] = {}
    for each in sorted(versions, key=lambda each: (len(each), each)):
        by_version.setdefault(Version(each), each)
    return [by_version[version] for version in sorted(by_version)]
