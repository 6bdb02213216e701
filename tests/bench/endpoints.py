"""The requests that `make bench` sends to each endpoint, and a check that a response is complete."""

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median
from urllib.parse import parse_qsl, urlsplit

import requests

from tests.bench.catalogue import COMPARED, GRIDS, PACKAGES, query

API = "/api/v4/"
MOST_PATHS = 500
MOST_SECONDS = 5.0  # for fetching the paths of an endpoint before the load
FEWEST_PATHS = 5
TYPED = (
    "admin+api",
    "auth",
    "cache+form",
    "image",
    "django-search-queue",
    "rest+json",
    "package-17",
    "tre",
    "tagg",
)
COLUMNS = 17  # of a comparison, without those of features
SHALLOW = min(PACKAGES, 10_000)  # the API allows no higher offset with filters


class WrongResponseError(Exception):
    """A response with another status, length or number of rows than it should have."""


@dataclass(frozen=True)
class Endpoint:
    name: str
    paths: list[str]
    kinds: tuple[str, ...] = ("cold", "warm", "304")


def endpoints(url: str) -> list[Endpoint]:
    """Return the endpoints with the many paths to request of each, the same in every run."""
    choose = random.Random(1)
    ids = choose.sample(range(1, PACKAGES + 1), MOST_PATHS)
    grids = choose.sample(range(1, GRIDS + 1), min(GRIDS, MOST_PATHS))
    people = query(url, f"SELECT participants->>0 FROM packages_package WHERE id IN ({','.join(map(str, ids))})")
    named = (
        _documents(ids, grids)
        | comparisons()
        | _for_people(ids, grids)
        | _pages(ids, choose.sample(range(PACKAGES), MOST_PATHS))
        | _searches()
    )
    listed = [Endpoint(name, _distinct(paths)) for name, paths in named.items()]
    filters = {"cold": _singled_out(ids, grids, sorted(str(login) for (login,) in people)), "counted": _filtered()}
    return listed + [
        Endpoint(f"packages {name}", _distinct(paths), (kind,))
        for kind, of_kind in filters.items()
        for name, paths in of_kind.items()
    ]


def _distinct(paths: Iterable[str]) -> list[str]:
    return [API + path for path in dict.fromkeys(paths)][:MOST_PATHS]


def _documents(ids: list[int], grids: list[int]) -> dict[str, list[str]]:
    return {
        "package": [f"packages/{pk}/" for pk in ids],
        "grid": [f"grids/{pk}/" for pk in grids],
        "category": [f"categories/{n}/" for n in range(1, 6)],
    }


def comparisons() -> dict[str, list[str]]:
    """Return the paths of the comparisons of each size."""
    named, first = {}, 1
    for grids, members, features in COMPARED:
        name = f"comparison, {members} × ({COLUMNS} + {features})"  # noqa: RUF001 (a multiplication sign)
        named[name] = [f"grids/{pk}/comparison/?level=all" for pk in range(first, first + grids)]
        first += grids
    return named


def _for_people(ids: list[int], grids: list[int]) -> dict[str, list[str]]:
    """Return the paths of pages. Comparisons have theirs of so many features, the JSON of the same in _documents."""
    compared = {f"{name}, HTML": [f"{path}&format=api" for path in paths] for name, paths in comparisons().items()}
    return compared | {
        "front, HTML": ["?format=api"],
        "package, HTML": [f"packages/{pk}/?format=api" for pk in ids],
        "grid, HTML": [f"grids/{pk}/?format=api" for pk in grids],
        "category, HTML": [f"categories/{n}/?format=api" for n in range(1, 6)],
        "search, 20, HTML": [f"search/?format=api&q={words}&offset={n}" for n in range(0, 200, 20) for words in TYPED],
        "packages, 20, HTML": [f"packages/?format=api&offset={n * 20 % SHALLOW}" for n in range(250)],
        "packages, 100, HTML": [
            f"packages/?format=api&limit=100&offset={n * 20 % (SHALLOW - 100)}" for n in range(100)
        ],
    }


