"""The page of a package: all that one has to know to decide about it."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlencode

from django.db.models import F, OuterRef, QuerySet, Subquery
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from django.utils.text import Truncator

from core.caching.dependencies import Dependencies, on
from core.kinds import Kind
from core.links import absolute
from core.pages.addresses import path_of
from core.pages.page import DESCRIPTION_LENGTH, Link, Page
from core.words import counted
from packages import badges, charts, hooks
from packages.advisories.facts import worst
from packages.advisories.listed import Listed
from packages.advisories.listed import listed as listed_advisories
from packages.comparison.columns import development_status, has_repository_facts, pypi_link, repo_link, web_link
from packages.compatibility import django_versions, python_versions
from packages.facts import SAMPLE
from packages.health.verdicts import LEVELS
from packages.identity import deciding_source
from packages.models import Package, Release, RepositoryAlias, Snapshot
from packages.pages.freshness import SourceInWords, sources_in_words
from packages.pages.places import MOST_GRIDS, GridPlace, compare_url, grid_places, rank_in_category, similar
from packages.pages.reasons import ReasonInWords, reason_in_words, warning_in_words
from packages.pages.rows import PackageRow, version_range
from packages.pins.listed import PinDocument, listed
from packages.replies import in_words, reply_of

_NUMBERS = {"repo_watchers": "Stars", "pypi_downloads": "Downloads a month", "repo_forks": "Forks"}
_REPOSITORY = "Its repository"
RELEASES, PARTICIPANTS, VULNERABILITIES = 5, 10, 10  # that are shown
MOVED_WITHIN = timedelta(days=365)


class Number(NamedTuple):
    """A count of a package: its value, None where it is not known, and its gains in words."""

    name: str
    value: int | None
    gains: str


class Rank(NamedTuple):
    """The ranks of a package in a grid, with the number of its members, or in a category; in words."""

    of: Link
    members: str
    words: str


class PackagePage(Page):
    """A package: whether it is alive, fits and is used, and its rivals."""

    template = "packages/package.html"
    is_folded = True
    # The index that a search for similar packages reads has grids and features in it too.
    depends_on: ClassVar[Dependencies] = on(Kind.PACKAGE, Kind.CATEGORY, Kind.GRID, Kind.FEATURE)

    @cached_property
    def package(self) -> Any:
        """The package with all that the page shows of it alone, by one statement."""
        package = _packages().filter(pk=self.view.document.pk).first()
        if package is None:
            raise Http404  # it was deleted after its document was read
        return package

    @property
    def title(self) -> str:  # type: ignore[override]
        return str(self.package.title)

    @cached_property
    def description(self) -> str:  # type: ignore[override]
        """The facts that decide, and the first sentence of the description."""
        sentence = re.split(r"(?<=[.!?])\s", self.package.repo_description.strip(), maxsplit=1)[0]
        parts = filter(None, (self.verdict, *self.facts, sentence))
        return Truncator(re.sub(r"\s+", " ", " · ".join(parts))).chars(DESCRIPTION_LENGTH)

    @property
    def facts(self) -> list[str]:
        """The licence and the versions of Django, as far as they are known."""
        return list(filter(None, (self.package.licence, self.django_range and f"Django {self.django_range}")))

    @cached_property
    def canonical(self) -> str:  # type: ignore[override]
        """The URL with the slug, which not every request reads of the document."""
        return absolute(self.request, self.own_path)

    @cached_property
    def own_path(self) -> str:
        return path_of(Kind.PACKAGE, self.package.pk, self.package.slug)

    @cached_property
    def pins(self) -> dict[str, PinDocument]:
        """The pins, by column."""
        return {pin["column"]: pin for pin in listed(self.package.pins_listed)}

    # What stands first

    @property
    def successor(self) -> Link | None:
        package = self.package
        if package.replaced_by_id is None:
            return None
        path = path_of(Kind.PACKAGE, package.replaced_by_id, package.successor_slug)
        return Link(path, package.successor_title)

    @property
    def is_deprecated(self) -> bool:
        package = self.package
        return package.deprecated or package.replaced_by_id is not None or package.pypi_status == "deprecated"

    @property
    def not_found_at(self) -> str:
        """The part that was not found of a package that is gone."""
        return _REPOSITORY if deciding_source(self.package.repo_key) == "repo" else "Its project on PyPI"

    @property
    def installed_as(self) -> str:
        """The name by which pip finds it, if it can be had at all."""
        package = self.package
        is_withheld = package.pypi_status == "quarantined" or (package.gone_since and self.not_found_at != _REPOSITORY)
        return "" if is_withheld else package.pypi_name

    @property
    def former_address(self) -> str:
        """The address that its repository had before, if it was left within a year."""
        former: str | None = self.package.former_url
        return former if former and former != self.package.repo_url else ""

    @property
    def is_fetched(self) -> bool:
        """Return whether anything was ever fetched about it, here or by the catalogue that it came from."""
        return bool(self.package.last_fetched or has_repository_facts(self.package) or self._has_project_facts)

    @property
    def _has_project_facts(self) -> bool:
        package = self.package
        return any((package.pypi_version, package.released, package.classifiers, package.licence, package.pypi_status))

    @cached_property
    def links(self) -> list[Link]:
        package = self.package
        urls = (
            (repo_link(package), "Repository"),
            (pypi_link(package), "PyPI"),
            (web_link(package.documentation_url), "Documentation"),
        )
        return [Link(url, words) for url, words in urls if url]

    @property
    def category(self) -> Link:
        category = self.package.category
        return Link(path_of(Kind.CATEGORY, category.pk, category.slug), category.title)

    # Alive?

    @property
    def verdict(self) -> str:
        return str(self.package.verdict)

    @property
    def level(self) -> str:
        return LEVELS[self.package.verdict]

    @cached_property
    def reply(self) -> dict[str, Any] | None:
        """An editor's word on it, with its kind in words; None if none holds."""
        now = timezone.now()
        reply = reply_of(self.package, now)
        return reply and {**reply, "words": in_words(reply["kind"], reply["until"], now)}

    @cached_property
    def reasons(self) -> list[ReasonInWords]:
        """The rules that were tried, the one that decided first."""
        return [reason_in_words(each) for each in reversed(self.package.health_reasons or ())]

    @property
    def warnings(self) -> list[str]:
        return [warning_in_words(each) for each in self.package.health_warnings or ()]

    @property
    def commits(self) -> str:
        """The commits of 52 weeks in words; "" if they are not known."""
        weeks = self.package.commits_over_52
        return charts.commits_in_words(weeks, self.package.weeks_end) if weeks else ""

    @property
    def has_star_history(self) -> bool:
        """Return whether there is enough history for a chart."""
        first, last = self.package.stars_first, self.package.stars_last
        return first is not None and last - first >= charts.ENOUGH

    # Fits?

    @cached_property
    def django(self) -> list[str]:
        return django_versions(self.package.classifiers)

    @cached_property
    def python(self) -> list[str]:
        return python_versions(self.package.classifiers, self.package.requires_python)

    @property
    def django_range(self) -> str:
        return version_range(self.django)

    @property
    def python_range(self) -> str:
        return version_range(self.python)

    @property
    def status(self) -> str:
        """The development status without its number: “Production/Stable”."""
        return (development_status(self.package.classifiers) or "").partition(" - ")[2]

    # Vulnerable?

    @cached_property
    def vulnerabilities(self) -> list[Listed]:
        """The known vulnerabilities of its project, those of the latest version first."""
        return listed_advisories(self.package.advisories_listed)

    @property
    def of_latest(self) -> list[Listed]:
        """The vulnerabilities that affect the latest version."""
        return [each for each in self.vulnerabilities if each.affects_latest]

    @property
    def affected_words(self) -> str:
        """The number of these, and how bad they are, in words: “a known vulnerability (high)”."""
        found = self.of_latest
        number = "a known vulnerability" if len(found) == 1 else f"{len(found)} known vulnerabilities"
        known = worst([each.severity for each in found])
        return number if known == "unknown" else f"{number} ({known})"

    @property
    def shown_vulnerabilities(self) -> list[Listed]:
        return self.vulnerabilities[:VULNERABILITIES]

    @property
    def all_vulnerabilities(self) -> str:
        """The address of all of them, if they are more than are shown."""
        if len(self.vulnerabilities) <= VULNERABILITIES:
            return ""
        return f"https://osv.dev/list?{urlencode({'q': self.package.pypi_name, 'ecosystem': 'PyPI'})}"

    # Used?

    @cached_property
    def _counts(self) -> dict[str, int]:
        """The counts that are known, by their columns."""
        package = self.package
        is_known = {
            "repo_watchers": has_repository_facts(package),
            "pypi_downloads": package.pypi_downloads is not None,
            "repo_forks": has_repository_facts(package),
        }
        return {name: getattr(package, name) for name, known in is_known.items() if known}

    @property
    def numbers(self) -> list[Number]:
        package, counts = self.package, self._counts
        gains = {
            "repo_watchers": _gains({30: package.stars_30d, 90: package.stars_90d}),
            "pypi_downloads": _gains({30: package.downloads_30d}),
            "repo_forks": "",
        }
        return [Number(name, counts.get(column), gains[column]) for column, name in _NUMBERS.items()]

    @cached_property
    def ranks(self) -> list[Rank]:
        """Its ranks in its grids by all counts that are known, and in its category by stars."""
        names = {column: name.lower().removesuffix(" a month") for column, name in _NUMBERS.items()}
        ranks = []
        for place in self.places if self._counts else ():
            words = ", ".join(f"{rank} by {names[column]}" for column, rank in place.ranks.items())
            ranks.append(Rank(Link(place.url, place.title), counted(place.members, "package"), words))
        if "repo_watchers" in self._counts:
            rank = rank_in_category(self.package.category_id, self._counts["repo_watchers"])
            ranks.append(Rank(self.category, "", f"{rank} by stars"))
        return ranks

    # Rivals

    @cached_property
    def places(self) -> list[GridPlace]:
        return grid_places(self.package, (self.package.grid_ids or [])[:MOST_GRIDS], self._counts)

    @property
    def further_grids(self) -> int:
        return max(len(self.package.grid_ids or []) - MOST_GRIDS, 0)

    @property
    def all_grids(self) -> str:
        return f"{reverse('grid-list')}?{urlencode({'package': self.package.pk})}"

    @cached_property
    def similar(self) -> list[PackageRow]:
        """Packages that may be rivals of one that is in no grid."""
        return [] if self.package.grid_ids else similar(self.package)

    @property
    def compare_similar(self) -> str:
        return compare_url(self.package, self.similar)

    @property
    def all_of_category(self) -> str:
        """The name of its category's packages: “Apps”."""
        return self.package.category.title_plural or str(self.package.category.title)

    @property
    def of_category_by_stars(self) -> str:
        query = {"category": self.package.category_id, "ordering": "-repo_watchers"}
        return f"{reverse('package-list')}?{urlencode(query)}"

    # Releases, people, sources

    @cached_property
    def releases(self) -> Sequence[Release]:
        """The newest uploads."""
        releases = Release.objects.filter(package=self.package.pk)
        return list(releases.order_by(F("uploaded_at").desc(nulls_last=True), "-pk")[:RELEASES])

    @cached_property
    def participants(self) -> list[Link]:
        packages = reverse("package-list")
        return [
            Link(f"{packages}?{urlencode({'participant': login})}", login)
            for login in self.package.participants[:PARTICIPANTS]
        ]

    @property
    def further_participants(self) -> int:
        return max(len(self.package.participants) - PARTICIPANTS, 0)

    @cached_property
    def sources(self) -> list[SourceInWords]:
        return sources_in_words(self.package)

    @property
    def is_sample(self) -> bool:
        """Return whether facts of it are those of the sample catalogue, which nobody fetched."""
        return any(source.note == SAMPLE for source in self.sources)

    @property
    def badge_width(self) -> int:
        return badges.width(self.package.verdict)

    @property
    def badge(self) -> str:
        """The Markdown of its badge, which leads to its page."""
        return f"[![health]({self.canonical}badge.svg)]({self.canonical})"


