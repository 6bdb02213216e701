"""`ordering` of lists: ascending and descending, missing values last, ties by id."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from packages.models import Package
from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, PackageFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 6, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = (
    "created, downloads_30d, health, last_updated, modified, pypi_downloads, released, repo_forks, repo_watchers,"
    " score, stars_30d, stars_90d, title"
)


def slugs(get: Get, kind: str, ordering: str) -> list[str]:
    response = get(f"{kind}/?ordering={ordering}&limit=1000")
    assert response.status_code == 200, response.content
    return [document["slug"] for document in response.json()["results"]]


@pytest.mark.parametrize("name", ["repo_watchers", "repo_forks", "created", "modified"])
def test_columns_that_are_never_missing(get: Get, name: str) -> None:
    values = {number: NOW + number * DAY if name in {"created", "modified"} else number for number in (1, 2, 3)}
    for slug, number in (("b1", 2), ("c", 3), ("a", 1), ("b2", 2)):
        PackageFactory.create(slug=slug, **{name: values[number]})
    assert slugs(get, "packages", name) == ["a", "b1", "b2", "c"]
    assert slugs(get, "packages", f"-{name}") == ["c", "b2", "b1", "a"]


@pytest.mark.parametrize(
    "name", ["pypi_downloads", "stars_30d", "stars_90d", "downloads_30d", "last_updated", "released"]
)
def test_missing_values_come_last_in_both_directions(get: Get, name: str) -> None:
    values = {1: NOW, 2: NOW + DAY} if name in {"last_updated", "released"} else {1: 1, 2: 2}
    for slug, number in (("n1", None), ("b", 2), ("a", 1), ("n2", None)):
        PackageFactory.create(slug=slug, **{name: number and values[number]})
    assert slugs(get, "packages", name) == ["a", "b", "n1", "n2"]
    assert slugs(get, "packages", f"-{name}") == ["b", "a", "n2", "n1"]


@pytest.mark.parametrize(
    ("kind", "factory"), [("packages", PackageFactory), ("grids", GridFactory), ("categories", CategoryFactory)]
)
def test_titles_are_sorted_case_insensitively(get: Get, kind: str, factory: Any) -> None:
    for slug, title in (("4", "éa"), ("2", "b-x"), ("1", "A"), ("3", "B_x"), ("0", "-"), ("5", "Éa"), ("22", "B-X")):
        factory.create(slug=f"s{slug}", title=title)
    # By code point, with A to Z as a to z: the same on both databases, whatever their locales.
    assert slugs(get, kind, "title") == ["s0", "s1", "s2", "s22", "s3", "s5", "s4"]
    assert slugs(get, kind, "-title") == ["s4", "s5", "s3", "s22", "s2", "s1", "s0"]


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [
        ("health", ["thriving-7", "thriving-1", "thriving-1b", "deprecated-9", "gone-2", "unknown-5", "unknown-4"]),
        ("-health", ["gone-2", "deprecated-9", "thriving-7", "thriving-1b", "thriving-1", "unknown-5", "unknown-4"]),
        (
            "health,title",
            ["thriving-1b", "thriving-1", "thriving-7", "deprecated-9", "gone-2", "unknown-4", "unknown-5"],
        ),
        (
            "-repo_watchers,health",
            ["deprecated-9", "thriving-7", "unknown-5", "unknown-4", "gone-2", "thriving-1", "thriving-1b"],
        ),
    ],
)
def test_health(get: Get, ordering: str, expected: list[str]) -> None:
    """From the best to the worst, unknown last both ways. Packages of one verdict: the most watched first both ways,
    unless another name follows; and then by id."""
    category = CategoryFactory.create()
    ranks = {"thriving": 1, "deprecated": 6, "gone": 7}
    titles = {"unknown-4": "f", "gone-2": "a", "thriving-1": "c", "thriving-7": "d", "unknown-5": "g"}
    for slug, title in (titles | {"thriving-1b": "b", "deprecated-9": "Z"}).items():
        verdict, watchers = slug.rstrip("b").split("-")
        PackageFactory.create(
            slug=slug, title=title, verdict_rank=ranks.get(verdict), repo_watchers=int(watchers), category=category
        )
    assert slugs(get, "packages", ordering) == expected


def test_several_names(get: Get) -> None:
    for slug, watchers, forks in (("a", 1, 2), ("b", 2, 1), ("c", 1, 1), ("d", 1, 2)):
        PackageFactory.create(slug=slug, repo_watchers=watchers, repo_forks=forks)
    assert slugs(get, "packages", "-repo_watchers,repo_forks") == ["b", "c", "a", "d"]
    assert slugs(get, "packages", "repo_watchers,-repo_forks") == ["d", "a", "c", "b"]


def test_scores_are_sorted_as_they_are_shown(get: Get) -> None:
    now = timezone.now()
    ages = (
        None,
        now - 10 * DAY,
        now - 91.4 * DAY,
        now - 400 * DAY,
        now - 4000 * DAY,
        now + DAY,
        NOW.replace(year=1970),
    )
    python3: tuple[Any, Any] = (
        (["Programming Language :: Python :: 3 :: Only"], []),
        ([], [">=3.8", "<3", "nonsense", ""]),
    )
    category = CategoryFactory.create()
    rows = [
        (watchers, age, classifiers, requires)
        for watchers in (0, 1, 9, 3333, 5000, 2**31 - 1)
        for age in ages
        for classifiers, requires in [(python3[0][0], ""), *(([], text) for text in python3[1][1])]
    ]
    Package.objects.bulk_create(
        Package(
            category=category,
            title="x",
            slug=f"s{number}",
            repo_watchers=watchers,
            last_updated=age,
            classifiers=classifiers,
            requires_python=requires,
        )
        for number, (watchers, age, classifiers, requires) in enumerate(rows)
    )
    shown = get("packages/?fields=id,score&ordering=-score&limit=1000").json()["results"]
    assert len(shown) == len(rows)
    assert [(each["score"], each["id"]) for each in shown] == sorted(
        ((each["score"], each["id"]) for each in shown), reverse=True
    )
    assert min(each["score"] for each in shown) == -500
    ascending = get("packages/?fields=score,id&ordering=score&limit=1000").json()["results"]
    assert ascending == shown[::-1]


@pytest.mark.parametrize(
    ("ordering", "message"),
    [
        ("watchers", f"There is no ordering “watchers” here. Did you mean “repo_watchers”? There are: {NAMES}."),
        ("-", f"There is no ordering “-” here. There are: {NAMES}."),
        ("--title", f"There is no ordering “--title” here. Did you mean “title”? There are: {NAMES}."),
        ("title,", f"There is no ordering “” here. There are: {NAMES}."),
    ],
)
def test_wrong_orderings(get: Get, ordering: str, message: str) -> None:
    response = get(f"packages/?ordering={ordering}")
    assert response.status_code == 400
    assert response.json() == {"ordering": [f"{message} Prefix a name with “-” to sort descending."]}


def test_the_same_name_twice(get: Get) -> None:
    assert get("packages/?ordering=title,-title").json() == {
        "ordering": ["The same name stands there twice. Write each once, like title,repo_watchers."]
    }


def test_the_default_is_newest_first(get: Get) -> None:
    ids = [grid.pk for grid in GridFactory.create_batch(3)]
    assert [grid["id"] for grid in get("grids/").json()["results"]] == ids[::-1]