def _pages(ids: list[int], changes: list[int]) -> dict[str, list[str]]:
    tail = PACKAGES * 9 // 10
    return {
        "packages, 20": [f"packages/?offset={n * 20 % SHALLOW}" for n in range(500)],
        "packages, 100": [f"packages/?limit=100&offset={n * 20 % (SHALLOW - 100)}" for n in range(200)],
        "packages, 1,000": [f"packages/?limit=1000&offset={n * 43}" for n in range(100)],
        "packages, cursor walk": [f"packages/?cursor=below-{pk}" for pk in ids],
        "packages, offset 90 %": [f"packages/?offset={tail + n}" for n in range(100)],
        "packages, by watchers": [f"packages/?ordering=-repo_watchers&offset={n * 20}" for n in range(100)],
        "grids, 20": [f"grids/?offset={n}" for n in range(min(500, GRIDS - 20))],
        "grids, 1,000": [f"grids/?limit=1000&offset={n}" for n in range(50)],
        "categories, 20": ["categories/", "categories/?limit=20", "categories/?offset=0"],
        "categories, 1,000": [f"categories/?limit={1000 - n}" for n in range(20)],
        "trending": [f"trending/?by={number}&limit={n}" for n in range(20, 100) for number in ("stars", "downloads")],
        "changes, 100": [f"changes/?since={n}" for n in changes],
        "changes, 1,000": [f"changes/?limit=1000&since={n}" for n in changes],
    }


def _searches() -> dict[str, list[str]]:
    return {
        "search, 20": [f"search/?q={words}&offset={n}" for n in range(0, 200, 20) for words in TYPED],
        "search, 100": [f"search/?q={words}&limit=100&offset={n}" for n in range(0, 500, 100) for words in TYPED],
    }


def _singled_out(ids: list[int], grids: list[int], people: list[str]) -> dict[str, list[str]]:
    """Filters that leave few rows, with another value in each request."""
    return {
        "?participant": [f"packages/?participant={login}" for login in people],
        "?repo_url": [f"packages/?repo_url=https://github.com/owner{pk % 9001}/package-{pk}" for pk in ids],
        "?grid": [f"packages/?grid=grid-{pk}" for pk in grids],
        "?id__in": [f"packages/?id__in={','.join(map(str, ids[n : n + 20]))}" for n in range(len(ids) - 20)],
    }


def _filtered() -> dict[str, list[str]]:
    """Filters that leave many rows, with another page in each request."""
    offsets = range(0, 1_000, 20)
    days = [date(2026, 1, 1) + timedelta(n) for n in range(20)]
    values = {
        "?category": [f"category=category-{n}" for n in range(1, 6)],
        "?q": [f"q={word}" for word in ("admin", "api", "auth", "cache", "image")],
        "?licence": [f"licence={licence}" for licence in ("MIT", "BSD-3-Clause", "Apache-2.0")],
        "?django": [f"django={version}" for version in ("3.2", "4.2", "5.2")],
        "?python": [f"python={version}" for version in ("3.9", "3.12")],
        "?last_updated__gte&ordering": [f"last_updated__gte={day.isoformat()}&ordering=-last_updated" for day in days],
        "?category&ordering": [f"category=category-{n}&ordering=-repo_watchers" for n in range(1, 6)],
        "?category&q": [
            f"category=category-{n}&q={word}"
            for n in range(1, 6)
            for word in ("admin", "api", "auth", "cache", "image")
        ],
        "?django&ordering": [f"django={version}&ordering=-pypi_downloads" for version in ("3.2", "4.2", "5.2")],
        "?q&ordering": [f"q={word}&ordering=-repo_watchers" for word in ("admin", "api", "auth")],
        "?health": [f"health={verdict}" for verdict in ("maintained", "finished", "quiet", "unmaintained")],
        "?level": [f"level={level}" for level in ("good", "fair", "poor", "none")],
        "?ordering=health": ["ordering=health", "ordering=-health"],
        "?level&ordering=health": [f"level={level}&ordering=health" for level in ("good", "poor")],
        "?ordering=-stars_30d": ["ordering=-stars_30d"],
        "?ordering=title": ["ordering=title"],
        "?ordering=-pypi_downloads": ["ordering=-pypi_downloads"],
    }
    return {
        name: [
            f"packages/?{query}&offset={at}"
            for at in (offsets if len(queries) > 1 else range(0, SHALLOW, 20))
            for query in queries
        ]
        for name, queries in values.items()
    }


@dataclass
class Fetched:
    """Paths that gave a complete response, each behind its length, as wrk's script reads them."""

    lines: list[str] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, path: str, response: requests.Response) -> None:
        self.lines.append(f"{len(response.content)} {path}")
        self.lengths.append(len(response.content))
        self.seconds.append(response.elapsed.total_seconds())

    @property
    def bytes(self) -> int:
        return round(sum(self.lengths) / len(self.lengths))

    @property
    def typical(self) -> float:
        return median(self.seconds)


