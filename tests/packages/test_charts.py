"""GET /api/v4/packages/{id|slug}/commits.svg and /stars.svg: what is drawn, and how it is served."""

import gzip
import re
from base64 import b64encode
from datetime import date, timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import brotli
import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries, Settings

from core.caching.stores import store
from packages import charts
from packages.charts import BOTTOM, LEFT, RIGHT, TOP
from packages.history import MOST_DAYS
from packages.models import Package, Snapshot
from tests.conftest import Get
from tests.factories import PackageFactory

SVG = "{http://www.w3.org/2000/svg}"
END = date(2026, 5, 4)
FIRST = date(2026, 4, 1)
CHARTS = ("commits", "stars")


class Chart:
    """A chart, parsed."""

    def __init__(self, svg: str | bytes) -> None:
        self.root = ET.fromstring(svg)
        self.title, self.description = (self.root.findtext(f"{SVG}{name}") for name in ("title", "desc"))
        self.words = [each.text or "" for each in self.root.iter(f"{SVG}text")]
        self.bars = [each for each in self.root.iter(f"{SVG}rect") if each.get("class") == "area"]
        self.heights = [float(bar.attrib["height"]) for bar in self.bars]
        self.bar_titles = [bar.findtext(f"{SVG}title") for bar in self.bars]
        line = self.root.find(f"{SVG}polyline")
        pairs = [] if line is None else line.attrib["points"].split()
        self.points = [(float(x), float(y)) for x, y in (pair.split(",") for pair in pairs)]


def of_weeks(weeks: list[int], end: date | None = END) -> Chart:
    return Chart(charts.commits("Ralph", weeks, end))


def of_stars(*counts: tuple[int, int]) -> Chart:
    """Return the chart of stars that were counted so many days after the first."""
    return Chart(charts.stars("Ralph", [(FIRST + timedelta(days=after), count) for after, count in counts]))


def test_a_bar_for_each_week_in_proportion() -> None:
    chart = of_weeks([10, 20, 40, 0, *[20] * 48])
    assert chart.heights == [13, 26, 52, 0, *[26] * 48]
    assert {float(bar.attrib["y"]) + height for bar, height in zip(chart.bars, chart.heights, strict=True)} == {BOTTOM}
    across = [float(bar.attrib["x"]) for bar in chart.bars]
    assert {after - before for before, after in pairwise(across)} == {8}
    assert (across[0], across[-1] + float(chart.bars[-1].attrib["width"])) == (LEFT + 1, RIGHT - 1)


def test_the_weeks_have_their_days() -> None:
    """The last week ends with the day before `end`."""
    chart = of_weeks([1, 1200, *[0] * 49, 2])
    assert chart.bar_titles[:3] == [
        "5 May 2025 to 11 May 2025: 1 commit",
        "12 May 2025 to 18 May 2025: 1,200 commits",
        "19 May 2025 to 25 May 2025: 0 commits",
    ]
    assert chart.bar_titles[-1] == "27 April 2026 to 3 May 2026: 2 commits"
    assert chart.title == "Ralph: commits a week"
    assert chart.description == "1,203 commits in the 52 weeks to 3 May 2026, 1,200 in the busiest week."
    assert chart.words == ["1,203 commits", "at most 1,200 a week", "5 May 2025", "3 May 2026"]


def test_weeks_whose_end_is_not_known() -> None:
    chart = of_weeks([3, *[1] * 51], None)
    assert (chart.bar_titles[0], chart.bar_titles[-1]) == ("week 1 of 52: 3 commits", "week 52 of 52: 1 commit")
    assert chart.description == "54 commits in the 52 weeks before it was fetched, 3 in the busiest week."
    assert chart.words == ["54 commits", "at most 3 a week", "the 52 weeks before it was fetched", ""]


def test_beside_a_huge_week_all_others_stay_visible() -> None:
    assert of_weeks([0, 1, 3, *[2] * 48, 10**12]).heights == [0, 2, 2, *[2] * 48, 52]


