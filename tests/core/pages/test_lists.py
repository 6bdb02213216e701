"""The pages of lists: where a page stands, orders, filters in use, the form of filters, and what was wrong of it."""

import re
from html import unescape

import pytest
from pytest_django import DjangoAssertNumQueries

from core.pages.lists import ListPage, Pager
from packages.models import Package
from tests.conftest import Get
from tests.factories import CategoryFactory, PackageFactory
from tests.tables import rows_of

pytestmark = pytest.mark.django_db


def page(get: Get, path: str, status: int = 200) -> str:
    response = get(path, accept="text/html")
    assert response.status_code == status
    return str(response.content.decode())


def place(html: str) -> str:
    """Return what the page says of its place in the list, as text."""
    shown = re.search(r'<div class="place">\n<p>(.*?)</p>', html, re.DOTALL)
    assert shown
    return re.sub("<[^>]+>", "", shown[1])


def links(html: str) -> dict[str, str]:
    """Return the URLs of a page's links by their words."""
    found = re.findall(r'<a [^>]*?href="([^"]*)"[^>]*>(.*?)</a>', html, re.DOTALL)
    return {" ".join(re.sub("<[^>]+>", "", words).split()): unescape(url) for url, words in found}


def field(html: str, name: str) -> str:
    """Return the paragraph of a field of the form of filters."""
    found = re.search(rf'<p><label for="filter-{name}">.*?</p>', html, re.DOTALL)
    assert found
    return found[0]


def chips(html: str) -> dict[str, str]:
    listed = re.search(r'<ul class="chips".*?</ul>', html, re.DOTALL)
    return links(listed[0]) if listed else {}


@pytest.fixture
def packages() -> list[Package]:
    app = CategoryFactory.create(id=3, title="App", slug="apps")
    return [PackageFactory.create(title=f"P{number:02}", slug=f"p{number}", category=app) for number in range(45)]


@pytest.mark.parametrize(
    ("first", "last", "total", "words", "is_whole"),
    [
        (21, 40, 5308, "21\u201340 of 5,308", False),
        (1, 12, 12, "1\u201312 of 12", True),
        (1, 20, 21, "1\u201320 of 21", False),
        (1, 20, None, "1\u201320", False),
        (5308, 5308, 5308, "5,308 of 5,308", False),
        (0, 0, 7, "", False),
    ],
)
def test_the_words_of_a_pager(first: int, last: int, total: int | None, words: str, is_whole: bool) -> None:
    pager = Pager(first, last, total, None, None)
    assert (pager.words, pager.is_whole) == (words, is_whole)


def test_nothing_and_one(get: Get) -> None:
    html = page(get, "packages/")
    assert place(html) == "No packages."
    assert "<table" not in html
    assert "Order:" not in html
    assert 'class="pager"' not in html
    PackageFactory.create()
    html = page(get, "packages/")
    assert place(html) == "1 package"
    assert len(rows_of(html)) == 1


@pytest.mark.usefixtures("packages")
def test_the_place_in_a_list(get: Get) -> None:
    shown = {
        "packages/": ("1\u201320 of 45 packages", {"Next": "?limit=20&offset=20"}),
        "packages/?offset=20": ("21\u201340 of 45 packages", {"Next": "?limit=20&offset=40", "Previous": "?limit=20"}),
        "packages/?offset=40": ("41\u201345 of 45 packages", {"Previous": "?limit=20&offset=20"}),
        "packages/?limit=45": ("45 packages", {}),
        "packages/?offset=45": ("No packages here: go to the first page.", {"Previous": "?limit=20&offset=25"}),
    }
    for path, (words, neighbours) in shown.items():
        html = page(get, path)
        assert place(html) == words
        found = {word: url for word, url in links(html).items() if word in {"Next", "Previous"}}
        assert found == {word: f"http://testserver/api/v4/packages/{query}" for word, query in neighbours.items()}
    assert links(page(get, "packages/?offset=60&q=p"))["go to the first page"].endswith("/packages/?q=p")


def test_a_walk_by_cursors(get: Get, packages: list[Package]) -> None:
    url, seen = "/api/v4/packages/?cursor=", []
    while url:
        html = page(get, url.partition("/api/v4/")[2])
        assert place(html) == "45 packages"
        assert "\u2013" not in re.findall('<nav class="pager".*?</nav>', html, re.DOTALL)[0]
        seen += [row[1] for row in rows_of(html)]
        url = links(html).get("Next", "")
    assert seen == [package.title for package in reversed(packages)]


@pytest.mark.usefixtures("packages")
def test_orders(get: Get) -> None:
    html = page(get, "packages/?ordering=title&offset=20&q=p")
    orders = links(html)
    assert orders["stars"] == "http://testserver/api/v4/packages/?ordering=-repo_watchers&q=p"
    assert orders["newest first"] == "http://testserver/api/v4/packages/?q=p"
    assert re.findall('aria-current="true">(.*?)</a>', html) == ["<bdi>title</bdi>"]
    assert [row[1] for row in rows_of(html)][:2] == ["P20", "P21"]
    other = page(get, "packages/?ordering=-score,title")
    assert re.findall('aria-current="true">(.*?)</a>', other) == ["<bdi>score, descending, then title, ascending</bdi>"]
    assert 'aria-current="true"><bdi>newest first</bdi>' in page(get, "packages/?cursor=")


