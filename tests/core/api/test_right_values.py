"""The error of a wrong value shows a right one: of every parameter of every list, and of what stands beside them."""

from collections.abc import Mapping
from urllib.parse import urlencode

import pytest

from categories.filters import CategoryFilters
from grids.filters import FeatureFilters, GridFilters
from packages.filters import HistoryFilters, PackageFilters
from tests.conftest import Get
from tests.factories import CategoryFactory, FeatureFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db

NUMBER, TIME, FLAG = ("x", "0"), ("x", "2026-05-01"), ("x", "true")
IDS, SLUGS, WORDS = ("x", "2647"), ("a b", "django-filter"), ("a " * 21, "rest framework")
# By the names of parameters: a wrong value, and the right one that its message shows.
ANY_TEXT = None  # there is no wrong one
PACKAGES: Mapping[str, tuple[str, str] | None] = {
    "q": WORDS,
    "category": ("nothing", "apps"),
    "grid": ("nothing", "asset-management"),
    "id__in": IDS,
    "slug__in": SLUGS,
    "repo_url": ("x y", "https://github.com/owner/name"),
    "repo_url__in": ("x", "https://github.com/owner/name"),
    "pypi_name": ("a b", "django-filter"),
    "pypi_name__in": ("-r base.txt", "django>=5.2,<6,requests"),
    "repo_host": ("a b", "github.com"),
    "participant": ANY_TEXT,
    "licence": ("x y", "BSD-3-Clause"),
    "classifier": ("zzzzzz", "Framework :: Django :: 5.2"),
    "django": ("x", "5.2"),
    "python": ("x", "3.12"),
    "readiness": ("x", "django-5.2-named"),
    "archived": FLAG,
    "deprecated": FLAG,
    "gone": FLAG,
    "has_pypi": FLAG,
    "pypi_status": ("x", "active"),
    "vulnerable": FLAG,
    "health": ("x", "thriving"),
    "level": ("x", "good"),
    "reply": ("x", "finished"),
    "repo_watchers__gte": NUMBER,
    "repo_watchers__lte": NUMBER,
    "repo_forks__gte": NUMBER,
    "repo_forks__lte": NUMBER,
    "pypi_downloads__gte": NUMBER,
    "last_updated__gte": TIME,
    "last_updated__lte": TIME,
    "released__gte": TIME,
    "released__lte": TIME,
    "created__gte": TIME,
    "created__lte": TIME,
    "modified__gte": TIME,
    "stale": NUMBER,
    "ordering": ("x", "repo_watchers"),
}
GRIDS = {
    "q": WORDS,
    "package": ("a b", "ralph"),
    "without_level": ("x", "good"),
    "id__in": IDS,
    "slug__in": SLUGS,
    "header": FLAG,
    "is_locked": FLAG,
    "modified__gte": TIME,
    "ordering": ("x", "title"),
}
CATEGORIES = {"q": WORDS, "id__in": IDS, "slug__in": SLUGS, "modified__gte": TIME, "ordering": ("x", "title")}
FEATURES = {"id__in": IDS, "grid": ("a b", "asset-management")}
HISTORY = {"since": ("x", "2026-05-01"), "until": ("x", "2026-05-01")}
OF_PAGES = {"limit": ("x", "1"), "offset": ("x", "0"), "cursor": ("x", "")}
TABLE = (
    ("packages/", {**PACKAGES, **OF_PAGES, "fields": ("x", "title"), "expand": ("x", "category")}),
    ("grids/", {**GRIDS, **OF_PAGES, "fields": ("x", "title"), "expand": ("x", "packages")}),
    ("categories/", {**CATEGORIES, **OF_PAGES, "fields": ("x", "title")}),
    ("features/", {**FEATURES, **OF_PAGES, "fields": ("x", "title")}),
    ("packages/ralph/history/", HISTORY),
    ("changes/", {"since": ("x", "0"), "limit": ("0", "1"), "kind": ("x", "package")}),
    ("search/", {"type": ("x", "package"), "limit": ("0", "1"), "offset": ("x", "0")}),
    ("trending/", {"by": ("x", "downloads")}),
    (
        "grids/asset-management/comparison/",
        {"columns": ("x", "health"), "level": ("x", "all"), "ordering": ("x", "title")},
    ),
    ("compare/", {"packages": ("a b", "ralph")}),
)
CASES = [(path, name, values) for path, rows in TABLE for name, values in rows.items() if values]


def test_no_filter_is_left_out() -> None:
    assert PACKAGES.keys() == PackageFilters.base_filters.keys()
    assert GRIDS.keys() == GridFilters.base_filters.keys()
    assert CATEGORIES.keys() == CategoryFilters.base_filters.keys()
    assert FEATURES.keys() == FeatureFilters.base_filters.keys()
    assert HISTORY.keys() == HistoryFilters.base_filters.keys()


@pytest.mark.parametrize(("path", "name", "values"), CASES, ids=[f"{path}?{name}" for path, name, _ in CASES])
def test_the_message_shows_a_right_value(get: Get, path: str, name: str, values: tuple[str, str]) -> None:
    category = CategoryFactory.create(slug="apps")
    package = PackageFactory.create(
        slug="ralph", category=category, classifiers=["Framework :: Django :: 5.2"], requires_python=">=3"
    )
    member = MembershipFactory.create(package=package, grid__slug="asset-management")
    FeatureFactory.create(grid=member.grid)
    wrong, right = values
    refused = get(f"{path}?{urlencode({name: wrong})}")
    assert refused.status_code == 400
    [message] = refused.json()[name]
    assert (right or "cursor=") in message
    accepted = get(f"{path}?{urlencode({name: right})}")
    if path == "compare/":  # which compares two at least
        assert accepted.json() == {"packages": [PAIR]}
    else:
        assert accepted.status_code == 200, accepted.content


PAIR = "Name 2 to 100 packages by their slugs or ids, with commas between them; the request names 1."


@pytest.mark.parametrize(
    ("path", "name"),
    [("packages/", name) for name in ("category", "grid", "id__in", "slug__in", "health", "level", "pypi_name__in")]
    + [("grids/", "package"), ("changes/", "kind")],
)
def test_an_empty_value_between_commas(get: Get, path: str, name: str) -> None:
    PackageFactory.create(category__slug="apps")
    [message] = get(f"{path}?{name}=a,,b").json()[name]
    assert message.startswith("An empty value stands between two commas. Write ")
