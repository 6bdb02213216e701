"""Conditions for filter() on packages, by what they say of a version: they select as packages.readiness.rule decides.

The packages need the text of their classifiers (with_classifier_text). Only Python code can interpret a requirement, so
a condition takes a function that gives the stored ones which fit.
"""

from collections.abc import Callable

from django.db.models import Q, TextField, Value
from django.db.models.functions import Cast

from packages.compatibility import DJANGO, PYTHON, admits
from packages.fields import Lists
from packages.models import PackageQuerySet
from packages.readiness.lists import ReadinessList

Requirements = Callable[[Callable[[str], bool]], list[str]]
REQUIREMENT_COLUMNS = {"django": "requires_django", "python": "requires_python"}
_VERSION = r"[0-9]{1,3}\.[0-9]{1,3}"


def with_classifier_text(packages: PackageQuerySet) -> PackageQuerySet:
    return packages.alias(classifier_text=Cast("classifiers", TextField()))


def is_listed(packages: ReadinessList, requirements: Requirements) -> Q:
    """Return the condition that a package is in this list; `requirements` are those of the platform."""
    says, platform, version = packages
    if says == "unknown":
        return ~IS_KNOWN
    refused = Q((f"{REQUIREMENT_COLUMNS[platform]}__in", requirements(lambda text: admits(text, version) is False)))
    if says == "refused":
        return refused
    if platform == "python":
        is_named, names_any = works_with_python(version, requirements), _NAMES_PYTHON
    else:
        is_named, names_any = works_with_django(version), _NAMES_DJANGO
    if says == "named":
        return is_named & ~refused
    return ~is_named & ~refused & (names_any if says == "others" else ~names_any & IS_KNOWN)


def works_with_django(version: str) -> Q:
    major = version.split(".", maxsplit=1)[0]
    minors = _names_any(rf"{DJANGO}{major}\.[0-9]{{1,3}}")
    return _names(DJANGO + version) | (_names(DJANGO + major) & ~minors)


def works_with_python(version: str, requirements: Requirements) -> Q:
    """Return the condition that a package works with Python X.Y; `requirements` are those of Python."""
    refused = Q(requires_python__in=requirements(lambda text: admits(text, version) is False))
    admitted = Q(requires_python__in=requirements(lambda text: admits(text, version) is True))
    return (_names(PYTHON + version) & ~refused) | (admitted & ~_NAMES_PYTHON)


def _names(classifier: str) -> Q:
    return Q(Lists("classifiers", Value(classifier)))


def _names_any(pattern: str) -> Q:
    """Return the condition that a whole classifier matches. A quotation mark within one has a backslash before it."""
    return Q(classifier_text__regex=rf'[^\\]"{pattern}"')


_NAMES_DJANGO = _names_any(rf"{DJANGO}[0-9]{{1,3}}(\.[0-9]{{1,3}})?")
_NAMES_PYTHON = _names_any(PYTHON + _VERSION)
# It has metadata: Metadata.is_known
IS_KNOWN = ~Q(classifiers=[], requires_python="", requires_django=None, released=None)
