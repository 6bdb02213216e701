"""Every route of the API: its cached responses expire with the kinds that they show, and with no others."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.test.utils import override_settings
from django.urls import get_resolver, path
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.request import Request
from rest_framework.response import Response

from categories.models import Category
from categories.views import CategoryViewSet
from config import urls
from core import dumps
from core.api.filters import FlagField, TimeField, WholeNumberField
from core.api.views import CatalogueView
from core.caching.dependencies import Dependencies, Routes, on, parse_parameters
from core.caching.stores import store
from core.caching.values import CachedValue
from core.database.prepared import PLACEHOLDER_ID, Statement
from core.database.sessions import reader
from core.kinds import Kind
from core.pages.page import Page
from grids.models import Cell, Feature, Grid, GridPackage
from grids.views import FeatureViewSet, GridViewSet
from packages.models import FetchState, Package, PackageHealth, Pin, ReadinessCount, Release, Snapshot
from packages.readiness.counts import count_readiness
from packages.views import PackageViewSet
from search.models import Entry
from tests.core.api.test_formats import BROWSER
from tests.factories import CategoryFactory, CellFactory, GridFactory, MembershipFactory, PackageFactory

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
PACKAGES, GRIDS, CATEGORIES, LOG = {"packages"}, {"grids"}, {"categories"}, {"changes"}
FEATURES = {"features"}
ALL = PACKAGES | GRIDS | CATEGORIES

# By route, requests with the revisions that they depend on: a new route needs a line here.
REQUESTS: dict[str, dict[str, set[str]]] = {
    "packages/": {
        "packages/": PACKAGES,
        "packages/?limit=1&cursor=": PACKAGES,
        "packages/?fields=title,grids": PACKAGES,
        "packages/?fields=category_slug": PACKAGES | CATEGORIES,
        "packages/?fields=grid_slugs": PACKAGES | GRIDS,
        "packages/?category=c": PACKAGES | CATEGORIES,
        "packages/?grid=g": PACKAGES | GRIDS,
        "packages/?q=category": PACKAGES,
        "packages/?expand=category": PACKAGES | CATEGORIES,
        "packages/?expand=grids": PACKAGES | GRIDS,
        "packages/?expand=category,grids": ALL,
        "packages/?licence=MIT&python=3.12&ordering=-repo_watchers": PACKAGES,
        "packages/?readiness=django-5.2-silent": PACKAGES,
        "packages/?participant=grids&repo_url=https://github.com/categories/grids": PACKAGES,
    },
    "packages/<reference>/": {
        "packages/p/": PACKAGES,
        "packages/p/?fields=title,category": PACKAGES,
        "packages/p/?fields=health": PACKAGES,
        "packages/p/?fields=reply": PACKAGES,
        "packages/p/?fields=pins": PACKAGES,
        "packages/p/?fields=vulnerable,advisories": PACKAGES,
        "packages/p/?fields=category_slug,grid_slugs": ALL,
        "packages/p/?expand=category": PACKAGES | CATEGORIES,
        "packages/p/?expand=grids": PACKAGES | GRIDS,
    },
    "packages/<reference>/releases/": {"packages/p/releases/": PACKAGES},
    "packages/<reference>/history/": {"packages/p/history/?since=2026-01-01": PACKAGES},
    "packages/<reference>/commits.svg": {"packages/p/commits.svg": PACKAGES},
    "packages/<reference>/stars.svg": {"packages/p/stars.svg": PACKAGES},
    "packages/<reference>/badge.svg": {"packages/p/badge.svg": PACKAGES},
    "packages/<reference>/badge.json": {"packages/p/badge.json": PACKAGES},
    "trending/": {"trending/": PACKAGES, "trending/?expand=category&by=downloads": PACKAGES | CATEGORIES},
    "grids/": {
        "grids/": GRIDS,
        "grids/?q=package": GRIDS,
        "grids/?package=p": GRIDS | PACKAGES,
        "grids/?without_level=good": GRIDS | PACKAGES,
        "grids/?expand=packages": GRIDS | PACKAGES,
        "grids/?ordering=title&header=false": GRIDS,
        "grids/?fields=package_count,package_slugs": GRIDS,
    },
    "grids/<reference>/": {"grids/g/": GRIDS, "grids/g/?expand=packages": GRIDS | PACKAGES},
    "grids/<reference>/features/": {"grids/g/features/": GRIDS | FEATURES},
    "grids/<reference>/comparison/": {
        "grids/g/comparison/": ALL | FEATURES,
        "grids/g/comparison/?limit=1&level=all&columns=health,feature-7&ordering=-feature-7,title": ALL | FEATURES,
        "grids/g/comparison/?category=c&grid=g&licence=MIT": ALL | FEATURES,
    },
    "compare/": {
        "compare/?packages=p,q": PACKAGES | CATEGORIES,
        "compare/?packages=p,q&grid=g&category=c": ALL,
    },
    "features/": {
        "features/": GRIDS | FEATURES,
        "features/?limit=1&cursor=": GRIDS | FEATURES,
        "features/?grid=g": GRIDS | FEATURES,
        "features/?id__in=7": GRIDS | FEATURES,
        "features/?fields=title": GRIDS | FEATURES,
    },
    "features/<reference>/": {"features/7/": GRIDS | FEATURES},
    "categories/": {
        "categories/": CATEGORIES,
        "categories/?q=packages": CATEGORIES,
        "categories/?fields=slug,package_count": CATEGORIES,
        "categories/?fields=slug,last_updated_median": CATEGORIES | PACKAGES,
    },
    "categories/<reference>/": {"categories/c/": CATEGORIES, "categories/c/?fields=all": CATEGORIES | PACKAGES},
    "search/": {"search/?q=maps": ALL | FEATURES, "search/": ALL | FEATURES},
    "readiness/": {"readiness/": PACKAGES},
    "readiness/<platform>/<version>/": {"readiness/django/5.2/": PACKAGES},
    "changes/": {"changes/": ALL | FEATURES | LOG},
    "feeds/packages.<extension>": {"feeds/packages.atom": PACKAGES},
    "feeds/releases.<extension>": {"feeds/releases.rss": PACKAGES},
    "feeds/grids.<extension>": {"feeds/grids.atom": GRIDS},
    "feeds/grids/<reference>.<extension>": {"feeds/grids/g.atom": PACKAGES | GRIDS},
    "feeds/categories/<reference>.<extension>": {"feeds/categories/c.rss": PACKAGES | CATEGORIES},
    "": {"": set()},
    "dumps/": {"dumps/": set()},
    "dumps/<name>/<file>": {},  # it redirects, whatever is stored
    "schema/": {"schema/": set(), "schema/?format=json": set()},
    "docs/": {"docs/": set()},
    "docs/clients/": {"docs/clients/": set()},
    "docs/redoc/": {},  # it redirects, whatever is stored
}
# By route, what its page shows beside the document: a route that is not named here has a page of its document alone.
PAGES_ADD: dict[str, set[str]] = {
    "": ALL | LOG,
    "packages/": CATEGORIES,
    "packages/<reference>/": CATEGORIES | GRIDS | FEATURES,
    "packages/<reference>/releases/": CATEGORIES,
    "packages/<reference>/history/": CATEGORIES,
    "trending/": CATEGORIES,
    "grids/<reference>/": PACKAGES | CATEGORIES | FEATURES,
    "grids/<reference>/features/": PACKAGES,
    "features/": PACKAGES,
    "features/<reference>/": PACKAGES,
    "categories/": PACKAGES,
    "categories/<reference>/": PACKAGES,
}


def package(**columns: Any) -> Callable[[], object]:
    return lambda: Package.objects.filter(slug="p").update(**columns)


def release() -> object:
    return Release.objects.create(package=Package.objects.get(slug="p"), version="2", uploaded_at=NOW)


def snapshot() -> object:
    return Snapshot.objects.create(package=Package.objects.get(slug="p"), day=NOW.date(), stars=7)


def pin() -> object:
    return Pin.objects.create(package=Package.objects.get(slug="p"), column="licence", reason="So it is.", since=NOW)


def state() -> object:
    one = Package.objects.get(slug="p")
    return FetchState.objects.create(package=one, source="pypi", target="p", outcome="ok", next_due=NOW)


def health() -> object:
    return PackageHealth.objects.create(package=Package.objects.get(slug="p"), warnings=["stale"])


# Each way of writing, with the revisions that it moves.
WRITES: dict[str, tuple[Callable[[], object], set[str]]] = {
    "a package's number": (package(repo_watchers=77), PACKAGES | LOG),
    "a package's title, which its grids sort by": (package(title="Zebra"), PACKAGES | GRIDS | LOG),
    "a package's slug, which its grids can show": (
        lambda: Package.objects.filter(title="Zoo").update(slug="zoo2"),
        PACKAGES | GRIDS | LOG,
    ),
    "another category of a package, whose number changes": (
        lambda: Package.objects.filter(title="Zoo").update(category=CategoryFactory.create()),
        PACKAGES | CATEGORIES | LOG,
    ),
    "a package that comes": (
        lambda: PackageFactory.create(category=Category.objects.get(slug="c")),
        PACKAGES | CATEGORIES | LOG,
    ),
    "a package that goes": (lambda: Package.objects.filter(title="Zoo").delete(), PACKAGES | CATEGORIES | LOG),
    "a package's last_fetched, which the log leaves out": (package(last_fetched=NOW), PACKAGES),
    "a release": (release, PACKAGES | LOG),
    "a pin": (pin, PACKAGES | LOG),
    "a snapshot": (snapshot, PACKAGES),
    "a fetch state": (state, PACKAGES),
    "a package's verdict": (package(verdict_rank=3), PACKAGES | LOG),
    "the warnings beside it, which the log leaves out": (health, PACKAGES),
    "a count of packages that are ready": (lambda: ReadinessCount.objects.update(packages=7), PACKAGES),
    "a grid": (lambda: Grid.objects.update(description="other"), GRIDS | LOG),
    "a membership": (lambda: GridPackage.objects.update(position=9), PACKAGES | GRIDS | LOG),
    "a feature": (lambda: Feature.objects.update(description="other"), FEATURES | LOG),
    "a cell": (lambda: Cell.objects.update(text="no"), FEATURES | LOG),
    "a cell that goes": (lambda: Cell.objects.all().delete(), FEATURES | LOG),
    "a category": (lambda: Category.objects.update(description="other"), CATEGORIES | LOG),
}


def named_routes(root: str) -> set[str]:
    """Return the patterns of all routes below `root`, in the notation of REQUESTS."""
    patterns = {
        route.pattern.pattern for routes in Routes(get_resolver().url_patterns).by_word.values() for route in routes
    }
    plain = {re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", each).replace("\\", "") for each in patterns}
    return {each.removeprefix(root) for each in plain if each.startswith(root)}


@pytest.fixture
def _catalogue(settings: Settings, tmp_path: Path) -> None:
    settings.CACHE_URL = "locmem://"
    settings.DUMP_ROOT = str(tmp_path)
    fill_catalogue()


def fill_catalogue() -> None:
    """Store one of everything that is written to in WRITES, with an empty cache."""
    store.cache_clear()
    facts: dict[str, Any] = {"licence": "MIT", "classifiers": ["Framework :: Django"]}
    one = PackageFactory.create(slug="p", title="Maps", repo_url="https://github.com/a/p", **facts)
    PackageFactory.create(slug="q", category=one.category)
    PackageFactory.create(slug="zoo", title="Zoo", category=one.category)
    Category.objects.update(slug="c")
    Release.objects.create(package=one, version="0.1", uploaded_at=NOW)
    member = MembershipFactory.create(package=one, grid=GridFactory.create(slug="g", title="Maps"))
    CellFactory.create(feature__id=7, feature__grid=member.grid, membership=member)
    count_readiness(NOW)


def test_every_route_has_requests_here() -> None:
    assert named_routes("/api/v4/") == REQUESTS.keys()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_catalogue")
@pytest.mark.parametrize("accept", ["*/*", BROWSER])
@pytest.mark.parametrize("first", range(3))  # each third of the writes, so that no worker is the last for long
def test_a_response_expires_with_the_kinds_that_it_shows_and_no_others(client: Client, accept: str, first: int) -> None:
    adds = PAGES_ADD if accept == BROWSER else {}
    requests = {
        url: depends | adds.get(route, set())
        for route, urls in REQUESTS.items()
        # Parameters mean the same for pages, which take longer: one of each route.
        for url, depends in (list(urls.items())[:1] if accept == BROWSER else urls.items())
    }

    def get(url: str) -> Any:
        return client.get(f"/api/v4/{url}", headers={"accept": accept})

    check_expiry(get, requests, list(WRITES)[first::3])


def check_expiry(get: Callable[[str], Any], requests: Mapping[str, set[str]], writes: Iterable[str]) -> None:
    """Write in each of these ways: the responses to the requests change with the revisions that they depend on, and
    with no others."""
    before = {url: get(url) for url in requests}
    assert {response.status_code for response in before.values()} == {200}
    assert [url for url, response in before.items() if "ETag" not in response] == []
    for what in writes:
        write, moved = WRITES[what]
        write()
        for url, depends in requests.items():
            after = get(url)
            assert (after["ETag"] != before[url]["ETag"]) == bool(depends & moved), (what, url)
            before[url] = after
            if depends:  # without, a response is built without a query: see below
                with override_settings(CACHE_URL="dummy://"):
                    assert get(url).content == after.content, (what, url)


# A value for each filter whose field does not tell one.
VALUES = {
    "category": "c",
    "grid": "g",
    "package": "p",
    "id__in": "1,2",
    "slug__in": "p,q",
    "repo_url": "https://github.com/a/p",
    "repo_url__in": "https://github.com/a/p,https://github.com/a/q",
    "pypi_name": "p",
    "pypi_name__in": "p>=1%0Aq",
    "classifier": "Framework :: Django",
    "repo_host": "github.com",
    "participant": "anna",
    "licence": "MIT",
    "pypi_status": "archived",
    "django": "5.2",
    "python": "3.12",
    "readiness": "python-3.12-others",
    "q": "maps",
    "health": "finished,unknown",
    "reply": "help_wanted,none",
    "level": "poor",
    "without_level": "good",
}


def value_of(field: Any, name: str) -> str:
    by_type = {FlagField: "true", WholeNumberField: "1", TimeField: "2026-05-01"}
    return next((value for kind, value in by_type.items() if isinstance(field, kind)), "") or VALUES[name]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_catalogue")
@pytest.mark.parametrize("view", [PackageViewSet, GridViewSet, CategoryViewSet, FeatureViewSet])
def test_every_filter_ordering_field_and_expansion_declares_what_it_reads(client: Client, view: Any) -> None:
    """A new one that reads another kind of document, and does not declare it, is never cached: it fails here."""
    filters = {name: each.field for name, each in view.filterset_class.base_filters.items()}
    queries = [f"{name}={value_of(field, name)}" for name, field in filters.items() if name != "ordering"]
    queries += [f"ordering={name}" for name in getattr(filters.get("ordering"), "names", ())]
    queries += [f"fields={name}" for name in view.columns.served]
    queries += [f"expand={name}" for name in view.columns.expandable]
    for query in queries:
        for accept in ("*/*", BROWSER):
            response = client.get(f"/api/v4/{view.kind.plural}/?{query}", headers={"accept": accept})
            assert response.status_code == 200, (query, response.content)
            assert "ETag" in response, (query, accept)


@pytest.mark.parametrize(
    ("parameters", "ages"),
    [
        ({}, 0),
        ({"stale": "30"}, 60),
        ({"ordering": "score"}, 60),
        ({"ordering": "title,-score"}, 60),
        ({"ordering": "repo_watchers"}, 0),
        ({"fields": "score"}, 60),
        ({"fields": "all"}, 60),
        ({"fields": "title"}, 0),
        ({"q": "score stale fields=all"}, 0),
        ({"participant": "stale"}, 0),
    ],
)
def test_the_parameters_that_make_a_list_age(parameters: dict[str, str], ages: int) -> None:
    route = Routes(get_resolver().url_patterns).find("/api/v4/packages/")
    assert route is not None
    assert route.dependencies(parameters, "json").ages == ages


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    ["fields=\u2003score", "ordering=\u2003score", "fields=\u00a0all,title", "fields=%E2%80%83score", "fields=all"],
)
def test_bytes_that_are_not_percent_encoded_are_read_as_the_view_reads_them(client: Client, query: str) -> None:
    """A server gives the query as latin-1, where Django reads UTF-8."""
    raw = query.encode().decode("latin-1")
    assert client.get("/api/v4/packages/", QUERY_STRING=raw).status_code == 200
    route = Routes(get_resolver().url_patterns).find("/api/v4/packages/")
    assert route is not None
    assert route.dependencies(dict(parse_parameters(raw)), "json").ages == 60


@pytest.mark.django_db
@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_what_shows_no_documents_runs_no_query(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, accept: str
) -> None:
    root = [] if accept == "text/html" else [""]  # the page of the root shows what is new
    for url in (*root, "docs/", "schema/"):
        with django_assert_num_queries(0):
            client.get(f"/api/v4/{url}", headers={"accept": accept})


@pytest.mark.parametrize("word", ["grid-features", "v3x", "llms2", "a_b"])
def test_a_route_is_found_by_any_first_word(word: str) -> None:
    class View(CatalogueView):
        depends_on = on(Kind.GRID)

    routes = Routes((path(f"api/v4/{word}/", View.as_view()), path(f"api/v4/{word}/<int:pk>/", View.as_view())))
    for below in (f"{word}/", f"{word}/7/"):
        route = routes.find(f"/api/v4/{below}")
        assert route is not None
        assert route.dependencies({}, "json") == on(Kind.GRID)


def test_an_action_and_a_page_may_add_dependencies() -> None:
    class OfPackages(Page):
        depends_on = on(Kind.PACKAGE)

    class View(CatalogueView):
        depends_on = on(Kind.GRID)
        page_class = OfPackages
        parameters_add = {"category": on(Kind.CATEGORY)}  # noqa: RUF012 (as views declare it)

    view: Any = View.as_view(parameters_add={"stale": on(ages=60)})
    route = Routes((path("api/v4/x/", view),)).find("/api/v4/x/")
    assert route is not None
    assert route.dependencies({}, "json") == on(Kind.GRID)
    assert route.dependencies({}, "api") == on(Kind.GRID, Kind.PACKAGE, ages=86_400), "its words tell days"
    assert route.dependencies({"category": "c", "stale": "1"}, "json") == on(Kind.GRID, Kind.CATEGORY, ages=60)
    assert route.dependencies({"stale": "1"}, "api") == on(Kind.GRID, Kind.PACKAGE, ages=60)


class Undeclared(CatalogueView):
    """A view without `depends_on`."""


class OfAnother(CatalogueView):
    """A view that declares categories, and shows packages."""

    depends_on: ClassVar[Dependencies | None] = on(Kind.CATEGORY)

    def get(self, _request: Request) -> Response:
        return Response({"titles": list(Package.objects.values_list("title", flat=True))})


class OfTitles(OfAnother):
    """A view that declares the column, which moves the revision of grids but not that of categories."""

    depends_on = on(Kind.CATEGORY, columns=[(Kind.PACKAGE, "title")])


class Honest(OfAnother):
    """A view that declares the column, and the revision that moves with it."""

    depends_on = on(Kind.GRID, columns=[(Kind.PACKAGE, "title")])


class ByColumn(Honest):
    """A view that declares a column which moves no other revision."""

    depends_on = on(Kind.GRID, columns=[(Kind.PACKAGE, "repo_watchers")])


class ByPreparedStatement(OfAnother):
    """Reads packages by a statement that is sent by its name."""

    def get(self, _request: Request) -> Response:
        titles = Statement("SELECT title FROM packages_package WHERE id > %s ORDER BY id", [PLACEHOLDER_ID])
        other = Statement(titles.sql, titles.parameters)  # another of the same name comes and goes
        del other
        return Response({"titles": [title for (title,) in titles.rows(reader(), 0)]})


class ByCachedValue(OfAnother):
    """Uses a value that was made of packages, and runs no SQL if it is cached."""

    def get(self, _request: Request) -> Response:
        cached = CachedValue(on(Kind.PACKAGE), "titles")
        if cached.value is None:
            cached.set(list(Package.objects.values_list("title", flat=True)))
        return Response({"titles": cached.value})


class OfTheIndex(OfAnother):
    """Reads the index of the search, whose rows are of packages or of grids, and declares grids alone."""

    depends_on = on(Kind.GRID)

    def get(self, _request: Request) -> Response:
        return Response(
            {
                "titles": [
                    names.split()[0] for names in Entry.objects.filter(kind="package").values_list("names", flat=True)
                ]
            }
        )


def test_a_view_that_declares_nothing_is_refused_at_start() -> None:
    with pytest.raises(ImproperlyConfigured, match="/api/v4/undeclared/"):
        Routes((path("api/v4/undeclared/", Undeclared.as_view()),))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_catalogue")
@pytest.mark.parametrize(
    ("view", "is_cached"),
    [
        (OfAnother, False),
        (OfTitles, False),
        (ByColumn, False),
        (ByPreparedStatement, False),
        (ByCachedValue, False),
        (OfTheIndex, False),
        (Honest, True),
    ],
)
def test_a_response_with_an_undeclared_table_is_never_cached(
    settings: Settings, caplog: pytest.LogCaptureFixture, view: type[CatalogueView], is_cached: bool
) -> None:
    class Urls:
        urlpatterns = (path("api/v4/other/", view.as_view()), *urls.urlpatterns)

    settings.ROOT_URLCONF = Urls
    client = Client()
    for title in ("Maps", "Atlas", "Atlas"):
        Package.objects.update(title=title)
        response = client.get("/api/v4/other/")
        assert set(response.json()["titles"]) == {title}
        assert ("ETag" in response) == is_cached
        assert is_cached or response["Cache-Control"] == "no-store"
    assert ("which its view does not declare" in caplog.text) != is_cached


def test_dependencies_add_up() -> None:
    assert on(states=[dumps.state]) | on(Kind.GRID) == on(Kind.GRID, states=[dumps.state])
    assert on(Kind.GRID) | on(states=[dumps.state]) == on(Kind.GRID, states=[dumps.state])
    assert on(Kind.GRID, ages=60) | on(Kind.PACKAGE, ages=3600) == on(Kind.GRID, Kind.PACKAGE, ages=60)
