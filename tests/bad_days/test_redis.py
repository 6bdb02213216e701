"""A Redis that is down, hung, full or flushed costs speed alone: every response is the same as before."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import requests

from tests.bad_days.sites import JSON, PAGE, Site, site
from tests.servers import free_port

pytestmark = pytest.mark.more
# None of them ages, as a search does every minute: after that it has another ETag, whatever Redis does.
PATHS = ("packages/?limit=50", "packages/djangorestframework/", "grids/rest-apis/?expand=packages", "categories/")


class Redis:
    """A Redis of the test's own, in a process."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.client = redis.Redis.from_url(self.url, protocol=2)
        for _ in range(200):
            try:
                self.client.ping()
            except redis.ConnectionError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("Redis does not start")

    def kill(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def cache() -> Iterator[Redis]:
    cache = Redis()
    try:
        yield cache
    finally:
        cache.kill()


@pytest.fixture
def served(tmp_path: Path, cache: Redis, sqlite: str) -> Iterator[Site]:
    with site(tmp_path, sqlite, CACHE_URL=cache.url) as served:
        yield served


def everything(served: Site) -> list[tuple[int, str, bytes]]:
    """Return the responses to everything, twice each, as programs and as people have them."""
    responses = [served.get(path, headers) for path in PATHS for headers in (JSON, PAGE, JSON, PAGE)]
    return [(each.status_code, each.headers["ETag"], each.content) for each in responses]


def is_ready(served: Site) -> tuple[int, str]:
    time.sleep(2.1)  # an answer is given again for two seconds
    response = requests.get(f"{served.url}/readyz", timeout=60)
    return response.status_code, response.json()["cache"]


def test_down_and_back(served: Site, cache: Redis) -> None:
    before = everything(served)
    cache.kill()
    lines = served.lines()
    start = time.monotonic()
    assert everything(served) == before
    seconds = time.monotonic() - start
    assert is_ready(served) == (200, "it does not respond: every response is built anew")
    new = served.new_lines(lines)
    assert 1 <= len(new) <= 2 + (seconds + 3) / 5, "one line in five seconds"
    assert all("Redis: " in line for line in new)
    cache.start()
    time.sleep(5.1)  # for which an unreachable Redis is left alone
    assert everything(served) == before
    assert cache.client.dbsize() >= len(PATHS)


def test_hung(served: Site, cache: Redis) -> None:
    """The first request waits for half a second, and nobody waits again for five."""
    before = everything(served)
    os.kill(cache.process.pid, signal.SIGSTOP)
    try:
        lines = served.lines()
        start = time.monotonic()
        served.get(PATHS[0])
        assert time.monotonic() - start < 5
        assert everything(served) == before
        assert all("Redis: Timeout" in line for line in served.new_lines(lines))
        assert is_ready(served) == (200, "it does not respond: every response is built anew")
    finally:
        os.kill(cache.process.pid, signal.SIGCONT)
    time.sleep(5.1)
    assert everything(served) == before
    assert is_ready(served) == (200, "ok")


def test_full(served: Site, cache: Redis) -> None:
    """A Redis that evicts nothing refuses every write. The log says so, but not with each request."""
    before = everything(served)
    cache.client.flushall()
    cache.client.config_set("maxmemory-policy", "noeviction")
    cache.client.config_set("maxmemory", 1)
    lines, start = served.lines(), time.monotonic()
    assert everything(served) == before
    seconds = time.monotonic() - start
    new = served.new_lines(lines)
    assert 1 <= len(new) <= 2 + seconds / 5, "one line in five seconds"
    assert all("Redis: " in line and "maxmemory" in line for line in new)
    assert cache.client.dbsize() == 0
    cache.client.config_set("maxmemory", 0)
    assert everything(served) == before
    assert cache.client.dbsize() >= len(PATHS)


def test_flushed(served: Site, cache: Redis) -> None:
    before = everything(served)
    lines = served.lines()
    cache.client.flushall()
    assert everything(served) == before
    assert served.lines() == lines
    served.log_in()
    assert served.save(served.open_form(), "After the flush").status_code == 302
    assert served.title() == "After the flush"
