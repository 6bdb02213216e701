"""The page of a package: what it shows, of a package of which all is known and of one of which nothing is."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any, get_args

import brotli
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from core.caching.stores import store
from packages.facts import SAMPLE, SUCCESSES, Outcome
from packages.health.facts import Facts
from packages.health.known import Known
from packages.health.rules import RULES, judge
from packages.health.verdicts import VERDICTS, WarningName
from packages.models import FetchState, Package, PackageHealth, Release, RepositoryAlias, Snapshot
from packages.pages import places
from packages.pages.freshness import FAILURES
from packages.pages.places import rank_in_category
from packages.pages.reasons import RULES_IN_WORDS, WARNINGS_IN_WORDS, reason_in_words, warning_in_words
from packages.settling import settled
from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory
from tests.packages import health_facts

CLASSIFIERS = [
    *(f"Framework :: Django :: {version}" for version in ("4.2", "5.0", "5.1", "5.2")),
    *(f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 15)),
    "Development Status :: 5 - Production/Stable",
]
RICH: Mapping[str, Any] = {
    "title": "Rich toolkit",
    "slug": "rich",
    "repo_url": "https://github.com/acme/rich",
    "pypi_url": "https://pypi.org/project/rich-toolkit/",
    "documentation_url": "https://rich.example.org/en/stable/",
    "repo_description": "All that forms need. And more of it.",
    "repo_watchers": 4321,
    "repo_forks": 456,
    "repo_id": "R_1",
    "commits_over_52": [6] * 52,
    "participants": [f"developer-{number}" for number in range(25)],
    "pypi_version": "4.12.1",
    "requires_python": ">=3.10",
    "requires_django": ">=4.2",
    "classifiers": CLASSIFIERS,
    "licence": "MIT",
    "pypi_status": "active",
    "pypi_downloads": 123456,
    "archived": False,
    "stars_30d": 57,
    "stars_90d": -143,
    "downloads_30d": 0,
}


def ago(days: float) -> datetime:
    """Return the beginning of a day (UTC)."""
    return timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)


class Shown(HTMLParser):
    """A page as its readers have it: its texts, by the headings above them, its links, its images, and its head."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.sections: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.images: dict[str, dict[str, str | None]] = {}
        self.metas: dict[str, str] = {}
        self.banners: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self._heading, self._text, self._kept = "", "", ""
        self._place, self._href = [""], ""
        self.feed(html)
        self._section()
        self.text = " ".join(text for heading, text in self.sections.items() if heading != "JSON")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.attributes |= given.keys()
        if tag == "meta":
            self.metas[given.get("property") or given.get("name") or ""] = given.get("content") or ""
        elif tag == "link" and given.get("rel") == "canonical":
            self.metas["canonical"] = given.get("href") or ""
        elif tag == "img":
            self.images[given["src"] or ""] = given
        elif tag in {"h1", "h2"}:
            self._section()
        elif "json" in (given.get("class") or ""):
            self._section()
            self._heading = "JSON"
        elif tag == "a":
            self._href, self._kept = given.get("href") or "", ""
        elif "banner" in (given.get("class") or ""):
            self.banners.append("")
            self._place.append("banner")
        if tag in {"li", "dt", "dd", "p", "br", "td", "tr", "small", "summary"}:
            self._text += " | "

    def handle_endtag(self, tag: str) -> None:
        if tag in {"h1", "h2"}:
            self._heading, self._text = _plain(self._text), ""
        elif tag == "a" and self._href:
            self.links[_plain(self._kept)] = self._href
        elif tag == "p" and self._place[-1] == "banner":
            self._place.pop()

    def handle_data(self, data: str) -> None:
        self._text += data
        self._kept += data
        if self._place[-1] == "banner":
            self.banners[-1] += data

    def _section(self) -> None:
        self.sections[self._heading] = _plain(self._text)
        self._text = ""


def _plain(text: str) -> str:
    return re.sub(r"(\s*\|\s*)+", " | ", re.sub(r"\s+", " ", text)).strip(" |")


Show = Any


@pytest.fixture
def show(get: Get) -> Show:
    """Return a function that returns the page of a package."""

    def show(reference: str, query: str = "") -> Shown:
        response = get(f"packages/{reference}/{query}", accept="text/html")
        assert response.status_code == 200
        return Shown(response.content.decode())

    return show


def fetched(package: Package, source: str, **columns: Any) -> FetchState:
    """Add the state of a source that was fetched today, unless the columns say otherwise."""
    target = package.repo_key if source == "repo" else package.pypi_name
    state = {"target": target, "last_success": ago(0), "last_attempt": ago(0), "outcome": "ok", "next_due": ago(-1)}
    return FetchState.objects.create(package=package, source=source, **{**state, **columns})


