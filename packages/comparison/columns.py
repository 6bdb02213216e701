"""The columns by which any packages are compared.

Rows are packages with their stored columns as attributes. From them a column makes the values that are shown, the place
of each row in an order by the column, and its merit, where one value can be better than another. Values and merits are
made a column at a time: what they have in common is looked up once.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, Literal, NamedTuple

import orjson
from django.utils import timezone
from packaging.version import InvalidVersion, Version

from packages.addresses import HTTP_PREFIXES
from packages.compatibility import django_versions, python_versions
from packages.health.verdicts import LEVELS, ranked
from packages.identity import deciding_source

Kind = Literal["text", "count", "number", "time", "flag", "list", "link", "licence", "verdict", "spark", "cell"]
Better = Literal["more", "newest", "healthier", ""]
OfRows = Callable[[Sequence[Any]], list[Any]]

# The place of a row in an order: a tier, and a key that is comparable within it. A descending order turns round KNOWN
# alone: the other tiers come behind it either way.
Place = tuple[int, Any]
KNOWN, NOT_APPLICABLE, MISSING = 0, 1, 2
NOWHERE: Place = (MISSING, 0)


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a comparison. `stored` are the columns of a package that it is made of (packages.comparison.rows).

    `better` tells which of its values are better than others, if any are; the merit of a row is the higher, the better
    it is, and None where nothing is known. What has no merit above `least` is not called the best.
    """

    key: str
    title: str
    kind: Kind
    group: str
    help: str
    values: OfRows
    place: Callable[[Any], Place]
    unit: str = ""
    better: Better = ""
    merits: OfRows | None = None
    least: int | None = None
    stored: tuple[str, ...] = ()

    @property
    def description(self) -> dict[str, str]:
        """The column as responses describe it."""
        described = {name: getattr(self, name) for name in ("key", "title", "kind", "group", "unit", "better", "help")}
        return {name: text for name, text in described.items() if text or name == "help"}


def of_each(value: Callable[[Any], Any]) -> OfRows:
    """Return the function that gives the value of each row."""
    return lambda rows: [value(row) for row in rows]


def known(value: Any) -> Place:
    return NOWHERE if value is None else (KNOWN, value)


def folded(text: str | None) -> Place:
    """Return the place of a text: without regard to letter case; an empty one is missing."""
    return (KNOWN, text.casefold()) if text else NOWHERE


def _text(name: str, *, key: str = "", **options: Any) -> Column:
    text = attrgetter(name)
    return Column(
        key=key or name,
        values=lambda rows: [each or None for each in map(text, rows)],
        stored=(name,),
        **{"kind": "text", "place": lambda row: folded(text(row)), **options},
    )


def _count(name: str, count: Callable[[Any], int | None], stored: tuple[str, ...] = (), **options: Any) -> Column:
    def values(rows: Sequence[Any]) -> list[int | None]:
        return list(map(count, rows))

    return Column(
        key=name,
        kind="count",
        better="more",
        values=values,
        place=lambda row: known(count(row)),
        merits=values,
        stored=stored or (name,),
        **options,
    )


_OF_REPOSITORY = ("repo_watchers", "repo_forks", "repo_id", "repo_key", "last_fetched")


def has_repository_facts(row: Any) -> bool:
    """Return True if the repository was ever fetched, by us or, without an id, by the catalogue that was imported."""
    is_fetched = row.repo_id or (row.last_fetched and deciding_source(row.repo_key) == "repo")
    return bool(is_fetched or row.repo_watchers or row.repo_forks)


def _repository_count(name: str, **options: Any) -> Column:
    """Return the column of a count that is stored as 0 as long as it is not known."""
    stored: Callable[[Any], int] = attrgetter(name)

    def count(row: Any) -> int | None:
        return stored(row) or (0 if has_repository_facts(row) else None)

    return _count(name, count, _OF_REPOSITORY, **options)


def _time(name: str, **options: Any) -> Column:
    time = attrgetter(name)

    def values(rows: Sequence[Any]) -> list[datetime | None]:
        zone = timezone.get_current_timezone()
        return [moment and moment.astimezone(zone) for moment in map(time, rows)]

    return Column(
        key=name,
        kind="time",
        better="newest",
        values=values,
        place=lambda row: known(time(row)),
        # In UTC as they are stored: an hour that clocks repeat has two meanings in the site's zone.
        merits=lambda rows: list(map(time, rows)),
        stored=(name,),
        **options,
    )


def _link(key: str, url: Callable[[Any], str | None], **options: Any) -> Column:
    return Column(
        key=key, kind="link", group="links", values=of_each(url), place=lambda row: folded(url(row)), **options
    )


def web_link(url: str | None) -> str | None:
    """Return a URL of http or https as it is; None for any other text."""
    return url if url and url[:8].lower().startswith(HTTP_PREFIXES) else None


def repo_link(row: Any) -> str | None:
    """Return the URL of a row's repository for a browser, whichever way it is typed; None if there is none."""
    return web_link(row.repo_url) or (f"https://{row.repo_key}" if row.repo_key else None)


