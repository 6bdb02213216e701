"""The table that `make bench` prints and writes, as Markdown."""

from dataclasses import dataclass
from pathlib import Path

from tests.bench.catalogue import ROOT, SCALE

KINDS = {
    "cold": "never seen",
    "counted": "never seen, count known",
    "warm": "repeated",
    "304": "unchanged, 304",
}
COLUMNS = (
    "endpoint",
    "requests",
    "to one SELECT",
    "to none",
    "a second",
    "p50 ms",
    "p99 ms",
    "CPU ms",
    "PostgreSQL CPU ms",
    "queries",
    "bytes",
)
GROWTH = {"p50 ms": "p50 to 5k", "p99 ms": "p99 to 5k"}
LEGEND = (
    "`to one SELECT` and `to none`: responses a second as a share of those of a bare Django view that sends as many"
    " ready bytes after one SELECT by primary key, and after none; medians of the rounds. CPU is that of gunicorn's"
    " workers, and of PostgreSQL's processes behind them, for one response. The rows that filters leave are counted"
    " once after each change: `count known` has a cache for the count, too small for the responses."
)


@dataclass(frozen=True)
class Figures:
    """One line of the table."""

    endpoint: str
    kind: str
    select: float
    plain: float
    rate: float
    p50: float
    p99: float
    cpu: float
    database_cpu: float | None
    queries: int | None
    bytes: int

    def cells(self) -> list[str]:
        return [
            self.endpoint,
            KINDS[self.kind],
            f"{self.select:.2f}",
            f"{self.plain:.2f}",
            f"{self.rate:,.0f}" if self.rate >= 20 else f"{self.rate:.1f}",
            f"{self.p50:.2f}",
            f"{self.p99:.2f}",
            f"{self.cpu:.2f}",
            "" if self.database_cpu is None else f"{self.database_cpu:.2f}",
            "" if self.queries is None else str(self.queries),
            f"{self.bytes:,}",
        ]


def table_path(scale: str) -> Path:
    return ROOT / ".github" / f"bench-{scale}.md"


class Table:
    """The rows of the table; at a million packages, compared with those of 5,300 if that table exists."""

    def __init__(self) -> None:
        self.small = read(table_path("5k")) if SCALE != "5k" else {}
        names = [*COLUMNS, *(GROWTH.values() if self.small else ())]
        self.rows = [_row(names), _row(["---"] * 2 + ["---:"] * (len(names) - 2))]

    def add(self, figures: Figures) -> str:
        cells = figures.cells()
        small = self.small.get((cells[0], cells[1]))
        grown = [_times(cells[COLUMNS.index(name)], small[name]) if small else "" for name in GROWTH]
        self.rows.append(_row([*cells, *(grown if self.small else [])]))
        return self.rows[-1]

    def fail(self, endpoint: str, kind: str, error: object) -> str:
        self.rows.append(_row([endpoint, KINDS[kind], f"wrong: {error}", *[""] * (self.rows[0].count("|") - 4)]))
        return self.rows[-1]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _times(now: str, then: str) -> str:
    try:
        return f"{float(now) / float(then):.2f}"
    except (ValueError, ZeroDivisionError):
        return ""


def read(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    """Read a table that was written before, by endpoint and kind of requests."""
    if not path.exists():
        return {}
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    names, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    by_name = [dict(zip(names, row, strict=False)) for row in rows[1:]]
    return {(row["endpoint"], row["requests"]): row for row in by_name}
