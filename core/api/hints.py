"""The parameters of other APIs, and what to write here instead. A hint is given only where its parameter exists."""

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple


class Hint(NamedTuple):
    """A parameter that does here what parameters with these `names` do elsewhere, with an example and more words."""

    parameter: str
    example: str
    names: str
    words: str = ""


# Of a name that stands in several lines, the first whose parameter exists counts.
_HINTS = (
    Hint(
        "offset", "offset=20", "page page_number pagenumber pagenum p", " for the second page of 20, or follow “next”"
    ),
    Hint(
        "limit",
        "limit=100",
        "page_size pagesize per_page perpage count size rows max max_results maxresults num number first top take",
    ),
    Hint("offset", "offset=100", "skip start from start_index startindex begin"),
    Hint(
        "cursor",
        "cursor=",
        "after before page_token pagetoken next continue starting_after last_id max_id since_id",
        " to begin, then follow “next”",
    ),
    Hint(
        "since",
        "since=0",
        "cursor after number last from start offset seq last_event_id version revision page page_number",
        " to begin, then follow “next”",
    ),
    Hint(
        "q",
        "q=rest framework",
        "search query term terms keyword keywords text s name title description search_query contains fulltext",
    ),
    Hint(
        "ordering",
        "ordering=-title",
        "sort order order_by orderby sort_by sortby sort_order sortorder direction dir o",
    ),
    Hint(
        "expand",
        "expand=",
        "include embed with relations related populate depth nested includes",
        " with the names of links that documents take the place of",
    ),
    Hint("fields", "fields=title", "only select attributes properties field keys columns exclude omit _fields"),
    Hint("columns", "columns=health,repo_watchers", "fields only select attributes field"),
    Hint("format", "format=json", "output accept media_type content_type alt _format"),
    Hint("id__in", "id__in=81,2647", "id ids pk pks uid"),
    Hint("slug__in", "slug__in=apps,frameworks", "slug slugs names"),
    Hint("packages", "packages=django-filter,ralph", "package ids id slugs slug id__in slug__in names"),
    Hint("package", "package=ralph", "packages member members"),
    Hint("category", "category=apps", "categories category_id category_slug type kind"),
    Hint("grid", "grid=asset-management", "grids grid_id grid_slug"),
    Hint("type", "type=package", "kind item_type types model"),
    Hint("kind", "kind=package", "type kinds types model item_type event"),
    Hint("by", "by=downloads", "sort order ordering order_by sort_by measure metric"),
    Hint("repo_watchers__gte", "repo_watchers__gte=100", "stars star watchers min_stars stargazers stargazers_count"),
    Hint("repo_forks__gte", "repo_forks__gte=10", "forks min_forks forks_count"),
    Hint("pypi_downloads__gte", "pypi_downloads__gte=1000", "downloads min_downloads"),
    Hint("licence", "licence=MIT", "license licenses licences spdx license_id"),
    Hint("classifier", "classifier=Framework :: Django :: 5.2", "classifiers trove tag tags topic topics"),
    Hint("participant", "participant=octocat", "author authors maintainer maintainers user owner contributor login"),
    Hint("pypi_name", "pypi_name=django-filter", "pypi project project_name pypi_project pypi_url distribution"),
    Hint("pypi_name__in", "pypi_name__in=django-filter,requests", "requirements projects pypi_names"),
    Hint("repo_url", "repo_url=https://github.com/owner/name", "repo repository url github repository_url"),
    Hint("repo_host", "repo_host=github.com", "host domain forge"),
    Hint("django", "django=5.2", "django_version django_versions framework"),
    Hint("python", "python=3.12", "python_version python_versions requires_python"),
    Hint("level", "level=good,fair", "status state"),
    Hint(
        "modified__gte", "modified__gte=2026-05-01", "since modified modified_since updated_since updated_after updated"
    ),
    Hint("created__gte", "created__gte=2026-05-01", "created created_after created_since added"),
    Hint("released__gte", "released__gte=2026-05-01", "released released_after released_since"),
    Hint("last_updated__gte", "last_updated__gte=2026-05-01", "pushed last_updated last_commit active_since"),
)
_BY_NAME: Mapping[str, list[Hint]] = {
    name: [hint for hint in _HINTS if name in hint.names.split()]
    for name in {name for hint in _HINTS for name in hint.names.split()}
}
_BRACKETS = re.compile(r"([\w-]+)\[([\w-]*)\]", re.ASCII)
# What JSON:API writes into the brackets of page[…]
_OF_PAGE = {"size": "page_size", "limit": "page_size", "offset": "skip", "after": "after", "before": "after"}


def hint(name: str, known: Collection[str]) -> str:
    """Return the sentence that says what to write here in place of a parameter of another API; "" if none is known."""
    brackets = _BRACKETS.fullmatch(name)
    outer, inner = (brackets[1], brackets[2]) if brackets else (name, "")
    if outer == "page" and inner:
        outer = _OF_PAGE.get(inner, "after" if inner == "cursor" else "page")
    elif outer == "filter" and inner:
        outer, inner = inner, ""
    elif inner and f"{outer}__{inner}" in known:
        return f" Write {outer}__{inner}= here."
    outer = "expand" if brackets and outer == "include" else outer
    if brackets and outer in known:
        return f" Write {outer}= here, once; several values have commas between them."
    plain = outer.lower().replace("-", "_")
    for each in (*_BY_NAME.get(plain, ()), *_BY_NAME.get(plain.replace("_", ""), ())):
        if each.parameter in known:
            return f" Write {each.example} here{each.words}."
    return ""
