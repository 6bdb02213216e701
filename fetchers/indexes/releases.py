"""The releases of a project on PyPI, by their files, and which of them is the latest."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from packaging.version import InvalidVersion, Version

from packages.facts import UNKNOWN, Odd, ReleaseFact, Unknown, flag, items, line, mapping, parse_datetime

MAX_RELEASES = 3_000
_OLDEST = datetime.min.replace(tzinfo=UTC)


def releases(listed: Mapping[str, Any], odd: Odd) -> tuple[ReleaseFact, ...]:
    """Return the releases that have files, newest upload first. A version that cannot be stored is left out.

    `listed` has the files of each version, as the JSON API shows them.
    """
    found = [
        _release(version, files, odd) for version, files in listed.items() if files != [] and _stores(version, odd)
    ]
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
    times = [
        time
        for file in files
        if "upload_time_iso_8601" in file
        for time in odd.sound(
            [file["upload_time_iso_8601"]], lambda value: parse_datetime(value, f"an upload time of {version}")
        )
    ]
    yanked = [
        each
        for file in files
        if "yanked" in file
        for each in odd.sound([file["yanked"]], lambda value: flag(value, f"yanked of {version}"))
    ]
    first = files[0] if files else {}
    return ReleaseFact(
        version=version,
        uploaded_at=min(times, default=UNKNOWN),
        yanked=all(yanked) if yanked else UNKNOWN,
        requires_python=odd.read(first, "requires_python", lambda value, key: line(value, f"{key} of {version}", 255)),
    )


def _uploaded(release: ReleaseFact) -> datetime:
    return release.uploaded_at if isinstance(release.uploaded_at, datetime) else _OLDEST


def _rank(release: ReleaseFact) -> tuple[bool, bool, bool, Version, datetime]:
    try:
        version, valid = Version(release.version), True
    except InvalidVersion:  # from before PEP 440, so older than every valid one
        version, valid = Version("0"), False
    return release.yanked is not True, valid and not version.is_prerelease, valid, version, _uploaded(release)
