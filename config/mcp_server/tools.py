"""The tools but for `pick`: each asks the API once or twice, and answers with short JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from config.mcp_server import tables
from config.mcp_server.arguments import LEVELS, Level
from config.mcp_server.catalogue import Catalogue, CatalogueError
from config.mcp_server.texts import SHORT, day, fitted, number, slug, text, texts, url, without_nothing

FIELDS = ",".join(
    (
        *("title", "slug", "repo_description", "repo_url", "pypi_url", "documentation_url", "pypi_version"),
        *("last_updated", "last_fetched", "repo_watchers", "repo_forks", "commits_over_52", "participants", "licence"),
        *("requires_python", "requires_django", "python_versions", "django_versions", "pypi_downloads", "released"),
        *("archived", "deprecated", "gone", "replaced_by", "freshness", "health", "category_slug", "grid_slugs"),
    )
)
ORDERS = {
    "stars": "-repo_watchers",
    "downloads": "-pypi_downloads",
    "health": "health",
    "released": "-released",
    "title": "title",
}
MOST_ROWS = 100  # of a grid


class NotFoundHereError(CatalogueError):
    """There is no such document; the message names some that are spelled alike."""


def search(catalogue: Catalogue, query: str, type_: str, limit: int, offset: int) -> str:
    kind = None if type_ == "any" else type_
    found = catalogue.get("search/", q=query, type=kind, limit=limit, offset=offset)
    answer: dict[str, Any] = {"total": found.total, "results": [_hit(each) for each in found.body]}
    if not found.body:
        answer["hint"] = "Nothing matches all of these words: use fewer or other ones, or the tool pick."
    elif (found.total or 0) > offset + len(found.body):
        answer["hint"] = f"More: offset={offset + len(found.body)}."
    return fitted(answer, "results", more=lambda shown: f"offset={offset + shown}")


def _hit(hit: Mapping[str, Any]) -> dict[str, Any]:
    return without_nothing(
        {
            "type": "grid" if hit["item_type"] == "grid" else "package",
            "slug": slug(hit["slug"]),
            "title": text(hit["title"], SHORT),
            "description": text(hit["description"]),
            "category": text(hit["category"], SHORT),
            "stars": number(hit["repo_watchers"]) or None,
            "downloads_a_month": number(hit["pypi_downloads"]) or None,
            "last_commit": day(hit["last_committed"]),
        }
    )


def get_package(catalogue: Catalogue, package: str) -> str:
    document = _document(catalogue, "packages", package, fields=FIELDS)
    # Of a repository that was never fetched there are zeros.
    is_known = document["repo_watchers"] or document["freshness"]["repo"]
    answer = without_nothing(
        {
            "slug": slug(document["slug"]),
            "title": text(document["title"], SHORT),
            "description": text(document["repo_description"], 400),
            "category": slug(document["category_slug"]),
            "grids": [each for each in map(slug, document["grid_slugs"][:20]) if each],
            "health": health(document["health"]),
            "flags": [name for name in ("archived", "deprecated", "gone") if document[name] is True],
            "replaced_by": _successor(catalogue, document),
            "stars": number(document["repo_watchers"]) if is_known else None,
            "forks": number(document["repo_forks"]) if is_known else None,
            "downloads_a_month": number(document["pypi_downloads"]),
            "last_commit": day(document["last_updated"]),
            "commits_of_a_year": sum(filter(None, map(number, document["commits_over_52"] or ()))),
            "participants": texts(document["participants"], 10),
            "version": text(document["pypi_version"], SHORT),
            "released": day(document["released"]),
            "licence": text(document["licence"], SHORT),
            "requires_python": text(document["requires_python"], SHORT),
            "requires_django": text(document["requires_django"], SHORT),
            "python_versions": texts(document["python_versions"], 20, 10),
            "django_versions": texts(document["django_versions"], 20, 10),
            "repository": url(document["repo_url"]),
            "pypi": text(document["pypi_url"], 200),
            "documentation": url(document["documentation_url"]),
            "fetched": _fetched(document["freshness"]),
        }
    )
    return fitted(answer, more=lambda _: "")


def health(value: Any) -> dict[str, Any] | None:
    """Return a verdict with the rule that decided: what it saw, and what it asks for."""
    if not isinstance(value, dict):
        return None
    decided = value["reasons"][-1] if value["reasons"] else {}
    return without_nothing(
        {
            "verdict": text(value["verdict"], SHORT),
            "level": text(value["level"], SHORT),
            "since": day(value["since"]),
            "rule": text(decided.get("rule"), SHORT),
            "saw": _facts(decided.get("value")),
            "asks_for": _facts(decided.get("threshold")),
            "warnings": texts(value["warnings"], 8),
        }
    )


def _facts(value: Any) -> dict[str, Any]:
    """Return the numbers, flags and short texts of what a rule saw."""
    pairs = value.items() if isinstance(value, dict) else ()
    return {
        str(text(name, SHORT)): each if isinstance(each, bool) or number(each) is not None else text(each, SHORT)
        for name, each in list(pairs)[:10]
        if isinstance(each, bool | int | float | str)
    }


def _fetched(freshness: Any) -> dict[str, Any]:
    """Return for each source the day of the last success, and the error since then."""
    sources = {name: each for name, each in freshness.items() if isinstance(each, dict)}
    return {
        str(text(name, SHORT)): without_nothing({"on": day(each["last_success"]), "error": text(each["error"], 80)})
        for name, each in sources.items()
    }


def _successor(catalogue: Catalogue, document: Mapping[str, Any]) -> str | None:
    """Return the slug of the package that takes this one's place."""
    link = url(document["replaced_by"])
    pk = slug(link.partition("?")[0].rstrip("/").rpartition("/")[2]) if link else None
    return slug(catalogue.get(f"packages/{pk}/", fields="slug").body["slug"]) if pk else None