def rich_package(**columns: Any) -> Package:
    """Return a thriving package of which all is known."""
    with settled():
        category = CategoryFactory.create(title="App", slug="apps")
        times = {"last_updated": ago(12), "last_fetched": ago(0), "released": ago(40), "weeks_end": ago(3).date()}
        package = PackageFactory.create(category=category, **{**RICH, **times, **columns})
        fetched(package, "repo")
        fetched(package, "pypi")
        Release.objects.bulk_create(
            Release(
                package=package,
                version=f"4.{12 - number}.1",
                uploaded_at=ago(40 + 60 * number),
                yanked=number == 2,
                requires_python=">=3.10",
            )
            for number in range(12)
        )
        Snapshot.objects.bulk_create(
            Snapshot(package=package, day=ago(day).date(), stars=4321 - day, repo_key=package.repo_key)
            for day in range(0, 60, 10)
        )
    return package


def rivals(number: int, **columns: Any) -> list[Package]:
    return [
        PackageFactory.create(
            title=f"Rival {each}", slug=f"rival-{each}", repo_watchers=100 * each, **{"verdict_rank": 2, **columns}
        )
        for each in range(1, number + 1)
    ]


@pytest.mark.django_db
def test_what_stands_first(show: Show) -> None:
    rich_package()
    page = show("rich")
    assert page.sections["Rich toolkit"] == (
        "✓ thriving · MIT · Django 4.2–5.2 | All that forms need. And more of it."  # noqa: RUF001 (a dash)
        " | Repository · PyPI · Documentation · in App | pip install rich-toolkit"
    )
    assert page.banners == []
    assert page.links["Repository"] == "https://github.com/acme/rich"
    assert page.links["PyPI"] == "https://pypi.org/project/rich-toolkit/"
    assert page.links["Documentation"] == "https://rich.example.org/en/stable/"
    assert page.links["App"] == "/api/v4/categories/apps/"
    assert list(page.sections) == [
        *("", "Rich toolkit", "Alive?", "Fits?", "Used?", "Rivals", "Releases", "People", "Fresh?", "Badge", "JSON"),
    ]


@pytest.mark.django_db
def test_alive(show: Show) -> None:
    package = rich_package()
    PackageHealth.objects.filter(package=package).update(since=ago(1200), before="quiet", warnings=["stale"])
    section, images = show("rich").sections["Alive?"], show("rich").images
    assert section.startswith(
        "✓ thriving since 3 years ago, quiet before"
        " | Note: A source was not fetched for 90 days: what is said here may be out of date."
        " | Because releases, commits and people of the last year show that it thrives:"
        " | the latest release was 40 days old; needs at most 365 days | 5 releases in the last year; needs 2 or more"
        " | 52 weeks of the last year with commits; needs 12 or more | 25 people; needs 3 or more"
        " | the first release was 700 days old; needs at least 180 days | no other living package is in its repository"
        " | What was tried before that | Not so: its repository or its project is archived,"
    )
    total = f"312 commits in the 52 weeks to {ago(4).date():%-d %B %Y}"
    assert section.endswith(f"Last commit | 12 days ago | Latest release | 4.12.1, 40 days ago | {total}")
    chart = images["/api/v4/packages/rich/commits.svg"]
    assert (chart["width"], chart["height"]) == ("432", "112")
    assert chart["alt"] == f"Chart of the commits a week: {total}"


@pytest.mark.django_db
def test_weeks_of_an_import_have_no_dates(show: Show) -> None:
    PackageFactory.create(slug="p", commits_over_52=[0] * 51 + [1])
    assert "| 1 commit in the 52 weeks before it was fetched" in show("p").sections["Alive?"]
    PackageFactory.create(slug="q", commits_over_52=[0] * 52)
    assert "| 0 commits in the 52 weeks before it was fetched" in show("q").sections["Alive?"]


@pytest.mark.django_db
def test_fits(show: Show) -> None:
    rich_package()
    assert show("rich").sections["Fits?"] == (
        "Django | 4.2–5.2 | 4.2, 5.0, 5.1, 5.2 | requires >=4.2"  # noqa: RUF001
        " | Python | 3.10–3.14 | 3.10, 3.11, 3.12, 3.13, 3.14 | requires >=3.10"  # noqa: RUF001
        " | Licence | MIT | Status | Production/Stable"
    )
    Package.objects.update(requires_django="", classifiers=["Framework :: Django :: 5.2"], requires_python="")
    assert show("rich").sections["Fits?"] == (
        "Django | 5.2 | requires any version | Python | – | Licence | MIT | Status | –"  # noqa: RUF001
    )


