"""The values that the filters of packages can be set to, with their words, for those who choose rather than type."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, timedelta
from typing import get_args

from django.utils import timezone

from categories.models import Category
from core.caching.dependencies import on
from core.caching.values import CachedValue
from core.kinds import Kind
from core.pages.lists import Choices
from packages.facts import STATUSES
from packages.health.verdicts import LEVELS, VERDICTS, Level
from packages.licences import FAMILIES, spdx
from packages.models import Package
from packages.readiness.rule import Platform
from packages.readiness.versions import ENDS_OF_SUPPORT, versions
from packages.replies import NONE, REPLIES

MOST_CATEGORIES, MOST_LICENCES = 200, 40
# Licences are counted in the packages that have the most stars: they are read by an index, however many others are.
COUNTED = 5_000
RECENT = timedelta(days=3 * 365)  # so long after its support has ended, a version is still asked for


def categories() -> list[tuple[int, str, str]]:
    """Return the ids, the slugs and the titles of the categories, by title."""
    return list(Category.objects.order_by("title", "pk").values_list("pk", "slug", "title")[:MOST_CATEGORIES])


def licences() -> Choices:
    """Return the SPDX licences, and the families, that most of the best known packages are under."""
    cached = CachedValue(on(Kind.PACKAGE), "licences to choose from")
    if cached.value is None:
        best_known = Package.objects.order_by("-repo_watchers", "-pk").values_list("licence", flat=True)[:COUNTED]
        number = Counter(best_known)
        named = [text for text, _ in number.most_common() if text in FAMILIES or (" " not in text and spdx(text))]
        cached.set(named[:MOST_LICENCES])
    return [(text, text) for text in cached.value]


def releases(platform: Platform) -> Choices:
    """Return the versions of a platform that are supported or coming, and those that were until recently."""
    day, ends = timezone.now().astimezone(UTC).date(), ENDS_OF_SUPPORT[platform]
    supported = versions(platform, day)
    recent = [each for each in reversed(list(ends)) if each not in supported and ends[each] >= day - RECENT]
    return [*((each, each) for each in supported), *((each, f"{each} (no longer supported)") for each in recent)]


def levels() -> Choices:
    """Return the levels with their verdicts, and the two that people ask for together."""
    of_levels = [(level, [name for name, of in LEVELS.items() if of == level]) for level in get_args(Level)]
    words = [(level, f"{level} ({', '.join(verdicts)})") for level, verdicts in of_levels]
    return [*words[:1], ("good,fair", "good or fair"), *words[1:]]


# By the names of filters
KNOWN: Mapping[str, Callable[[], Choices]] = {
    "level": levels,
    "health": lambda: [(verdict, verdict) for verdict in VERDICTS],
    "reply": lambda: [*REPLIES.items(), (NONE, "nothing")],
    "django": lambda: releases("django"),
    "python": lambda: releases("python"),
    "licence": licences,
    "pypi_status": lambda: [(status, status) for status in STATUSES],
}