def test_weeks_without_commits() -> None:
    chart = of_weeks([0] * 52)
    assert chart.heights == [0] * 52
    assert chart.words[0] == "0 commits"


@pytest.mark.parametrize("end", [END, None])
def test_no_commits_known(end: date | None) -> None:
    chart = of_weeks([], end)
    assert (chart.bars, chart.words, chart.description) == ([], ["No commits known"], "No commits known.")


@given(st.lists(st.integers(0, 2**63), min_size=52, max_size=52), st.none() | st.dates(date(1900, 1, 1)))
def test_any_weeks_fit_and_keep_their_order(weeks: list[int], end: date | None) -> None:
    heights = of_weeks(weeks, end).heights
    assert [bool(height) for height in heights] == [bool(count) for count in weeks]
    assert max(heights) == (BOTTOM - TOP if any(weeks) else 0)
    in_order = [height for _, height in sorted(zip(weeks, heights, strict=True))]
    assert in_order == sorted(in_order)


def test_a_line_of_stars_by_day() -> None:
    """A gap in the days is as wide as its days."""
    chart = of_stars((0, 100), (10, 110), (30, 90), (40, 140))
    assert chart.points == [(8, 75.6), (112, 65.2), (320, 86), (424, 34)]
    assert chart.title == "Ralph: stars"
    assert chart.description == "100 stars on 1 April 2026, 140 on 11 May 2026; from 90 to 140 between."
    assert chart.words == ["140 stars", "+40 in 40 days", "1 April 2026", "11 May 2026"]


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (29, ["1,001 stars, counted since 1 April 2026"]),
        (30, ["1,001 stars", "-4 in 30 days", "1 April 2026", "1 May 2026"]),
    ],
)
def test_a_line_takes_30_days(after: int, words: list[str]) -> None:
    chart = of_stars((0, 1005), (after, 1001))
    assert chart.words == words
    assert len(chart.points) == (2 if after == 30 else 0)


def test_one_day_of_stars() -> None:
    chart = of_stars((0, 1))
    assert (chart.points, chart.words) == ([], ["1 star, counted since 1 April 2026"])
    assert chart.description == "1 star, counted since 1 April 2026."


def test_no_stars_counted() -> None:
    chart = of_stars()
    assert (chart.points, chart.words, chart.description) == ([], ["No stars counted yet"], "No stars counted yet.")


def test_stars_that_stay_the_same() -> None:
    chart = of_stars((0, 7), (15, 7), (30, 7))
    assert chart.points == [(8, 60), (216, 60), (424, 60)]
    assert chart.words[:2] == ["7 stars", "+0 in 30 days"]


@given(st.dictionaries(st.dates(), st.integers(0, 2**31)))
def test_any_history_fits(counts: dict[date, int]) -> None:
    history = sorted(counts.items())
    points = Chart(charts.stars("Ralph", history)).points
    assert len(points) in {0, len(history)}
    assert points == sorted(points, key=lambda point: point[0])
    assert all(LEFT <= x <= RIGHT and TOP <= y <= BOTTOM for x, y in points)


HOSTILE = """</title><script>alert(1)</script><style>*{}</style> & "' ]]> \x0b\x1f\ufffe &amp;"""


