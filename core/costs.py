"""The costs of requests: the units that each takes of its client's allowance (core.limits).

A response that is there already takes least. One that is built takes more, and for each thing that makes its form dear
as much again, up to the dearest. What a form costs follows from the request; whether it was built is known afterwards.
"""

from collections.abc import Mapping
from typing import TypeVar

from django.http.response import HttpResponseBase

HIT = 1  # a 304, or a response that was cached
BUILT = 2
EXTRA = 4
DEAREST = 10
MANY_ROWS, MOST_ROWS = 50, 300  # more than so many are dear; so many are dearest
DEEP = 1_000  # an offset from which on it is dear
PAGE = "api"  # the format of pages

R = TypeVar("R", bound=HttpResponseBase)


def of_form(parameters: Mapping[str, str], format_: str, rows: int, *, is_expensive: bool) -> int:
    """Return what a response of this form costs that has to be built. Its view says whether it `is_expensive`."""
    if rows >= MOST_ROWS:
        return DEAREST
    offset = parameters.get("offset", "")
    extras = (
        is_expensive,
        format_ == PAGE,
        rows > MANY_ROWS,
        "expand" in parameters,
        "all" in _words(parameters, "fields"),
        not {"score", "-score"}.isdisjoint(_words(parameters, "ordering")),  # it is computed for each row
        offset.isdecimal() and len(offset) < 19 and int(offset) >= DEEP,
    )
    return min(BUILT + EXTRA * sum(extras), DEAREST)


def _words(parameters: Mapping[str, str], name: str) -> list[str]:
    """Return the words of a parameter that is a list, as the views read it."""
    return [word.strip() for word in parameters.get(name, "").split(",")]


def mark(response: R, units: int) -> R:
    """Return the response, with what it costs."""
    response._units = units  # type: ignore[attr-defined]  # it goes no further than core.limits
    return response


def units_of(response: HttpResponseBase) -> int:
    """Return what a response costs; BUILT if nobody has said it."""
    marked: int | None = getattr(response, "_units", None)
    return marked or (HIT if response.status_code == 304 else BUILT)
