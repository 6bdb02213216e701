"""Typing errors: entries whose names are spelled much like the query, the most similar first."""

import string
from collections.abc import Callable, Iterator

from rapidfuzz import fuzz

from core.database.functions import ascii_lower
from search.query import Query, fold
from search.tiers import SIMILAR, Row

MAX_SIMILAR = 50
LEAST_SIMILARITY = 0.75  # of 1: an error in a word of four letters leaves as much
# An entry to compare: kind, object_id, quality, names.
Candidate = tuple[str, int, float, str]


def similar(
    query: Query, candidates: Callable[[list[list[str]]], list[Candidate]], found: set[tuple[str, int]]
) -> list[Row]:
    """Return the rows of entries with names like the query's words, except those that are `found` already.

    `candidates` returns the entries that have one of the given pieces of each word in their names.
    """
    words = _words_to_compare(query)
    if not words:
        return []
    rows = []
    for kind, object_id, quality, names in candidates([list(dict.fromkeys(pieces_of(word))) for word in words]):
        similarity = _similarity(query, words, names)
        if similarity >= LEAST_SIMILARITY and (kind, object_id) not in found and not _is_excluded(query, names):
            rows.append((-round(similarity, 2), -quality, kind, object_id))
    rows.sort()
    return [(kind, object_id, SIMILAR, -quality) for _, quality, kind, object_id in rows[:MAX_SIMILAR]]


def _words_to_compare(query: Query) -> list[str]:
    """Return the longer words of the query; without "django", which is in most names, unless it is the only one."""
    if query.phrases:
        return []  # quotes ask for these very words
    words = [word for word in query.words if len(word) >= 3]
    return [word for word in words if fuzz.ratio(word, "django") < 100 * LEAST_SIMILARITY] or words


def pieces_of(word: str) -> Iterator[str]:
    """Yield pieces of a word, of which the word that was meant has at least one if this one has one typing error.

    The error is in one of the pieces, and the others are as they were. Long words are cut in three, since they have
    room for two errors. If two letters have changed places across the cut, no piece is right: so the whole word is
    given as well, once for each place where that may be, with the letters changed back.
    """
    if len(word) >= 9:
        third = len(word) // 3
        yield from (word[:third], word[third : 2 * third], word[2 * third :])
        return
    size = max(len(word) // 2, 3)
    second_start = len(word) - size
    yield from (word[:size], word[second_start:])
    for left in range(max(second_start - 1, 0), min(size, len(word) - 1)):
        yield word[:left] + word[left + 1] + word[left] + word[left + 2 :]


def _similarity(query: Query, words: list[str], names: str) -> float:
    """Return 0 to 1: the mean similarity of the words to words of the names, or the similarity of the whole query to
    a whole name, whichever is greater."""
    words_of_names = name_words(names)
    by_word = sum(max([fuzz.ratio(word, other) for other in words_of_names], default=0.0) for word in words)
    whole = query.key.removeprefix("django")
    keys = (names.lower() if names.isascii() else ascii_lower(names)).translate(_WITHOUT_PUNCTUATION).split()
    by_name = max([fuzz.ratio(whole, key.removeprefix("django")) for key in keys], default=0.0)
    return max(by_word / len(words), by_name) / 100


# For name_key() of many names at once, between blanks.
_WITHOUT_PUNCTUATION = dict.fromkeys(map(ord, string.punctuation))
_IN_WORDS = {**_WITHOUT_PUNCTUATION, ord("-"): " ", ord("_"): " "}


def name_words(names: str) -> set[str]:
    """Return the words of names, as they are compared with those of a query."""
    return set(fold(names).translate(_IN_WORDS).split())


def _is_excluded(query: Query, names: str) -> bool:
    return bool(query.excluded) and any(set(phrase) <= name_words(names) for phrase in query.excluded)
