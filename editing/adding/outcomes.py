"""The outcomes of asking an upstream, in words."""

from collections.abc import Mapping

from packages.facts import Outcome
from packages.results import HOSTS_FAULT

LATER = "the next refresh asks"
_WORDS: Mapping[Outcome, str] = {
    Outcome.OK: "fetched",
    Outcome.UNCHANGED: "fetched: nothing is new since the last time",
    Outcome.RENAMED: "fetched: it was renamed, and the package follows",
    Outcome.PARTIAL: "fetched, but for a part that is odd",
    Outcome.NOT_FOUND: "not found",
    Outcome.GONE: "gone",
    Outcome.PRIVATE: "private, or withheld",
    Outcome.BLOCKED: "blocked by its host",
    Outcome.UNAUTHORIZED: "our token is refused",
    Outcome.RATE_LIMITED: "rate limited",
    Outcome.SERVER_ERROR: "the upstream is down",
    Outcome.TIMEOUT: "no answer in time",
    Outcome.INVALID: "an answer that cannot be read",
}


def in_words(outcome: Outcome) -> str:
    return _WORDS[outcome]


def outcome_in_words(outcome: Outcome, message: str = "") -> str:
    """Return an outcome in words, with the message of a failure, and what becomes of one of the host."""
    words = _WORDS[outcome]
    words = f"{words} ({message})" if message else words
    return f"{words}; {LATER}" if outcome in HOSTS_FAULT else words


def not_fetched(why: str) -> str:
    return f"not fetched ({why}); {LATER}"
