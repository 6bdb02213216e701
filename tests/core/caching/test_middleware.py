"""Cached responses: never stale, one for each form of a request, built once."""

import gzip
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

import brotli
import orjson
import psycopg2
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext, override_settings
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from redis.lock import Lock

from categories.models import Category
from core.caching import middleware as cache
from core.caching.memory import OVERHEAD, Memory
from core.caching.redis import Redis
from core.caching.responses import CachedResponse
from core.caching.revisions import Revisions
from core.caching.stores import store
from grids.models import Grid, GridPackage
from packages.models import FetchState, Package, Release, Snapshot
from tests.core.api.test_formats import BROWSER
from tests.factories import GridFactory, MembershipFactory, PackageFactory
from tests.servers import database_url

# Revisions move when a transaction commits.
pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _cache(settings: Settings) -> None:
    settings.CACHE_URL = "locmem://"
    store.cache_clear()


@pytest.fixture
def member() -> GridPackage:
    package = PackageFactory.create(slug="p", title="Maps", repo_url="https://github.com/a/p")
    # An empty feed is dated now, and changes every second.
    Release.objects.create(package=package, version="0.1", uploaded_at=NOW)
    return MembershipFactory.create(package=package, grid=GridFactory.create(slug="g", title="Maps"))


PATHS = (
    "packages/?fields=all&expand=category,grids",
    "packages/p/?fields=all&expand=category,grids",
    "packages/p/",
    "packages/?category=c",
    "packages/?grid=g",
    "packages/p/releases/",
    "packages/p/history/",
    "grids/?expand=packages",
    "grids/g/",
    "grids/?package=p",
    "categories/c/",
    "categories/",
    "search/?q=maps",
    "changes/",
    "feeds/packages.rss",
    "feeds/releases.atom",
)


def sql(statement: str) -> Callable[[], object]:
    return lambda: connection.cursor().execute(statement)


def writes(package: int) -> list[tuple[str, Callable[[], object]]]:
    one = Package.objects.filter(pk=package)

    def saved() -> None:
        row = one.get()
        row.title = "Saved maps"
        row.save()

    def upserted() -> None:
        row = one.get()
        row.repo_watchers = 99
        Package.objects.bulk_create([row], update_conflicts=True, unique_fields=["id"], update_fields=["repo_watchers"])

    return [
        ("save", saved),
        ("update", lambda: one.update(repo_watchers=5, last_updated=NOW)),
        ("last_fetched alone", lambda: one.update(last_fetched=NOW)),
        ("upsert", upserted),
        ("raw SQL", sql("UPDATE packages_package SET repo_description = 'maps', licence = 'MIT'")),
        ("release", lambda: Release.objects.create(package_id=package, version="1", uploaded_at=NOW)),
        ("snapshot", lambda: Snapshot.objects.create(package_id=package, day=NOW.date(), stars=1)),
        (
            "fetch state",
            lambda: FetchState.objects.create(
                package_id=package, source="repo", target="github.com/a/p", outcome="ok", next_due=NOW
            ),
        ),
        ("raw SQL of a state", sql("UPDATE packages_fetchstate SET failures = 7")),
        ("category", lambda: Category.objects.update(title="Other", slug="c")),
        ("grid", lambda: Grid.objects.update(description="new")),
        ("membership", lambda: GridPackage.objects.all().delete()),
        ("another", lambda: MembershipFactory.create(package_id=package)),
        ("delete", sql("DELETE FROM packages_release WHERE version = '1'")),
    ]


@pytest.mark.parametrize("accept", ["*/*", BROWSER])
def test_no_response_outlives_a_commit(client: Client, member: GridPackage, accept: str) -> None:
    """After each write, every path gives the same response as without a cache."""
    Category.objects.update(slug="c")
    headers = {"accept": accept}
    for what, write in writes(member.package_id):
        for path in PATHS:
            client.get(f"/api/v4/{path}", headers=headers)
        write()
        for path in PATHS:
            cached = client.get(f"/api/v4/{path}", headers=headers)
            with override_settings(CACHE_URL="dummy://"):
                rebuilt = client.get(f"/api/v4/{path}", headers=headers)
            assert (cached.status_code, cached.content) == (rebuilt.status_code, rebuilt.content), (what, path)


