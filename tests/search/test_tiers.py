"""The results compared with those of a naive search that looks at every entry: tiers, order, pages and totals, with the
statements for small catalogues and with those for large ones, which read the best entries first."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from categories.models import Category
from grids.models import Grid
from packages.models import Package
from search.backends import postgresql
from search.backends.postgresql import prefix_end
from search.find import Page, find
from search.models import Entry
from search.query import Query, fold
from search.similar import pieces_of
from search.tiers import KEY_COLUMNS, MAX_TOTAL, sort_key
from tests.factories import CategoryFactory, PackageFactory

pytestmark = pytest.mark.django_db
WORDS = ("admin", "api", "auth", "cache", "form", "grid")
QUERIES: tuple[str, ...] = (
    "admin",
    "admin api",
    "api admin",
    "a",
    "django",
    "django-auth",
    "form cache",
    "auth -cache",
    "package",
)
QUERIES += ("cache auth grid", "pack", '"admin api"', "-form admin", "djang", "grid", "package-7", "admin api -django")
BOTH = ("package", "grid")


@pytest.fixture
def _catalogue() -> None:
    category = CategoryFactory.create(title="Other", title_plural="Others", slug="other")
    names = list(itertools.permutations(WORDS, 2))
    rows = [_package(number, names, category) for number in range(300)]
    Package.objects.bulk_create(rows)
    Grid.objects.bulk_create(
        Grid(title=f"{WORDS[i % 6]} grid {i}", slug=f"grid-{i}", description=WORDS[i % 5]) for i in range(40)
    )


def _package(number: int, names: list[tuple[str, str]], category: Category) -> Package:
    one, other = names[number * 7 % len(names)]
    return Package(
        category=category,
        title=f"{'django-' if number % 2 else ''}{one}-{other}-{number}",
        slug=f"package-{number}",
        pypi_url="" if number % 3 else f"{one}-{number}",
        repo_description=f"The {WORDS[number % 6]} for every {WORDS[number * 5 % 6]}",
        repo_watchers=number * 37 % 101,
    )


@pytest.fixture(params=["small", "large", "reached", "rare"])
def max_total(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The greatest total, with the statements for small catalogues, and with those for large ones: where the best
    entries are enough, where they never are, and where all words count as rare. The bounds are made smaller, since the
    catalogue is small."""
    if request.param == "small":
        return MAX_TOTAL
    scan, prefixes, total, common = {
        "large": (1_000, 45, 40, 1),
        "reached": (5, 10_000, MAX_TOTAL, 1),
        "rare": (5, 10_000, MAX_TOTAL, 10_000),
    }[request.param]
    for name, number in {
        "LARGE": 0,
        "MAX_PREFIX_MATCHES": prefixes,
        "SAMPLE": 40,
        "COMMON": common,
        "SCAN": scan,
        "LONG_SCAN": scan,
    }.items():
        monkeypatch.setattr(postgresql, name, number)
    monkeypatch.setattr(postgresql, "MAX_TOTAL", total)
    monkeypatch.setattr("search.find.MAX_TOTAL", total)
    return total


def naive(query: Query, kinds: tuple[str, ...] = BOTH) -> list[tuple[str, int]]:
    found = [
        (sort_key((e.kind, e.object_id, tier, e.quality))) for e in entries(kinds) if (tier := _tier(query, e)) < 5
    ]
    return [(kind, pk) for _, _, kind, pk in sorted(found)]


def entries(kinds: tuple[str, ...]) -> Iterator[Entry]:
    return iter(Entry.objects.filter(kind__in=kinds))


def _tier(query: Query, entry: Entry) -> int:
    """These words have no endings that a stemmer would cut."""
    keys = [getattr(entry, key) for key in KEY_COLUMNS]
    names, words = (re.findall(r"\w+", fold(text)) for text in (entry.names, f"{entry.names} . {entry.body}"))
    if any(_stand(words, phrase) for phrase in query.excluded):
        return 5
    if any(key.startswith(prefix) for key in keys for prefix in query.prefixes):
        equal = [tier for tier, prefix in enumerate(query.prefixes) if prefix in keys]
        return min([*equal, 2])
    for tier, text in ((3, names), (4, words)):
        if all(any(word.startswith(each) for word in text) for each in query.words) and all(
            _stand(text, phrase) for phrase in query.phrases
        ):
            return tier
    return 5