@pytest.mark.django_db
def test_used(show: Show) -> None:
    package = rich_package()
    first, second = GridFactory.create(title="Forms", slug="forms"), GridFactory.create(title="Tools", slug="tools")
    for rival in rivals(3, repo_forks=1000, category=package.category):
        MembershipFactory.create(grid=first, package=rival)
    MembershipFactory.create(grid=second, package=package, position=2)
    MembershipFactory.create(grid=first, package=package, position=1)
    Package.objects.filter(slug="rival-3").update(repo_watchers=5000, pypi_downloads=5)
    page = show("rich")
    assert page.sections["Used?"] == (
        "Stars | 4,321 +57 in 30 days, -143 in 90 | Downloads a month | 123,456 +0 in 30 days | Forks | 456"
        " | In Forms (4 packages): 2nd by stars, 1st by downloads, 4th by forks"
        " | In Tools (1 package): 1st by stars, 1st by downloads, 1st by forks | In App: 2nd of 4 by stars"
        f" | Stars since {ago(50).date():%-d %B %Y}, as they were counted | History of stars, forks and downloads"
    )
    assert page.images["/api/v4/packages/rich/stars.svg"]["width"] == "432"
    assert page.links["Forms"] == "/api/v4/grids/forms/"
    assert page.links["History of stars, forks and downloads"] == "/api/v4/packages/rich/history/"


@pytest.mark.django_db
@pytest.mark.parametrize(("days", "is_shown"), [((0, 29), False), ((0, 30), True), ((), False)])
def test_the_chart_of_stars_needs_thirty_days(show: Show, days: tuple[int, ...], is_shown: bool) -> None:
    package = PackageFactory.create(slug="p")
    for day in days:
        Snapshot.objects.create(package=package, day=ago(day).date(), stars=1)
    Snapshot.objects.create(package=package, day=ago(300).date(), stars=9, repo_key="github.com/an/other")
    assert ("/api/v4/packages/p/stars.svg" in show("p").images) == is_shown


@pytest.mark.django_db
def test_rivals_in_its_grids(show: Show) -> None:
    package = rich_package()
    grid = GridFactory.create(title="Forms", slug="forms")
    for member in [package, *rivals(5)]:
        MembershipFactory.create(grid=grid, package=member)
    for slug, verdict_rank in (("rival-5", 5), ("rival-4", None), ("rival-3", 4)):
        Package.objects.filter(slug=slug).update(verdict_rank=verdict_rank)
    page = show("rich")
    assert page.sections["Rivals"] == (
        "Forms | Rival 4 ? unknown | 400 stars | Rival 3 ~ quiet | 300 stars | Rival 2 ✓ maintained | 200 stars"
        " | Compare with them | All of the grid (6) side by side"
    )
    assert page.links["Rival 4"] == "/api/v4/packages/rival-4/"
    assert page.links["Compare with them"] == "/api/v4/compare/?packages=rich,rival-2,rival-3,rival-4"
    assert page.links["All of the grid (6) side by side"] == "/api/v4/grids/forms/comparison/"


@pytest.mark.django_db
def test_a_grid_without_a_living_rival_and_more_grids_than_are_shown(show: Show) -> None:
    package = rich_package()
    for number in range(7):
        MembershipFactory.create(package=package, grid=GridFactory.create(title=f"Grid {number}"), position=number)
    page = show("rich")
    assert page.sections["Rivals"].count("No other package of this grid is alive, as far as is known.") == 5
    assert "Grid 4" in page.sections["Rivals"]
    assert "Grid 5" not in page.sections["Rivals"]
    assert page.links["In 2 more grids"] == f"/api/v4/grids/?package={package.pk}"


@pytest.mark.django_db
def test_rivals_of_a_package_in_no_grid(get: Get, show: Show) -> None:
    apps, tools = CategoryFactory.create(title_plural="Apps"), CategoryFactory.create()
    PackageFactory.create(title="django-tree-forms", slug="123", category=apps)
    own = {"verdict_rank": 2, "last_fetched": ago(1)}
    PackageFactory.create(title="Tree forms", slug="tree-forms", category=tools, repo_watchers=1, **own)
    PackageFactory.create(title="tree-forms-two", slug="two", category=apps, repo_watchers=0, **own)
    PackageFactory.create(title="tree-forms-three", slug="three", category=apps, verdict_rank=5)
    page = show(str(Package.objects.get(slug="123").pk))
    assert page.sections["Rivals"] == (
        "It is in no grid yet. These are found by the words of its title:"
        " | tree-forms-two ✓ maintained | 0 stars | Tree forms ✓ maintained | 1 star | Compare with them"
        " | All Apps, by stars"
    )
    assert page.links["All Apps, by stars"] == f"/api/v4/packages/?category={apps.pk}&ordering=-repo_watchers"
    pk = Package.objects.get(slug="123").pk
    assert page.links["Compare with them"] == f"/api/v4/compare/?packages={pk},tree-forms,two"
    for words in ("Compare with them", "All Apps, by stars"):
        assert get(page.links[words].removeprefix("/api/v4/")).status_code == 200, "no redirect either"


@pytest.mark.django_db
@pytest.mark.parametrize("title", ["django", "-- --", '"', "Python Django", "-minus"])
def test_a_title_that_is_no_query(show: Show, title: str) -> None:
    package = PackageFactory.create(slug="p", title=title)
    assert show("p").sections["Rivals"] == f"It is in no grid yet. | All {package.category.title_plural}, by stars"