@pytest.mark.parametrize("accept", ["*/*", BROWSER, "application/json; indent=4"])
def test_a_cached_response_takes_one_query_and_is_the_same(
    client: Client,
    member: GridPackage,
    django_assert_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
    accept: str,
) -> None:
    now = time.time()
    monkeypatch.setattr("core.caching.keys.time.time", lambda: now)  # or a minute may end between two requests
    Category.objects.update(slug="c")
    for path in PATHS:
        first = client.get(f"/api/v4/{path}", headers={"accept": accept})
        assert first.status_code == 200
        with django_assert_num_queries(1):
            second = client.get(f"/api/v4/{path}", headers={"accept": accept})
        assert (second.content, dict(second.items())) == (first.content, dict(first.items()))
        condition = {"accept": accept, "if-none-match": f'W/"x", {first["ETag"]}'}
        with django_assert_num_queries(1):
            unchanged = client.get(f"/api/v4/{path}", headers=condition)
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert {name: unchanged[name] for name in ("ETag", "Cache-Control", "Vary")} == {
            "ETag": first["ETag"],
            "Cache-Control": "public, no-cache",
            "Vary": "Accept, Accept-Encoding",
        }
        other = {"accept": accept, "if-none-match": '"other"'}
        assert client.get(f"/api/v4/{path}", headers=other).status_code == 200


def test_a_refresh_of_packages_leaves_grids_and_categories_cached(client: Client, member: GridPackage) -> None:
    before = {path: client.get(f"/api/v4/{path}")["ETag"] for path in ("grids/g/", "categories/", "packages/p/")}
    Package.objects.update(last_fetched=NOW, repo_watchers=8)
    after = {path: client.get(f"/api/v4/{path}")["ETag"] for path in before}
    assert [path for path in before if before[path] != after[path]] == ["packages/p/"]


@pytest.mark.usefixtures("member")
def test_every_form_is_cached_by_itself(client: Client, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["testserver", "other.example"]
    settings.SECURE_PROXY_SSL_HEADER = None
    forms: list[tuple[str, dict[str, Any]]] = [
        ("", {}),
        ("", {"headers": {"host": "other.example"}}),
        ("", {"secure": True}),
        ("", {"headers": {"accept-encoding": "gzip"}}),
        ("", {"headers": {"accept-encoding": "br"}}),
        ("?format=json", {}),
    ]
    seen = [client.get(f"/api/v4/packages/{query}", **options) for query, options in forms]
    assert len({response["ETag"] for response in seen}) == len(forms)
    again = [client.get(f"/api/v4/packages/{query}", **options) for query, options in forms]
    assert [response.content for response in again] == [response.content for response in seen]
    assert b"http://other.example/" in seen[1].content
    assert b"https://testserver/" in seen[2].content
    assert all("Access-Control-Allow-Origin" in response for response in again)


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("gzip, deflate, br", "br"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("zstd", None),
    ],
)
@pytest.mark.usefixtures("member")
@pytest.mark.parametrize("accept", ["*/*", BROWSER])
def test_compression(client: Client, accept: str, accepted: str, encoding: str | None) -> None:
    headers = {"accept": accept}
    plain = client.get("/api/v4/packages/?fields=all", headers=headers).content
    for _ in range(2):
        encodings = {"accept-encoding": accepted} if accepted else {}
        response = client.get("/api/v4/packages/?fields=all", headers=headers | encodings)
        assert response.get("Content-Encoding") == encoding
        assert int(response["Content-Length"]) == len(response.content)
        unpack = {"gzip": gzip.decompress, "br": brotli.decompress, None: bytes}[encoding]
        assert unpack(response.content) == plain


