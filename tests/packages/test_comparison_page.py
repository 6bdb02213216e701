"""The pages of comparisons: cells as HTML, headings that order, filters, columns, what is hidden, and their sizes."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from random import Random
from typing import Any

import brotli
import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from grids.models import Cell, Feature, Grid, GridPackage
from packages.comparison import cells
from packages.models import Package
from tests.conftest import Get
from tests.factories import CategoryFactory, CellFactory, FeatureFactory, GridFactory, MembershipFactory, PackageFactory

V4 = "http://testserver/api/v4/"
THRIVING, QUIET, GONE = 1, 4, 7


def page_of(get: Get, path: str) -> str:
    response = get(path, accept="text/html")
    assert response.status_code == 200
    html: str = response.content.decode()
    return html


def links(html: str) -> dict[str, str]:
    """Return the links of a page by their text; of those with the same one, the last."""
    found = re.findall(r'<a [^>]*?href="([^"]*)"[^>]*>(.*?)</a>', html, re.DOTALL)
    return {unescape(re.sub(r"<[^>]+>", "", text)).strip(): unescape(url) for url, text in found}


def grid_of(*packages: dict[str, Any]) -> Grid:
    grid: Grid = GridFactory.create(slug="maps", title="Maps")
    category = CategoryFactory.create(title="Apps", slug="apps")
    for columns in packages:
        package = PackageFactory.create(**{"title": columns["slug"], "category": category, **columns})
        MembershipFactory.create(grid=grid, package=package)
    return grid


@pytest.mark.parametrize(
    ("text", "sign", "html"),
    [
        ("yes", 1, '<span aria-hidden="true">✓</span> <bdi>yes</bdi>'),
        ("Yes, <b>", 1, '<span aria-hidden="true">✓</span> <bdi>Yes, &lt;b&gt;</bdi>'),
        ("no", -1, '<span aria-hidden="true">✕</span> <bdi>no</bdi>'),
        ("+", 1, '<span aria-hidden="true">✓</span><span class="hidden">yes</span>'),
        ("++ fast", 2, '<span aria-hidden="true">✓</span><span class="hidden">yes</span> +2 <bdi>fast</bdi>'),
        ("-7", -3, '<span aria-hidden="true">✕</span><span class="hidden">no</span> −3'),  # noqa: RUF001 (a minus)
        ("n/a", None, "– <bdi>n/a</bdi>"),  # noqa: RUF001 (a dash)
        ("partly", 0, "<bdi>partly</bdi>"),
        (" ", None, ""),
        (
            "see http://x.test/a",
            0,
            '<bdi>see <a href="http://x.test/a" rel="nofollow noopener">http://x.test/a</a></bdi>',
        ),
    ],
)
def test_a_sign_has_a_mark_and_its_text(text: str, sign: int | None, html: str) -> None:
    assert cells.of_cell({"text": text, "sign": sign}) == html


@pytest.mark.parametrize(
    ("value", "most", "html"),
    [
        (1234, 1234, '1,234<meter aria-hidden="true" value="1.00"></meter>'),
        (12, 100, '12<meter aria-hidden="true" value=".12"></meter>'),
        (1, 1_000, "1"),
        (0, 10, "0"),
        (0, 0, "0"),
        (-5, 10, "-5"),
    ],
)
def test_a_number_has_a_bar(value: int, most: int, html: str) -> None:
    assert cells.number(value, most) == html


def test_weeks_are_steps() -> None:
    assert "V0h1V4h2V8h1V8" in cells.spark([2, 1, 1, 0])
    assert cells.spark([2, 1, 1, 0]).startswith('4<svg class="steps" viewBox="0 0 4 8" aria-hidden="true">')
    assert '<path d="M0 8V8h52V8"/>' in cells.spark([0] * 52)


@pytest.mark.parametrize(
    ("url", "html"),
    [
        ("https://www.x.test/a", '<a href="https://www.x.test/a" rel="nofollow noopener"><bdi>x.test</bdi></a>'),
        (
            "http://[x<b>/docs",
            '<a href="http://[x&lt;b&gt;/docs" rel="nofollow noopener"><bdi>[x&lt;b&gt;</bdi></a>',
        ),
        ("javascript:alert(1)", "<bdi>javascript:alert(1)</bdi>"),
    ],
)
def test_only_urls_of_the_web_are_links(url: str, html: str) -> None:
    assert cells.link(url) == html


def test_a_long_text_is_cut() -> None:
    assert cells.text("x" * 100) == f"<bdi>{'x' * 100}</bdi>"
    assert cells.text('"' * 3_000) == f'<bdi title="{"&quot;" * 500}">{"&quot;" * 99}…</bdi>'


def test_the_best_is_marked_and_nothing_is_empty() -> None:
    of_column = cells.Cells({"kind": "count"}, [3, None, 7], ["globe"])
    assert of_column.html("atlas", 3, "Stars").startswith('<td data-label="Stars" class="number">3<meter')
    assert of_column.html("maps", None, "Stars") == "<td></td>"
    best = of_column.html("globe", 7, "Stars")
    assert best.startswith(
        '<td data-label="Stars" class="number best"><span class="star" aria-hidden="true">★</span>'
        '<span class="hidden">best: </span>7<meter'
    )


@pytest.mark.django_db
def test_untrusted_texts(get: Get) -> None:
    hostile = "<i>\u202eA</i>\"'&"
    grid = grid_of(
        {
            "slug": "a",
            "title": hostile,
            "repo_description": hostile,
            "verdict_rank": THRIVING,
            "documentation_url": "http://x.test/\"'<b>",
            "licence": hostile,
            "pypi_version": hostile,
        },
        {"slug": "b", "verdict_rank": THRIVING},
    )
    tiles = FeatureFactory.create(grid=grid, title=hostile, description=hostile)
    CellFactory.create(
        feature=tiles, membership=grid.memberships.get(package__slug="a"), text=f"javascript:alert(1) {hostile}"
    )
    for path in ("grids/maps/comparison/", "grids/maps/", "compare/?packages=a,b"):
        html = page_of(get, path)
        assert "<i>" not in html
        assert "&lt;i&gt;\u202eA&lt;/i&gt;" in html
        assert 'href="http://x.test/&quot;&#x27;&lt;b&gt;"' in html
        assert {url.partition(":")[0] for url in links(html).values() if url[0] not in "/#"} == {"http", "https"}
        assert "style=" not in html


@pytest.mark.django_db
def test_headings_order_the_best_first_and_then_the_other_way_round(get: Get) -> None:
    grid_of({"slug": "a", "repo_watchers": 3}, {"slug": "b", "repo_watchers": 7})
    comparison = f"{V4}grids/maps/comparison/"
    html = page_of(get, "grids/maps/comparison/?ordering=-repo_watchers")
    found = links(html)
    assert found["Stars"] == f"{comparison}?ordering=repo_watchers", "the other way round"
    assert '<th scope="col" title="Watchers of its repository." aria-sort="descending">' in html
    assert html.count("aria-sort") == html.count("▼") == 1
    assert [found[title] for title in ("Package", "Forks", "Released", "Alive?", "Description")] == [
        f"{comparison}?ordering={key}" for key in ("title", "-repo_forks", "-released", "health", "description")
    ]
    assert re.findall(r'<th scope="row">.*?<bdi>(.)</bdi></a></th>', html) == ["b", "a"]
    html = page_of(get, "grids/maps/comparison/?ordering=title&offset=0")
    assert html.count('<th scope="col" aria-sort="ascending">') == html.count("▲") == 1
    assert links(html)["Package"] == f"{comparison}?ordering=-title"


@pytest.mark.django_db
def test_columns_are_chosen_by_their_group_or_one_by_one(get: Get) -> None:
    grid_of({"slug": "a", "repo_watchers": 3})
    comparison = f"{V4}grids/maps/comparison/"
    html = page_of(get, "grids/maps/comparison/?level=all&columns=licence,repo_watchers&ordering=title")
    assert len(re.findall(r'name="columns" value="[^"]+" checked', html)) == 2
    assert html.count('type="checkbox" name="columns" value="') == 17
    assert ">Columns: 2 of 17<" in html
    assert links(html)["All columns"] == f"{comparison}?level=all&ordering=title"
    assert links(html)["Use"] == f"{comparison}?columns=repo_watchers&level=all&ordering=title"
    [form] = re.findall(r'<details class="chooser">.*?<form[^>]*>(.*?)</form>', html, re.DOTALL)
    assert re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', form) == [("level", "all"), ("ordering", "title")]
    whole = page_of(get, "grids/maps/comparison/")
    assert ("All columns" in links(whole), ">Columns<" in whole) == (False, True)
    assert links(whole)["Links"] == f"{comparison}?columns=repo_url%2Cpypi_url%2Cdocumentation_url"


@pytest.mark.django_db
def test_the_filters_and_what_they_hide(get: Get) -> None:
    grid_of(
        {"slug": "good", "verdict_rank": THRIVING, "repo_watchers": 9, "licence": "MIT"},
        {"slug": "few", "verdict_rank": THRIVING},
        {"slug": "quiet", "verdict_rank": QUIET, "licence": "MIT"},
        {"slug": "gone", "verdict_rank": GONE},
    )
    comparison = f"{V4}grids/maps/comparison/"
    html = page_of(get, "grids/maps/comparison/?licence=MIT&columns=health")
    text = unescape(re.sub(r"<[^>]+>", "", html))
    assert "4 packages: 1 good, 1 fair, 1 hidden for poor health: show; 1 hidden by the filters: show." in text
    assert re.findall(r'hidden [a-z ]+: <a href="([^"]+)"', html) == [
        f"{comparison}?columns=health&amp;level=all",
        f"{comparison}?columns=health",
    ]
    assert links(html)["Licence MIT ✕ (remove)"] == f"{comparison}?columns=health"
    assert '<input type="hidden" name="columns" value="health">' in html
    levels = re.findall(r'<option value="([^"]*)"( selected)?>([^<]*)<', html.split("filter-category")[0])
    assert levels[:2] == [("", " selected", "good, fair, unknown"), ("all", "", "all")]
    assert {"good", "fair", "poor", "none"} <= {value for value, _, _ in levels}
    assert '<option value="apps">Apps</option>' in html
    assert "hide" not in links(html)
    every = page_of(get, "grids/maps/comparison/?level=all")
    assert "4 packages: 2 good, 1 fair, 1 poor (hide the poor)." in unescape(re.sub(r"<[^>]+>", "", every))
    assert links(every)["hide"] == comparison
    assert ('<option value="all" selected>all</option>' in every, "There is no level" in every) == (True, False)
    none = page_of(get, "grids/maps/comparison/?licence=GPL&level=good")
    assert "No package is here with these filters" in none
    assert links(none)["remove them"] == comparison
    wrong = get("grids/maps/comparison/?django=five", accept="text/html")
    assert (wrong.status_code, 'id="filter-django"' in wrong.content.decode()) == (400, True)


@pytest.mark.django_db
def test_tick_boxes_lead_to_the_comparison_of_some(get: Get) -> None:
    grid_of({"slug": "a", "title": "A & B"}, {"slug": "123", "title": "Digits"})
    digits = Package.objects.get(slug="123")
    html = page_of(get, "grids/maps/comparison/")
    assert 'type="checkbox" name="packages" value="a" aria-label="Compare A &amp; B">' in html
    assert f'value="{digits.pk}" aria-label="Compare Digits"><a href="/api/v4/packages/{digits.pk}/">' in html
    assert re.search(
        r'<form action="/api/v4/compare/">\s*<div class="scroll compared" tabindex="0" role="region"', html
    )


@pytest.mark.django_db
def test_a_comparison_is_cached_until_one_of_its_packages_changes(client: Client) -> None:
    grid_of({"slug": "a"}, {"slug": "b"})
    for path in ("grids/maps/comparison/", "grids/maps/comparison/?category=apps", "compare/?packages=a,b"):
        first = client.get(f"/api/v4/{path}", headers={"accept": "text/html"})
        assert first["Cache-Control"] == "public, no-cache"
        again = {"accept": "text/html", "if-none-match": first["ETag"]}
        assert client.get(f"/api/v4/{path}", headers=again).status_code == 304
        Package.objects.filter(slug="a").update(repo_description=f"Seen at {path}")
        assert client.get(f"/api/v4/{path}", headers=again).status_code == 200


def varied(count: int, features: int) -> None:
    """Create a grid of packages that have little in common, so that they do not compress better than real ones."""
    random = Random(5)
    words = [f"{random.choice('bcdfgklmnprst')}{random.choice('aeiou')}{random.choice('lmnrst')}er" for _ in range(200)]
    words += [f"{word}{random.choice(['ing', 'ed', 's', 'less'])}" for word in words]
    now, category = timezone.now(), CategoryFactory.create()
    made = Package.objects.bulk_create(
        Package(
            title=f"django-{random.choice(words)}-{number}",
            slug=f"django-{random.choice(words)}-{number}",
            category=category,
            repo_description=" ".join(random.choices(words, k=random.randint(5, 15))),
            repo_url=(url := f"https://github.com/{random.choice(words)}/{random.choice(words)}-{number}"),
            repo_key=url.removeprefix("https://"),
            pypi_url=f"https://pypi.org/project/{random.choice(words)}-{number}/",
            documentation_url=f"https://{random.choice(words)}{number}.readthedocs.io/",
            repo_watchers=int(random.paretovariate(0.7) * 10) % 50_000,
            repo_forks=int(random.paretovariate(0.8) * 5) % 9_000,
            pypi_downloads=int(random.paretovariate(0.5) * 100) % 9_000_000,
            commits_over_52=[max(0, int(random.gauss(level, level))) for _ in range(52)],
            last_updated=now - timedelta(seconds=random.randint(0, 10**8)),
            released=now - timedelta(seconds=random.randint(0, 10**8)),
            pypi_version=f"{random.randint(0, 9)}.{random.randint(0, 30)}.{random.randint(0, 9)}",
            licence=random.choice(["MIT", "BSD-3-Clause", "Apache-2.0"]),
            classifiers=[f"Framework :: Django :: {version}" for version in ("4.2", "5.1", "5.2")[: number % 4]],
            verdict_rank=random.randint(1, 4),
        )
        for number in range(count)
        for level in [random.choice([0, 2, 10, 40])]
    )
    grid = GridFactory.create(slug="maps")
    members = GridPackage.objects.bulk_create(GridPackage(grid=grid, package=package) for package in made)
    of_grid = Feature.objects.bulk_create(
        Feature(grid=grid, title=" ".join(random.choices(words, k=3)), description=" ".join(random.choices(words, k=9)))
        for _ in range(features)
    )
    texts = ["yes", "no", "++", "n/a", "-", ""]
    Cell.objects.bulk_create(
        Cell(
            feature=feature,
            membership=member,
            text=random.choice([*texts, " ".join(random.choices(words, k=4)), f"yes, since {random.randint(1, 99)}"]),
        )
        for feature in of_grid
        for member in members
    )


@pytest.mark.django_db
@pytest.mark.parametrize(("count", "features", "most"), [(43, 8, 20_000), (200, 8, 80_000), (200, 30, 130_000)])
def test_the_size_of_a_page(get: Get, count: int, features: int, most: int) -> None:
    """The bytes that a browser gets of it, with the JSON or without where that is too long."""
    varied(count, features)
    html = page_of(get, "grids/maps/comparison/")
    assert html.count('<th scope="row">') == count
    assert most / 4 < len(brotli.compress(html.encode(), quality=5)) < most
    assert "It is long: open it" in html


@pytest.mark.django_db
def test_a_page_shows_two_hundred_packages(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    varied(201, 1)
    with django_assert_num_queries(7):
        html = page_of(get, "grids/maps/comparison/?ordering=-title")
    assert html.count('<th scope="row">') == 200
    assert links(html)["Next"] == f"{V4}grids/maps/comparison/?limit=200&offset=200&ordering=-title"
    assert "1–200 of 201" in html  # noqa: RUF001 (a dash)
    last = page_of(get, "grids/maps/comparison/?limit=200&offset=200")
    assert ">201 of 201<" in last
    assert last.count('<th scope="row">') == 1
    redirected = get("grids/maps/comparison/?limit=201", accept="text/html")
    assert redirected["Location"] == f"{V4}grids/maps/comparison/?limit=200"


@pytest.mark.django_db
def test_when_it_was_fetched(get: Get) -> None:
    grid_of({"slug": "a", "last_fetched": timezone.now() - timedelta(days=3)}, {"slug": "b"})
    text = re.sub(r"<[^>]+>", "", page_of(get, "grids/maps/comparison/"))
    assert "Fetched 3 days ago." in text
    Package.objects.update(last_fetched=datetime(2026, 1, 1, tzinfo=UTC))
    assert "1 January 2026" not in text
