"""Work on what packages are: two that may be one, without a project on PyPI, deprecated without a successor, with a
verdict of another level."""

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Coalesce, Concat
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.dateformat import format as formatted
from django.utils.timezone import localtime

from core.api.references import is_id
from editing.desk.lists.addresses import write
from editing.desk.lists.base import Decision, Fact, Link, RefusedError, Today, WorkList
from packages.health.verdicts import LEVELS, VERDICTS, Verdict, rank
from packages.models import Package
from packages.pages.reasons import reason_in_words
from packages.successors import last_link

RECENT = timedelta(days=30)


class Duplicates(WorkList):
    """Packages with the repository or the project of another one; the newer of the two is the item.

    A repository is the same by its address, or by its id at its host: one that moved to where another package is cannot
    be followed there.
    """

    name = "duplicates"
    title = "Two packages with one repository or project"
    help = "Are they the same package? Several packages may live in one repository."
    contradiction = 2.0

    @property
    def decisions(self) -> Sequence[Decision]:
        return (self.dismissal("right", "They belong together: no duplicate"),)

    def matching(self, today: Today) -> QuerySet[Any]:  # noqa: ARG002 (that of the class)
        others = {
            column: Subquery(
                Package.objects.filter(pk__lt=OuterRef("pk"), **{column: OuterRef(column)})
                .exclude(**{column: ""})
                .order_by("pk")
                .values("pk")[:1]
            )
            for column in ("repo_key", "pypi_name")
        }
        same_id = Package.objects.filter(repo_host=OuterRef("repo_host"), repo_id=OuterRef("repo_id"))
        of_id = Subquery(same_id.filter(pk__lt=OuterRef("pk")).exclude(repo_id="").order_by("pk").values("pk")[:1])
        packages = Package.objects.filter(
            Q(repo_key__in=_shared("repo_key")) | Q(pypi_name__in=_shared("pypi_name")) | Q(repo_id__in=_ids_apart())
        )
        packages = packages.annotate(of_repository=Coalesce(others["repo_key"], of_id), of_project=others["pypi_name"])
        return packages.filter(Q(of_repository__isnull=False) | Q(of_project__isnull=False))

    def about(self) -> Any:
        return Concat("repo_key", Value(" "), "pypi_name", output_field=TextField())

    def facts(self, items: Sequence[Any]) -> Iterable[Sequence[Fact]]:
        ids = {pk for item in items for pk in (item.of_repository, item.of_project) if pk}
        others = Package.objects.only("title", "repo_url", "repo_key").in_bulk(ids)
        for item in items:
            facts = []
            if other := others.get(item.of_repository):
                facts += [Fact("same repository as", other.title), Fact("repository", item.repo_url)]
                facts += [] if other.repo_key == item.repo_key else [Fact("of the other", other.repo_url)]
            if other := others.get(item.of_project):
                facts += [Fact("same project as", other.title), Fact("project", item.pypi_name)]
            yield facts

    def links(self, item: Any) -> Sequence[Link]:
        other = item.of_project or item.of_repository
        merging = f"{reverse('admin:packages_package_merge')}?ids={other},{item.pk}"
        return (
            Link("Merge", merging, ("packages.merge_package",), "m"),
            Link("The other one", reverse("admin:packages_package_change", args=(other,)), key="t"),
        )


def _shared(column: str) -> QuerySet[Any]:
    """Return the values of a column that several packages have: most have one of their own."""
    values = Package.objects.exclude(**{column: ""}).order_by().values(column).annotate(number=Count("pk"))
    shared: QuerySet[Any] = values.filter(number__gt=1).values(column)
    return shared


def _ids_apart() -> QuerySet[Any]:
    """Return the ids of repositories that packages have under several addresses."""
    ids = Package.objects.exclude(repo_id="").order_by().values("repo_host", "repo_id")
    apart: QuerySet[Any] = ids.annotate(keys=Count("repo_key", distinct=True)).filter(keys__gt=1).values("repo_id")
    return apart


