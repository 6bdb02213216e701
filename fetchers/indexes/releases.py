"""The releases of a project on PyPI, by their files, and which of them is the latest."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from packaging.version import InvalidVersion, Version

from packages.facts import UNKNOWN, Odd, ReleaseFact, Unknown, flag, items, line, mapping, parse_datetime

MAX_RELEASES = 3_000
F = TypeVar("F")
_OLDEST = datetime.min.replace(tzinfo=UTC)


def releases(listed: Mapping[str, Any], odd: Odd) -> tuple[ReleaseFact, ...] | Unknown:
    """Return the releases that have files, newest upload first; UNKNOWN if there are some, and all of them are odd.

    `listed` has the files of each version, as the JSON API shows them. A version that cannot be stored is left out.
    """
    with_files = {version: files for version, files in listed.items() if files != []}
    found = [_release(version, files, odd) for version, files in with_files.items() if _stores(version, odd)]
    if with_files and odd and not any(_is_told(release) for release in found):
        return UNKNOWN
    found.sort(key=_uploaded, reverse=True)
    return tuple(found[:MAX_RELEASES])


def latest(found: Iterable[ReleaseFact]) -> str:
    """Return the newest stable version that is not yanked, else such a pre-release, else a yanked one; "" if none."""
    newest = max(found, key=_rank, default=None)
    return newest.version if newest else ""


def _stores(version: str, odd: Odd) -> bool:
    storable = 0 < len(version) <= 100 and version.isprintable()
    if not storable:
        odd.note(f"{version[:50]!r} is not a version")
    return storable


def _release(version: str, listed: object, odd: Odd) -> ReleaseFact:
    entries = odd.attempt(lambda: items(listed, f"the files of {version}"))
    files = odd.sound(
        () if isinstance(entries, Unknown) else entries, lambda file: mapping(file, f"a file of {version}")
    )
    times = _told(files, "upload_time_iso_8601", lambda value, key: parse_datetime(value, f"{key} of {version}"), odd)
    yanked = _told(files, "yanked", lambda value, key: flag(value, f"{key} of {version}"), odd)
    first = files[0] if files else {}
    return ReleaseFact(
        version=version,
        uploaded_at=min(times, default=UNKNOWN),
        yanked=all(yanked) if yanked else UNKNOWN,
        requires_python=odd.read(first, "requires_python", lambda value, key: line(value, f"{key} of {version}", 255)),
    )


def _told(files: Iterable[Mapping[str, Any]], key: str, parse: Callable[[object, str], F], odd: Odd) -> list[F]:
    """Return the values of a key of the files that have it, and where it is not odd."""
    values = (odd.read(file, key, parse) for file in files)
    return [value for value in values if not isinstance(value, Unknown)]


def _is_told(release: ReleaseFact) -> bool:
    return {release.uploaded_at, release.yanked, release.requires_python} != {UNKNOWN}


def _uploaded(release: ReleaseFact) -> datetime:
    return release.uploaded_at if isinstance(release.uploaded_at, datetime) else _OLDEST


def _rank(release: ReleaseFact) -> tuple[bool, bool, bool, Version, datetime]:
    try:
        version, valid = Version(release.version), True
    except InvalidVersion:  # from before PEP 440, so older than every valid one
        version, valid = Version("0"), False
    return release.yanked is not True, valid and not version.is_prerelease, valid, version, _uploaded(release)
