"""GET /api/v4/grids/{id|slug}/comparison/ and /compare/ as CSV: a line for each package."""

import csv
import io
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from packages.comparison.spreadsheet import as_table, titles
from packages.health.verdicts import Verdict, rank
from tests.conftest import Get
from tests.factories import CellFactory, FeatureFactory, GridFactory, MembershipFactory, PackageFactory

V4 = "http://testserver/api/v4/"
WEEKS = [0, 3, *range(50)]


def comparison(columns: list[dict[str, Any]], *values: list[Any], hidden: Any = ()) -> dict[str, Any]:
    rows = [
        {"package": f"{V4}packages/{pk}/", "slug": f"p-{pk}", "title": f"P {pk}", "values": of_row}
        for pk, of_row in enumerate(values, 1)
    ]
    return {"columns": columns, "rows": rows, "shown": len(rows), "hidden": list(hidden)}


@pytest.mark.parametrize(
    ("kind", "value", "cell"),
    [
        ("text", "=1", "=1"),
        ("count", 0, 0),
        ("flag", False, False),
        ("list", ["4.2", "5.2"], "4.2; 5.2"),
        ("spark", WEEKS, "; ".join(map(str, WEEKS))),
        ("spark", [], ""),
        ("verdict", {"verdict": "quiet", "level": "fair", "warnings": ["stale"]}, "quiet"),
        ("cell", {"text": "+2 fast", "sign": 2}, "+2 fast"),
        ("cell", {"text": "n/a", "sign": None}, "n/a"),
        ("cell", None, None),
        ("link", None, None),
    ],
)
def test_a_cell_is_the_text_of_a_value(kind: str, value: Any, cell: Any) -> None:
    table = as_table(comparison([{"key": "x", "title": "X", "kind": kind}], [value]))
    assert list(table.titles) == ["Title", "Slug", "Package", "X"]
    assert list(table.rows) == [["P 1", "p-1", f"{V4}packages/1/", cell]]


def test_titles_have_units_and_are_told_apart() -> None:
    columns = [
        {"key": "stars", "title": "Stars"},
        {"key": "downloads", "title": "Downloads", "unit": "a month"},
        {"key": "feature-1", "title": "Stars"},
        {"key": "feature-2", "title": "Title"},
        {"key": "feature-3", "title": "Downloads"},
    ]
    assert titles(columns) == [
        "Stars [stars]",
        "Downloads (a month)",
        "Stars [feature-1]",
        "Title [feature-2]",
        "Downloads",
    ]


def test_headers_count_what_is_shown_and_what_is_hidden() -> None:
    hidden = [{"reason": "level=fair,poor", "count": 3, "url": "x"}, {"reason": "filters", "count": 1, "url": "y"}]
    assert as_table(comparison([], [], [])).headers == {"X-Total-Count": "2"}
    headers = as_table(comparison([], [], hidden=hidden)).headers
    assert headers == {"X-Total-Count": "1", "X-Hidden": "level=fair,poor: 3; filters: 1"}


@pytest.mark.django_db
def test_a_comparison_as_csv(get: Get) -> None:
    grid = GridFactory.create(slug="maps")
    tiles, stars = (FeatureFactory.create(grid=grid, title=title) for title in ("=Tiles", "Stars"))
    members: list[tuple[Verdict, str]] = [("thriving", "+1 fast"), ("finished", ""), ("gone", "no")]
    for number, (verdict, text) in enumerate(members):
        package = PackageFactory.create(
            slug=f"p-{number}",
            title=f"Größe {number}",
            repo_watchers=number,
            commits_over_52=WEEKS if not number else [],
            verdict_rank=rank(verdict),
        )
        member = MembershipFactory.create(grid=grid, package=package)
        if text:
            CellFactory.create(feature=tiles, membership=member, text=text)
    path = f"?columns=health,repo_watchers,commits_over_52,feature-{tiles.pk},feature-{stars.pk}&limit=1"
    for url, name, count, hidden in (
        (f"grids/maps/comparison/{path}", "grids-maps-comparison.csv", "2", "level=poor: 1"),
        ("compare/?packages=p-0,p-1,p-2&columns=health&q=0", "compare.csv", "1", "filters: 2"),
    ):
        with CaptureQueriesContext(connection) as queries:
            assert get(url).status_code == 200
        with CaptureQueriesContext(connection) as queries_of_csv:
            response = get(f"{url}&format=csv&bom=true")
        assert len(queries_of_csv) == len(queries)
        assert response["Content-Disposition"] == f'attachment; filename="{name}"'
        assert (response["X-Total-Count"], response["X-Hidden"]) == (count, hidden)
        lines = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"), newline=""), strict=True))
        assert lines[1][:4] == ["Größe 0", "p-0", lines[1][2], "thriving"]
        assert get(lines[1][2].removeprefix(V4)).json()["slug"] == "p-0"
    response = get(f"grids/maps/comparison/{path}", accept="text/csv")
    header, line = csv.reader(io.StringIO(response.content.decode(), newline=""))
    titles = ["Health", "Stars [repo_watchers]", "Commits (a week)", "'=Tiles", f"Stars [feature-{stars.pk}]"]
    assert header == ["Title", "Slug", "Package", *titles]
    assert line[3:] == ["thriving", "", "; ".join(map(str, WEEKS)), "'+1 fast", ""]
    assert "&offset=1" in response["Link"]
    assert get("grids/maps/comparison/?bom=true").json() == {
        "bom": ["Only CSV has a byte order mark: add format=csv, or leave this out."]
    }
    errors = get("grids/maps/comparison/?format=csv&columns=nope")
    assert (errors.status_code, errors["Content-Type"]) == (400, "application/json")
