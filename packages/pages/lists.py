"""The page of a list of packages."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

from core.api.references import reference_of
from core.caching.dependencies import Dependencies
from core.pages.lists import Choices, ListPage
from packages.pages import choices
from packages.pages.rows import ROWS, PackageRow, rows_of

ORDERINGS: Mapping[str, str] = {
    "health": "best health",
    "-repo_watchers": "stars",
    "-pypi_downloads": "downloads",
    "-stars_30d": "growing",
    "-released": "latest release",
    "": "newest first",
    "title": "title",
}


class PackagesPage(ListPage):
    """A list of packages, in whatever form: what their filters can be set to."""

    noun = "package"
    labels: ClassVar[Mapping[str, str]] = {"q": "Words", "level": "Alive?"}

    def choices(self, name: str) -> Choices | None:
        if name == "category":
            return [(reference_of(pk, slug), title) for pk, slug, title in self._categories]
        known = choices.KNOWN.get(name)
        return known() if known else None

    def words_of_values(self, name: str) -> Mapping[str, str]:
        if name == "category":  # which may be named by its id too
            return {reference: title for pk, slug, title in self._categories for reference in (slug, str(pk))}
        return super().words_of_values(name)

    @cached_property
    def _categories(self) -> list[tuple[int, str, str]]:
        return choices.categories()


class PackageListPage(PackagesPage):
    """A row for each package, with its verdict, the range of Django and its latest release."""

    rows_template = "packages/rows.html"
    intro = "Narrow the list down to what is alive and fits, and tick packages to see them side by side."
    depends_on: ClassVar[Dependencies] = ROWS
    orderings = ORDERINGS
    main_filters = ("q", "category", "level", "django", "python", "licence")
    more_filters = (
        *("health", "vulnerable", "reply", "has_pypi", "archived", "deprecated", "gone", "pypi_status"),
        *("repo_watchers__gte", "repo_watchers__lte", "repo_forks__gte", "repo_forks__lte", "pypi_downloads__gte"),
        *("released__gte", "released__lte", "last_updated__gte", "last_updated__lte"),
        *("created__gte", "created__lte", "modified__gte", "stale"),
        *("grid", "participant", "repo_host", "repo_url", "pypi_name", "classifier", "readiness", "pypi_name__in"),
    )
    labels: ClassVar[Mapping[str, str]] = {
        **PackagesPage.labels,
        "repo_watchers__gte": "Stars, at least",
        "repo_watchers__lte": "Stars, at most",
        "vulnerable": "Known vulnerability",
        "reply": "An editor says",
        "gone": "Gone from its host",
        "pypi_downloads__gte": "Downloads, at least",
        "stale": "Days without fetch",
        "readiness": "Readiness",
        "pypi_name__in": "Requirements",
    }

    @cached_property
    def rows(self) -> Sequence[PackageRow]:
        return rows_of(self.view.ids)
