"""What somebody typed into the search, read: words, "phrases" and -words."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Self

from core.database.functions import ascii_lower

LONGEST = 500
MAX_WORDS = 20
# Words that say nothing of a package. They are left out where others stand beside them.
STOP_WORDS = frozenset(
    "a an and any are as at be by can do does for from has have how i if in into is it its me my of on or our should"  # noqa: SIM905 (a list of words reads better as words)
    " so some than that the their them then there these they this to use using want was we what when where which who"
    " why will with you your".split()
)
_PART = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
_WORD = re.compile(r"[^\W_]+")
_MARKS = re.compile("[\u0300-\u036f]+")
_PUNCTUATION = re.compile(r"[ -/:-@\[-`{-~]+")


@dataclass(frozen=True, slots=True)
class Query:
    """`key` is the whole as a name is compared: without blanks and punctuation. `phrases` are words side by side."""

    key: str
    words: tuple[str, ...] = ()
    phrases: tuple[tuple[str, ...], ...] = ()
    without: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, text: str) -> Self:
        words: list[str] = []
        phrases: list[tuple[str, ...]] = []
        without: list[tuple[str, ...]] = []
        wanted: list[str] = []
        for part in _PART.finditer(text):
            said = part["phrase"] if part["phrase"] is not None else part["word"]
            found = tuple(_WORD.findall(plain(said)))
            if part["minus"]:
                without.extend([found] if found else [])
                continue
            wanted.append(said)
            if part["phrase"] is not None and len(found) > 1:
                phrases.append(found)
            else:
                words.extend(found)
        telling = [word for word in words if word not in STOP_WORDS]
        kept = dict.fromkeys(telling or ([] if phrases else words))
        return cls(squeezed(" ".join(wanted)), tuple(kept)[:MAX_WORDS], tuple(phrases[:MAX_WORDS]), tuple(without))

    @property
    def is_empty(self) -> bool:
        return not self.words and not self.phrases

    @property
    def begins(self) -> tuple[str, ...]:
        """The key, and the same with a leading "django" or without it."""
        stripped = self.key.removeprefix("django")
        other = stripped if stripped != self.key else f"django{stripped}"
        return (self.key, other) if other else (self.key,)


def may_go_on(word: str) -> bool:
    """Whether a word stands for all that begin with it. The stemmers cut a plural's s: "cms" must not find "cmd"."""
    return not word.endswith("s")


def plain(text: str) -> str:
    """In lower case and without marks, as the indexes have words."""
    if text.isascii():
        return text.lower()
    return _MARKS.sub("", unicodedata.normalize("NFKD", text)).lower()


def squeezed(text: str) -> str:
    """As names are compared: A to Z in lower case, without blanks and ASCII punctuation."""
    return _PUNCTUATION.sub("", ascii_lower(text))