def _stand(words: list[str], phrase: tuple[str, ...]) -> bool:
    return any(tuple(words[at : at + len(phrase)]) == phrase for at in range(len(words)))


def ids(page: Page) -> list[tuple[str, int]]:
    return [(hit.kind, hit.object_id) for hit in page.hits]


@pytest.mark.usefixtures("_catalogue")
@pytest.mark.parametrize("text", QUERIES)
def test_every_page_is_the_naive_one(text: str, max_total: int) -> None:
    query = Query.parse(text)
    every = naive(query)
    assert len(every) >= 5
    for limit, offset in ((20, 0), (20, 20), (7, 35), (100, 0), (100, len(every) - 1), (5, len(every)), (1, 3)):
        page = find(query, BOTH, limit, offset)
        assert ids(page) == every[offset : offset + limit], (limit, offset)
        assert (page.total, page.has_more) == (min(len(every), max_total), offset + limit < len(every)), (
            limit,
            offset,
        )


@pytest.mark.usefixtures("_catalogue")
@pytest.mark.parametrize("kind", BOTH)
def test_every_page_of_one_type_is_the_naive_one(kind: str, max_total: int) -> None:
    for text in ("admin", "grid", "admin grid", "a", "form -grid"):
        query = Query.parse(text)
        every = naive(query, (kind,))
        if len(every) >= 5:
            page = find(query, (kind,), 9, 3)
            assert (ids(page), page.total) == (every[3:12], min(len(every), max_total)), text


@pytest.mark.usefixtures("_catalogue")
def test_paging_gives_each_hit_once(client: Client, max_total: int) -> None:
    found: list[str] = []
    url: str | None = "/api/v4/search/?q=admin&limit=11"
    while url:
        response = client.get(url)
        found += [hit["absolute_url"] for hit in response.json()]
        following = re.search(r'<([^>]*)>; rel="next"', response.get("Link", ""))
        url = following[1] if following else None
    assert len(found) == len(set(found)) == len(naive(Query.parse("admin")))
    assert int(response["X-Total-Count"]) == min(len(found), max_total)


def test_the_total_stops_and_the_pages_go_on(client: Client) -> None:
    category = CategoryFactory.create()
    Package.objects.bulk_create(
        Package(category=category, title="x", slug=f"x-{i}", repo_description="maps" if i else "seas")
        for i in range(MAX_TOTAL + 3)
    )
    totals = {q: client.get(f"/api/v4/search/?q={q}")["X-Total-Count"] for q in ("maps", "x", "maps x", "seas")}
    assert totals == {"maps": "1000", "x": "1000", "maps x": "1000", "seas": "1"}
    last = client.get(f"/api/v4/search/?q=maps&offset={MAX_TOTAL - 18}")
    assert (len(last.json()), 'rel="next"' in last["Link"]) == (20, False)
    almost = client.get(f"/api/v4/search/?q=maps&offset={MAX_TOTAL - 19}")
    assert (len(almost.json()), 'rel="next"' in almost["Link"], almost["X-Total-Count"]) == (20, True, "1000")
    beyond = client.get("/api/v4/search/?q=maps&offset=2000")
    assert (beyond.json(), beyond["X-Total-Count"]) == ([], "1000")