class NoProject(WorkList):
    """Packages of which no project on PyPI is known."""

    name = "no-project"
    title = "No PyPI project"
    help = "Is it on PyPI? The repository's name is proposed: look whether that project is the same."
    contradiction = 1.0

    @property
    def decisions(self) -> Sequence[Decision]:
        def take(item: Package, value: str, _: HttpRequest) -> None:
            write(item, "pypi_url", value)

        return (
            Decision("take", "Its project is", take, "text", "PyPI name", lambda item: _last(item.repo_key)),
            self.dismissal("right", "It has none"),
        )

    def matching(self, today: Today) -> QuerySet[Any]:  # noqa: ARG002 (that of the class)
        return Package.objects.filter(pypi_url="", deprecated=False, replaced_by=None, gone_since=None)

    def facts(self, items: Sequence[Any]) -> Iterable[Sequence[Fact]]:
        for item in items:
            facts = [Fact("repository", item.repo_url)] if item.repo_url else []
            if name := _last(item.repo_key):
                facts.append(Fact("perhaps", f"https://pypi.org/project/{name}/"))
            yield facts


def _last(key: str) -> str:
    """Return the name of a repository."""
    return key.rpartition("/")[2]


class NoSuccessor(WorkList):
    """Packages that an editor called deprecated, without saying what takes their place."""

    name = "no-successor"
    title = "Deprecated without a successor"
    help = "Which package takes its place?"
    contradiction = 1.0

    @property
    def decisions(self) -> Sequence[Decision]:
        return (
            Decision("successor", "Its successor is", _succeed, "package", "successor"),
            self.dismissal("right", "There is none"),
        )

    def matching(self, today: Today) -> QuerySet[Any]:  # noqa: ARG002 (that of the class)
        return Package.objects.filter(deprecated=True, replaced_by=None)

    def facts(self, items: Sequence[Any]) -> Iterable[Sequence[Fact]]:
        for item in items:
            texts = (("is", item.repo_description[:200]), ("repository", item.repo_url))
            yield [Fact(label, text) for label, text in texts if text]


def _succeed(item: Package, value: str, _: HttpRequest) -> None:
    successor = Package.objects.filter(pk=value).first() if is_id(value) else None
    if successor is None:
        raise RefusedError("Choose the package that takes its place.")
    if successor.pk == item.pk:
        raise RefusedError("A package cannot be replaced by itself.")
    if last_link(successor, item):
        raise RefusedError(f"“{successor}” is itself replaced by this package, or leads to one that is.")
    item.replaced_by, item.modified = successor, timezone.now()
    item.save(update_fields=["replaced_by", "modified"])


class Flipped(WorkList):
    """Packages whose verdict came to another level in the last 30 days."""

    name = "flipped"
    title = "Verdict flipped"
    help = "The verdict came to another level in the last 30 days. Is it right?"
    contradiction = 1.0

    @property
    def decisions(self) -> Sequence[Decision]:
        return (self.dismissal("seen", "Seen"),)

    def matching(self, today: Today) -> QuerySet[Any]:
        of_level = [[each for each in VERDICTS if LEVELS[each] == level] for level in set(LEVELS.values())]
        same = reduce(or_, (Q(health__before__in=verdicts) & _now(verdicts) for verdicts in of_level))
        packages = Package.objects.filter(~same, health__since__gt=today.now - RECENT)
        return packages.exclude(health__before="").select_related("health")

    def about(self) -> Any:
        return F("health__since")

    def facts(self, items: Sequence[Any]) -> Iterable[Sequence[Fact]]:
        for item in items:
            health = item.health
            since = formatted(localtime(health.since), "j F Y")
            deciding = reason_in_words(health.reasons[-1]) if health.reasons else None
            yield [
                Fact("was", f"{health.before} ({LEVELS[health.before]})"),
                Fact(f"since {since}", f"{item.verdict} ({LEVELS[item.verdict]})"),
                *(
                    [Fact("because", "; ".join([deciding.says, *(each.seen for each in deciding.conditions)]))]
                    if deciding
                    else []
                ),
            ]


def _now(verdicts: Collection[Verdict]) -> Q:
    """Return the condition that the verdict is one of these."""
    ranks = [rank(verdict) for verdict in verdicts]
    return Q(verdict_rank__in=[each for each in ranks if each]) | (Q(verdict_rank=None) if None in ranks else Q())