@pytest.mark.django_db
def test_releases_people_and_badge(show: Show, settings: Settings) -> None:
    rich_package()
    settings.SITE_URL = "https://packages.example.org"
    page = show("rich")
    assert page.sections["Releases"] == (
        "VersionUploadedPython | 4.12.1 | 40 days ago | >=3.10 | 4.11.1 | 3 months ago | >=3.10"
        " | 4.10.1 yanked | 5 months ago | >=3.10 | 4.9.1 | 7 months ago | >=3.10 | 4.8.1 | 9 months ago | >=3.10"
        " | All releases"
    )
    assert page.links["All releases"] == "/api/v4/packages/rich/releases/"
    assert page.sections["People"] == ", ".join(f"developer-{number}" for number in range(10)) + " and 15 more"
    assert page.links["developer-3"] == "/api/v4/packages/?participant=developer-3"
    url = "https://packages.example.org/api/v4/packages/rich/"
    assert page.sections["Badge"] == f"[![health]({url}badge.svg)]({url})"
    badge = page.images["/api/v4/packages/rich/badge.svg"]
    assert (badge["width"], badge["height"], badge["alt"]) == ("104", "20", "Badge: health thriving")


@pytest.mark.django_db
def test_how_fresh_it_is(show: Show) -> None:
    package = PackageFactory.create(slug="p", pypi_url="p", last_fetched=ago(1))
    fetched(package, "repo", outcome="partial", error="odd: topics", last_success=ago(1))
    fetched(package, "pypi", outcome="not_found", error="https://secret.example/", failures=3, last_success=ago(70))
    assert show("p").sections["Fresh?"] == (
        "Repository | fetched yesterday, with the note “odd: topics”"
        " | PyPI | fetched 2 months ago | The last attempt, today, failed: it was not found. 3 failures in a row."
        " The next one comes in 1 day. | Downloads | not fetched yet"
    )
    FetchState.objects.filter(source="pypi").update(last_success=None, failures=1, next_due=ago(2), target="other")
    FetchState.objects.filter(source="repo").update(last_success=None, failures=1, next_due=ago(2), outcome="timeout")
    assert show("p").sections["Fresh?"] == (
        "Repository | never fetched | The last attempt, today, failed: there was no response in time."
        " The next one is due. | PyPI | not fetched yet | Downloads | not fetched yet"
    )
    Package.objects.update(pypi_url="", repo_url="https://code.example.org/x")
    assert show("p").sections["Fresh?"] == (
        "Repository | it cannot be fetched from its host | PyPI | no project on PyPI is known"
        " | Downloads | no project on PyPI is known"
    )
    Package.objects.update(repo_url="")
    assert show("p").sections["Fresh?"].startswith("Repository | no repository is known")


@pytest.mark.django_db
def test_sample_data_is_called_so(show: Show) -> None:
    package = PackageFactory.create(slug="p", pypi_url="p", last_fetched=ago(1))
    fetched(package, "repo", outcome="not_found", error=SAMPLE, failures=3)
    assert show("p").sections["Fresh?"].startswith("Repository | sample data, not fetched | PyPI | not fetched yet | ")
    FetchState.objects.update(outcome="partial", failures=0, last_success=ago(0))
    page = show("p")
    assert page.sections["Fresh?"].startswith("Repository | sample data, not fetched | ")
    assert "Sample data. What is told of it here was not fetched: it comes with the sample catalogue." in page.text
    FetchState.objects.update(error="")
    assert "ample" not in show("p").text


BANNERS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"deprecated": True}, "Deprecated."),
    ({"pypi_status": "deprecated"}, "Deprecated. PyPI says so."),
    ({"pypi_status": "deprecated", "pypi_status_reason": "Old"}, "Deprecated. PyPI says so: Old."),
    ({"archived": True}, "Archived. Its repository takes no more changes."),
    ({"pypi_status": "archived"}, "Archived on PyPI. No more releases are to come."),
    ({"pypi_status": "archived", "pypi_status_reason": "<b>"}, "Archived on PyPI. No more releases are to come: <b>."),
    (
        {"pypi_status": "quarantined", "pypi_status_reason": "malware"},
        "In quarantine. PyPI holds the project back: malware. Do not install it.",
    ),
    ({"gone_since": ago(61)}, "Gone. Its repository was not found on several days, up to 2 months ago."),
    (
        {"gone_since": ago(61), "repo_url": ""},
        "Gone. Its project on PyPI was not found on several days, up to 2 months ago.",
    ),
    ({"pypi_status": "active", "archived": False}, ""),
)


@pytest.mark.django_db
@pytest.mark.parametrize(("columns", "banner"), BANNERS)
def test_banners(show: Show, columns: dict[str, Any], banner: str) -> None:
    reason = "not found on 3 days: https://secret.example/"
    PackageFactory.create(slug="p", pypi_url="p", last_fetched=ago(1), gone_reason=reason, **columns)
    page = show("p")
    assert [_plain(each) for each in page.banners] == ([banner] if banner else [])
    assert "secret" not in page.text
    is_withheld = columns.get("pypi_status") == "quarantined" or "repo_url" in columns
    assert ("pip install p" in page.text) == (not is_withheld)