@pytest.mark.parametrize(
    "svg",
    [
        charts.commits(HOSTILE, [1] * 52, END),
        charts.commits(HOSTILE, [], None),
        charts.stars(HOSTILE, [(FIRST, 1), (END, 2)]),
        charts.stars(HOSTILE, [(FIRST, 1)]),
    ],
)
def test_an_image_is_drawn_alone(svg: str) -> None:
    """A title is text, nothing runs, and nothing comes from elsewhere."""
    chart = Chart(svg)
    assert str(chart.title).startswith(
        "</title><script>alert(1)</script><style>*{}</style> & \"' ]]> \ufffd\ufffd\ufffd &amp;: "
    )
    names = {each.tag.removeprefix(SVG) for each in chart.root.iter()}
    assert names <= {"svg", "title", "desc", "style", "rect", "path", "polyline", "text"}
    attributes = {name for each in chart.root.iter() for name in each.attrib}
    assert not {name for name in attributes if name.startswith("on") or "href" in name or name == "style"}
    assert "url(" not in svg
    assert chart.root.attrib == {"viewBox": "0 0 432 112", "width": "432", "height": "112", "role": "img"}
    (style,) = chart.root.iter(f"{SVG}style")
    assert "@media(prefers-color-scheme:dark){" in str(style.text)
    classes = {each.attrib["class"] for each in chart.root.iter() if each.get("class")}
    light, _, dark = str(style.text).partition("@media")
    assert all(f".{name}{{" in light and f".{name}{{" in dark for name in classes)


@pytest.fixture
def package(db: None) -> Package:
    return PackageFactory.create(slug="p", title="Ralph", commits_over_52=[*range(1, 53)], weeks_end=END)


def snapshots(package: Package, *counts: tuple[int, int | None], **keys: str) -> None:
    Snapshot.objects.bulk_create(
        Snapshot(
            package=package, day=FIRST + timedelta(days=after), stars=stars, **{"repo_key": package.repo_key} | keys
        )
        for after, stars in counts
    )


@pytest.mark.parametrize(
    "accept", ["", "*/*", "image/svg+xml", "text/html", "application/json", "image/png", "nonsense"]
)
@pytest.mark.parametrize("chart", CHARTS)
def test_an_image_whatever_is_accepted(get: Get, package: Package, chart: str, accept: str) -> None:
    for reference in (package.pk, "p"):
        response = get(f"packages/{reference}/{chart}.svg", accept=accept)
        assert (response.status_code, response["Content-Type"]) == (200, "image/svg+xml")
        assert str(Chart(response.content).title).startswith("Ralph: ")


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("chart", CHARTS)
def test_the_policy_allows_the_one_style(get: Get, chart: str) -> None:
    response = get(f"packages/p/{chart}.svg")
    (style,) = Chart(response.content).root.iter(f"{SVG}style")
    digest = b64encode(sha256(str(style.text).encode()).digest()).decode()
    assert response["Content-Security-Policy"] == f"default-src 'none'; style-src 'sha256-{digest}'"


@pytest.mark.parametrize(("chart", "queries"), [("commits", 2), ("stars", 3)])
def test_queries(
    get: Get, package: Package, django_assert_num_queries: DjangoAssertNumQueries, chart: str, queries: int
) -> None:
    """The revisions, the package, and the history of its stars."""
    snapshots(package, *((after, after) for after in range(400)))
    with django_assert_num_queries(queries):
        get(f"packages/p/{chart}.svg")


def test_commits_of_a_package(get: Get, package: Package) -> None:
    chart = Chart(get("packages/p/commits.svg").content)
    assert (chart.heights[0], chart.heights[-1], len(chart.bars)) == (2, 52, 52)
    assert chart.words == ["1,378 commits", "at most 52 a week", "5 May 2025", "3 May 2026"]
    Package.objects.update(commits_over_52=[], weeks_end=None)
    assert Chart(get("packages/p/commits.svg").content).words == ["No commits known"]


def test_stars_of_the_present_repository(get: Get, package: Package) -> None:
    snapshots(package, (0, 900), repo_key="github.com/other/repository")
    snapshots(package, (1, 5), (2, None), (31, 8))
    snapshots(PackageFactory.create(), (60, 77))
    chart = Chart(get("packages/p/stars.svg").content)
    assert chart.words == ["8 stars", "+3 in 30 days", "2 April 2026", "2 May 2026"]
    assert chart.points == [(8, 86), (424, 34)]


