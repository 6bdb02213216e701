"""The grammar of a cell: what the text that an editor types says of a feature, as a number.

The first word decides, in any letter case; it ends at white space, at one of , ; : ( . ! or with the text.

- yes, check, good: 1; no, bad, negative: -1
- +, ++ and so on, or + and ASCII digits: as many, 3 at most; the same with -, below zero
- n/a, ?, unknown: None, as for an empty text
- all else, "- " that begins a list too: 0
"""

import re
from functools import lru_cache
from unicodedata import normalize

MOST = 3
_WORDS = {"yes": 1, "check": 1, "good": 1, "no": -1, "bad": -1, "negative": -1, "n/a": None, "?": None, "unknown": None}
_END = re.compile(r"[\s,;:(.!]")
_REPEATED = re.compile(r"\++|-+")
_NUMBER = re.compile(r"[+-][0-9]+", re.ASCII)
_LIST = re.compile(r"-\s")


@lru_cache(maxsize=4096)
def sign(text: str) -> int | None:
    """Return what a cell says of its feature: -3 to 3, or None where nothing is known."""
    text = normalize("NFC", text).strip().lower()
    word = _END.split(text, maxsplit=1)[0]
    if not text or word in _WORDS:
        return _WORDS.get(word)
    if _LIST.match(text) or not (_REPEATED.fullmatch(word) or _NUMBER.fullmatch(word)):
        return 0
    number = len(word) if _REPEATED.fullmatch(word) else int(word[1:])
    return min(MOST, number) * (1 if word[0] == "+" else -1)


def in_words(sign: int | None) -> str:
    """Return what a sign means, for people: "+2: good"."""
    if sign is None:
        return "none: unknown, or not applicable"
    if not sign:
        return "0: neither good nor bad"
    return f"{sign:+}: {'good' if sign > 0 else 'bad'}"