@pytest.mark.django_db
def test_a_successor(show: Show) -> None:
    other = PackageFactory.create(title="Better", slug="better")
    PackageFactory.create(slug="p", last_fetched=ago(1), replaced_by=other)
    page = show("p")
    assert page.banners == ["Deprecated. Use Better instead."]
    assert page.links["Better"] == "/api/v4/packages/better/"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("days", "url", "is_shown"),
    [
        (364, "https://github.com/old/place", True),
        (366, "https://github.com/old/place", False),
        (10, "https://github.com/new/place", False),
    ],
)
def test_a_repository_that_moved(show: Show, days: int, url: str, is_shown: bool) -> None:
    package = PackageFactory.create(slug="p", repo_url="https://github.com/new/place", last_fetched=ago(1))
    RepositoryAlias.objects.create(package=package, repo_url="https://github.com/older", repo_key="a", until=ago(900))
    RepositoryAlias.objects.create(package=package, repo_url=url, repo_key="b", until=ago(days))
    expected = ["Moved. Its repository was formerly at github.com/old/place, until 11 months ago."]
    assert show("p").banners == (expected if is_shown else [])


@pytest.mark.django_db
def test_a_package_of_which_nothing_was_fetched(show: Show) -> None:
    """Nothing is 0 that is not known."""
    category = CategoryFactory.create(title="App", title_plural="Apps")
    with settled():
        PackageFactory.create(slug="bare", title="Bare", category=category, repo_url="https://github.com/a/bare")
    page = show("bare")
    assert page.sections["Bare"] == "? unknown | Repository · in App | Nothing was fetched about it yet."
    assert re.fullmatch(
        r"\? unknown since today \| Because neither a release nor a commit is known: \| no commit counts"
        r" \| no release is known \| What was tried before that \| Not so: .*"
        r" \| Last commit \| – \| Latest release \| –",  # noqa: RUF001
        page.sections["Alive?"],
    )
    assert page.sections["Fits?"] == "Django | – | Python | – | Licence | – | Status | –"  # noqa: RUF001
    assert page.sections["Used?"] == (
        "Stars | – | Downloads a month | – | Forks | – | History of stars, forks and downloads"  # noqa: RUF001
    )
    assert "Releases" not in page.sections
    assert "People" not in page.sections
    assert [*page.images] == ["/api/v4/packages/bare/badge.svg"]
    assert not re.search(r"\b0\b", page.text)
    PackageHealth.objects.all().delete()
    assert show("bare").sections["Alive?"] == "? unknown | Last commit | – | Latest release | –"  # noqa: RUF001


@pytest.mark.django_db
def test_an_imported_package_was_fetched(show: Show) -> None:
    """By the catalogue that it came from: there are no fetch states."""
    PackageFactory.create(slug="p", last_fetched=ago(3), repo_watchers=0, pypi_version="1.0")
    page = show("p")
    assert page.banners == []
    assert page.sections["Used?"].startswith("Stars | 0 | Downloads a month | – | Forks | 0 | In ")  # noqa: RUF001
    assert "Latest release | 1.0 |" in page.sections["Alive?"]
    assert "Its weekly commits are not known." in page.sections["Alive?"]


@pytest.mark.django_db
def test_what_links_that_are_shared_say(show: Show, settings: Settings) -> None:
    settings.INDEXED = True
    package = rich_package()
    for reference, query in (("rich", ""), (str(package.pk), ""), ("rich", "?fields=licence"), ("rich", "?format=api")):
        page = show(reference, query)
        assert page.metas["og:title"] == "Rich toolkit"
        assert page.metas["og:description"] == "thriving · MIT · Django 4.2–5.2 · All that forms need."  # noqa: RUF001
        assert page.metas["description"] == page.metas["og:description"]
        assert page.metas["canonical"] == "http://testserver/api/v4/packages/rich/"
        assert (page.metas.get("robots") == "noindex") == bool(query)
        assert page.sections["Fits?"].startswith("Django | 4.2")
    Package.objects.update(repo_description="word " * 100)
    assert len(show("rich").metas["og:description"]) == 200


HOSTILE = "\u202e\u2067<script>alert(1)</script>{{ page }}{% now %}\"'&" + "W" * 400