def session() -> requests.Session:
    """Return a client that sends only a Host header, as wrk does, so that responses and their ETags are the same."""
    client = requests.Session()
    client.trust_env = False
    client.headers.clear()
    client.headers["Accept-Encoding"] = "identity"
    return client


def fetch(port: int, paths: list[str]) -> Fetched:
    """Request each path of a load once. Paths of empty pages are left out: they would be too easy to serve."""
    fetched, until = Fetched(), time.monotonic() + MOST_SECONDS
    with session() as client:
        for path in paths:
            response = client.get(f"http://127.0.0.1:{port}{path}", timeout=60)
            if check(path, response):
                fetched.add(path, response)
            if time.monotonic() > until and len(fetched.lines) >= FEWEST_PATHS:
                break
    if not fetched.lines:
        raise WrongResponseError(f"nothing but empty pages: {paths[0]}")
    return fetched


def check(path: str, response: requests.Response) -> bool:
    """Return whether the response to `path` has any rows. Raise WrongResponseError if it is not complete."""
    if response.status_code != 200:
        raise WrongResponseError(f"{response.status_code} for {path}")
    if response.headers.get("Content-Length") != str(len(response.content)):
        raise WrongResponseError(f"{len(response.content)} bytes, not Content-Length, for {path}")
    if response.headers["Content-Type"].startswith("text/html"):
        return _is_page(path, response.text)
    url = urlsplit(path)
    parts = url.path.removeprefix(API).strip("/").split("/")
    try:
        reader = _document if len(parts) == 2 else _READERS.get(parts[-1], _list)
        is_complete, rows = reader(response, parts[-1], dict(parse_qsl(url.query)))
    except (ValueError, KeyError, TypeError) as error:
        raise WrongResponseError(f"the response to {path} makes no sense: {error!r}") from error
    if not is_complete:
        raise WrongResponseError(f"{rows} results are not all that {path} has")
    return rows > 0


def _is_page(path: str, html: str) -> bool:
    """Return whether a page shows more than that nothing was found. Raise WrongResponseError if it is not whole."""
    if not html.rstrip().endswith("</html>") or "<h1" not in html:
        raise WrongResponseError(f"the page of {path} is not whole")
    return "Nothing here" not in html


def _document(response: requests.Response, pk: str, query: dict[str, str]) -> tuple[bool, int]:
    return response.json()["id"] == int(pk), 1


def _list(response: requests.Response, kind: str, query: dict[str, str]) -> tuple[bool, int]:
    page = response.json()
    rows, limit = len({row["id"] for row in page["results"]}), int(query.get("limit", 20))
    if "cursor" in query:
        return rows == limit or page["next"] is None, rows
    total = {"packages": PACKAGES, "grids": GRIDS, "categories": 5}[kind]
    filtered = query.keys() - {"limit", "offset", "ordering", "format"}
    if not filtered and page["count"] != total:
        return False, rows
    return rows == min(limit, max(0, page["count"] - int(query.get("offset", 0)))), rows


def _trending(response: requests.Response, kind: str, query: dict[str, str]) -> tuple[bool, int]:
    page = response.json()
    rows = len({row["id"] for row in page["results"]})
    return rows == min(int(query["limit"]), page["count"]), rows


def _search(response: requests.Response, kind: str, query: dict[str, str]) -> tuple[bool, int]:
    rows, total = len(response.json()), int(response.headers["X-Total-Count"])
    return rows == min(int(query.get("limit", 20)), max(0, total - int(query.get("offset", 0)))), rows


def _changes(response: requests.Response, kind: str, query: dict[str, str]) -> tuple[bool, int]:
    page = response.json()
    rows = len({row["number"] for row in page["results"]})
    return page["since"] == int(query["since"]) and rows == int(query.get("limit", 100)), rows


def _comparison(response: requests.Response, kind: str, query: dict[str, str]) -> tuple[bool, int]:
    rows = response.json()["rows"]
    sizes = [(members, {COLUMNS + features}) for _, members, features in COMPARED]
    return (len(rows), {len(row["values"]) for row in rows}) in sizes, len(rows)


_READERS: dict[str, Callable[[requests.Response, str, dict[str, str]], tuple[bool, int]]] = {
    "search": _search,
    "trending": _trending,
    "changes": _changes,
    "comparison": _comparison,
}
