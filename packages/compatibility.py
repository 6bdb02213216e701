"""The versions of Python and Django that a package says it works with.

The rule for Python X.Y: `requires_python` must not refuse it (an empty or unreadable one refuses nothing); and the
classifiers name X.Y, or they name no X.Y at all and `requires_python` admits it.
For Django X.Y: the classifiers name X.Y, or they name X without any X.Y of it.

The filters of packages select by the same rules in SQL (packages.readiness.conditions).
"""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet

PYTHON = "Programming Language :: Python :: "
DJANGO = "Framework :: Django :: "
# The versions that a document can list; the filters take any version.
PYTHONS = ("2.6", "2.7", *(f"3.{minor}" for minor in range(16)))
DJANGOS = {"1": range(12), **{str(major): range(3) for major in range(2, 7)}}
_MICROS = (*range(31), 99)  # a specifier may admit some micro releases of a version alone


@lru_cache(maxsize=4096)
def _specifiers(requires_python: str) -> SpecifierSet | None:
    try:
        return SpecifierSet(requires_python) if requires_python.strip() else None
    except InvalidSpecifier:
        return None


@lru_cache(maxsize=65536)
def admits(requires_python: str, version: str) -> bool | None:
    """Return True if `requires_python` admits any X.Y.Z of Python X.Y; None if it is empty or unreadable."""
    specifiers = _specifiers(requires_python)
    if specifiers is None:
        return None
    return any(specifiers.contains(f"{version}.{micro}", prereleases=True) for micro in _MICROS)


def python_versions(classifiers: Iterable[str], requires_python: str) -> list[str]:
    """The versions of Python that a package works with, oldest first."""
    named = _named(classifiers, PYTHON)
    if named:
        return [version for version in named if admits(requires_python, version) is not False]
    return [version for version in PYTHONS if admits(requires_python, version)]


def django_versions(classifiers: Collection[str]) -> list[str]:
    """The versions of Django that a package works with, oldest first."""
    named = _named(classifiers, DJANGO)
    majors = {version.split(".")[0] for version in named}
    whole = [each for each in DJANGOS if DJANGO + each in classifiers and each not in majors]
    return sorted([*named, *(f"{each}.{minor}" for each in whole for minor in DJANGOS[each])], key=_order)


def works_with_python(version: str, classifiers: Iterable[str], requires_python: str) -> bool:
    named = _named(classifiers, PYTHON)
    admitted = admits(requires_python, version)
    return admitted is not False and version in named if named else admitted is True


def works_with_django(version: str, classifiers: Collection[str]) -> bool:
    named, major = _named(classifiers, DJANGO), version.split(".", maxsplit=1)[0]
    is_whole = DJANGO + major in classifiers and not any(each.split(".")[0] == major for each in named)
    return version in named or is_whole


def names_python(classifiers: Iterable[str]) -> bool:
    """Return True if classifiers name any X.Y of Python."""
    return bool(_named(classifiers, PYTHON))


def names_django(classifiers: Iterable[str]) -> bool:
    """Return True if classifiers name any X or X.Y of Django."""
    return any(re.fullmatch(DJANGO + r"[0-9]{1,3}(\.[0-9]{1,3})?", each) for each in classifiers)


def has_python3(classifiers: Iterable[str], requires_python: str) -> bool:
    """Return True if a package says that it works with Python 3, by a classifier or by `requires_python`."""
    return any(each.startswith(f"{PYTHON}3") for each in classifiers) or admits_python3(requires_python)


@lru_cache(maxsize=4096)
def admits_python3(requires_python: str) -> bool:
    return any(admits(requires_python, version) for version in PYTHONS if version.startswith("3."))


def _named(classifiers: Iterable[str], prefix: str) -> list[str]:
    versions = {each.removeprefix(prefix) for each in classifiers if each.startswith(prefix)}
    return sorted((version for version in versions if re.fullmatch(r"[0-9]{1,3}\.[0-9]{1,3}", version)), key=_order)


def _order(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
