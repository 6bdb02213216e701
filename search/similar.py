"""Typing errors: names that are spelled much like what was typed, the most alike first."""

import string
from collections.abc import Callable, Iterator

from rapidfuzz import fuzz

from core.database.functions import ascii_lower
from search.query import Query, plain
from search.tiers import SIMILAR, Row

MOST_SIMILAR = 50
LEAST_SIMILARITY = 0.75
Candidates = Callable[[list[list[str]]], list[tuple[str, int, float, str]]]


def similar(query: Query, candidates: Candidates, known: set[tuple[str, int]]) -> list[Row]:
    """Hits with names much like the query's words, without those that are `known`."""
    words = _telling(query)
    if not words:
        return []
    found = []
    for kind, object_id, quality, names in candidates([list(dict.fromkeys(pieces_of(word))) for word in words]):
        likeness = _likeness(query, words, names)
        if likeness >= LEAST_SIMILARITY and (kind, object_id) not in known and not _excluded(query, names):
            found.append((-round(likeness, 2), -quality, kind, object_id))
    found.sort()
    return [(kind, object_id, SIMILAR, -quality) for _, quality, kind, object_id in found[:MOST_SIMILAR]]


def _telling(query: Query) -> list[str]:
    if query.phrases:
        return []  # quotes ask for these very words
    words = [word for word in query.words if len(word) >= 3]
    return [word for word in words if fuzz.ratio(word, "django") < 100 * LEAST_SIMILARITY] or words


def pieces_of(word: str) -> Iterator[str]:
    """Parts of which a word that was mistyped once has kept one: an error in one part leaves the other as it was.

    Long words are cut in three, since they have room for two errors. Letters that have changed places between two
    parts leave none: there the word is given with them put back.
    """
    if len(word) >= 9:
        third = len(word) // 3
        yield from (word[:third], word[third : 2 * third], word[2 * third :])
        return
    size = max(len(word) // 2, 3)
    first_of_last = len(word) - size
    yield from (word[:size], word[first_of_last:])
    for left in range(max(first_of_last - 1, 0), min(size, len(word) - 1)):
        yield word[:left] + word[left + 1] + word[left] + word[left + 2 :]


def _likeness(query: Query, words: list[str], names: str) -> float:
    """0 to 1: how much the words of the query are like words of the names, or all of it like a whole name."""
    parts = parts_of(names)
    by_word = sum(max([fuzz.ratio(word, part) for part in parts], default=0.0) for word in words) / len(words)
    whole = query.key.removeprefix("django")
    folded = names.lower() if names.isascii() else ascii_lower(names)
    squeezed_names = folded.translate(_SQUEEZED).split()
    as_name = max([fuzz.ratio(whole, name.removeprefix("django")) for name in squeezed_names], default=0.0)
    return max(by_word, as_name) / 100


# As squeezed() does it, for many names at once.
_SQUEEZED = dict.fromkeys(map(ord, string.punctuation))
_PARTED = {**_SQUEEZED, ord("-"): " ", ord("_"): " "}


def parts_of(text: str) -> set[str]:
    """The words of names, as they are compared with those of a query."""
    return set(plain(text).translate(_PARTED).split())


def _excluded(query: Query, names: str) -> bool:
    return bool(query.without) and any(set(without) <= parts_of(names) for without in query.without)
