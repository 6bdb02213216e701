"""Work on what editors said before: pins whose upstream has changed since, and replies that end soon."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateformat import format as formatted
from django.utils.text import Truncator

from editing.desk.lists.base import Decision, Fact, Today, WorkList
from packages.models import Package, Pin
from packages.pins.columns import SHOWN, as_typed, day_of
from packages.pins.write import keep, lift
from packages.replies import REPLIES, today

SOON = timedelta(days=30)
YEAR = timedelta(days=365)


class PinMoved(WorkList):
    """Packages with a pin whose upstream says something else since; with several, the first is settled first."""

    name = "pin-moved"
    title = "Pin whose upstream changed"
    help = "Upstream says something else since it was pinned, or the package has got another address."
    contradiction = 2.0

    @property
    def decisions(self) -> Sequence[Decision]:
        def keep_it(item: Any, _: str, __: HttpRequest) -> None:
            keep(Pin.objects.filter(pk=item.pin))

        def lift_it(item: Any, _: str, __: HttpRequest) -> None:
            lift(Pin.objects.filter(pk=item.pin))

        return (
            Decision("keep", "Keep the pin", keep_it, rights=("packages.change_pin",)),
            Decision("lift", "Lift it", lift_it, rights=("packages.delete_pin",)),
        )

    def matching(self, today: Today) -> QuerySet[Any]:  # noqa: ARG002 (that of the class)
        moved = Pin.objects.moved().filter(package=OuterRef("pk")).order_by("pk")
        packages = Package.objects.filter(pk__in=Pin.objects.moved().order_by().values("package"))
        upstream = Cast(Subquery(moved.values("upstream")[:1]), TextField())
        return packages.annotate(pin=Subquery(moved.values("pk")[:1]), upstream=upstream)

    def about(self) -> Any:
        """Return the pin and what upstream says: of what it says next, an editor is asked again."""
        return Concat(Cast("pin", TextField()), Value(" "), "upstream", output_field=TextField())

    def facts(self, items: Sequence[Any]) -> Iterable[Sequence[Fact]]:
        pins = Pin.objects.in_bulk([item.pin for item in items])
        for item in items:
            pin = pins[item.pin]
            yield [
                Fact(str(pin), f"{_shown(pin.column, pin.pinned)}"),
                Fact("upstream says", _shown(pin.column, pin.upstream)),
                Fact("said before", _shown(pin.column, pin.upstream_then)),
                Fact("pinned", f"{day_of(pin.since)} by {pin.by or 'somebody'}: {pin.reason}"),
                *([Fact("address", "another one since")] if pin.is_elsewhere else []),
            ]


def _shown(column: str, value: Any) -> str:
    return Truncator(" ".join(as_typed(column, value).split())).chars(SHOWN) or "nothing"


class ReplyEnding(WorkList):
    """Packages with a reply that ends in the next 30 days."""

    name = "reply-ending"
    title = "Reply that ends soon"
    help = "It ends by itself within 30 days. Does it still hold?"
    contradiction = 1.0

    @property
    def decisions(self) -> Sequence[Decision]:
        def prolong(item: Package, _: str, __: HttpRequest) -> None:
            until = (item.reply_until or today(timezone.now())) + YEAR
            Package.objects.filter(pk=item.pk).update(reply_until=until, modified=timezone.now())

        def end(item: Package, _: str, __: HttpRequest) -> None:
            Package.objects.filter(pk=item.pk).update(reply_kind="", modified=timezone.now())

        return Decision("prolong", "Prolong it by a year", prolong), Decision("end", "End it", end)

    def matching(self, today: Today) -> QuerySet[Any]:
        return Package.objects.with_reply_ending((today.now + SOON).date())

    def about(self) -> Any:
        return F("reply_until")

    def facts(self, items: Sequence[Any]) -> Iterable[Sequence[Fact]]:
        for item in items:
            until = formatted(item.reply_until, "j F Y")
            note = [Fact("note", item.reply_note)] if item.reply_note else []
            yield [
                Fact(next(words for kind, words in REPLIES.items() if kind == item.reply_kind), f"until {until}"),
                *note,
            ]