def test_a_long_history_is_bounded(get: Get, package: Package) -> None:
    snapshots(package, *((after, after) for after in range(MOST_DAYS + 5)))
    chart = Chart(get("packages/p/stars.svg").content)
    assert len(chart.points) == MOST_DAYS
    assert chart.words[:2] == ["1,004 stars", "+999 in 999 days"]


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("accept", ["*/*", "image/svg+xml", "text/html"])
def test_mistakes_are_json(get: Get, chart: str, accept: str) -> None:
    for missing in ("nope", "999999", "%00", "p.svg"):
        response = get(f"packages/{missing}/{chart}.svg", accept=accept)
        assert (response.status_code, response["Content-Type"]) == (404, "application/json")
        assert response.json() == {"detail": "No Package matches the given query."}
    for name in ("format", "limit", "x"):
        response = get(f"packages/p/{chart}.svg?{name}=svg", accept=accept)
        assert (response.status_code, response["Content-Type"]) == (400, "application/json")
        assert response.json() == {name: [f"There is no parameter “{name}” here. There are: none."]}
        assert "Content-Security-Policy" not in response


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("chart", CHARTS)
def test_other_methods_and_urls(client: Client, chart: str) -> None:
    url = f"/api/v4/packages/p/{chart}.svg"
    response = client.post(url, {"x": "y"})
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, OPTIONS")
    head = client.head(url)
    assert (head.status_code, head.content, head["Content-Length"]) == (200, b"", str(len(client.get(url).content)))
    for other in (f"{url}/", f"{url}x", f"/api/v4/packages/{chart}.svg/"):
        response = client.get(other)
        assert (response.status_code, response["Content-Type"]) == (404, "application/json"), other


@pytest.mark.parametrize("chart", CHARTS)
def test_an_old_slug_redirects_to_the_chart(get: Get, package: Package, chart: str) -> None:
    package.slug = "q"
    package.save()
    response = get(f"packages/p/{chart}.svg")
    assert (response.status_code, response["Location"]) == (301, f"/api/v4/packages/q/{chart}.svg")


@pytest.mark.usefixtures("package")
def test_the_page_of_a_package_shows_its_commits(get: Get) -> None:
    html = get("packages/p/", accept="text/html").content.decode()
    (source,) = re.findall(r'<img src="([^"]*commits.svg)" width="432" height="112"', html)
    assert source == "/api/v4/packages/p/commits.svg"
    Package.objects.update(commits_over_52=[])
    assert "commits.svg" not in get("packages/p/", accept="text/html").content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("chart", CHARTS)
def test_a_chart_is_cached_until_its_package_changes(
    client: Client, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries, chart: str
) -> None:
    settings.CACHE_URL = "locmem://"
    store.cache_clear()
    package = PackageFactory.create(slug="p", commits_over_52=[1] * 52)
    snapshots(package, (0, 5))
    url = f"/api/v4/packages/p/{chart}.svg"
    first = client.get(url)
    assert (first["Cache-Control"], first["Vary"]) == ("public, no-cache", "Accept, Accept-Encoding")
    assert client.get(url, headers={"if-none-match": first["ETag"]}).status_code == 304
    with django_assert_num_queries(1):
        again = client.get(url, headers={"accept": "text/html"})
    assert (again.content, dict(again.items())) == (first.content, dict(first.items()))
    snapshots(package, (40, 6))
    Package.objects.update(commits_over_52=[2] * 52)
    changed = client.get(url, headers={"if-none-match": first["ETag"]})
    assert changed.status_code == 200
    assert changed.content != first.content
    decoded: dict[str, Any] = {"gzip": gzip.decompress, "br": brotli.decompress}
    for encoding, decode in decoded.items():
        response = client.get(url, headers={"accept-encoding": encoding})
        assert response["Content-Encoding"] == encoding
        assert decode(response.content) == changed.content
        assert len(response.content) < len(changed.content)
