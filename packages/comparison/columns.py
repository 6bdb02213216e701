"""The columns by which any packages are compared.

A column makes of a row, a package with its stored columns as attributes, the value that is shown; the place of the row
in an order by the column; and its merit, where one value can be better than another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from django.utils import timezone
from packaging.version import InvalidVersion, Version

from packages.addresses import HTTP_PREFIXES
from packages.compatibility import django_versions, python_versions
from packages.health.verdicts import LEVELS, ranked

Kind = Literal["text", "count", "number", "time", "flag", "list", "link", "licence", "verdict", "spark", "cell"]
Better = Literal["more", "newest", "healthier", ""]

# The place of a row in an order: a tier, and a key that is comparable within it. An order turns round the tier KNOWN
# alone: the others come behind it, either way.
Place = tuple[int, Any]
KNOWN, NOT_APPLICABLE, MISSING = 0, 1, 2
NOWHERE: Place = (MISSING, 0)


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a comparison. `stored` are the columns of a package that it is made of, as querysets name them.

    `better` tells which of its values are better than others, if any are; `merit` is the higher, the better a row is
    in it, and None where nothing is known.
    """

    key: str
    title: str
    kind: Kind
    group: str
    help: str
    value: Callable[[Any], Any]
    place: Callable[[Any], Place]
    unit: str = ""
    better: Better = ""
    merit: Callable[[Any], Any] | None = None
    stored: tuple[str, ...] = ()

    @property
    def description(self) -> dict[str, str]:
        """The column as responses describe it."""
        described = {name: getattr(self, name) for name in ("key", "title", "kind", "group", "unit", "better", "help")}
        return {name: text for name, text in described.items() if text or name == "help"}


def folded(text: str | None) -> Place:
    """Return the place of a text: without regard to letter case; an empty one is missing."""
    return (KNOWN, text.casefold()) if text else NOWHERE


def _known(value: Any) -> Place:
    return NOWHERE if value is None else (KNOWN, value)


def _text(name: str, **options: Any) -> Column:
    return Column(
        value=lambda row: getattr(row, name) or None,
        place=lambda row: folded(getattr(row, name)),
        **{"stored": (name,), "key": name, "kind": "text", **options},
    )


def _count(name: str, **options: Any) -> Column:
    def value(row: Any) -> int | None:
        number: int | None = getattr(row, name)
        return number

    return Column(
        key=name,
        kind="count",
        better="more",
        value=value,
        place=lambda row: _known(value(row)),
        merit=value,
        stored=(name,),
        **options,
    )


def _time(name: str, **options: Any) -> Column:
    def value(row: Any) -> Any:
        moment = getattr(row, name)
        return moment and timezone.localtime(moment)

    return Column(
        key=name,
        kind="time",
        better="newest",
        value=value,
        place=lambda row: _known(getattr(row, name)),
        merit=lambda row: getattr(row, name),
        stored=(name,),
        **options,
    )


def _link(key: str, url: Callable[[Any], str | None], **options: Any) -> Column:
    return Column(key=key, kind="link", group="links", value=url, place=lambda row: folded(url(row)), **options)


def _versions(key: str, versions: Callable[[Any], list[str]], **options: Any) -> Column:
    """Order by the newest version, then by the second newest and so on."""

    def place(row: Any) -> Place:
        listed = [tuple(map(int, version.split("."))) for version in versions(row)]
        return (KNOWN, listed[::-1]) if listed else NOWHERE

    return Column(key=key, kind="list", group="releases", value=versions, place=place, **options)


def _health(row: Any) -> dict[str, Any]:
    verdict = ranked(row.verdict_rank)
    return {"verdict": verdict, "level": LEVELS[verdict], "warnings": row.health_warnings or []}


def _commits(row: Any) -> int | None:
    return sum(row.commits_over_52) if row.commits_over_52 else None


