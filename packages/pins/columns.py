"""The columns that can be pinned: where their facts come from, how a value is typed, and how a pin stores it.

A pin stores the values of all columns as JSON, an empty one as null: for all these columns empty means "none, or not
known".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from packaging.version import InvalidVersion, Version

from packages.addresses import AddressColumn, Refusal, read
from packages.facts import MAX_DESCRIPTION, MAX_PARTICIPANTS
from packages.identity import FactsSource, forges
from packages.licences import MAX_PLAIN, licence_of, spdx

SHOWN = 300  # characters of a value that the API and pages show
MAX_LOGIN = 100
MAX_VERSION = 100
_EARLIEST = datetime(2003, 1, 1, tzinfo=UTC)
_TRUTH = {"yes": True, "true": True, "no": False, "false": False}


class InvalidValueError(ValueError):
    """A typed value that a column cannot have; the message says how to mend it."""


def _description(typed: str) -> str:
    text = " ".join(typed.split())
    if len(text) > MAX_DESCRIPTION:
        raise InvalidValueError(f"At most {MAX_DESCRIPTION:,} characters: these are {len(text):,}.")
    return text


def _address(column: AddressColumn, most: int) -> Callable[[str], str]:
    def parse(typed: str) -> str:
        result = read(column, typed, forges()) if typed else ""
        if isinstance(result, Refusal):
            raise InvalidValueError(str(result))
        if len(result) > most:
            raise InvalidValueError(f"At most {most} characters: these are {len(result)}.")
        return result

    return parse


def _licence(typed: str) -> str:
    if "\n" in typed or (len(typed) > MAX_PLAIN and not spdx(typed)):
        raise InvalidValueError(f"An SPDX expression, or a name of at most {MAX_PLAIN} characters in one line.")
    licence = licence_of("", typed, ())
    if typed and not licence:
        raise InvalidValueError("This names no licence: an SPDX expression like “MIT OR Apache-2.0” does.")
    return licence


def _truth(typed: str) -> bool | None:
    if typed and typed.lower() not in _TRUTH:
        raise InvalidValueError("yes or no; empty if it is not known.")
    return _TRUTH.get(typed.lower())


def _version(typed: str) -> str | None:
    try:
        valid = not typed or (len(typed) <= MAX_VERSION and bool(Version(typed)))
    except InvalidVersion:
        valid = False
    if not valid:
        raise InvalidValueError("A version as PyPI has it, like 2.1 or 3.0rc1.")
    return typed or None


def _time(typed: str) -> datetime | None:
    if not typed:
        return None
    try:
        parsed = datetime.fromisoformat(typed)
    except ValueError as error:
        raise InvalidValueError("A day like 2026-05-04, or a time like 2026-05-04 15:30 (UTC).") from error
    parsed = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    if parsed > datetime.now(UTC):
        raise InvalidValueError("This day is still to come.")
    if parsed < _EARLIEST:  # which no zone takes out of the calendar
        raise InvalidValueError(f"This day was before there was PyPI: type one from {_EARLIEST.year} on.")
    return parsed.astimezone(UTC)


def _logins(typed: str) -> list[str]:
    logins = list(dict.fromkeys(filter(None, map(str.strip, typed.splitlines()))))
    if odd := next((each for each in logins if len(each) > MAX_LOGIN or len(each.split()) > 1), None):
        raise InvalidValueError(f"One login a line, without blanks: “{odd[:MAX_LOGIN]}” is none.")
    if len(logins) > MAX_PARTICIPANTS:
        raise InvalidValueError(f"At most {MAX_PARTICIPANTS} logins: these are {len(logins):,}.")
    return logins


@dataclass(frozen=True)
class Pinnable:
    """A column that can be pinned: with its facts from `source`, where they are fetched, and typed as the `hint` says.

    `parse` makes a value of what is typed, without blanks around it; InvalidValueError if that is none. `empty` is the
    value where nothing is known. `edited`: editors type it beside a pin, too.
    """

    label: str
    parse: Callable[[str], Any]
    empty: Any
    hint: str
    source: FactsSource | None = None
    edited: bool = False


PINNABLE: Mapping[str, Pinnable] = {
    "repo_description": Pinnable("description", _description, "", "a text", "repo"),
    "documentation_url": Pinnable(
        "documentation URL", _address("documentation_url", 500), "", "a URL", "pypi", edited=True
    ),
    "licence": Pinnable("licence", _licence, "", "an SPDX expression, or a name", "pypi"),
    "archived": Pinnable("archived", _truth, None, "yes or no", "repo"),
    "pypi_url": Pinnable("PyPI project", _address("pypi_url", 255), "", "a name or a URL", edited=True),
    "pypi_version": Pinnable("latest version", _version, None, "a version", "pypi"),
    "released": Pinnable("latest release", _time, None, "a day or a time (UTC)", "pypi"),
    "participants": Pinnable("participants", _logins, [], "a login a line", "repo"),
}


def stored(value: Any) -> Any:
    """Return a column's value as a pin stores it."""
    if value in (None, "", [], ()):
        return None
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def restored(column: str, value: Any) -> Any:
    """Return a value that a pin stores as the column has it."""
    if value is None:
        empty = PINNABLE[column].empty
        return list(empty) if isinstance(empty, list) else empty
    return datetime.fromisoformat(value) if column == "released" else value


def as_typed(column: str, value: Any) -> str:
    """Return a value that a pin stores as it is typed."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(map(str, value))
    if column == "released":
        moment = datetime.fromisoformat(value)
        return str(moment.date()) if moment.time() == time() else f"{moment:%Y-%m-%d %H:%M:%S}"
    return str(value)


def in_short(column: str, value: Any) -> str | None:
    """Return a value that a pin stores in one short text; null for none."""
    if value is None:
        return None
    text = ", ".join(as_typed(column, value).splitlines())
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 2]} …"


def day_of(since: datetime | str) -> date:
    """Return the day (UTC) of a time, which may be as a database writes it into JSON."""
    return since.astimezone(UTC).date() if isinstance(since, datetime) else date.fromisoformat(since[:10])
