"""The memory that responses take in a Redis: large ones are compressed, live for minutes, and are never too large."""

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
import redis
from django.test import Client
from pytest_django import Settings

from core.caching.redis import CACHED_SECONDS, LARGE, LARGE_SECONDS, Redis
from core.caching.responses import CachedResponse
from core.caching.stores import store
from packages.models import Package
from tests.factories import CategoryFactory

MB = 1024 * 1024


@pytest.fixture(scope="module")
def own_redis() -> Iterator[str]:
    """The URL of a Redis that nobody else writes to, so that its memory can be measured."""
    if shutil.which("redis-server") is None and not os.environ.get("CI"):
        pytest.skip("no redis-server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            url = f"redis://127.0.0.1:{port}/0"
            client = redis.Redis.from_url(url, protocol=2)
            for _ in range(200):
                try:
                    client.ping()
                except redis.ConnectionError:
                    time.sleep(0.05)
                else:
                    break
            yield url
        finally:
            process.terminate()


@pytest.fixture
def cache(own_redis: str) -> Iterator[Redis]:
    cache = Redis(own_redis)
    cache.client.flushall()
    cache.client.config_set("maxmemory", 0)
    yield cache
    cache.client.close()


def response(size: int, *, encoding: str = "") -> CachedResponse:
    """Return a response of that size which hardly compresses further."""
    headers = b'{"Content-Encoding": "%s"}' % encoding.encode() if encoding else b"{}"
    return CachedResponse(headers, random.Random(size).randbytes(size))


@pytest.mark.parametrize("encoding", ["", "br"])
@pytest.mark.parametrize("size", [10, LARGE - 100, LARGE, LARGE + 1, MB])
def test_a_response_comes_back_as_it_was(cache: Redis, size: int, encoding: str) -> None:
    cache.set(b"key", response(size, encoding=encoding))
    assert cache.get(b"key") == response(size, encoding=encoding)
    seconds = cache.client.ttl(b"grids:key")
    assert seconds in ({LARGE_SECONDS - 1, LARGE_SECONDS} if size >= LARGE else {CACHED_SECONDS - 1, CACHED_SECONDS})


@pytest.mark.parametrize(("maxmemory", "largest"), [(0, 4 * MB), (32 * MB, 2 * MB), (128 * MB, 8 * MB)])
def test_a_response_over_a_sixteenth_of_the_store_is_not_stored(cache: Redis, maxmemory: int, largest: int) -> None:
    cache.client.config_set("maxmemory", maxmemory)
    for size, is_stored in ((largest - 100, True), (largest + 1, False)):
        cache.set(b"%d" % size, response(size, encoding="br"))
        assert (cache.get(b"%d" % size) is not None) == is_stored


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("encoding", ["identity", "gzip", "br"])
def test_150_pages_of_1000_packages(client: Client, settings: Settings, cache: Redis, encoding: str) -> None:
    settings.CACHE_URL = "dummy://"
    chosen = random.Random(1)
    category = CategoryFactory.create()
    Package.objects.bulk_create(
        Package(
            category=category,
            title=f"django-{number}",
            slug=f"package-{number}",
            repo_url=f"https://github.com/owner{chosen.randrange(9000)}/package-{number}",
            repo_description=" ".join(chosen.choices(("form", "field", "cache", "queue", "search", "image"), k=12)),
            commits_over_52=chosen.choices(range(40), k=52),
            participants=[f"user{chosen.randrange(65536)}" for _ in range(13)],
        )
        for number in range(1000)
    )
    page = client.get("/api/v4/packages/?limit=1000", headers={"accept-encoding": encoding})
    assert page.status_code == 200
    cached = CachedResponse(
        b'{"Content-Encoding": "%s"}' % encoding.encode() if encoding != "identity" else b"{}", page.content
    )
    before = cache.client.info("memory")["used_memory"]
    for number in range(150):
        cache.set(b"%d" % number, cached)
    assert cache.client.dbsize() == 150
    assert cache.client.info("memory")["used_memory"] - before < 60 * MB
    assert cache.get(b"7") == cached


@pytest.mark.django_db(transaction=True)
def test_a_full_redis_costs_no_response(
    client: Client, settings: Settings, cache: Redis, own_redis: str, caplog: pytest.LogCaptureFixture
) -> None:
    cache.client.config_set("maxmemory", MB)  # less than it needs itself
    cache.client.config_set("maxmemory-policy", "noeviction")
    settings.CACHE_URL = own_redis
    store.cache_clear()
    for _ in range(2):
        assert client.get("/api/v4/packages/").json()["count"] == 0
    assert len([line for line in caplog.messages if line.startswith("Redis: ")]) == 1, "one line in five seconds"
