"""The versions of Django and of Python that packages should be ready for: those that are supported, or are coming."""

from collections.abc import Mapping
from datetime import date

from packages import support
from packages.compatibility import DJANGOS, PYTHONS
from packages.readiness.rule import Platform

ENDS_OF_SUPPORT: Mapping[Platform, Mapping[str, date]] = {"django": support.DJANGO, "python": support.PYTHON}
_LISTED: Mapping[Platform, tuple[str, ...]] = {
    "django": tuple(f"{major}.{minor}" for major, minors in DJANGOS.items() for minor in minors),
    "python": PYTHONS,
}


def versions(platform: Platform, day: date) -> list[str]:
    """Return those versions that a document can list which are supported on a day, or newer than all whose end of
    support is known; newest first."""
    table = ENDS_OF_SUPPORT[platform]
    return [version for version in reversed(_LISTED[platform]) if support.is_supported(version, table, day)]