@pytest.mark.parametrize(
    ("query", "accept", "kind"),
    [
        ("", "*/*, text/html", "text/html; charset=utf-8"),
        ("", "application/json;q=0.1, text/html", "application/json"),
        ("", "text/*", "text/html; charset=utf-8"),
        ("?q=format%3Djson", "text/html", "text/html; charset=utf-8"),
        ("", "application/json; indent=4", "application/json"),
    ],
)
@pytest.mark.usefixtures("member")
def test_no_form_is_taken_for_another(client: Client, query: str, accept: str, kind: str) -> None:
    """Plain JSON stays plain JSON, whichever form is requested first."""
    path = f"/api/v4/packages/{query}"
    for _ in range(2):
        other = client.get(path, headers={"accept": accept})
        assert (other["Content-Type"], other.has_header("ETag")) == (kind, True)
        assert (b"\n" in other.content) == (kind != "application/json" or "indent" in accept)
        for plain in ("", "*/*", "application/json", "application/json, */*;q=0.5"):
            response = client.get(path, headers={"accept": plain} if plain else {})
            assert (response["Content-Type"], response.has_header("ETag")) == ("application/json", True)
            assert b"\n" not in response.content


def test_errors_are_not_cached(client: Client) -> None:
    for path in ("packages/nope/", "packages/?no=such"):
        response = client.get(f"/api/v4/{path}")
        assert response.status_code in {400, 404}
        assert "ETag" not in response
    PackageFactory.create(slug="nope")
    assert client.get("/api/v4/packages/nope/").status_code == 200


@pytest.mark.usefixtures("member")
def test_head(client: Client) -> None:
    whole = client.get("/api/v4/packages/")
    head = client.head("/api/v4/packages/")
    assert (head.content, head["ETag"], head["Content-Length"]) == (b"", whole["ETag"], whole["Content-Length"])


@pytest.mark.usefixtures("member")
def test_responses_that_age_are_cached_for_a_minute(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1_800_000_000.0]
    monkeypatch.setattr("core.caching.keys.time.time", lambda: clock[0])
    ageing = ("packages/?stale=3", "packages/?ordering=score", "packages/p/?fields=score", "search/?q=maps")
    steady = ("packages/", "packages/p/", "grids/")
    before = {path: client.get(f"/api/v4/{path}")["ETag"] for path in (*ageing, *steady)}
    clock[0] += 59 - clock[0] % 60
    clock[0] += 1
    after = {path: client.get(f"/api/v4/{path}")["ETag"] for path in before}
    assert [path for path in before if before[path] != after[path]] == list(ageing)


