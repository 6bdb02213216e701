"""Ends of support of the versions of Django and of Python, as their projects have announced them.

Sources, read on TABLE_DAY: djangoproject.com/download (supported versions), devguide.python.org/versions. A new release
of this program brings a new table.
"""

from collections.abc import Mapping
from datetime import date

TABLE_DAY = date(2026, 11, 1)

# The last day on which the version gets security fixes.
DJANGO: Mapping[str, date] = {
    "1.11": date(2020, 4, 1),
    "2.0": date(2019, 4, 1),
    "2.1": date(2019, 12, 2),
    "2.2": date(2022, 4, 11),
    "3.0": date(2021, 4, 6),
    "3.1": date(2021, 12, 7),
    "3.2": date(2024, 4, 1),
    "4.0": date(2023, 4, 1),
    "4.1": date(2023, 12, 1),
    "4.2": date(2026, 4, 30),
    "5.0": date(2025, 4, 2),
    "5.1": date(2025, 12, 31),
    "5.2": date(2028, 4, 30),
    "6.0": date(2027, 4, 30),
}
PYTHON: Mapping[str, date] = {
    "2.7": date(2020, 1, 1),
    "3.5": date(2020, 9, 30),
    "3.6": date(2021, 12, 23),
    "3.7": date(2023, 6, 27),
    "3.8": date(2024, 10, 7),
    "3.9": date(2025, 10, 31),
    "3.10": date(2026, 10, 31),
    "3.11": date(2027, 10, 31),
    "3.12": date(2028, 10, 31),
    "3.13": date(2029, 10, 31),
    "3.14": date(2030, 10, 31),
}


def is_supported(version: str, table: Mapping[str, date], day: date) -> bool:
    """Return whether X.Y is not past its end of support on a day. One that is newer than the table's newest is."""
    end = table.get(version)
    return end >= day if end else _order(version) > max(map(_order, table))


def _order(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