def test_the_number_of_queries(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    PackageFactory.create_batch(6, title="maps x")
    Grid.objects.create(title="maps", slug="m", description="")
    client.get("/api/v4/search/?q=maps")  # which connects, and says so to the database
    on_postgresql = connection.vendor == "postgresql"
    with django_assert_num_queries(_queries_of_a_test(client) + (2 if on_postgresql else 1) + 2):
        assert client.get("/api/v4/search/?q=maps")["X-Total-Count"] == "7"


def _queries_of_a_test(client: Client) -> int:
    """The number of queries around a search without words, and one for the categories, as always in a transaction."""
    with CaptureQueriesContext(connection) as captured:
        client.get("/api/v4/search/?q=-")
    return len(captured) + 1


@pytest.mark.django_db(transaction=True)
def test_categories_are_read_once_for_each_revision(client: Client) -> None:
    category = CategoryFactory.create(title="Frobnicator", title_plural="", slug="f")
    PackageFactory.create(slug="one", category=category)

    def found(text: str) -> list[str]:
        return [hit["slug"] for hit in client.get(f"/api/v4/search/?q={text}").json()]

    assert (found("frobnicator"), found("frobnicator"), found("whatsit")) == (["one"], ["one"], [])
    Category.objects.update(title="Whatsit")
    assert (found("frobnicator"), found("whatsit")) == ([], ["one"])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        *(("tagg", "tag"), ("wagtial", "wagtail"), ("wigdet", "widget"), ("cahce", "cache"), ("fomr", "form")),
        *(("tolbar", "toolbar"), ("celrey", "celery"), ("authentification", "authentication")),
        *(("djangorestframwork", "djangorestframework"), ("spectaclar", "spectacular"), ("imags", "images")),
    ],
)
def test_one_error_leaves_a_piece(typed: str, meant: str) -> None:
    assert any(piece in meant for piece in pieces_of(typed))
    assert all(len(piece) >= 3 for piece in pieces_of(typed))


@pytest.mark.parametrize(("matching", "similar"), [(4, ["calery"]), (5, [])])
def test_typing_errors_are_looked_for_where_fewer_than_five_match(
    client: Client, matching: int, similar: list[str]
) -> None:
    PackageFactory.create(slug="calery", title="x")
    for number in range(matching):
        PackageFactory.create(slug=f"celery-{number}", title="x", repo_watchers=matching - number)
    found = [hit["slug"] for hit in client.get("/api/v4/search/?q=celery").json()]
    assert found == [*(f"celery-{number}" for number in range(matching)), *similar]


@pytest.mark.parametrize(
    ("typed", "name", "is_found"),
    [("fomr", "form", True), ("abcdefghijklmnopqrst", "xabcdefghijklmnopqrstxxxxxxxxxxxxx", False)],
)
def test_names_are_similar_from_three_quarters_on(client: Client, typed: str, name: str, is_found: bool) -> None:
    """Twice the letters in common, of the letters of both: 6 of 8 in "fomr" and "form", 40 of 54 in the others."""
    PackageFactory.create(slug=name, title="y")
    assert [hit["slug"] for hit in client.get(f"/api/v4/search/?q={typed}").json()] == ([name] if is_found else [])


def test_words_match_what_begins_with_them_but_plurals_do_not(client: Client) -> None:
    """The stemmers cut the s: "forms" would match whatever begins with "form", and "cms" with "cm"."""
    PackageFactory.create(slug="one", title="x", repo_description="Formidable templates of cmd")
    found = {
        q: [h["slug"] for h in client.get(f"/api/v4/search/?q={q}").json()] for q in ("form", "tem", "forms", "cms")
    }
    assert found == {"form": ["one"], "tem": ["one"], "forms": [], "cms": []}


def test_what_comes_after_a_prefix() -> None:
    assert [prefix_end(key) for key in ("a", "ab", "a\ud7ff", "a\U0010ffff")] == ["b", "ac", "a\ue000", "b"]


def test_the_statements_of_a_replicating_session_are_in_the_index_too() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no such sessions")
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgname, tgenabled FROM pg_trigger WHERE tgname LIKE 'search%%'")
        assert {enabled for _, enabled in cursor.fetchall()} == {"A"}


def test_the_header_says_where_it_stops(client: Client) -> None:
    schema: Any = client.get("/api/v4/schema/?format=json").json()
    headers = schema["paths"]["/api/v4/search/"]["get"]["responses"]["200"]["headers"]
    assert headers["X-Total-Count"]["description"] == "The number of all results; 1000 for that many or more."