@pytest.mark.django_db
def test_hostile_texts(show: Show) -> None:
    title = HOSTILE[:100]
    package = rich_package(
        title=title,
        repo_description=HOSTILE,
        licence=HOSTILE[:100],
        pypi_version=HOSTILE[:100],
        participants=[HOSTILE, "<b>", "a&b=c"],
        classifiers=[f"Development Status :: 9 - {HOSTILE}", "Framework :: Django :: 1\n.2", "x" * 5000],
        requires_python=HOSTILE[:255],
        requires_django=HOSTILE[:255],
        pypi_status_reason=HOSTILE[:300],
        pypi_status="quarantined",
    )
    Release.objects.update(requires_python=HOSTILE[:255])
    RepositoryAlias.objects.create(package=package, repo_url="javascript:alert(1)", repo_key="x", until=ago(1))
    with settled():
        MembershipFactory.create(package=package, grid=GridFactory.create(title=title, slug="g"))
        other = PackageFactory.create(title=title, slug="other")
        MembershipFactory.create(package=other, grid=package.grids.get())
        Package.objects.filter(pk=package.pk).update(replaced_by=other)
    page = show("rich")
    assert title in page.sections
    assert page.tags.isdisjoint({"b", "style", "iframe"})
    assert "alert(1)" in page.text
    assert not {each for each in page.attributes if each.startswith("on") or each == "style"}
    assert page.links["<b>"] == "/api/v4/packages/?participant=%3Cb%3E"
    assert page.links["a&b=c"] == "/api/v4/packages/?participant=a%26b%3Dc"
    assert "javascript:alert(1)" in page.banners[-1]
    assert all(re.match(r"https?://|/|#", url) for url in page.links.values())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("columns", "links"),
    [
        ({"repo_url": "git@github.com:acme/rich.git"}, {"Repository": "https://github.com/acme/rich"}),
        ({"repo_url": "javascript-of-no-scheme", "documentation_url": None}, {}),
        ({"repo_url": "", "pypi_url": "rich.Toolkit"}, {"PyPI": "https://pypi.org/project/rich-toolkit/"}),
        ({"repo_url": "HTTP://x.test/%22onload=1"}, {"Repository": "HTTP://x.test/%22onload=1"}),
    ],
)
def test_only_web_addresses_are_links(show: Show, columns: dict[str, str], links: dict[str, str]) -> None:
    PackageFactory.create(slug="p", **columns)
    found = show("p").links
    assert {words: found.get(words) for words in ("Repository", "PyPI", "Documentation")} == {
        **dict.fromkeys(("Repository", "PyPI", "Documentation")),
        **links,
    }


