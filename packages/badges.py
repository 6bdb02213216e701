"""The badge of a package: its verdict in two words, as an SVG image and as data for shields.io."""

from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.svg import image
from packages.health.verdicts import LEVELS, Level, Verdict

LABEL = "health"
HEIGHT, CORNER, MARGIN, BASELINE = 20, 6, 6, 14
NARROW, WIDE = "fijlrt", "mw"  # letters
COLORS: Mapping[Level, str] = {"good": "brightgreen", "fair": "yellow", "poor": "red", "none": "lightgrey"}
CACHE_SECONDS = 3_600  # a verdict changes once a day at most, as a rule


def svg(package: str, verdict: Verdict) -> str:
    """Return a badge of 20 pixels: a label, and the verdict on the colour of its level."""
    level, left, message = LEVELS[verdict], _length(LABEL) + 2 * MARGIN, _length(verdict) + 2 * MARGIN
    half = format_html(
        '<path class="{0}" d="M{1} 0h{2}a{3} {3} 0 0 1 {3} {3}v{4}a{3} {3} 0 0 1-{3} {3}h-{2}z"/>',
        *(level, left, message - CORNER, CORNER, HEIGHT - 2 * CORNER),
    )
    words = (_word("weak", LABEL, MARGIN), _word("inverse", verdict, left + MARGIN))
    description = f"The verdict is {verdict}, of level {level}."
    return image(f"{package}: {LABEL}", description, width(verdict), HEIGHT, half, *words)


def width(verdict: Verdict) -> int:
    """Return the width of a badge in pixels."""
    return _length(LABEL) + _length(verdict) + 4 * MARGIN


def endpoint(verdict: Verdict) -> dict[str, Any]:
    """Return the response that shields.io expects of an endpoint badge."""
    return {
        "schemaVersion": 1,
        "label": LABEL,
        "message": verdict,
        "color": COLORS[LEVELS[verdict]],
        "cacheSeconds": CACHE_SECONDS,
    }


def _word(name: str, word: str, left: int) -> SafeString:
    """Return a word that takes its length in any font."""
    return format_html(
        '<text class="{}" x="{}" y="{}" textLength="{}">{}</text>', name, left, BASELINE, _length(word), word
    )


def _length(word: str) -> int:
    """Return about as many pixels as a word takes in fonts of the systems at 12 pixels."""
    return sum(4 if letter in NARROW else 10 if letter in WIDE else 7 for letter in word)