def get_grid(
    catalogue: Catalogue, grid: str, level: Level, order: str, limit: int, offset: int, *, features: bool
) -> str:
    comparison = _document(
        *(catalogue, "grids", grid),
        part="comparison/",
        level=LEVELS[level],
        ordering=ORDERS[order],
        limit=limit,
        offset=offset or None,
    )
    answer = {
        "grid": {
            "slug": slug(comparison["grid"]["slug"]),
            "title": text(comparison["grid"]["title"], SHORT),
            "description": text(comparison["grid"]["description"], 300),
        },
        "packages": number(comparison["total"]),
        "shown_at_this_level": number(comparison["shown"]),
        "left_out": tables.hidden(comparison),
        "features": tables.feature_titles(comparison),
        **tables.of_comparison(comparison, None, features=features),
    }
    if comparison["next"]:
        answer["hint"] = f"More: offset={offset + len(comparison['rows'])}."
    return fitted(
        answer, "rows", "features", spare="best", more=lambda shown: f"offset={offset + shown}, or features=false"
    )


def compare(catalogue: Catalogue, packages: Sequence[str], columns: Sequence[str] | None, grid: str | None) -> str:
    names = ",".join(dict.fromkeys(packages))
    if grid:
        comparison = _document(catalogue, "grids", grid, part="comparison/", level="all", slug__in=names)
    else:
        comparison = _several(catalogue, names)
    answer = tables.of_comparison(comparison, columns, features=bool(grid))
    if not answer["rows"]:
        raise CatalogueError("None of these packages is in that grid: leave grid out to compare them without features.")
    return fitted(answer, "rows", spare="best", more=lambda _: "fewer packages, or fewer columns")


def _several(catalogue: Catalogue, names: str) -> Any:
    if "," not in names:
        raise CatalogueError("Name two different packages at least.")
    return catalogue.get("compare/", packages=names, level="all").body


def _document(catalogue: Catalogue, kind: str, reference: str, part: str = "", **parameters: Any) -> Any:
    """Return a document, or a part of it; NotFoundHereError names others that are spelled alike."""
    try:
        return catalogue.get(f"{kind}/{reference}/{part}", **parameters).body
    except CatalogueError as error:
        if error.status != 404:
            raise
        one = kind.removesuffix("s")
        near = catalogue.get("search/", q=reference.replace("-", " "), type=one, limit=5).body
        slugs = ", ".join(filter(None, (slug(each["slug"]) for each in near)))
        hint = f"spelled alike: {slugs}" if slugs else "the tool search finds slugs"
        raise NotFoundHereError(f"There is no {one} “{reference}”; {hint}.", 404) from error
