"""Metrics that are read from the database, and from the folder of dumps, when somebody asks for them.

Nobody can make them cost more than a fiftieth of a worker's time: each group is read again only after fifty times as
long as that took. A group that takes too long, or fails, is missing, and another metric says so.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.utils import timezone
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from core import dumps, hooks
from core.database.sessions import limited, reading_from
from core.hooks import Measured
from core.metrics import NAMESPACE

logger = logging.getLogger(__name__)
LEAST_SECONDS = 10.0  # for which a group is given again
REST = 50  # times as long as reading it took
FAILED_SECONDS = 60.0  # for which a group that failed is left alone
MOST_SECONDS = 3  # that a statement may take
ALL_SECONDS = 5.0  # after which a response begins to read no further group: Prometheus waits for ten

Measure = Callable[[datetime], Iterable[Measured]]


@dataclass
class Group:
    """The metrics about one thing, as they were last read; none where that failed."""

    found: list[Metric] = field(default_factory=list)
    is_sound: bool = True
    seconds: float = 0.0
    next_at: float = 0.0

    def read(self, name: str, measure: Measure) -> None:
        begin = time.monotonic()
        try:
            with _bounded():
                self.found = [_family(each) for each in measure(timezone.now())]
            self.is_sound = True
        except Exception as error:  # noqa: BLE001 (whatever is wrong with one group, the others are needed)
            logger.warning("The metrics of %s cannot be read: %s", name, " ".join(str(error).split()))
            self.found, self.is_sound = [], False
        end = time.monotonic()
        self.seconds = end - begin
        self.next_at = end + max(LEAST_SECONDS if self.is_sound else FAILED_SECONDS, REST * self.seconds)


class Stored:
    """All groups: those of the folder of dumps, and those that the folders above core have added."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}
        self._lock = Lock()

    def collect(self) -> list[Metric]:
        with self._lock:
            begin = time.monotonic()
            for name, measure in {"dumps": _dumps, **hooks.measures}.items():
                group = self._groups.setdefault(name, Group())
                now = time.monotonic()
                if now >= group.next_at and now - begin < ALL_SECONDS:
                    group.read(name, measure)
            return [*self._about_groups(), *(each for group in self._groups.values() for each in group.found)]

    def _about_groups(self) -> Iterator[Metric]:
        sound = GaugeMetricFamily(
            f"{NAMESPACE}_collector_success", "1 where the metrics about this could be read.", labels=["collector"]
        )
        seconds = GaugeMetricFamily(
            f"{NAMESPACE}_collector_duration_seconds", "How long reading them took the last time.", labels=["collector"]
        )
        for name, group in self._groups.items():
            sound.add_metric([name], group.is_sound)
            seconds.add_metric([name], group.seconds)
        yield from (sound, seconds)


STORED = Stored()


@contextmanager
def _bounded() -> Iterator[None]:
    """End a statement inside that takes too long."""
    connection = connections[DEFAULT_DB_ALIAS]
    with reading_from(DEFAULT_DB_ALIAS), limited(MOST_SECONDS):
        if connection.vendor != "postgresql":
            yield
            return
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{MOST_SECONDS}s"])
            yield


def _family(measured: Measured) -> Metric:
    family = GaugeMetricFamily(f"{NAMESPACE}_{measured.name}", measured.help, labels=measured.labels)
    for labels, number in measured.numbers.items():
        family.add_metric(labels, number)
    return family


def _dumps(_now: datetime) -> Iterable[Measured]:
    """Yield the time and the size of the newest dump, where the site serves dumps."""
    root = dumps.root()
    if root is None:
        return
    newest = next(dumps.dumps(root), None)
    time_of = {(): newest.manifest.time.timestamp()} if newest else {}
    size = {(): float(sum(file.bytes for file in newest.manifest.files.values()))} if newest else {}
    yield Measured("newest_dump_timestamp_seconds", "Time of the newest dump.", (), time_of)
    yield Measured("newest_dump_size_bytes", "Size of its files.", (), size)
