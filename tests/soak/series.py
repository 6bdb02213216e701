"""Memory, files and connections of a server under load, second by second, and whether they grow."""

import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from statistics import median
from typing import NamedTuple

from tests.bench.catalogue import query
from tests.bench.load import Server
from tests.soak import workers

WARM_UP = 1 / 3  # of the time, in which caches fill
MOST_MORE_MB = 8.0  # after that: what garbage and pages of different sizes make of noise
MOST_MORE = 8  # open files, and connections to the database
SHORTEST = 150.0  # seconds of samples, below which it is not judged: caches fill, and pages of all sizes come first
Series = Sequence[tuple[float, float]]  # seconds, value


class Growth(NamedTuple):
    """The course of a series after the warm-up: the median of its first fifth and of its last one, and the slope."""

    before: float
    after: float
    hourly: float
    most: float

    @property
    def more(self) -> float:
        return self.after - self.before


def growth(series: Series) -> Growth:
    """Return how a series grows after the warm-up."""
    begin, end = series[0][0], series[-1][0]
    rest = [(at, value) for at, value in series if at >= begin + (end - begin) * WARM_UP] or list(series)
    fifth = max(1, len(rest) // 5)
    before, after = (median(value for _, value in part) for part in (rest[:fifth], rest[-fifth:]))
    return Growth(before, after, slope(rest) * 3600, max(value for _, value in series))


def slope(series: Series) -> float:
    """Return the slope of the straight line that fits best."""
    mean_at = sum(at for at, _ in series) / len(series)
    mean = sum(value for _, value in series) / len(series)
    square = sum((at - mean_at) ** 2 for at, _ in series)
    return sum((at - mean_at) * (value - mean) for at, value in series) / square if square else 0.0


class Watch(threading.Thread):
    """Samples the workers of a server until it is stopped."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.memory: dict[int, list[tuple[float, float]]] = defaultdict(list)
        self.files: dict[int, list[tuple[float, float]]] = defaultdict(list)
        self.connections: list[tuple[float, float]] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(1):
            now = time.monotonic()
            for pid in self.server.workers():
                with suppress(OSError, ValueError):  # it has just ended
                    self.memory[pid].append((now, workers.memory(pid)))
                    self.files[pid].append((now, workers.open_files(pid)))
            sql = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{self.server.application}'"
            [(number,)] = query(self.server.url, sql)
            self.connections.append((now, float(str(number))))

    def stop(self) -> None:
        self.stopped.set()
        self.join()

    def report(self) -> tuple[list[str], list[str]]:
        """Return the lines of a report, and the breaches."""
        lines, breaches = [], []
        for name, unit, of_each, bound in (
            ("memory", "MB", self.memory, MOST_MORE_MB),
            ("open files", "", self.files, MOST_MORE),
            ("connections to the database", "", {0: self.connections}, MOST_MORE),
        ):
            for pid, series in of_each.items():
                if len(series) < 5:
                    continue
                grown = growth(series)
                who = f"{name} of worker {pid}" if pid else name
                figures = f"{grown.before:.1f} → {grown.after:.1f} {unit}".strip()
                lines.append(f"{who}: {figures}, at most {grown.most:.1f}, slope {grown.hourly:+.1f} an hour")
                is_judged = series[-1][0] - series[0][0] >= SHORTEST
                if is_judged and grown.more > bound:
                    breaches.append(f"{who} grows: {figures}")
        return lines, breaches
