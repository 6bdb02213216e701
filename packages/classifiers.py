"""The trove classifiers that packages have, for the filter by one of them."""

from django.db.models import Value
from rest_framework.exceptions import ValidationError

from core.api.parameters import nearest
from core.caching.dependencies import on
from core.caching.values import CachedValue
from core.database.functions import ascii_lower
from core.kinds import Kind
from packages.fields import Lists
from packages.models import Package

# Classifiers are read of the packages that have the most stars: by an index, however many others there are.
COUNTED = 5_000
EXAMPLE = "Framework :: Django :: 5.2"


def stored_classifier(wanted: str) -> str:
    """Return the classifier in the spelling that packages have, whatever its letter case. ValidationError if no package
    has it, with the nearest one that the best known packages have."""
    known = {ascii_lower(each): each for each in _of_best_known()}
    if found := known.get(ascii_lower(wanted)):
        return found
    if Package.objects.filter(Lists("classifiers", Value(wanted))).exists():
        return wanted
    like = nearest(wanted, known.values()) or f" Write {EXAMPLE}, for example."
    raise ValidationError({"classifier": [f"No package has the classifier “{wanted[:100]}”.{like}"]})


def _of_best_known() -> list[str]:
    cached = CachedValue(on(Kind.PACKAGE), "classifiers")
    if cached.value is None:
        lists = Package.objects.order_by("-repo_watchers", "-pk").values_list("classifiers", flat=True)[:COUNTED]
        cached.set(sorted({each for classifiers in lists for each in classifiers}))
    found: list[str] = cached.value
    return found
