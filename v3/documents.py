"""The documents of v3: their keys in the order of the contract, with links by slug, as paths, and times in UTC."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
from django.urls import get_script_prefix

from categories.models import Category
from core.kinds import DOCUMENTS as KINDS
from core.kinds import Kind
from grids.documents import member_slugs
from grids.models import Grid
from packages.documents import grid_slugs
from packages.models import Package
from v3.version import ROOT

# The keys of v4 that the documents are made of, for for_api()
PACKAGE_FIELDS = (
    *("title", "slug", "category_slug", "grid_slugs", "last_fetched", "repo_url", "pypi_version", "created"),
    *("modified", "repo_forks", "repo_description", "pypi_url", "documentation_url", "repo_watchers"),
    *("commits_over_52", "participants"),
)
GRID_FIELDS = ("title", "slug", "description", "is_locked", "header", "created", "modified", "package_slugs")
CATEGORY_FIELDS = ("title", "slug", "description", "title_plural", "show_pypi", "created", "modified")
# The paths that the site of v3 had its pages at, below its root
PAGES = {Kind.PACKAGE: "packages/p", Kind.GRID: "grids/g", Kind.CATEGORY: "categories"}


class Paths:
    """The links of one response: paths of this site, whose beginning is put together once, not once a link."""

    def __init__(self) -> None:
        self.prefix = get_script_prefix()  # the path that the site is mounted at
        self.root = self.prefix + ROOT.removeprefix("/")
        self.lists = {kind: f"{self.root}{kind.plural}/" for kind in KINDS}

    def document(self, kind: Kind, slug: str) -> str:
        return f"{self.lists[kind]}{quote(slug, safe='')}/"

    def documents(self, kind: Kind, slugs: Iterable[str]) -> orjson.Fragment:
        """Return links as JSON: a page may have many thousands of them."""
        return orjson.Fragment(orjson.dumps([self.document(kind, slug) for slug in slugs]))

    def page(self, kind: Kind, slug: str) -> str:
        """Return the path of a document's page."""
        return f"{self.prefix}{PAGES[kind]}/{quote(slug, safe='')}/"


def time(value: datetime | None) -> str | None:
    """Return a time in UTC with milliseconds: 2026-05-06T11:25:10.000Z."""
    if value is None:
        return None
    return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def package_document(package: Any, paths: Paths) -> dict[str, Any]:
    """Return the document of a row of for_api(PACKAGE_FIELDS). Nobody is named who made or changed the package."""
    commits = ",".join(map(str, package.commits_over_52))
    return {
        "absolute_url": paths.page(Kind.PACKAGE, package.slug),
        "category": paths.document(Kind.CATEGORY, package.category_slug),
        "commit_list": commits,
        "commits_over_52": commits,
        "created": time(package.created),
        "created_by": None,
        "documentation_url": package.documentation_url,
        "grids": paths.documents(Kind.GRID, grid_slugs(package)),
        "last_fetched": time(package.last_fetched),
        "last_modified_by": None,
        "modified": time(package.modified),
        "participants": ",".join(map(str, package.participants)),
        "pypi_url": package.pypi_url,
        "pypi_version": package.pypi_version,
        "repo_description": package.repo_description,
        "repo_forks": package.repo_forks,
        "repo_url": package.repo_url,
        "repo_watchers": package.repo_watchers,
        "resource_uri": paths.document(Kind.PACKAGE, package.slug),
        "slug": package.slug,
        "title": package.title,
        "usage_count": 0,
    }


def grid_document(grid: Any, paths: Paths) -> dict[str, Any]:
    """Return the document of a row of for_api(GRID_FIELDS)."""
    return {
        "absolute_url": paths.page(Kind.GRID, grid.slug),
        "created": time(grid.created),
        "description": grid.description,
        "header": grid.header,
        "is_locked": grid.is_locked,
        "modified": time(grid.modified),
        "packages": paths.documents(Kind.PACKAGE, member_slugs(grid)),
        "resource_uri": paths.document(Kind.GRID, grid.slug),
        "slug": grid.slug,
        "title": grid.title,
    }


def category_document(category: Any, paths: Paths) -> dict[str, Any]:
    """Return the document of a row of for_api(CATEGORY_FIELDS)."""
    return {
        "created": time(category.created),
        "description": category.description,
        "modified": time(category.modified),
        "resource_uri": paths.document(Kind.CATEGORY, category.slug),
        "show_pypi": category.show_pypi,
        "slug": category.slug,
        "title": category.title,
        "title_plural": category.title_plural,
        "absolute_url": paths.page(Kind.CATEGORY, category.slug),
    }


class Source(NamedTuple):
    """The rows that the documents of a kind are made of, and the function that makes a document of one."""

    rows: Callable[[], Any]
    build: Callable[[Any, Paths], dict[str, Any]]


DOCUMENTS: Mapping[Kind, Source] = {
    Kind.PACKAGE: Source(lambda: Package.objects.for_api(PACKAGE_FIELDS), package_document),
    Kind.GRID: Source(lambda: Grid.objects.for_api(GRID_FIELDS), grid_document),
    Kind.CATEGORY: Source(lambda: Category.objects.for_api(CATEGORY_FIELDS), category_document),
}
