"""Packages as rows of a table: what every list of them shows, read by one statement."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from core.api.references import reference_of
from core.caching.dependencies import on
from core.kinds import Kind
from core.pages.addresses import path_of
from packages.comparison.columns import has_repository_facts
from packages.compatibility import django_versions
from packages.health.verdicts import LEVELS, Level, Verdict, ranked
from packages.models import Package
from packages.replies import in_words

# What a page that shows rows depends on.
ROWS = on(Kind.PACKAGE, Kind.CATEGORY)

_COLUMNS = (
    *(
        "id",
        "title",
        "slug",
        "repo_description",
        "verdict_rank",
        "vulnerable",
        "classifiers",
        "released",
        "pypi_version",
    ),
    *("reply_kind", "reply_until"),
    *("repo_watchers", "repo_forks", "repo_id", "repo_key", "pypi_downloads", "last_fetched"),
    *("category_id", "category__title", "category__slug"),
)


@dataclass(frozen=True, slots=True)
class PackageRow:
    """A package as a row: `stars` is None where nothing was ever fetched of its repository. `reply` is an editor's word
    on it, "" if none holds."""

    pk: int
    title: str
    slug: str
    url: str
    description: str
    verdict: Verdict
    level: Level
    vulnerable: bool
    reply: str
    django: str
    released: datetime | None
    version: str
    stars: int | None
    downloads: int | None
    category: str
    category_url: str

    @property
    def reference(self) -> str:
        """The name of the package in a list of packages."""
        return reference_of(self.pk, self.slug)


def rows_of(packages: Collection[int]) -> list[PackageRow]:
    """Return the rows of the packages with these ids, in their order; those that are gone by now are left out."""
    found = rows_by_id(packages)
    return [found[pk] for pk in packages if pk in found]


def rows_by_id(packages: Collection[int]) -> Mapping[int, PackageRow]:
    """Return the rows of the packages with these ids."""
    if not packages:
        return {}
    rows = Package.objects.filter(pk__in=packages).select_related("category").only(*_COLUMNS).order_by()
    return {package.pk: _row(package) for package in rows}


def _row(package: Package) -> PackageRow:
    verdict = ranked(package.verdict_rank)
    category = package.category
    return PackageRow(
        package.pk,
        package.title,
        package.slug,
        path_of(Kind.PACKAGE, package.pk, package.slug),
        package.repo_description,
        verdict,
        LEVELS[verdict],
        package.vulnerable,
        in_words(package.reply_kind, package.reply_until, timezone.now()),
        version_range(django_versions(package.classifiers)),
        package.released,
        package.pypi_version or "",
        package.repo_watchers if has_repository_facts(package) else None,
        package.pypi_downloads,
        category.title,
        path_of(Kind.CATEGORY, category.pk, category.slug),
    )


def version_range(versions: list[str]) -> str:
    """Return versions, oldest first, as a range: “4.2–5.2”; "" for none."""  # noqa: RUF002 (a dash)
    if not versions:
        return ""
    return versions[0] if len(versions) == 1 else f"{versions[0]}–{versions[-1]}"  # noqa: RUF001 (a dash)