def _version_place(row: Any) -> Place:
    """Order versions as PyPI does (PEP 440), and texts that are none behind them."""
    if not row.pypi_version:
        return NOWHERE
    try:
        return KNOWN, Version(row.pypi_version)
    except InvalidVersion:
        return NOT_APPLICABLE, row.pypi_version.casefold()


def _django_versions(row: Any) -> list[str]:
    return django_versions(row.classifiers)


def _python_versions(row: Any) -> list[str]:
    return python_versions(row.classifiers, row.requires_python)


_STATUS = "Development Status :: "


def _development_status(row: Any) -> str | None:
    """Return the most mature one of those that the classifiers name."""
    named = [each.removeprefix(_STATUS) for each in row.classifiers if each.startswith(_STATUS)]
    return max(named, default=None)


def web_link(*candidates: str | None) -> str | None:
    """Return the first of these that is a URL of http or https."""
    return next((url for url in candidates if url and url.lower().startswith(HTTP_PREFIXES)), None)


def _repo_url(row: Any) -> str | None:
    return web_link(row.repo_url, f"https://{row.repo_key}" if row.repo_key else None)


def _pypi_url(row: Any) -> str | None:
    return web_link(row.pypi_url, f"https://pypi.org/project/{row.pypi_name}/" if row.pypi_name else None)


COLUMNS = (
    _text("repo_description", key="description", title="Description", group="about", help="As its repository has it."),
    _text("category_title", title="Category", key="category", group="about", help="The category of the catalogue."),
    Column(
        key="health",
        title="Health",
        kind="verdict",
        group="about",
        better="healthier",
        help="The verdict on the package, from thriving to gone, or unknown.",
        value=_health,
        place=lambda row: _known(row.verdict_rank),
        merit=lambda row: None if row.verdict_rank is None else -row.verdict_rank,
        stored=("verdict_rank", "health_warnings"),
    ),
    _count("repo_watchers", title="Stars", group="use", help="Watchers of its repository."),
    _count("repo_forks", title="Forks", group="use", help="Forks of its repository."),
    _count("pypi_downloads", title="Downloads", group="use", unit="a month", help="Downloads from PyPI."),
    Column(
        key="commits_over_52",
        title="Commits",
        kind="spark",
        group="activity",
        unit="a week",
        better="more",
        help="Commits in each of 52 weeks, the oldest first; ordered by their sum.",
        value=lambda row: row.commits_over_52,
        place=lambda row: _known(_commits(row)),
        merit=_commits,
        stored=("commits_over_52",),
    ),
    _time("last_updated", title="Last commit", group="activity", help="When its repository last had a commit."),
    Column(
        key="pypi_version",
        title="Version",
        kind="text",
        group="releases",
        help="The latest version on PyPI.",
        value=lambda row: row.pypi_version or None,
        place=_version_place,
        stored=("pypi_version",),
    ),
    _time("released", title="Released", group="releases", help="When the latest version was uploaded."),
    _versions(
        "django_versions",
        _django_versions,
        title="Django",
        help="The versions of Django that its classifiers name; ordered by the newest.",
        stored=("classifiers",),
    ),
    _versions(
        "python_versions",
        _python_versions,
        title="Python",
        help="The versions of Python by its classifiers and requires_python; ordered by the newest.",
        stored=("classifiers", "requires_python"),
    ),
    _text("licence", title="Licence", kind="licence", group="releases", help="An SPDX expression where one is known."),
    Column(
        key="development_status",
        title="Status",
        kind="text",
        group="releases",
        help="The development status by its classifiers.",
        value=_development_status,
        place=lambda row: folded(_development_status(row)),
        stored=("classifiers",),
    ),
    _link("repo_url", _repo_url, title="Repository", help="The repository.", stored=("repo_url", "repo_key")),
    _link("pypi_url", _pypi_url, title="PyPI", help="The project on PyPI.", stored=("pypi_url", "pypi_name")),
    _link(
        "documentation_url",
        lambda row: web_link(row.documentation_url),
        title="Documentation",
        help="The documentation.",
        stored=("documentation_url",),
    ),
)
