"""The pins of a package as everybody may read them: of rows from PackageQuerySet.with_pins()."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, TypedDict

import orjson

from packages.pins.columns import day_of, in_short


class PinDocument(TypedDict):
    """A column that an editor has corrected, and since when; upstream's value is in short, null if it says nothing."""

    column: str
    since: date
    reason: str
    upstream: str | None


def listed(pins: Iterable[Mapping[str, Any]] | None) -> list[PinDocument]:
    """Return the documents of the pins in `pins_listed` of a package."""
    return [
        {
            "column": pin["column"],
            "since": day_of(pin["since"]),
            "reason": pin["reason"],
            "upstream": in_short(pin["column"], orjson.loads(pin["upstream"] or "null")),
        }
        for pin in pins or ()
    ]