def send_eight(
    monkeypatch: pytest.MonkeyPatch,
    view: Callable[[Any], HttpResponse],
    request: Any,
    nodes: int,
    may_go_on: Callable[[], bool],
    go_on: threading.Event,
) -> list[Any]:
    """Return the responses to eight simultaneous requests on `nodes` nodes. `view` builds them; `may_go_on` waits until
    the first one may be finished."""
    monkeypatch.setattr("core.caching.redis.REDIS_SECONDS", 10.0)  # on a busy machine it is slow, but not unreachable
    monkeypatch.setattr("core.caching.redis.UNCACHEABLE_MS", 60_000)
    store.cache_clear()
    middlewares = [cache.ApiCacheMiddleware(view) for _ in range(nodes)]
    for middleware in middlewares:
        monkeypatch.setattr(middleware, "respond", view)
    # Threads have connections of their own, which would read another database or none.
    monkeypatch.setattr("core.caching.revisions.read", lambda _: Revisions({}, {}))
    responses: list[Any] = []
    threads = [
        threading.Thread(target=lambda number=number: responses.append(middlewares[number % nodes](request)))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    assert may_go_on()
    go_on.set()
    for thread in threads:
        thread.join(15)
    return responses


@pytest.mark.usefixtures("member")
@pytest.mark.parametrize("nodes", [1, 2])
def test_a_stampede_builds_a_response_once(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, request: pytest.FixtureRequest, nodes: int
) -> None:
    repeated = Client().get("/api/v4/packages/p/").wsgi_request
    if nodes > 1:
        settings.CACHE_URL = request.getfixturevalue("redis_url")
    built: list[str] = []
    first, entered = threading.Event(), threading.Event()

    def slow(http: Any) -> Any:
        built.append(http.path)
        entered.set()
        assert first.wait(10)
        return HttpResponse(b"{}", content_type="application/json")

    responses = send_eight(monkeypatch, slow, repeated, nodes, lambda: entered.wait(10), first)
    assert (len(built), [response.content for response in responses]) == (1, [b"{}"] * 8)


@pytest.mark.usefixtures("member")
@pytest.mark.parametrize("nodes", [1, 2])
def test_who_waited_long_in_vain_does_not_begin_to_wait_for_the_database(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, request: pytest.FixtureRequest, nodes: int
) -> None:
    """The first request fails when a statement has taken too long. The others have waited as long by then."""
    repeated = Client().get("/api/v4/packages/p/").wsgi_request
    if nodes > 1:
        settings.CACHE_URL = request.getfixturevalue("redis_url")
    monkeypatch.setattr(cache, "MOST_WAIT", 0.05)
    built: list[str] = []
    first, entered = threading.Event(), threading.Event()

    def late(http: Any) -> Any:
        built.append(http.path)
        entered.set()
        assert first.wait(10)
        return HttpResponse(b"{}", status=503, content_type="application/json")

    def a_moment_later() -> bool:
        time.sleep(1)  # until all of them wait
        return entered.is_set()

    responses = send_eight(monkeypatch, late, repeated, nodes, a_moment_later, first)
    assert (len(built), [response.status_code for response in responses]) == (1, [503] * 8)
    assert sum("Retry-After" in response for response in responses) == 7


def test_memory_is_bounded_in_bytes() -> None:
    memory = Memory(16_000)
    for number in range(1_000):
        memory.set(b"%d" % number, CachedResponse(b"{}", b"x" * 100))
    assert memory.responses.currsize <= 16_000
    assert memory.get(b"999") == (b"{}", b"x" * 100)
    assert memory.get(b"1") is None
    a_sixteenth = 1_000 - OVERHEAD - len(b"{}")
    for size, is_stored in ((a_sixteenth, True), (a_sixteenth + 1, False)):
        memory.set(b"big", CachedResponse(b"{}", b"x" * size))
        assert (memory.get(b"big") is not None) == is_stored
        del memory.responses[b"999"]
        memory.responses.pop(b"big", None)
        memory.set(b"999", CachedResponse(b"{}", b"x"))
    memory.set(b"999", CachedResponse(b"{}", b"y"))
    assert memory.get(b"999") == (b"{}", b"y")


def test_an_unreachable_redis_costs_no_response(client: Client, settings: Settings, member: GridPackage) -> None:
    settings.CACHE_URL = "redis://127.0.0.1:1/0"
    assert client.get("/api/v4/packages/p/").status_code == 200
    assert Redis(settings.CACHE_URL).get(b"x") is None


@pytest.mark.usefixtures("member")
def test_a_closed_connection_is_opened_again(client: Client) -> None:
    assert client.get("/api/v4/packages/p/").status_code == 200
    if connection.vendor == "postgresql":
        connection.connection.close()
    Package.objects.update(modified=timezone.now()) if connection.vendor == "sqlite" else None
    assert client.get("/api/v4/packages/p/").status_code == 200


@pytest.mark.usefixtures("member")
@pytest.mark.parametrize("query", ["q=p", "grid=g", "licence=MIT", "python=3.12"])
def test_values_that_filters_need_are_queried_once_for_each_revision(client: Client, query: str) -> None:
    """Counts, licences and requirements are cached: other pages of the same list query none of them."""
    Package.objects.update(licence="MIT", requires_python=">=3.8")

    def page(offset: int) -> tuple[int, list[str]]:
        with CaptureQueriesContext(connection) as queries:
            body = client.get(f"/api/v4/packages/?{query}&limit=1&offset={offset}").json()
        statements = [sql for each in queries if "COUNT(" in (sql := each["sql"]) or "DISTINCT" in sql]
        return body["count"], statements

    count, statements = page(0)
    assert count == 1
    assert statements
    assert page(1) == (1, [])
    other = PackageFactory.create(slug="p2", licence="MIT", requires_python=">=3.8")
    MembershipFactory.create(package=other, grid=Grid.objects.get(slug="g"))
    count, statements = page(2)
    assert count == 2
    assert statements


@pytest.mark.usefixtures("member")
@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/json; indent=2"])
def test_a_count_is_cached_under_the_revision_before_it(client: Client, accept: str) -> None:
    """A commit between the query and the storing makes the cached count unused, not wrong."""
    added: list[Package] = []

    def commit_after_count(execute: Any, sql: str, *rest: Any) -> Any:
        counted = execute(sql, *rest)
        if "COUNT(" in sql and not added:
            added.append(PackageFactory.create(slug="p2"))
        return counted

    with connection.execute_wrapper(commit_after_count):
        assert client.get("/api/v4/packages/?q=p", headers={"Accept": accept}).status_code == 200
    assert added
    assert client.get("/api/v4/packages/?q=p").json()["count"] == 2


@pytest.mark.usefixtures("member")
def test_a_client_that_names_json_gets_the_cached_response(client: Client) -> None:
    plain = client.get("/api/v4/packages/p/")
    named = client.get("/api/v4/packages/p/", headers={"Accept": "application/json, text/plain, */*"})
    assert (named["ETag"], named["Content-Type"], named.content) == (plain["ETag"], "application/json", plain.content)


@pytest.mark.usefixtures("member")
def test_a_site_below_another_path_has_links_of_its_own() -> None:
    handler = WSGIHandler()
    for below in ("/catalogue", ""):
        environ = RequestFactory().get("/api/v4/packages/p/").environ | {"SCRIPT_NAME": below}
        document = orjson.loads(b"".join(handler(environ, lambda *_: bytes)))
        assert document["category"].startswith(f"http://testserver{below}/api/v4/categories/")


@pytest.mark.parametrize("nodes", [1, 2])
def test_an_uncacheable_response_is_built_by_all_simultaneously(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, request: pytest.FixtureRequest, nodes: int
) -> None:
    repeated = Client().get("/api/v4/packages/nope/").wsgi_request
    if nodes > 1:
        settings.CACHE_URL = request.getfixturevalue("redis_url")
    first, entered, others = threading.Event(), threading.Event(), threading.Barrier(7, timeout=10)
    waiting = threading.Semaphore(0)

    def slow(http: Any) -> Any:
        if not entered.is_set():
            entered.set()
            assert first.wait(10)
        else:
            others.wait()  # fails if they come one after another
        return HttpResponse(b"{}", status=404)

    def wait(future: Future[Any], timeout: float | None = None, result: Any = Future.result) -> Any:
        waiting.release()
        return result(future, timeout)

    def all_wait() -> bool:
        """Wait until all but the first of each node wait for it: a later one would be a first one again."""
        return all(waiting.acquire(timeout=10) for _ in range(8 - nodes))

    monkeypatch.setattr(Future, "result", wait)
    responses = send_eight(monkeypatch, slow, repeated, nodes, all_wait, first)
    assert [response.status_code for response in responses] == [404] * 8


def test_only_the_holder_of_a_lock_releases_it(redis_url: str) -> None:
    one, other = Redis(redis_url, wait=0.1), Redis(redis_url)
    assert one.begin(b"key") == (None, True)
    time.sleep(0.15)
    assert other.begin(b"key") == (None, True)
    one.end(b"key", is_stored=True)
    assert other.client.exists("building:" + b"key".hex())
    other.end(b"key", is_stored=True)
    assert not other.client.exists("building:" + b"key".hex())


@pytest.mark.parametrize("cached", [True, False])
def test_a_lock_that_is_free_because_its_holder_is_done_is_released(
    monkeypatch: pytest.MonkeyPatch, redis_url: str, cached: bool
) -> None:
    """The holder stores the response, or that there is none to wait for, just before another node gets the lock."""
    one, other = Redis(redis_url), Redis(redis_url)
    response = CachedResponse(b"{}", b"x")
    assert one.begin(b"key") == (None, True)

    def acquire_when_done(lock: Lock, acquire: Callable[[Lock], bool] = Lock.acquire) -> bool:
        if cached:
            one.set(b"key", response)
        one.end(b"key", is_stored=cached)
        return acquire(lock)

    monkeypatch.setattr(Lock, "acquire", acquire_when_done)
    assert other.begin(b"key") == (response if cached else None, False)
    assert not other.client.exists("building:" + b"key".hex())


def test_a_redis_that_never_responds_is_queried_once(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0)
        patient = Redis(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        assert [patient.get(b"x") for _ in range(20)] == [None] * 20
        with silent.accept()[0]:
            pass
        with pytest.raises(BlockingIOError):
            silent.accept()


@pytest.mark.usefixtures("member")
@pytest.mark.parametrize("accept", ["text/html", "application/json; indent=2"])
def test_a_connection_that_was_closed_meanwhile_prepares_its_statements_again(client: Client, accept: str) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite's connections are closed by nobody else")
    for path in ("/api/v4/packages/p/", "/api/v4/grids/g/"):
        with psycopg2.connect(database_url()) as other, other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [connection.connection.get_backend_pid()])
        other.close()
        assert client.get(path, headers={"Accept": accept}).status_code == 200
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_prepared_statements")
            assert cursor.fetchone()[0] > 0, path


def test_changes_respond_rightly_after_the_log_was_emptied_by_hand(client: Client) -> None:
    PackageFactory.create_batch(3)
    last = client.get("/api/v4/changes/").json()["until"]
    assert client.get(f"/api/v4/changes/?since={last - 1}").status_code == 200
    with connection.cursor() as cursor:
        truncate = "TRUNCATE" if connection.vendor == "postgresql" else "DELETE FROM"
        cursor.execute(f"{truncate} changes_change")
    assert client.get(f"/api/v4/changes/?since={last - 1}").status_code == 410


@pytest.mark.usefixtures("member")
@pytest.mark.parametrize(
    "value",
    [
        b"garbage",
        b"",
        b"\n",
        b"\n1",
        b"{}",
        b"[1]\nx",
        b"\nx",
        b'{"Content-Type": 1}\n1',
        b'{"Content-Type": "a\\nb"}\n1',
        b"\xff\n\xff",
        b"x",
        b"\x78\x01x",
        ["a", "list"],
    ],
)
def test_a_foreign_value_in_redis_is_a_miss(client: Client, settings: Settings, redis_url: str, value: Any) -> None:
    settings.CACHE_URL = redis_url
    store.cache_clear()
    paths = ("/api/v4/packages/p/", "/api/v4/packages/?q=p")
    first = [client.get(path).content for path in paths]
    redis = Redis(redis_url).client
    keys = redis.keys("grids:*")
    assert len(keys) >= 3, "two responses and a count"
    for key in keys:
        redis.delete(key)
        redis.set(key, value) if isinstance(value, bytes) else redis.rpush(key, *value)
    responses = [client.get(path) for path in paths]
    assert [response.status_code for response in responses] == [200, 200]
    assert [response.content for response in responses] == first
    cached = store(redis_url)
    assert isinstance(cached, Redis)
    assert cached.unreachable_until == 0.0, "Redis is there: only the value is not ours"