@pytest.mark.django_db
def test_queries_of_a_rich_package(show: Show, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    package = rich_package()
    others = rivals(8, last_fetched=ago(1))
    for number in range(6):
        grid = GridFactory.create(title=f"Grid {number}")
        for member in [package, *others]:
            MembershipFactory.create(grid=grid, package=member)
    show("rich")
    with django_assert_num_queries(9):
        page = show("rich")
    assert page.sections["Rivals"].count("Rival 8") == 5


@pytest.mark.django_db
@pytest.mark.parametrize(("columns", "number"), [({}, 8), ({"last_fetched": ago(1)}, 10)])
def test_queries_of_a_package_in_no_grid(
    show: Show, django_assert_num_queries: DjangoAssertNumQueries, columns: dict[str, Any], number: int
) -> None:
    PackageFactory.create(slug="bare", title="Bare bones forms", **columns)
    PackageFactory.create(title="Bones forms bare")
    show("bare")
    # A search of PostgreSQL looks for names first.
    with django_assert_num_queries(number + (connection.vendor == "postgresql")):
        page = show("bare")
    assert "Bones forms bare" in page.sections["Rivals"]


@pytest.mark.django_db(transaction=True)
def test_the_page_is_cached_until_something_on_it_changes(
    client: Client, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settings.CACHE_URL = "locmem://"
    store.cache_clear()
    package = rich_package()
    bare = PackageFactory.create(slug="bare", title="Bare forms")
    for slug in ("bare", "rich"):
        first = client.get(f"/api/v4/packages/{slug}/", headers={"accept": "text/html"})
        assert (first.status_code, first["Cache-Control"]) == (200, "public, no-cache")
        with django_assert_num_queries(1):  # of the revisions
            again = client.get(f"/api/v4/packages/{slug}/", headers={"accept": "text/html"})
        assert (again.content, again["ETag"]) == (first.content, first["ETag"])
    grid = GridFactory.create(title="Forms")

    def changed() -> bool:
        nonlocal first
        before, etag = first.content, {"accept": "text/html", "if-none-match": first["ETag"]}
        first = client.get("/api/v4/packages/rich/", headers=etag)
        return first.status_code == 200 and first.content != before

    MembershipFactory.create(grid=grid, package=package)
    assert changed()
    grid.title = "Tables"
    grid.save()
    assert changed()
    package.category.title = "Tool"
    package.category.save()
    assert changed()
    FetchState.objects.update(outcome="timeout")
    assert changed()
    RepositoryAlias.objects.create(package=package, repo_url="https://github.com/a/b", repo_key="b", until=ago(1))
    assert changed()
    Package.objects.filter(pk=bare.pk).update(replaced_by=None, verdict_rank=1)
    MembershipFactory.create(grid=grid, package=bare)
    assert changed()


@pytest.mark.django_db
def test_the_size_of_a_page(get: Get) -> None:
    """Compressed, with the JSON: of a package that has more of everything than nineteen of twenty have."""
    package = rich_package(
        repo_description="A long description of all that it does, and how. " * 12,
        commits_over_52=[(number * 7919) % 97 for number in range(52)],
        participants=[f"{number * 7919:x}-developer-{number}" for number in range(25)],
    )
    others = rivals(9, last_fetched=ago(1))
    for number in range(3):
        grid = GridFactory.create(title=f"Toolkits for forms and tables {number}")
        for member in [package, *others[number * 3 : number * 3 + 3]]:
            MembershipFactory.create(grid=grid, package=member)
    RepositoryAlias.objects.create(package=package, repo_url="https://github.com/a/b", repo_key="b", until=ago(1))
    for query in ("", "?fields=all"):
        size = len(brotli.compress(get(f"packages/rich/{query}", accept="text/html").content, quality=5))
        assert 2_000 < size < 12_000 * 0.6, "far below 12 KB: room for what else comes"


# Words


def test_every_rule_has_words() -> None:
    assert RULES_IN_WORDS.keys() == set(RULES)
    assert WARNINGS_IN_WORDS.keys() == set(get_args(WarningName))
    assert FAILURES.keys() == set(Outcome) - SUCCESSES


def _reasons() -> Iterator[dict[str, Any]]:
    """Yield the reasons of packages of all kinds, with all known, and with nothing."""
    cases: list[Facts] = [
        *(build() for build in (health_facts.package, health_facts.maintained, health_facts.finished)),
        *(build() for build in (health_facts.quiet, health_facts.word, health_facts.moved, health_facts.committed)),
        *(build() for build in (health_facts.released_only, health_facts.repository_only)),
        health_facts.quiet(classifiers=health_facts.says("2.2"), uploads=health_facts.released(1500), last_commit=None),
        health_facts.quiet(classifiers=["x"], uploads=health_facts.released(1500), last_commit=None),
        health_facts.package(archived=True),
        health_facts.package(deprecated=True, has_successor=True),
        health_facts.package(gone_since=health_facts.ago(3)),
        health_facts.package(pypi_status="quarantined"),
        health_facts.package(is_shared=True),
        Facts(),
    ]
    for facts in cases:
        for reason in judge(Known(facts, health_facts.NOW))[1]:
            yield {"rule": reason.rule, "holds": reason.holds, "value": reason.value, "threshold": reason.threshold}


def test_every_reason_has_words() -> None:
    seen: dict[str, set[str]] = {}
    for reason in _reasons():
        words = reason_in_words(reason)
        names = {*(reason["value"] or {}), *(reason["threshold"] or {})}
        assert len(words.conditions) == len(names) or (reason["holds"] and words.conditions)
        seen.setdefault(reason["rule"], set()).update(names)
        for condition in words.conditions:
            assert not re.search(r"_|None|True|False|^\W|(?<![.])\b0 |:", condition.seen), condition
    assert {rule: facts.keys() for rule, (_, facts) in RULES_IN_WORDS.items()} == seen, "no words for nothing"


def _reason(rule: str, value: dict[str, Any], threshold: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    words = reason_in_words({"rule": rule, "holds": True, "value": value, "threshold": threshold})
    return [(condition.seen, condition.needed) for condition in words.conditions]


def test_reasons_in_words() -> None:
    assert _reason("unsupported_django", {"activity_days": 0, "django_versions": ["2.2"]}, {"activity_days": 730}) == [
        ("its last activity was less than a day old", "more than 730 days"),
        ("it names Django 2.2", ""),
    ]
    assert _reason("thriving", {"releases": 0, "weeks": 1, "people": 1}, {"releases": 2, "weeks": 12}) == [
        ("no release in the last year is known", "2 or more"),
        ("1 week of the last year with commits", "12 or more"),
        ("1 person", ""),
    ]
    assert _reason("thriving", {"releases": 2}, {"releases": 2}) == [("2 releases in the last year", "2 or more")]
    assert _reason("gone", {"not_found_since": "2026-05-03T01:00:00+00:00", "pypi_status": ""}) == [
        ("it was not found on three days, up to 3 May 2026", ""),
    ]
    assert _reason("deprecated", {"pypi_status": "deprecated"}, {"pypi_status": "deprecated"}) == [
        ("PyPI calls it deprecated", "")
    ]
    assert _reason("repository_left", {"days_from_commit_to_release": -1}, {"days_from_commit_to_release": 30}) == [
        ("the last commit came 1 day after the latest release", "more than 30 days")
    ]
    assert _reason("finished", {"downloads": 1500, "weeks": 3}, {"downloads": 1000, "weeks": 12}) == [
        ("3 weeks of the last year with commits", "fewer than 12"),
        ("1,500 downloads a month", "1,000 or more"),
    ]


YEARS = {"release_days": 365, "commit_days": 365, "release_days_with_commit": 730}
FINISHED = {"weeks": 3, "python": True, "downloads": 1500}


@pytest.mark.parametrize(
    ("rule", "values", "needs", "said"),
    [
        (
            "maintained",
            {"release_days": 40, "commit_days": 900},
            YEARS,
            ("it had a release in the last year", "the latest release was 40 days old; at most 365 days"),
        ),
        (
            "maintained",
            {"release_days": 365, "commit_days": 1},
            YEARS,
            (
                "it had a commit in the last year, and a release in the last two",
                "the latest release was 365 days old; at most 730 days",
                "the last commit was 1 day old; at most 365 days",
            ),
        ),
        (
            "maintained",
            {"release_days": None, "commit_days": 19},
            YEARS,
            (
                "it had a commit in the last year",
                "no release with a known date counts",
                "the last commit was 19 days old; at most 365 days",
            ),
        ),
        (
            "gone",
            {"not_found_since": "2026-05-03T01:00:00+00:00", "pypi_status": "active"},
            {"pypi_status": "quarantined"},
            (
                "its source is not there any more, or PyPI has it in quarantine",
                "it was not found on three days, up to 3 May 2026",
            ),
        ),
        (
            "deprecated",
            {"deprecated": False, "successor": False, "pypi_status": "deprecated"},
            {"pypi_status": "deprecated"},
            ("it is deprecated, or another package takes its place", "PyPI calls it deprecated"),
        ),
        (
            "archived",
            {"archived": True, "inactive": True, "finished": True},
            None,
            (
                "its repository or its project is archived, or it calls itself inactive",
                "its repository or its project is archived",
                "it calls itself inactive",
            ),
        ),
        (
            "finished",
            {"editor": True, **FINISHED},
            {"editor": True, "weeks": 12, "downloads": 1000},
            ("it is complete, and works as it is", "an editor says that it is finished"),
        ),
        (
            "finished",
            {"editor": False, **FINISHED},
            {"editor": True, "weeks": 12, "python": True, "downloads": 1000},
            (
                "it is complete, and works as it is",
                "3 weeks of the last year with commits; fewer than 12",
                "it names a supported version of Python",
                "1,500 downloads a month; 1,000 or more",
            ),
        ),
    ],
)
def test_only_what_decided_is_told(
    rule: str, values: dict[str, Any], needs: dict[str, Any] | None, said: tuple[str, ...]
) -> None:
    """A rule that holds by one thing or by another has no other reason than what decided."""
    reason = {"rule": rule, "holds": True, "value": values, "threshold": needs}
    words = reason_in_words(reason)
    assert (words.says, *("; ".join(filter(None, condition)) for condition in words.conditions)) == said
    assert len(reason_in_words({**reason, "holds": False}).conditions) == len({*values, *(needs or {})})


def test_words_of_older_rules() -> None:
    """Verdicts that were settled by rules of before stay until they are settled again."""
    assert _reason("some_rule", {"some_fact": 7}, {"some_fact": 9, "another": True}) == [
        ("another: True", ""),
        ("some fact: 7", ""),
    ]
    assert warning_in_words("some_thing") == "Some thing."


# Ranks


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("ahead", "counted", "stars", "words"),
    [
        (1000, 10_000, 90, "1st of 10"),
        (1000, 10_000, 0, "10th of 10"),
        (5, 10, 70, "3rd of 10 (top 30 %)"),
        (5, 10, 0, "10th of 10 (top 100 %)"),
        (5, 8, 70, "3rd of more than 8 (top 34 %)"),
        (5, 8, 40, "not among the first 5 of more than 8"),
    ],
)
def test_the_rank_in_a_category(
    monkeypatch: pytest.MonkeyPatch, ahead: int, counted: int, stars: int, words: str
) -> None:
    monkeypatch.setattr(places, "MOST_AHEAD", ahead)
    monkeypatch.setattr(places, "MOST_COUNTED", counted)
    category = CategoryFactory.create()
    for number in range(10):
        PackageFactory.create(category=category, repo_watchers=10 * number)
    PackageFactory.create(repo_watchers=1000)
    assert rank_in_category(category.pk, stars) == words


# What else is at these URLs


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["packages/", "packages/p/"])
def test_the_page_of_options(client: Client, path: str) -> None:
    PackageFactory.create(slug="p")
    response = client.options(f"/api/v4/{path}", headers={"accept": "text/html"})
    assert response.status_code == 200
    assert "with facts fetched from their repositories" in response.content.decode()


@pytest.mark.django_db
def test_a_package_that_is_deleted_meanwhile(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    PackageFactory.create(slug="p")
    monkeypatch.setattr("packages.pages.package._packages", Package.objects.none)
    assert get("packages/p/", accept="text/html").status_code == 404


@pytest.mark.django_db
def test_all_verdicts_have_a_page(show: Show) -> None:
    package = PackageFactory.create(slug="p", last_fetched=ago(1))
    for rank, verdict in enumerate(VERDICTS, 1):
        Package.objects.filter(pk=package.pk).update(verdict_rank=None if verdict == "unknown" else rank)
        assert show("p").sections["Alive?"].partition(" | ")[0].endswith(f" {verdict}")
