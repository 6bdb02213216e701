"""Work on grids: empty ones, and those in which one package alone is of level good."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Case, Exists, F, FloatField, Max, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Ln
from django.http import HttpRequest
from django.utils.dateformat import format as formatted
from django.utils.timezone import localtime

from core.database.functions import RowCount
from core.words import counted
from editing.desk.lists.base import Decision, Fact, RefusedError, Today, WorkList
from editing.desk.weight import GOOD
from grids.locks import locked_grids
from grids.models import Grid, GridPackage
from packages.models import Package

YEAR = timedelta(days=365)


class _OfGrids(WorkList):
    model = Grid
    right = "grids.change_grid"

    def weight(self, today: Today) -> Any:  # noqa: ARG002 (that of the class)
        """Return users * contradiction: users are ln(10 + downloads a month of the most used member); a header tab,
        which every visitor sees, counts twice."""
        downloads = GridPackage.objects.filter(grid=OuterRef("pk")).order_by().values("grid")
        most = Subquery(downloads.annotate(most=Max("package__pypi_downloads")).values("most"))
        users = Ln(Value(10.0) + Coalesce(most, Value(0)), output_field=FloatField())
        seen = Case(When(header=True, then=Value(2.0)), default=Value(1.0), output_field=FloatField())
        return users * seen * Value(self.contradiction)


class EmptyGrid(_OfGrids):
    """Grids without a package."""

    name = "empty-grid"
    title = "Empty grid"
    help = "It compares nothing: add packages, or delete it."
    contradiction = 1.0

    @property
    def decisions(self) -> Sequence[Decision]:
        return (
            Decision("delete", "Delete it", _delete, rights=("grids.delete_grid",)),
            self.dismissal("keep", "Keep it for a year", YEAR),
        )

    def matching(self, today: Today) -> QuerySet[Any]:  # noqa: ARG002 (that of the class)
        return Grid.objects.filter(~Exists(GridPackage.objects.filter(grid=OuterRef("pk"))))

    def facts(self, items: Sequence[Any]) -> Iterable[Sequence[Fact]]:
        for item in items:
            facts = [Fact("is", item.description[:200])] if item.description else []
            yield [*facts, Fact("last changed", formatted(localtime(item.modified), "j F Y"))]


def _delete(item: Grid, _: str, request: HttpRequest) -> None:
    if refusals := locked_grids(request, Grid.objects.filter(pk=item.pk)):
        raise RefusedError(refusals[0])
    list(Grid.objects.filter(pk=item.pk).select_for_update())  # from now on, nobody can add members
    if GridPackage.objects.filter(grid=item.pk).exists():
        raise RefusedError("It has got a package meanwhile.")
    item.delete()


class OneGood(_OfGrids):
    """Grids in which one package alone is of level good."""

    name = "one-good"
    title = "Grid with one member of level good"
    help = "Who chooses by this grid has no choice: are good packages missing in it?"
    contradiction = 1.0

    @property
    def decisions(self) -> Sequence[Decision]:
        return (self.dismissal("seen", "Seen, for a year", YEAR),)

    def matching(self, today: Today) -> QuerySet[Any]:  # noqa: ARG002 (that of the class)
        members = GridPackage.objects.filter(grid=OuterRef("pk")).order_by()
        good = members.filter(package__verdict_rank__in=GOOD)
        grids = Grid.objects.annotate(good=RowCount(good.values("pk"))).filter(good=1)
        return grids.annotate(only_good=Subquery(good.values("package")[:1]), members=RowCount(members.values("pk")))

    def about(self) -> Any:
        return F("only_good")

    def facts(self, items: Sequence[Any]) -> Iterable[Sequence[Fact]]:
        titles = dict(Package.objects.filter(pk__in=[item.only_good for item in items]).values_list("pk", "title"))
        for item in items:
            yield Fact("the good one", titles[item.only_good]), Fact("of", counted(item.members, "member"))