@pytest.mark.usefixtures("packages")
def test_filters_in_use_can_be_removed(get: Get) -> None:
    filters = "archived=false&category=3&id__in=1,2,3&ordering=title"
    html = page(get, f"packages/?{filters}&offset=5")
    base = "http://testserver/api/v4/packages/"
    assert chips(html) == {
        "Archived no ✕ (remove)": f"{base}?category=3&id__in=1%2C2%2C3&ordering=title",
        "Category App ✕ (remove)": f"{base}?archived=false&id__in=1%2C2%2C3&ordering=title",
        "Ids 1,2,3 ✕ (remove)".replace(",", ", "): f"{base}?archived=false&category=3&ordering=title",
        "Remove all": f"{base}?ordering=title",
    }
    assert "Remove all" not in chips(page(get, "packages/?category=apps"))
    assert chips(page(get, "packages/?ordering=title&limit=3")) == {}
    nothing = page(get, "packages/?q=zzz&ordering=title")
    assert place(nothing) == "No packages with these filters: remove them."
    assert links(nothing)["remove them"] == f"{base}?ordering=title"


def test_what_is_typed_stays_text(get: Get) -> None:
    html = page(get, "packages/?q=%3Cb%3E%22x%E2%80%AE")
    assert "<b>" not in html
    assert "<bdi>&lt;b&gt;&quot;x\u202e</bdi>" in html
    assert 'value="&lt;b&gt;&quot;x\u202e"' in field(html, "q")


@pytest.mark.usefixtures("packages")
def test_the_form_has_what_was_asked_for_and_keeps_the_rest(get: Get) -> None:
    html = page(get, "packages/?category=apps&q=p&ordering=title&limit=5&offset=5&fields=title&archived=true")
    assert '<option value="apps" selected>App</option>' in field(html, "category")
    assert 'value="p"' in field(html, "q")
    assert '<option value="true" selected>yes</option>' in field(html, "archived")
    hidden = re.findall('<input type="hidden" name="(.*?)" value="(.*?)">', html)
    assert sorted(hidden) == [("fields", "title"), ("ordering", "title")]
    assert "<details open><summary>More filters" in html
    assert "<details><summary>More filters" in page(get, "packages/?category=apps")
    several = field(page(get, "packages/?category=apps,3"), "category")
    assert '<option value="apps,3" selected>App, App</option>' in several


@pytest.mark.parametrize(
    ("value", "kind"),
    [("", "date"), ("2026-05-01", "date"), ("2026-02-31", "text"), ("2026-05-01T07:25:10Z", "text"), ("x", "text")],
)
def test_a_field_of_a_day_loses_nothing_that_was_typed(get: Get, value: str, kind: str) -> None:
    path = f"packages/?created__gte={value}" if value else "packages/"
    shown = field(page(get, path, 400 if value in {"x", "2026-02-31"} else 200), "created__gte")
    assert f'<input type="{kind}" name="created__gte"' in shown
    assert (f'value="{value}"' in shown) == bool(value)


@pytest.mark.usefixtures("packages")
def test_a_mistake_stands_beside_its_field(get: Get) -> None:
    html = page(get, "packages/?django=x&category=apps&stale=abc", 400)
    assert '<option value="x" selected>x</option>' in field(html, "django")
    assert "Must be a version with one dot, like 5.2." in field(html, "django")
    assert 'aria-invalid="true"' in field(html, "django")
    assert 'aria-describedby="filter-django_error"' in field(html, "django")
    assert '<small class="error" id="filter-django_error">' in field(html, "django")
    assert 'value="abc"' in field(html, "stale")
    assert "Must be a whole number from 0 to 36500." in field(html, "stale")
    assert "aria-invalid" not in field(html, "category")


@pytest.mark.usefixtures("packages")
def test_a_mistake_that_only_the_database_shows_stands_beside_its_field_too(get: Get) -> None:
    html = page(get, "packages/?category=app&q=p", 400)
    assert '<option value="app" selected>app</option>' in field(html, "category")
    assert "There is no category “app”." in field(html, "category")
    assert 'aria-invalid="true"' in field(html, "category")


def test_the_form_beside_a_mistake_leaves_it_out(get: Get) -> None:
    """Sending the form again must not give the same mistake for something that it does not show."""
    for path in ("packages/?no=such&ordering=title", "packages/?no=such&ordering=nope", "packages/?q=x&limit=0"):
        html = page(get, path, 400)
        hidden = re.findall('<input type="hidden" name="(.*?)" value="(.*?)">', html)
        assert hidden == ([("ordering", path.rpartition("=")[2])] if "such" in path else [])
    assert 'type="hidden"' not in page(get, "packages/?ordering=nope", 400)


def test_a_list_without_filters_has_no_form(get: Get) -> None:
    html = page(get, "trending/")
    assert 'class="filters"' not in html
    assert "Order:" not in html


@pytest.mark.usefixtures("packages")
def test_a_mistake_costs_as_much_as_the_choices(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(3):  # the revisions, the categories, the licences
        page(get, "packages/?django=x", 400)


def test_a_list_without_a_page_of_its_own_has_a_column_for_each_key(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("packages.views.PackageViewSet.list_page_class", ListPage)
    PackageFactory.create(
        title="<b>Maps", repo_url="https://example.org/a", participants=["anna", "<i>"], repo_forks=1234
    )
    html = page(get, "packages/?fields=title,repo_url,participants,repo_forks,last_updated")
    table = html.split("<table>")[1].split("</table>")[0]
    columns = ["title", "last_updated", "repo_url", "repo_forks", "participants"]
    assert re.findall('<th scope="col">(.*?)</th>', table) == columns
    values = re.findall("<td>(.*?)</td>", table)
    assert values == [
        "<bdi>&lt;b&gt;Maps</bdi>",
        '<span class="none">\u2013</span>',
        '<a href="https://example.org/a" rel="nofollow noopener"><bdi>example.org/a</bdi></a>',
        "1,234",
        "<bdi>anna, &lt;i&gt;</bdi>",
    ]