def _packages() -> QuerySet[Package]:
    aliases = RepositoryAlias.objects.filter(package=OuterRef("pk"), until__gte=timezone.now() - MOVED_WITHIN)
    newest = aliases.order_by("-until", "-pk")
    history = Snapshot.objects.filter(package=OuterRef("pk"), repo_key=OuterRef("repo_key"), stars__isnull=False)
    return (
        Package.objects.order_by()
        .select_related("category")
        .with_freshness()
        .with_health()
        .with_pins()
        .with_advisories()
        .annotate(
            grid_ids=hooks.grids.ids_of_a_package(),
            successor_title=F("replaced_by__title"),
            successor_slug=F("replaced_by__slug"),
            former_url=Subquery(newest.values("repo_url")[:1]),
            former_until=Subquery(newest.values("until")[:1]),
            stars_first=Subquery(history.order_by("day").values("day")[:1]),
            stars_last=Subquery(history.order_by("-day").values("day")[:1]),
        )
    )


def _gains(by_days: Mapping[int, int | None]) -> str:
    """Return the gains that are known in words: “+120 in 30 days, -3 in 90”."""
    known = {days: gain for days, gain in by_days.items() if gain is not None}
    return ", ".join(
        f"{gain:+,} in {days}{'' if number else ' days'}" for number, (days, gain) in enumerate(known.items())
    )
