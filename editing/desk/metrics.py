"""Metrics of the desk: the packages of each source and host by their state, how old their facts are, and the lists."""

from collections.abc import Iterator
from datetime import datetime

from core.hooks import Measured
from editing.desk.counts import States, counts
from editing.desk.lists import LISTS
from editing.desk.lists.base import MOST, Today


def measure_packages(now: datetime) -> Iterator[Measured]:
    found = counts(now)
    states = {
        (each.source, each.host or each.source, state): float(number)
        for each in found
        for state, number in zip(States._fields, each.states, strict=True)
    }
    of = ("source", "host")
    newest = {(each.source, each.host or each.source): _age(each.newest, now) for each in found if each.newest}
    oldest = {(each.source, each.host or each.source): _age(each.oldest, now) for each in found if each.oldest}
    yield Measured(
        "packages", "Packages by the state of their facts: fresh, due, failing, gone.", (*of, "state"), states
    )
    yield Measured("refresh_age_seconds", "Time since a package was last fetched with success.", of, newest)
    yield Measured("refresh_lag_seconds", "Age of the oldest facts of a package that is not gone.", of, oldest)


def _age(time: datetime | None, now: datetime) -> float:
    return max(0.0, (now - time).total_seconds()) if time else 0.0


def measure_lists(now: datetime) -> Iterator[Measured]:
    """Yield the number of items of each list, which are counted up to one more than the desk counts."""
    today = Today(now)
    numbers = {(kind.name,): float(kind.unordered(today)[: MOST + 1].count()) for kind in LISTS}
    yield Measured("desk_items", f"Items on a list of the desk; {MOST + 1} are more than {MOST}.", ("list",), numbers)
