"""The query of a search, parsed: words, "phrases" and -excluded words."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Self

from core.database.functions import ascii_lower

MAX_LENGTH = 500
MAX_WORDS = 20
# Words that say nothing about a package. They are left out where others stand beside them.
STOP_WORDS = frozenset(
    "a an and any are as at be by can do does for from has have how i if in into is it its me my of on or our should"  # noqa: SIM905 (a list of words reads better as words)
    " so some than that the their them then there these they this to use using want was we what when where which who"
    " why will with you your".split()
)
_TERM = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
_WORD = re.compile(r"[^\W_]+")
_DIACRITICS = re.compile("[\u0300-\u036f]+")
_PUNCTUATION = re.compile(r"[ -/:-@\[-`{-~]+")


@dataclass(frozen=True, slots=True)
class Query:
    """`key` is all that is searched for, as names are compared: without blanks and punctuation. The words of a phrase
    must stand side by side; an entry with one of the excluded phrases does not match."""

    key: str
    words: tuple[str, ...] = ()
    phrases: tuple[tuple[str, ...], ...] = ()
    excluded: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        words: list[str] = []
        phrases: list[tuple[str, ...]] = []
        excluded: list[tuple[str, ...]] = []
        searched: list[str] = []
        for match in _TERM.finditer(text):
            term = match["word"] if match["phrase"] is None else match["phrase"]
            words_of_term = tuple(_WORD.findall(fold(term)))
            if match["minus"]:
                excluded.extend([words_of_term] if words_of_term else [])
                continue
            searched.append(term)
            if match["phrase"] is not None and len(words_of_term) > 1:
                phrases.append(words_of_term)
            else:
                words.extend(words_of_term)
        return cls(
            name_key(" ".join(searched)),
            _significant(words, or_all=not phrases),
            tuple(phrases[:MAX_WORDS]),
            tuple(excluded),
        )

    @property
    def is_empty(self) -> bool:
        return not self.words and not self.phrases

    @property
    def prefixes(self) -> tuple[str, ...]:
        """The key, and the same with a leading "django" or without it."""
        stripped = self.key.removeprefix("django")
        other = stripped if stripped != self.key else f"django{stripped}"
        return (self.key, other) if other else (self.key,)


def _significant(words: list[str], *, or_all: bool) -> tuple[str, ...]:
    """Return each word once, without stop words; where there are no others, the stop words themselves if `or_all`."""
    significant = [word for word in words if word not in STOP_WORDS] or (words if or_all else [])
    return tuple(dict.fromkeys(significant))[:MAX_WORDS]


def matches_as_prefix(word: str) -> bool:
    """Return whether a word matches all words that begin with it. A plural does not: the stemmers cut its s, so
    "forms" would match "formidable"."""
    return not word.endswith("s")


def fold(text: str) -> str:
    """Return a text in lower case and without diacritics, as the indexes hold words."""
    if text.isascii():
        return text.lower()
    return _DIACRITICS.sub("", unicodedata.normalize("NFKD", text)).lower()


def name_key(text: str) -> str:
    """Return a text as names are compared: A to Z in lower case, without blanks and ASCII punctuation."""
    return _PUNCTUATION.sub("", ascii_lower(text))
