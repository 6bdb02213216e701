"""Lists of work: of each kind its rows, in their order, and the decisions that settle one."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from django.db.models import Exists, Model, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast
from django.http import HttpRequest
from django.utils import timezone

from core.words import counted
from editing.desk.weight import weight
from editing.models import Dismissal
from packages.models import Package

MOST = 200  # items that a list counts
NOT_NOW = timedelta(days=30)


class RefusedError(Exception):
    """A decision that cannot be carried out: the message says why, and how to mend it."""


@dataclass(frozen=True)
class Decision:
    """A way to settle an item, with the words on its button.

    `settle(item, value, request)` writes it, or raises RefusedError. `asks` is what must be typed or chosen for it,
    under `label`, and `proposes` what stands there before; `rights` are the permissions that it needs besides the
    list's.
    """

    name: str
    button: str
    settle: Callable[[Any, str, HttpRequest], None]
    asks: Literal["", "text", "package"] = ""
    label: str = ""
    proposes: Callable[[Any], str] = lambda _: ""
    rights: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fact:
    """A line about an item: a label, and a text, which is a link if it is an http(s) address."""

    label: str
    text: str

    @property
    def url(self) -> str:
        return self.text if self.text.lower().startswith(("http://", "https://")) else ""


@dataclass(frozen=True)
class Link:
    """A page on which an item is settled, for users with the permissions `rights`; `key` opens it."""

    label: str
    url: str
    rights: tuple[str, ...] = ()
    key: str = ""


@dataclass
class Today:
    """The things that the lists of one request share: the time, and what one of them has computed for another."""

    now: datetime
    computed: dict[str, Any] = field(default_factory=dict)


class WorkList:
    """A list of work. The items are rows of `model`, annotated with `weight` and with `about`, the text that says what
    an item is about: once dismissed, it stays away as long as that is the same."""

    name: ClassVar[str]
    title: ClassVar[str]
    help: ClassVar[str]
    model: ClassVar[type[Model]] = Package
    right: ClassVar[str] = "packages.change_package"
    contradiction: ClassVar[float] = 1.0

    @property
    def decisions(self) -> Sequence[Decision]:
        raise NotImplementedError

    def matching(self, today: Today) -> QuerySet[Any]:
        """Return the rows that belong on the list, dismissed or not."""
        raise NotImplementedError

    def about(self) -> Any:
        """Return the expression for what an item is about."""
        return Value("")

    def facts(self, items: Sequence[Any]) -> Iterable[Sequence[Fact]]:
        """Return what an editor has to know of each of the items, in a fixed number of queries."""
        raise NotImplementedError

    def links(self, item: Any) -> Sequence[Link]:  # noqa: ARG002 (most lists have none)
        """Return the pages on which an item is settled that needs more than a decision."""
        return ()

    def weight(self, today: Today) -> Any:
        return weight(self.contradiction, today.now)

    @property
    def subject(self) -> str:
        """The column of dismissals that refers to the items."""
        return str(self.model._meta.model_name)

    def unordered(self, today: Today) -> QuerySet[Any]:
        """Return the items that are not dismissed."""
        dismissed = Dismissal.objects.filter(
            Q(until__isnull=True) | Q(until__gt=today.now),
            **{"kind": self.name, self.subject: OuterRef("pk"), "about": OuterRef("about")},
        )
        items = self.matching(today).annotate(about=Cast(self.about(), TextField()))
        undismissed: QuerySet[Any] = items.filter(~Exists(dismissed)).order_by()
        return undismissed

    def items(self, today: Today) -> QuerySet[Any]:
        """Return the items that are not dismissed, the weightiest first."""
        items: QuerySet[Any] = self.unordered(today).annotate(weight=self.weight(today)).order_by("-weight", "pk")
        return items

    def choices(self) -> Iterator[Decision]:
        """Yield all decisions, the last of which puts an item off."""
        yield from self.decisions
        yield self.dismissal("not-now", f"Not now ({counted(NOT_NOW.days, 'day')})", NOT_NOW)

    def decision(self, name: str) -> Decision | None:
        return next((each for each in self.choices() if each.name == name), None)

    def dismiss(self, item: Any, request: HttpRequest, until: datetime | None) -> None:
        """Keep an item off the list, up to a time or for ever."""
        user: Any = request.user
        row = Dismissal(kind=self.name, about=item.about, until=until, by=user.get_username())
        setattr(row, f"{self.subject}_id", item.pk)
        unique, update = ["kind", self.subject], ["about", "until", "by"]
        Dismissal.objects.bulk_create([row], update_conflicts=True, unique_fields=unique, update_fields=update)

    def dismissal(self, name: str, button: str, period: timedelta | None = None) -> Decision:
        """Return the decision that an item is all right as it is: for ever, or for a period."""

        def settle(item: Any, _: str, request: HttpRequest) -> None:
            self.dismiss(item, request, timezone.now() + period if period else None)

        return Decision(name, button, settle)
