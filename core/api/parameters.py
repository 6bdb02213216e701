"""The parameters behind the question mark of a URL. Nothing behind the question mark is ever ignored.

A parameter that is unknown, given twice or empty gets 400, with the way to mend it.
"""

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from core.api.hints import hint
from core.caching.dependencies import parse_parameters

MAX_MISTAKES = 10  # in one response
MAX_LENGTH = 8_000  # characters of one value; a thousand ids fit


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the question “Did you mean …?” if one of `known` is spelled much like `word`, else ""."""
    lower = {each.lower(): each for each in known}
    matches = get_close_matches(word[:100].lower(), lower, n=1, cutoff=0.65)
    return f" Did you mean “{lower[matches[0]]}”?" if matches else ""


def no_such(what: str, word: str, known: Collection[str], hint: str = "") -> str:
    """Return the message about a word that is not one of `known`, with a hint or the nearest spelling."""
    listed = ", ".join(sorted(known)) if known else "none"
    return f"There is no {what} “{word[:100]}” here.{hint or nearest(word, known)} There are: {listed}."


def check(
    request: Request,
    known: Collection[str],
    *,
    may_be_empty: Collection[str] = (),
    may_be_repeated: Collection[str] = (),
    may_have_lines: Collection[str] = (),
) -> None:
    """Raise ValidationError with a message for each parameter that is unknown, given twice, empty or malformed; for
    MAX_MISTAKES of them at most."""
    mistakes: dict[str, Any] = {}
    for name, values in request.query_params.lists():
        message = _mistake(name, values, known, may_be_repeated)
        if message := message or _mistake_of_text(name, values, may_be_empty, may_have_lines):
            mistakes[name[:100]] = [message]
        if len(mistakes) == MAX_MISTAKES:
            mistakes["detail"] = "There may be more mistakes: no further parameter was looked at."
            break
    if not mistakes and "\ufffd" in str(request.query_params):
        mistakes = _not_utf8(request.META.get("QUERY_STRING", ""))
    if mistakes:
        raise ValidationError(mistakes)


def _not_utf8(query: str) -> dict[str, Any]:
    """Return the mistakes of a query with bytes that are not UTF-8, which Django replaces."""
    broken = [name for name, value in parse_parameters(query) if re.search("[\ud800-\udfff]", name + value)]
    return {re.sub("[\ud800-\udfff]", "\ufffd", name): ["Is not UTF-8."] for name in broken}


def _mistake(name: str, values: list[str], known: Collection[str], may_be_repeated: Collection[str]) -> str:
    if name not in known:
        return no_such("parameter", name, known, hint(name, known))
    if len(values) > 1 and name not in may_be_repeated:
        return "Given more than once; several values go into one, with commas between them, where they are allowed."
    return ""


def _mistake_of_text(
    name: str, values: list[str], may_be_empty: Collection[str], may_have_lines: Collection[str]
) -> str:
    if sum(map(len, values)) > MAX_LENGTH:
        return f"Too long: at most {MAX_LENGTH} characters."
    allowed = _LINES if name in may_have_lines else {}
    if any(_CONTROL.search(value.translate(allowed)) for value in values):
        return "Holds a control character."
    if name not in may_be_empty and not all(value.strip() for value in values):
        return "Empty; give it a value or leave it out."
    return ""


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LINES = str.maketrans("", "", "\t\r\n")
