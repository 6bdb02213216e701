"""Replies: an editor's word on a package, with a note, up to a day. After that day it is as if it had not been given.

It is in columns of the package, as all that editors type is: the log of changes, caches, forms that are merged, the
history and undoing take it as they take any other column, and a package has one reply at most.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Literal

from django.db.models import Q

Reply = Literal["finished", "help_wanted", "seeking_maintainer"]
REPLIES: Mapping[Reply, str] = {
    "finished": "finished",
    "help_wanted": "help wanted",
    "seeking_maintainer": "seeking maintainer",
}
NO_REPLY: Mapping[str, Any] = {"reply_kind": "", "reply_note": "", "reply_since": None, "reply_until": None}
COLUMNS = tuple(NO_REPLY)
NONE = "none"  # the value of the filter for packages without a reply
MOST_CHARACTERS = 300  # of a note


def today(now: datetime) -> date:
    """Return the day (UTC) by which replies end."""
    return now.astimezone(UTC).date()


def stands(until: date | None, now: datetime) -> bool:
    """Tell whether a reply with that last day still holds."""
    return until is not None and today(now) <= until


def standing(now: datetime) -> Q:
    """Return the condition that a package has a reply that holds."""
    return Q(reply_until__gte=today(now))


def reply_of(row: Any, now: datetime) -> dict[str, Any] | None:
    """Return the reply on a row of packages with these columns, as documents show it; None if none holds."""
    if not stands(row.reply_until, now):
        return None
    return {"kind": row.reply_kind, "note": row.reply_note, "since": row.reply_since, "until": row.reply_until}


def in_words(kind: str, until: date | None, now: datetime) -> str:
    """Return a reply that holds in words, “help wanted”; "" if none does."""
    return next((words for each, words in REPLIES.items() if each == kind), "") if stands(until, now) else ""
