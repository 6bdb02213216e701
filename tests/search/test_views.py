"""GET /api/v4/search/: the order of results, their pages, and an index that is never behind."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from categories.models import Category
from grids.models import Feature, Grid
from packages.models import Package
from search import triggers
from search.management.commands.check_search import differences
from search.models import Entry
from search.query import Query, name_key
from tests.conftest import Get
from tests.factories import CategoryFactory, FeatureFactory, GridFactory, MembershipFactory, PackageFactory
from tests.threads import in_background

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


def slugs(client: Client, query: str, **parameters: Any) -> list[str]:
    response = client.get("/api/v4/search/", {"q": query, **parameters})
    assert response.status_code == 200, response.content
    return [hit["slug"] for hit in response.json()]


# Relevance, on the sample catalogue: what is typed, and what must come first.
FIRST = (
    ("django rest framework", "djangorestframework"),
    ("djangorestframework", "djangorestframework"),
    ("Django-REST-Framework", "djangorestframework"),
    ("rest framework", "djangorestframework"),
    ('"rest framework"', "djangorestframework"),
    ("rest_framework", "djangorestframework"),
    ("framework for web apis", "djangorestframework"),
    ("drf", "drf-spectacular"),
    ("spectacular", "drf-spectacular"),
    ("jwt", "djangorestframework-simplejwt"),
    ("simple jwt", "djangorestframework-simplejwt"),
    ("rest", "djangorestframework"),
    ("authentication", "authentication"),
    ("auth", "authentication"),
    ("second factor", "django-two-factor-auth"),
    ("two factor", "django-two-factor-auth"),
    ("images", "images-and-thumbnails"),
    ("thumbnails", "sorl-thumbnail"),
    ("sorl", "sorl-thumbnail"),
    ("easy thumbnails", "easy-thumbnails"),
    ("celery beat", "django-celery-beat"),
    ("wagtail", "wagtail"),
    ("WAGTAIL", "wagtail"),
    ("cms", "django-cms"),
    ("django cms", "django-cms"),
    ("django-filter", "django-filter"),
    ("filter", "django-filter"),
    ("django_filter", "django-filter"),
    ("debug toolbar", "django-debug-toolbar"),
    ("toolbar debug", "django-debug-toolbar"),
    ("the debug toolbar", "django-debug-toolbar"),
    ("haystack", "django-haystack"),
    ("simple history", "django-simple-history"),
    ("simplehistory", "django-simple-history"),
    ("crispy", "django-crispy-forms"),
    ("forms", "forms"),
    ("model bakery", "model-bakery"),
    ("modelbakery", "model-bakery"),
    ("guardian", "django-guardian"),
    ("background tasks", "background-tasks"),
    ("testing", "testing"),
    ("tests", "testing"),
    ("unfold", "django-unfold"),
    ("import export", "django-import-export"),
    # Typing errors
    ("wagtial", "wagtail"),
    ("djagno-filter", "django-filter"),
    ("celrey beat", "django-celery-beat"),
    ("hastack", "django-haystack"),
    ("restframwork", "djangorestframework"),
    ("debug tolbar", "django-debug-toolbar"),
    ("thumbnial", "sorl-thumbnail"),
    ("guardain", "django-guardian"),
    ("spectaclar", "drf-spectacular"),
    ("authentification", "django-two-factor-auth"),
)


@pytest.fixture
def _sample() -> None:
    call_command("load_sample", verbosity=0)


@pytest.mark.usefixtures("_sample")
def test_relevance(client: Client) -> None:
    assert {query: slugs(client, query)[:1] for query, _ in FIRST} == {query: [first] for query, first in FIRST}
    assert len(FIRST) >= 40


@pytest.mark.usefixtures("_sample")
def test_quotes_and_minus(client: Client) -> None:
    assert slugs(client, '"framework rest"') == []
    assert "djangorestframework-simplejwt" in slugs(client, "rest framework")
    assert "djangorestframework-simplejwt" not in slugs(client, "rest framework -jwt -simplejwt")
    assert "django-celery-beat" not in slugs(client, "celery -beat")
    assert "django-celery-results" in slugs(client, "celery -beat")
    assert "django-celery-beat" in slugs(client, 'celery -"beat results"')


@pytest.mark.usefixtures("_sample")
@pytest.mark.parametrize(
    "query", ["%_\\\"'", "%", "_", "'", '"', '""', "-", "--", "-celery", "()*:&|!", "* : ^ +", "-- ;", '-"a b"']
)
def test_nothing_to_search_for_finds_nothing(client: Client, query: str) -> None:
    response = client.get("/api/v4/search/", {"q": query})
    assert (response.status_code, response.json(), response["X-Total-Count"]) == (200, [], "0")


@pytest.mark.usefixtures("_sample")
def test_stop_words_alone_are_words(client: Client) -> None:
    assert slugs(client, "the")
    assert slugs(client, "of and the") != []


def rich() -> Package:
    return PackageFactory.create(
        id=81,
        title="Django-Ralph",
        slug="django-ralph",
        category=CategoryFactory.create(title="App"),
        repo_description="Keeps assets.",
        repo_watchers=1000,
        repo_forks=5,
        participants=["anna", "bert"],
        pypi_downloads=77,
        classifiers=["Programming Language :: Python :: 3"],
        last_updated=timezone.now() - timedelta(days=100),
        released=NOW,
        created=NOW,
        modified=NOW,
    )


def test_the_documents(client: Client) -> None:
    package = rich()
    grid = GridFactory.create(id=7, title="Ralphs", slug="ralphs", description="All of them", created=NOW, modified=NOW)
    response = client.get("/api/v4/search/", {"q": "ralph"})
    committed = timezone.localtime(package.last_updated).isoformat()
    assert [list(hit.items()) for hit in response.json()] == [
        [
            ("description", "Keeps assets."),
            ("title", "Django-Ralph"),
            ("created", "2026-05-06T03:08:09-04:00"),
            ("modified", "2026-05-06T03:08:09-04:00"),
            ("weight", response.json()[0]["weight"]),
            ("item_type", "package"),
            ("title_no_prefix", "Ralph"),
            ("slug", "django-ralph"),
            ("slug_no_prefix", "ralph"),
            ("clean_title", "Ralph"),
            ("category", "App"),
            ("absolute_url", "/api/v4/packages/81/"),
            ("repo_watchers", 1000),
            ("repo_forks", 5),
            ("score", 900),
            ("pypi_downloads", 77),
            ("usage", 0),
            ("participants", "anna,bert"),
            ("last_committed", committed),
            ("last_released", "2026-05-06T03:08:09-04:00"),
            ("id", 81),
            ("url", "http://testserver/api/v4/packages/81/"),
        ],
        [
            ("description", "All of them"),
            ("title", "Ralphs"),
            ("created", "2026-05-06T03:08:09-04:00"),
            ("modified", "2026-05-06T03:08:09-04:00"),
            ("weight", 77),
            ("item_type", "grid"),
            ("title_no_prefix", "Ralphs"),
            ("slug", "ralphs"),
            ("slug_no_prefix", "ralphs"),
            ("clean_title", "Ralphs"),
            ("category", ""),
            ("absolute_url", f"/api/v4/grids/{grid.pk}/"),
            ("repo_watchers", 0),
            ("repo_forks", 0),
            ("score", 0),
            ("pypi_downloads", 0),
            ("usage", 0),
            ("participants", None),
            ("last_committed", None),
            ("last_released", None),
            ("id", 7),
            ("url", "http://testserver/api/v4/grids/7/"),
        ],
    ]
    assert 85 <= response.json()[0]["weight"] <= 94


def test_quality_orders_what_fits_equally(client: Client) -> None:
    facts: dict[str, dict[str, Any]] = {
        "a-famous": {"repo_watchers": 9000, "last_updated": NOW, "released": NOW},
        "b-famous-unreleased": {"repo_watchers": 9000, "last_updated": NOW},
        "c-known": {"repo_watchers": 900, "last_updated": NOW},
        "d-left-alone": {"repo_watchers": 9000, "last_updated": NOW - timedelta(days=3000)},
        "e-unknown": {},
        "f-gone": {"repo_watchers": 90_000, "last_updated": NOW, "gone_since": NOW},
        "g-deprecated": {"repo_watchers": 90_000, "last_updated": NOW, "deprecated": True},
    }
    for slug in reversed(facts):
        PackageFactory.create(slug=slug, title=f"{slug} x", repo_description="maps", **facts[slug])
    assert slugs(client, "maps") == list(facts)


def test_words_of_every_kind_are_found(client: Client) -> None:
    category = CategoryFactory.create(title="Frobnicator", title_plural="Frobnicators", slug="frobs")
    PackageFactory.create(
        slug="one",
        title="Élan Vital",
        pypi_url="some-project",
        repo_description="Über naïve café résumés",
        participants=["Anna-Karenina"],
        category=category,
    )
    GridFactory.create(slug="g", description="Holds naïve things")
    for query in ("elan", "élan", "ELAN vital", "some project", "someproject", "uber", "cafe", "résumé", "anna"):
        assert slugs(client, query)[:1] == ["one"], query
    for query in ("frobnicator", "Frobnicators", "frobs", "frobnicator elan"):
        assert slugs(client, query) == ["one"], query
    assert slugs(client, "naive") == ["g", "one"]
    Category.objects.filter(pk=category.pk).update(title="Whatsit", title_plural="", slug="w")
    assert (slugs(client, "whatsit"), slugs(client, "frobs")) == (["one"], [])


def test_paging(client: Client) -> None:
    for number in range(45):
        PackageFactory.create(slug=f"maps-{number}", title="x", repo_watchers=45 - number)
    every = slugs(client, "maps", limit=100)
    assert every == [f"maps-{number}" for number in range(45)]
    assert slugs(client, "maps") == every[:20]
    found: list[str] = []
    url: str | None = "/api/v4/search/?q=maps&limit=7"
    while url:
        response = client.get(url)
        assert response["X-Total-Count"] == "45"
        found += [hit["slug"] for hit in response.json()]
        following = re.search(r'<([^>]*)>; rel="next"', response.get("Link", ""))
        url = following[1] if following else None
    assert found == every
    last = client.get("/api/v4/search/?q=maps&limit=7&offset=42")
    assert last["Link"] == '<http://testserver/api/v4/search/?limit=7&offset=35&q=maps>; rel="prev"'
    beyond = client.get("/api/v4/search/?q=maps&offset=90")
    assert (beyond.json(), beyond["X-Total-Count"]) == ([], "45")


def test_paging_through_what_is_spelled_alike(client: Client) -> None:
    for number in range(9):
        PackageFactory.create(slug=f"wagtail-{number}", title="x", repo_watchers=9 - number)
    every = slugs(client, "wagtial")
    assert every == [f"wagtail-{number}" for number in range(9)]
    assert [slugs(client, "wagtial", limit=2, offset=offset) for offset in (0, 2, 8, 9)] == [
        *(every[:2], every[2:4], every[8:], []),
    ]


def test_one_type(client: Client) -> None:
    PackageFactory.create(slug="maps")
    GridFactory.create(slug="maps")
    kinds = [hit["item_type"] for hit in client.get("/api/v4/search/?q=maps").json()]
    assert sorted(kinds) == ["grid", "package"]
    for kind in ("grid", "package"):
        response = client.get(f"/api/v4/search/?q=maps&type={kind}")
        assert [hit["item_type"] for hit in response.json()] == [kind]
        assert response["X-Total-Count"] == "1"


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("type=", {"type": ["Empty; give it a value or leave it out."]}),
        ("q=%ff", {"q": ["Is not UTF-8."]}),
        ("q=" + "x" * 501, {"q": ["At most 500 characters."]}),
        (
            "q=x&type=packages",
            {"type": ["There is no type “packages” here. Did you mean “package”? There are: grid, package."]},
        ),
        ("q=x&limit=0", {"limit": ["Must be a whole number from 1 to 100."]}),
        ("q=x&offset=10001", {"offset": ["Must be a whole number from 0 to 10000."]}),
        (
            "q=x&sort=y",
            {"sort": ["There is no parameter “sort” here. There are: bom, format, limit, offset, q, type."]},
        ),
        ("q=%00", {"q": ["Holds a control character."]}),
    ],
)
def test_wrong_parameters(get: Get, query: str, body: dict[str, list[str]]) -> None:
    response = get(f"search/?{query}")
    assert (response.status_code, response.json()) == (400, body)


def test_the_page_has_a_form(get: Get) -> None:
    html = get("search/", accept="text/html").content.decode()
    assert 'name="q"' in html
    assert 'value="&lt;b&gt;"' in get("search/?q=%3Cb%3E", accept="text/html").content.decode()
    response = get("search/")
    assert (response.json(), response["X-Total-Count"]) == ([], "0")


@pytest.mark.parametrize("rows", [1, 40])
def test_queries_do_not_grow(client: Client, django_assert_max_num_queries: DjangoAssertNumQueries, rows: int) -> None:
    for member in MembershipFactory.create_batch(rows):
        Package.objects.filter(pk=member.package_id).update(repo_description="maps")
        Grid.objects.filter(pk=member.grid_id).update(description="maps")
    # Categories, the hits, candidates for typing errors where hits are few, a query for each kind; and around them
    # PostgreSQL's savepoint and limits.
    with django_assert_max_num_queries(12):
        response = client.get("/api/v4/search/?q=maps&limit=100")
    assert response["X-Total-Count"] == str(2 * rows)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60) | st.text("\"-*:()&|!<>'\\%_ abc", max_size=40)
)
@example('"a" -"b c" d*')
@example("²³ ¼ ﬁ ǆ")
@example("1e5 a.b/c@d.e")
def test_any_text_is_answered(client: Client, text: str) -> None:
    response = client.get("/api/v4/search/", {"q": text})
    assert response.status_code == 200


@pytest.mark.parametrize("query", ["", "?q=", "?q=%20", "?q=&limit=5"])
def test_a_search_for_nothing_finds_nothing(client: Client, query: str) -> None:
    """Clients of the service that this one replaces rely on it."""
    response = client.get(f"/api/v4/search/{query}")
    assert (response.status_code, response.json(), response["X-Total-Count"]) == (200, [], "0")


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    query = Query.parse(text)
    assert all(word and word.isalnum() for word in query.words)
    assert name_key(query.key) == query.key


def test_reading() -> None:
    assert Query.parse('Django "rest framework" -old -"a b" the x-y') == Query(
        "djangorestframeworkthexy",
        ("django", "x", "y"),
        (("rest", "framework"),),
        (("old",), ("a", "b")),
    )


# The index


def edits() -> list[tuple[str, Callable[[], object]]]:
    """Every way of writing, as (what it is, the write)."""
    category = CategoryFactory.create()
    package = PackageFactory.create(category=category, slug="p", participants=["anna"])
    grid = GridFactory.create(slug="g")

    def bulk_update() -> None:
        row = Package.objects.get(pk=package.pk)
        row.title, row.repo_watchers = "Other", 55
        Package.objects.bulk_update([row], ["title", "repo_watchers"])

    def upsert() -> None:
        row = Package.objects.get(pk=package.pk)
        row.repo_description, row.last_updated = "elsewhere", NOW
        columns = ["repo_description", "last_updated"]
        Package.objects.bulk_create([row], update_conflicts=True, unique_fields=["id"], update_fields=columns)

    def rename() -> None:
        package.slug = "q"
        package.save()

    def describe() -> None:
        grid.description = "new"
        grid.save()

    def raw(sql: str) -> Callable[[], object]:
        return lambda: connection.cursor().execute(sql)

    return [
        ("save", rename),
        (
            "bulk_create",
            lambda: Package.objects.bulk_create([Package(category=category, title="B", slug="b", id=9000)]),
        ),
        ("bulk_update", bulk_update),
        ("upsert", upsert),
        ("update", lambda: Package.objects.update(deprecated=True, pypi_url="x-y")),
        ("raw update", raw('UPDATE packages_package SET participants = \'["bert", "carl"]\', released = last_updated')),
        (
            "raw insert",
            raw(
                "INSERT INTO grids_grid (title, slug, description, is_locked, header, created, modified)"
                " VALUES ('Raw', 'raw', '', true, true, '2020-01-01', '2020-01-01')"
            ),
        ),
        ("raw id", raw("UPDATE packages_package SET id = 12345 WHERE id = 9000")),
        ("grid save", describe),
        ("feature", lambda: FeatureFactory.create_batch(3, grid=grid)),
        ("feature order", lambda: Feature.objects.update(position=F("id") * -1 + 2**20)),
        ("feature title", lambda: Feature.objects.update(title="Tiles")),
        ("raw feature delete", raw("DELETE FROM grids_feature WHERE id = (SELECT min(id) FROM grids_feature)")),
        ("category rename", lambda: Category.objects.update(title="Renamed")),
        ("delete", package.delete),
        ("raw delete", raw("DELETE FROM packages_package")),
        ("queryset delete", lambda: Grid.objects.all().delete()),
    ]


def test_a_grid_is_found_by_its_features(get: Get) -> None:
    grid, other = GridFactory.create(slug="maps", description="All of them"), GridFactory.create(slug="charts")
    feature = FeatureFactory.create(grid=grid, title="Vector tiles")
    FeatureFactory.create(grid=grid, title="Offline")
    FeatureFactory.create(grid=other, title="Tiles")

    def found(query: str) -> list[str]:
        return sorted(hit["slug"] for hit in get(f"search/?q={query}").json())

    assert found("tiles") == ["charts", "maps"]
    assert found("vector+offline") == found('"them+vector"') == ["maps"]
    Feature.objects.filter(pk=feature.pk).update(title="Projections")
    assert (found("tiles"), found("projections")) == (["charts"], ["maps"])
    feature.delete()
    assert found("projections") == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_features_that_two_write_at_the_same_time_are_both_found() -> None:
    grid = GridFactory.create()

    def add() -> None:
        FeatureFactory.create(grid=grid, title="Two")

    def describe() -> None:
        Grid.objects.filter(pk=grid.pk).update(description="Three")

    with transaction.atomic():
        FeatureFactory.create(grid=grid, title="One")
        other, describing = in_background(add), in_background(describe)
        other.join(0.3)
    other.result()
    describing.result()
    assert Entry.objects.get(kind="grid").body == "Three One Two"
    assert differences() == []


def test_the_index_is_right_after_every_way_of_writing() -> None:
    for what, write in edits():
        write()
        assert differences() == [], what
        assert Entry.objects.count() == Package.objects.count() + Grid.objects.count(), what
        call_command("check_search", verbosity=0)


def test_an_edit_is_found_in_its_own_transaction_and_forgotten_with_it(client: Client) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        PackageFactory.create(slug="ephemeral")
        assert slugs(client, "ephemeral") == ["ephemeral"]
        raise ZeroDivisionError
    assert slugs(client, "ephemeral") == []
    package = PackageFactory.create(slug="first")
    package.slug = "second"
    package.save()
    assert (slugs(client, "first"), slugs(client, "second")) == ([], ["second"])


def test_check_search_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    package = PackageFactory.create()
    call_command("check_search")
    assert capsys.readouterr().out == "The search index is right.\n"
    Entry.objects.update(names="nonsense")
    with pytest.raises(CommandError, match="1 entries are wrong; run: manage"):
        call_command("check_search")
    assert f"package {package.pk}:" in capsys.readouterr().err
    call_command("check_search", "--rebuild", verbosity=0)
    Entry.objects.all().delete()
    with pytest.raises(CommandError, match="entries are wrong"):
        call_command("check_search")


def test_check_search_misses_triggers() -> None:
    triggers.uninstall(connection)
    try:
        with pytest.raises(CommandError, match="triggers of packages_package, grids_grid"):
            call_command("check_search")
    finally:
        triggers.install(connection)


def test_a_statement_that_takes_too_long_is_ended(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = (
        "SELECT pg_sleep(20)"
        if connection.vendor == "postgresql"
        else "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    )

    def slow(*_: object) -> Any:
        connection.cursor().execute(endless)

    monkeypatch.setattr("search.find.MAX_SECONDS", 0.2)
    if connection.vendor == "postgresql":  # as a server's connections are
        connection.cursor().execute("SET statement_timeout = '200ms'")
    monkeypatch.setattr("search.find._categories", slow)
    with transaction.atomic():
        response = client.get("/api/v4/search/?q=x")
        transaction.set_rollback(True)
    if connection.vendor == "postgresql":
        connection.cursor().execute("RESET statement_timeout")
    assert response.status_code == 503
    assert response.json() == {
        "detail": "The database did not respond in time; request less, or something more specific."
    }
    connection.cursor().execute("SELECT 1")  # and the connection goes on


def test_a_role_that_may_not_create_the_extension_is_told_what_to_run() -> None:
    class Refusing:
        """A server that has no pg_trgm and refuses to create it: as a role without rights sees it."""

        vendor = "postgresql"
        settings_dict: ClassVar = {"NAME": "grids"}

        def cursor(self) -> Any:
            return self

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def execute(self, statement: str) -> None:
            if statement.startswith("CREATE"):
                raise DatabaseError('permission denied to create extension "pg_trgm"\nHINT:  Must be superuser.')

        def fetchone(self) -> None:
            return None

    with pytest.raises(CommandError) as error:
        triggers.create_extension(Refusing())  # type: ignore[arg-type]
    assert str(error.value) == (
        "The search needs PostgreSQL's extension pg_trgm, which this role may not create (permission denied to create"
        ' extension "pg_trgm" HINT: Must be superuser.). Run as a superuser:'
        " psql -d grids -c 'CREATE EXTENSION pg_trgm', then migrate again."
    )
