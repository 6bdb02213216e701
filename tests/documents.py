"""v4 documents for tests, and two ways to serve them: from a folder, or from a faked v4 API."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import responses

ROOT = "https://catalogue.test/api/v4/"
CREATED = "2020-02-03T04:05:06.789012-05:00"
Document = dict[str, Any]


def link(kind: str, pk: int) -> str:
    return f"{ROOT}{kind}/{pk}/"


def category(pk: int = 1, **changes: Any) -> Document:
    return {
        "id": pk,
        "title": f"Category {pk}",
        "slug": f"category-{pk}",
        "description": "",
        "title_plural": f"Categories {pk}",
        "show_pypi": True,
        "created": CREATED,
        "modified": CREATED,
    } | changes


def grid(pk: int = 7, packages: Sequence[int] = (), **changes: Any) -> Document:
    return {
        "id": pk,
        "title": f"Grid {pk}",
        "slug": f"grid-{pk}",
        "description": "Side by side.",
        "is_locked": False,
        "packages": [link("packages", member) for member in packages],
        "header": False,
        "created": CREATED,
        "modified": CREATED,
    } | changes


def package(pk: int = 100, grids: Sequence[int] = (), **changes: Any) -> Document:
    return {
        "category": link("categories", 1),
        "grids": [link("grids", member) for member in grids],
        "id": pk,
        "title": f"Package {pk}",
        "slug": f"package-{pk}",
        "last_updated": "2026-05-06T07:25:10-04:00",
        "last_fetched": "2026-05-26T09:09:44.237594-04:00",
        "repo_url": f"https://github.com/someone/package-{pk}",
        "pypi_version": "2.3.1",
        "created": CREATED,
        "modified": CREATED,
        "repo_forks": 5,
        "repo_description": "Does things. \r\n:rocket: “quoted” ",
        "pypi_url": f"http://pypi.python.org/pypi/package-{pk}",
        "documentation_url": None,
        "repo_watchers": 24,
        "commits_over_52": list(range(52)),
        "participants": ["anna", "dependabot[bot]"],
    } | changes


def catalogue(
    categories: Sequence[Any] = (), grids: Sequence[Any] = (), packages: Sequence[Any] = ()
) -> dict[str, list[Any]]:
    return {"categories": list(categories), "grids": list(grids), "packages": list(packages)}


def small_catalogue() -> dict[str, list[Any]]:
    """A category, a grid and five packages, the first of them in the grid."""
    return catalogue([category()], [grid(7, [100])], [package(100, grids=[7]), *map(package, range(101, 105))])


def write_folder(folder: Path, documents: dict[str, list[Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    for kind, listed in documents.items():
        (folder / f"{kind}.json").write_text(json.dumps(listed), encoding="utf-8")
    return folder


class FakeApi:
    """A v4 API faked by `responses`, in pages of `page` documents whatever limit is requested.

    `faults` has, for a path with its query, a list of responses to give first, in turn: (status, headers, body), or an
    exception to raise.
    """

    def __init__(self, wire: responses.RequestsMock, documents: dict[str, list[Any]], page: int = 2) -> None:
        self.documents = documents
        self.page = page
        self.faults: dict[str, list[tuple[int, dict[str, str], str] | BaseException]] = {}
        self.requested: list[str] = []
        self.agents: set[str | None] = set()
        wire.add_callback(responses.GET, ROOT, self._root)
        for kind in documents:
            wire.add_callback(responses.GET, f"{ROOT}{kind}/", self._list)

    def _fault(self, request: Any) -> tuple[int, dict[str, str], str] | None:
        parts = urlsplit(request.url)
        path = parts.path.removeprefix("/api/v4/") + (f"?{parts.query}" if parts.query else "")
        self.requested.append(path)
        self.agents.add(request.headers.get("User-Agent"))
        faults = self.faults.get(path)
        fault = faults.pop(0) if faults else None
        if isinstance(fault, BaseException):
            raise fault
        return fault

    def _root(self, request: Any) -> tuple[int, dict[str, str], str]:
        return self._fault(request) or (200, {}, json.dumps({kind: f"{ROOT}{kind}/" for kind in self.documents}))

    def _list(self, request: Any) -> tuple[int, dict[str, str], str]:
        if fault := self._fault(request):
            return fault
        parts = urlsplit(request.url)
        kind = parts.path.removesuffix("/").rsplit("/", 1)[-1]
        offset = int(dict(parse_qsl(parts.query)).get("offset", 0))
        return 200, {}, json.dumps(self.page_of(kind, offset))

    def page_of(self, kind: Any, offset: int) -> Document:
        listed = self.documents[kind]
        next_offset = offset + self.page
        following = f"{ROOT}{kind}/?limit=100&offset={next_offset}" if next_offset < len(listed) else None
        results = listed[offset : offset + self.page]
        return {"count": len(listed), "next": following, "previous": None, "results": results}
