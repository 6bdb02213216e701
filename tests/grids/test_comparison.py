"""GET /api/v4/grids/{reference}/comparison/: whole bodies, what is left out, its number of queries."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from grids.comparison import column_of
from grids.models import Cell, Feature, Grid, GridPackage
from packages.comparison.columns import COLUMNS
from packages.comparison.table import Order, best, ordered
from packages.models import FetchState, Package, PackageHealth
from tests.conftest import Get
from tests.factories import CategoryFactory, CellFactory, FeatureFactory, GridFactory, MembershipFactory, PackageFactory
from tests.packages.test_comparison_table import row

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
V4 = "http://testserver/api/v4/"
KEYS = ["grid", "as_of", "columns", "rows", "best", "total", "shown", "hidden", "next", "previous"]
THRIVING, QUIET, UNMAINTAINED, GONE = 1, 4, 5, 7


def grid_of(*packages: dict[str, Any], slug: str = "maps") -> Grid:
    """Create a grid with these packages, their slugs as titles."""
    grid = GridFactory.create(slug=slug, title="Maps", description="Side by side.")
    category = CategoryFactory.create(title="Apps", slug=f"apps-{slug}")
    for columns in packages:
        package = PackageFactory.create(**{"title": columns["slug"], "category": category, **columns})
        MembershipFactory.create(grid=grid, package=package)
    return grid


def feature(grid: Grid, title: str, texts: dict[str, str], **columns: Any) -> Feature:
    """Create a feature with the texts of its cells, by the slugs of the packages."""
    made: Feature = FeatureFactory.create(grid=grid, title=title, **columns)
    members = {member.package.slug: member for member in grid.memberships.select_related("package")}
    for slug, text in texts.items():
        CellFactory.create(feature=made, membership=members[slug], text=text)
    return made


def slugs(body: Any) -> list[str]:
    return [row["slug"] for row in body["rows"]]


def column(body: Any, key: str) -> list[Any]:
    place = [column["key"] for column in body["columns"]].index(key)
    return [row["values"][place] for row in body["rows"]]


ATLAS = {
    "slug": "atlas",
    "title": "Atlas",
    "repo_description": "Maps.",
    "repo_url": "git@github.com:a/atlas",
    "pypi_url": "atlas",
    "documentation_url": "https://atlas.test/",
    "repo_watchers": 7,
    "repo_forks": 2,
    "pypi_downloads": 900,
    "commits_over_52": [1] * 52,
    "last_updated": NOW,
    "released": NOW,
    "pypi_version": "2.0",
    "licence": "MIT",
    "requires_python": ">=3.12",
    "classifiers": [
        "Framework :: Django :: 5.2",
        "Programming Language :: Python :: 3.12",
        "Development Status :: 4 - Beta",
    ],
    "verdict_rank": THRIVING,
    "last_fetched": datetime(2026, 1, 1, tzinfo=UTC),
}


def whole_rows(atlas: Package, globe: Package) -> list[Any]:
    return [
        {
            "package": f"{V4}packages/{atlas.pk}/",
            "slug": "atlas",
            "title": "Atlas",
            "values": [
                "Maps.",
                "Apps",
                {"verdict": "thriving", "level": "good", "warnings": ["single_person"]},
                *(7, 2, 900, [1] * 52),
                "2026-05-06T03:08:09-04:00",
                "2.0",
                "2026-05-06T03:08:09-04:00",
                ["5.2"],
                ["3.12"],
                "MIT",
                "4 - Beta",
                "https://github.com/a/atlas",
                "https://pypi.org/project/atlas/",
                "https://atlas.test/",
                {"text": "Yes, since 2.0", "sign": 1},
            ],
        },
        {
            "package": f"{V4}packages/{globe.pk}/",
            "slug": "globe",
            "title": "Globe",
            "values": [
                *(None, "Apps", {"verdict": "unknown", "level": "none", "warnings": []}),
                *(None, None, None, [], None, None, None, [], [], None, None, None, None, None),
                {"text": "no", "sign": -1},
            ],
        },
    ]


def test_the_whole_body(get: Get) -> None:
    grid = grid_of(
        ATLAS,
        {"slug": "globe", "title": "Globe", "repo_url": ""},
        {"slug": "old", "title": "Old", "verdict_rank": GONE, "repo_watchers": 1_000},
    )
    atlas, globe = Package.objects.get(slug="atlas"), Package.objects.get(slug="globe")
    PackageHealth.objects.update_or_create(package=atlas, defaults={"warnings": ["single_person"]})
    Package.objects.filter(slug="globe").update(verdict_rank=None)
    FetchState.objects.create(package=atlas, source="pypi", outcome="ok", last_success=NOW, next_due=NOW)
    tiles = feature(grid, "Tiles", {"atlas": "Yes, since 2.0", "globe": "no"}, description="Are there tiles?")
    body = get("grids/maps/comparison/").json()
    assert list(body) == KEYS
    assert body == {
        "grid": {
            "url": f"{V4}grids/{grid.pk}/",
            "id": grid.pk,
            "title": "Maps",
            "slug": "maps",
            "description": "Side by side.",
        },
        "as_of": "2026-05-06T03:08:09-04:00",
        "columns": [
            *(column.description for column in COLUMNS),
            {
                "key": f"feature-{tiles.pk}",
                "title": "Tiles",
                "kind": "cell",
                "group": "features",
                "better": "more",
                "help": "Are there tiles?",
            },
        ],
        "rows": whole_rows(atlas, globe),
        "best": {f"feature-{tiles.pk}": ["atlas"]},
        "total": 3,
        "shown": 2,
        "hidden": [{"reason": "level=poor", "count": 1, "url": f"{V4}grids/maps/comparison/?level=all"}],
        "next": None,
        "previous": None,
    }
    assert get(f"grids/{grid.pk}/comparison/?level=all").json()["shown"] == 3
    linked = get("grids/maps/comparison/?format=json").json()
    assert linked["rows"][0]["package"].endswith("/?format=json")
    assert linked["hidden"][0]["url"].endswith("?format=json&level=all")


def test_columns_and_orders(get: Get) -> None:
    grid = grid_of({"slug": "a", "repo_watchers": 3}, {"slug": "b", "repo_watchers": 7}, {"slug": "c"})
    tiles = feature(grid, "Tiles", {"a": "no", "b": "++"}, position=1)
    key = f"feature-{tiles.pk}"
    body = get(f"grids/maps/comparison/?columns={key},repo_watchers&ordering=-{key}").json()
    assert [each["key"] for each in body["columns"]] == [key, "repo_watchers"]
    assert [(each["slug"], *each["values"]) for each in body["rows"]] == [
        ("b", {"text": "++", "sign": 2}, 7),
        ("a", {"text": "no", "sign": -1}, 3),
        ("c", None, None),
    ]
    assert body["best"] == {key: ["b"], "repo_watchers": ["b"]}
    assert slugs(get("grids/maps/comparison/?ordering=repo_watchers&columns=licence").json()) == ["a", "b", "c"]
    assert slugs(get("grids/maps/comparison/?ordering=-title").json()) == ["c", "b", "a"]
    feature(grid, "First", {}, position=0)
    FeatureFactory.create(title="Elsewhere")
    titles = [each["title"] for each in get("grids/maps/comparison/").json()["columns"]]
    assert titles[-3:] == ["Documentation", "First", "Tiles"]


def test_the_queries_do_not_grow(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """All grids share the packages, which cost the most to create."""
    packages = create_packages(1_000)
    for count, features in product((0, 1, 5, 200, 1_000), (0, 1, 30)):
        slug = f"grid-{count}-{features}"
        create_grid(slug, packages[:count], features)
        with django_assert_num_queries(4):
            body = get(f"grids/{slug}/comparison/?limit=1000").json()
        assert (body["total"], len(body["rows"]), len(body["columns"])) == (count, count, 17 + features)
        assert {len(each["values"]) for each in body["rows"]} == ({17 + features} if count else set())
        query = "limit=1&ordering=-repo_watchers&python=3.12&category=apps&level=good"
        with django_assert_num_queries(6 if count > 1 else 5):
            part = get(f"grids/{slug}/comparison/?{query}").json()
        assert (part["shown"], part["rows"]) == (count, body["rows"][-1:])


def create_packages(count: int) -> list[Package]:
    """Create so many packages, each with more watchers than the one before."""
    category = CategoryFactory.create(slug="apps")
    packages = Package.objects.bulk_create(
        Package(
            title=f"Package {number:04}",
            slug=f"package-{number}",
            category=category,
            repo_watchers=number,
            classifiers=["Programming Language :: Python :: 3.12"],
        )
        for number in range(count)
    )
    Package.objects.update(verdict_rank=THRIVING)
    return packages


def create_grid(slug: str, packages: Sequence[Package], features: int) -> None:
    """Create a grid with these packages, and so many features with some cells."""
    grid = GridFactory.create(slug=slug)
    memberships = GridPackage.objects.bulk_create(GridPackage(grid=grid, package=package) for package in packages)
    made = Feature.objects.bulk_create(Feature(grid=grid, title=f"Feature {number}") for number in range(features))
    Cell.objects.bulk_create(Cell(feature=each, membership=member) for each in made for member in memberships[:3])


def test_pages(get: Get) -> None:
    create_grid("maps", create_packages(5), 1)
    first = get("grids/maps/comparison/?limit=2&columns=repo_watchers&ordering=-repo_watchers")
    body = first.json()
    assert slugs(body) == ["package-4", "package-3"]
    assert (body["total"], body["shown"], body["previous"]) == (5, 5, None)
    assert body["best"] == {"repo_watchers": ["package-4"]}
    assert first["Link"] == f'<{body["next"]}>; rel="next"'
    second = get(body["next"].removeprefix(V4)).json()
    assert (slugs(second), second["best"]) == (["package-2", "package-1"], body["best"])
    assert get(second["previous"].removeprefix(V4)).json() == body
    last = get(second["next"].removeprefix(V4)).json()
    assert (slugs(last), last["next"]) == (["package-0"], None)
    beyond = get("grids/maps/comparison/?offset=5").json()
    assert (beyond["rows"], beyond["shown"], beyond["next"]) == ([], 5, None)
    assert get("grids/maps/comparison/?limit=1001").json() == {"limit": ["Must be a whole number from 1 to 1000."]}


def test_what_is_left_out_has_its_reason_and_the_url_that_shows_it(get: Get) -> None:
    grid_of(
        {"slug": "good", "verdict_rank": THRIVING, "repo_watchers": 9},
        {"slug": "few", "verdict_rank": THRIVING},
        {"slug": "quiet", "verdict_rank": QUIET, "repo_watchers": 9},
        {"slug": "poor", "verdict_rank": UNMAINTAINED, "repo_watchers": 9},
        {"slug": "both", "verdict_rank": GONE},
    )
    Package.objects.filter(slug="good").update(last_fetched=NOW)
    Package.objects.filter(slug="both").update(last_fetched=datetime(2027, 1, 1, tzinfo=UTC))
    body = get("grids/maps/comparison/?repo_watchers__gte=5&level=good&offset=0&ordering=-title").json()
    assert slugs(body) == ["good"]
    assert body["as_of"] == "2026-05-06T03:08:09-04:00", "of those that are shown"
    every, unfiltered = (f"{V4}grids/maps/comparison/?level={level}&ordering=-title" for level in ("all", "good"))
    assert body["hidden"] == [
        {"reason": "level=fair,poor,none", "count": 3, "url": every},
        {"reason": "filters", "count": 1, "url": unfiltered},
    ]
    assert get(every.removeprefix(V4)).json()["hidden"] == []
    assert slugs(get(unfiltered.removeprefix(V4)).json()) == ["good", "few"]
    Package.objects.filter(slug="both").update(repo_watchers=9)
    [by_level, _] = get("grids/maps/comparison/?repo_watchers__gte=5").json()["hidden"]
    assert by_level["url"] == f"{V4}grids/maps/comparison/?level=all&repo_watchers__gte=5", "the filters hide none"
    assert get(by_level["url"].removeprefix(V4)).json()["shown"] == 4
    assert slugs(get("grids/maps/comparison/?health=gone&level=poor").json()) == ["both"]
    assert slugs(get("grids/maps/comparison/?health=gone").json()) == []


QUERIES = (
    "health=thriving,quiet",
    "repo_watchers__gte=2",
    "licence=MIT",
    "python=3.12",
    "q=package",
    "archived=false",
    "stale=1",
    "id__in=999999",
    "has_pypi=true",
    "grid=maps",
    "category=apps",
    "last_updated__gte=2026-01-01",
)


@pytest.fixture
def _mixed(db: None) -> None:
    create_grid("maps", create_packages(9), 0)
    for number, package in enumerate(Package.objects.order_by("pk")):
        rank = number % 8 or None
        licence = "MIT" if number % 3 else ""
        Package.objects.filter(pk=package.pk).update(verdict_rank=rank, licence=licence, last_updated=NOW)


@pytest.mark.usefixtures("_mixed")
@given(
    queries=st.sets(st.sampled_from(QUERIES), max_size=3),
    levels=st.sets(st.sampled_from(["good", "fair", "poor", "none", "all"]), max_size=3),
    columns=st.sampled_from(["", "columns=health"]),
)
@settings(max_examples=25, suppress_health_check=[*HealthCheck], deadline=None)
def test_hidden_and_shown_are_all(queries: set[str], levels: set[str], columns: str) -> None:
    level = [f"level={','.join(sorted(levels))}"] if levels else []
    response = Client().get(
        f"/api/v4/grids/maps/comparison/?{'&'.join([*sorted(queries), *level, columns]).strip('&')}"
    )
    body = response.json()
    assert response.status_code == 200, body
    assert body["total"] == 9 == body["shown"] + sum(each["count"] for each in body["hidden"])
    assert body["shown"] == len(body["rows"])
    for each in body["hidden"]:
        after = Client().get(each["url"].removeprefix("http://testserver")).json()
        assert after["shown"] >= body["shown"] + each["count"]
        assert each["reason"] not in {other["reason"] for other in after["hidden"]}


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("package=a", {"package": ["There is no parameter “package” here."]}),
        ("columns=", {"columns": ["Empty; give it a value or leave it out."]}),
        ("columns=feature-0", {"columns": ["There is no column “feature-0” here."]}),
        ("ordering=score", {"ordering": ["There is no column “score” here."]}),
        ("level=bad", {"level": ["There is no level “bad” here."]}),
        ("health=goood", {"health": ["There is no verdict “goood” here."]}),
        ("python=3", {"python": ["Must be a version with one dot, like 3.12."]}),
        ("category=none", {"category": ["There is no category “none”."]}),
        ("limit=0", {"limit": ["Must be a whole number from 1 to 1000."]}),
        ("offset=-1", {"offset": ["Must be a whole number from 0 up."]}),
    ],
)
def test_wrong_requests(get: Get, query: str, body: dict[str, list[str]]) -> None:
    GridFactory.create(slug="maps")
    response = get(f"grids/maps/comparison/?{query}")
    assert response.status_code == 400
    [(name, [message])] = response.json().items()
    assert message.startswith(body[name][0]), message


def test_a_grid_that_does_not_exist(get: Get) -> None:
    assert get("grids/maps/comparison/").json() == {"detail": "No Grid matches the given query."}


@pytest.mark.django_db(transaction=True)
def test_an_old_slug_redirects(get: Get) -> None:
    grid = GridFactory.create(slug="maps")
    grid.slug = "charts"
    grid.save()
    response = get("grids/maps/comparison/?level=all")
    assert (response.status_code, response["Location"]) == (301, "/api/v4/grids/charts/comparison/?level=all")


def test_methods(client: Client) -> None:
    GridFactory.create(slug="maps")
    url = "/api/v4/grids/maps/comparison/"
    whole, head = client.get(url), client.head(url)
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", whole["ETag"])
    assert client.get(url, headers={"if-none-match": whole["ETag"]}).status_code == 304
    assert client.options(url).status_code == 200
    assert client.post(url).status_code == 405


@pytest.mark.parametrize(
    ("texts", "ascending"),
    [
        # By sign, then by text; n/a behind the signs and nothing behind that, either way.
        (
            ["+3", "yes, too", "Yes", "Partly", "b", "no", "--", "---", None, "?", "n/a", None, "", None],
            ["---", "--", "no", "b", "Partly", "Yes", "yes, too", "+3", "?", "n/a", "", None],
        ),
    ],
)
def test_the_order_of_cells(texts: Sequence[str | None], ascending: Sequence[str | None]) -> None:
    listed = dict(enumerate(dict.fromkeys(texts)))
    cells = {str(pk): text for pk, text in listed.items() if text is not None}
    of_feature = column_of(Feature(pk=1), json.dumps(cells))
    rows = [row(str(pk), pk, membership=str(pk)) for pk in listed]

    def in_order(descending: bool) -> list[str | None]:
        return [listed[each.id] for each in ordered(rows, [Order(of_feature, descending)])]

    assert in_order(False) == list(ascending)
    assert in_order(True) == [*ascending[7::-1], *ascending[8:]]


@pytest.mark.parametrize(
    ("texts", "slugs"),
    [
        (["yes", "no", ""], ["0"]),
        (["yes", "check", "no"], ["0", "1"]),
        (["yes", "++", "no"], ["1"]),
        (["partly", "yes"], ["1"]),
        (["no", "--"], []),
        (["no", "partly"], []),
        (["yes", "yes"], []),
        (["yes", "n/a"], []),
        ([], []),
    ],
)
def test_the_best_cells(texts: Sequence[str], slugs: Iterable[str]) -> None:
    of_feature = column_of(Feature(pk=1), json.dumps(dict(enumerate(texts))))
    rows = [row(str(pk), pk, membership=str(pk)) for pk in range(len(texts) + 1)]
    assert best(rows, [of_feature]).get("feature-1", []) == slugs
