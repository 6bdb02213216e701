"""Caches of others, in front of a live site or inside a client: what they give is what the site gives, every time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import cachecontrol
import pytest
import requests
import requests_cache

from tests.core.api.test_formats import BROWSER
from tests.servers import Site, free_port, running, sample_site

pytestmark = pytest.mark.more
LIST = "/api/v4/packages/?limit=5&q=a"
# An address of its own for each form: some caches hold one form of an address at a time.
REQUESTS = {
    "JSON": ("/api/v4/packages/ralph/", {"Accept": "*/*", "Accept-Encoding": "identity"}),
    "JSON, gzip": ("/api/v4/packages/?q=a", {"Accept": "*/*", "Accept-Encoding": "gzip"}),
    "JSON, br": (LIST, {"Accept": "application/json", "Accept-Encoding": "br"}),
    "a page": ("/api/v4/packages/ralph/?fields=all", {"Accept": BROWSER, "Accept-Encoding": "identity"}),
    "a page, gzip": ("/api/v4/packages/?limit=6", {"Accept": BROWSER, "Accept-Encoding": "gzip, deflate"}),
    "a page, br": ("/api/v4/packages/?limit=7", {"Accept": BROWSER, "Accept-Encoding": "gzip, deflate, br"}),
    "a feed": ("/api/v4/feeds/packages.atom", {"Accept": "*/*", "Accept-Encoding": "gzip"}),
}
# As README has it: store what has an ETag, and ask each time whether it is still right.
VCL = """vcl 4.1;
backend site {{ .host = "127.0.0.1"; .port = "{port}"; }}
sub vcl_recv {{ set req.hash_ignore_busy = true; }}
sub vcl_backend_response {{
    if (beresp.http.ETag) {{ set beresp.ttl = 0.001ms; set beresp.grace = 0s; set beresp.keep = 1d; return (deliver); }}
}}
"""
SQUID = """http_port 127.0.0.1:{port} accel defaultsite=127.0.0.1
cache_peer 127.0.0.1 parent {origin} 0 no-query no-digest originserver name=site
cache_peer_access site allow all
http_access allow all
cache_mem 32 MB
pid_filename {folder}/squid.pid
access_log none
cache_log {folder}/squid.log
cache_store_log none
netdb_filename none
coredump_dir {folder}
pinger_enable off
visible_hostname cache.example
shutdown_lifetime 0 seconds
"""
Get = Callable[..., requests.Response]
numbers = count(1)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with sample_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@contextmanager
def varnish(site: Site, folder: Path, *, gzip: bool, vcl: str = VCL) -> Iterator[str]:
    """Run Varnish in front of the site. With `gzip` it fetches gzip for all clients, and unpacks it for some."""
    port, configuration = free_port(), folder / "site.vcl"
    configuration.write_text(vcl.format(port=site.url.rpartition(":")[2]), encoding="ascii")
    url, support = f"http://127.0.0.1:{port}", "on" if gzip else "off"
    command = ["varnishd", "-F", "-j", "none", "-n", str(folder / "work"), "-f", str(configuration), "-T", "none"]
    command += ["-a", f"127.0.0.1:{port}", "-s", "malloc,32m", "-p", f"http_gzip_support={support}"]
    with running(command, url):
        yield url


@contextmanager
def squid(site: Site, folder: Path) -> Iterator[str]:
    """Run Squid in front of the site."""
    port, configuration = free_port(), folder / "squid.conf"
    origin = site.url.rpartition(":")[2]
    configuration.write_text(SQUID.format(port=port, origin=origin, folder=folder), encoding="ascii")
    for each in (folder, *folder.parents[:2]):  # started by root, it becomes another user
        each.chmod(0o777)
    url = f"http://127.0.0.1:{port}"
    with running(["squid", "-N", "-f", str(configuration)], url):
        yield url


def client_of(url: str, session: requests.Session) -> Get:
    session.trust_env = False
    return lambda path, **options: session.get(f"{url}{path}", timeout=30, **options)


@pytest.fixture(params=["Varnish", "Varnish without gzip", "Squid", "CacheControl", "requests-cache"])
def cache(request: pytest.FixtureRequest, site: Site, tmp_path: Path) -> Iterator[Get]:
    """A function that gets a path of the site through a cache, which is empty at first."""
    if request.param == "CacheControl":
        yield client_of(site.url, cachecontrol.CacheControl(requests.Session()))
    elif request.param == "requests-cache":
        cached = requests_cache.CachedSession(
            backend="memory", cache_control=True, match_headers=["Accept", "Accept-Encoding"]
        )
        yield client_of(site.url, cached)
    else:
        started: Any = {
            "Varnish": lambda: varnish(site, tmp_path, gzip=True),
            "Varnish without gzip": lambda: varnish(site, tmp_path, gzip=False),
            "Squid": lambda: squid(site, tmp_path),
        }[request.param]
        with started() as url, requests.Session() as session:
            yield client_of(url, session)


def change(site: Site) -> None:
    """Change what each of REQUESTS shows."""
    text = f"changed a {next(numbers)}. time"
    code = f"from packages.models import Package; Package.objects.update(repo_description={text!r}, title={text!r})"
    site.manage("shell", "--no-imports", "-c", code)


def shown(response: requests.Response) -> tuple[int, str | None, bytes]:
    return response.status_code, response.headers.get("Content-Type"), response.content


def test_a_cache_gives_what_the_site_gives(site: Site, cache: Get) -> None:
    """First; again, when the site says that nothing has changed; and twice after a change."""
    direct = client_of(site.url, requests.Session())
    seen: dict[str, list[Any]] = {name: [] for name in REQUESTS}
    for turn in range(4):
        if turn == 2:
            change(site)
        for name, (path, headers) in REQUESTS.items():
            right = shown(direct(path, headers=headers))
            before = len(site.statuses("cached"))
            given = shown(cache(path, headers=headers | {"User-Agent": "cached"}))
            assert given == right, (name, turn)
            assert right[0] == 200
            asked = site.statuses("cached", before + 1)[before:]
            assert asked == [304 if turn % 2 else 200], (name, turn)
            seen[name].append(given)
    assert all(first == second != third == fourth for first, second, third, fourth in seen.values())


def test_forms_stay_apart(site: Site, cache: Get) -> None:
    """At one address, by turns: JSON and a page, plain and compressed."""
    direct = client_of(site.url, requests.Session())
    accepts = [BROWSER, "*/*", "application/json", "application/json; indent=4"]
    for turn in range(3):
        for encoding in ("identity", "gzip", "br"):
            for accept in accepts:
                headers = {"Accept": accept, "Accept-Encoding": encoding}
                assert shown(cache(LIST, headers=headers)) == shown(direct(LIST, headers=headers)), (turn, headers)


def test_errors_and_redirects_do_not_outlive_what_they_say(site: Site, cache: Get) -> None:
    slug = f"new-{next(numbers)}"
    path = f"/api/v4/categories/{slug}/"
    assert cache(path).status_code == 404
    code = f"from categories.models import Category; Category.objects.create(title='x', slug={slug!r})"
    site.manage("shell", "--no-imports", "-c", code)
    assert cache(path).json()["slug"] == slug
    code = f"from categories.models import Category; Category.objects.filter(slug={slug!r}).update(slug='{slug}-b')"
    site.manage("shell", "--no-imports", "-c", code)
    response = cache(path, allow_redirects=False)
    assert (response.status_code, response.headers["Location"]) == (301, f"/api/v4/categories/{slug}-b/")
    code = f"from categories.models import Category; Category.objects.create(title='y', slug={slug!r})"
    site.manage("shell", "--no-imports", "-c", code)
    assert cache(path, allow_redirects=False).json()["title"] == "y"
