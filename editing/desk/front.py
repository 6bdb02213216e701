"""The front of the desk: the lists with their counts and first items, the states of packages, and the last runs."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from editing.desk.counts import HostCount, counts
from editing.desk.lists import LISTS
from editing.desk.lists.base import MOST, Today, WorkList
from editing.desk.runs import RunInWords, last_runs
from packages.pages.freshness import NAMES

RIGHT = "packages.change_package"  # of those who see the desk
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Card:
    """A list on the front: the number of its items, up to MOST, and the first of them. `problem` if it failed."""

    kind: WorkList
    number: int = 0
    first: str = ""
    weight: float = 0.0
    problem: bool = False

    @property
    def count(self) -> str:
        return f"{MOST:,}+" if self.number > MOST else f"{self.number:,}"


@dataclass(frozen=True)
class Front:
    cards: list[Card]
    empty: list[Card]
    counts: list[HostCount]
    sources: list[tuple[str, str]]
    runs: list[RunInWords]


def may_use(request: HttpRequest) -> bool:
    user: Any = request.user
    return bool(user.has_perm(RIGHT))


def front(request: HttpRequest, now: datetime) -> Front:
    """Return what the start page shows, in a number of queries that does not depend on what is there."""
    user: Any = request.user
    cards = cards_of((kind for kind in LISTS if user.has_perm(kind.right)), now)
    counted = counts(now)
    return Front(
        [card for card in cards if card.number or card.problem],
        [card for card in cards if not card.number and not card.problem],
        counted,
        list(dict.fromkeys((each.source, NAMES[each.source]) for each in counted)),
        last_runs(now),
    )


def cards_of(kinds: Iterable[WorkList], now: datetime) -> list[Card]:
    """Return the cards of lists, the weightiest first item first."""
    today = Today(now)
    return sorted((_card(kind, today) for kind in kinds), key=lambda card: -card.weight)


def _card(kind: WorkList, today: Today) -> Card:
    try:
        rows = list(kind.items(today).values_list("title", "weight")[: MOST + 1])
    except Exception:  # whatever is wrong with a list, the others and the rest of admin work
        logger.exception("The list “%s” of the desk failed", kind.name)
        return Card(kind, problem=True)
    return Card(kind, len(rows), *rows[0]) if rows else Card(kind)