def pypi_link(row: Any) -> str | None:
    """Return the URL of a row's project on PyPI; None if there is none."""
    return web_link(row.pypi_url) or (f"https://pypi.org/project/{row.pypi_name}/" if row.pypi_name else None)


class Classified(NamedTuple):
    """The versions that the classifiers of a package and its requires_python name, oldest first, and the most mature
    development status."""

    django: list[str]
    python: list[str]
    status: str | None


_STATUS = "Development Status :: "


def development_status(classifiers: Collection[str]) -> str | None:
    """Return the most mature development status that classifiers name: “5 - Production/Stable”; None for none."""
    return max((each.removeprefix(_STATUS) for each in classifiers if each.startswith(_STATUS)), default=None)


@lru_cache(maxsize=4096)
def classified(classifiers: str, requires_python: str) -> Classified:
    """Read the JSON of classifiers. Many packages have the same ones."""
    listed: Collection[str] = orjson.loads(classifiers)
    return Classified(django_versions(listed), python_versions(listed, requires_python), development_status(listed))


def _classified(row: Any) -> Classified:
    return classified(row.classifier_text, row.requires_python)


_CLASSIFIED = ("classifier_text", "requires_python")


def _versions(key: str, versions: Callable[[Any], list[str]], **options: Any) -> Column:
    """Order by the newest version, then by the second newest and so on."""

    def place(row: Any) -> Place:
        listed = [tuple(map(int, version.split("."))) for version in versions(row)]
        return (KNOWN, listed[::-1]) if listed else NOWHERE

    return Column(
        key=key,
        kind="list",
        group="releases",
        values=of_each(versions),
        place=place,
        stored=_CLASSIFIED,
        **options,
    )


def _latest_version(row: Any) -> Place:
    """Order versions as PyPI does (PEP 440); texts that are none stand behind them."""
    if not row.pypi_version:
        return NOWHERE
    try:
        return KNOWN, Version(row.pypi_version)
    except InvalidVersion:
        return NOT_APPLICABLE, row.pypi_version.casefold()


def _health(row: Any) -> dict[str, Any]:
    verdict = ranked(row.verdict_rank)
    return {"verdict": verdict, "level": LEVELS[verdict], "warnings": row.health_warnings or []}


def _commits(row: Any) -> int | None:
    return sum(row.commits_over_52) if row.commits_over_52 else None


COLUMNS = (
    _text("repo_description", key="description", title="Description", group="about", help="As its repository has it."),
    _text("category_title", key="category", title="Category", group="about", help="The category of the catalogue."),
    Column(
        key="health",
        title="Health",
        kind="verdict",
        group="about",
        better="healthier",
        help="The verdict on the package, from thriving to gone, or unknown.",
        values=of_each(_health),
        place=lambda row: known(row.verdict_rank),
        merits=of_each(lambda row: None if row.verdict_rank is None else -row.verdict_rank),
        stored=("verdict_rank", "health_warnings"),
    ),
    _repository_count("repo_watchers", title="Stars", group="use", help="Watchers of its repository."),
    _repository_count("repo_forks", title="Forks", group="use", help="Forks of its repository."),
    _count(
        "pypi_downloads",
        attrgetter("pypi_downloads"),
        title="Downloads",
        group="use",
        unit="a month",
        help="Downloads from PyPI.",
    ),
    Column(
        key="commits_over_52",
        title="Commits",
        kind="spark",
        group="activity",
        unit="a week",
        better="more",
        help="Commits in each of 52 weeks, the oldest first; ordered by their sum.",
        values=lambda rows: [row.commits_over_52 for row in rows],
        place=lambda row: known(_commits(row)),
        merits=of_each(_commits),
        stored=("commits_over_52",),
    ),
    _time("last_updated", title="Last commit", group="activity", help="When its repository last had a commit."),
    _text("pypi_version", title="Version", group="releases", help="The latest version on PyPI.", place=_latest_version),
    _time("released", title="Released", group="releases", help="When the latest version was uploaded."),
    _versions(
        "django_versions",
        lambda row: _classified(row).django,
        title="Django",
        help="The versions of Django that its classifiers name; ordered by the newest.",
    ),
    _versions(
        "python_versions",
        lambda row: _classified(row).python,
        title="Python",
        help="The versions of Python by its classifiers and requires_python; ordered by the newest.",
    ),
    _text("licence", title="Licence", kind="licence", group="releases", help="An SPDX expression where one is known."),
    Column(
        key="development_status",
        title="Status",
        kind="text",
        group="releases",
        help="The development status by its classifiers.",
        values=of_each(lambda row: _classified(row).status),
        place=lambda row: folded(_classified(row).status),
        stored=_CLASSIFIED,
    ),
    _link("repo_url", repo_link, title="Repository", help="The repository.", stored=("repo_url", "repo_key")),
    _link("pypi_url", pypi_link, title="PyPI", help="The project on PyPI.", stored=("pypi_url", "pypi_name")),
    _link(
        "documentation_url",
        lambda row: web_link(row.documentation_url),
        title="Documentation",
        help="The documentation.",
        stored=("documentation_url",),
    ),
)
