"""The JSON below a page: what a client that asks for JSON gets for the same request, and the line that gets it."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import brotli
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from rest_framework.request import Request

from core.api.pagination import neighbour
from core.api.renderers import FastJSONRenderer

MOST_COMPRESSED = 16_000  # bytes; a page with more JSON in it gives way to its link
_QUICKLY_SMALL = 12_000  # bytes that need not be compressed to be known as few
# In indented JSON, a list of numbers alone. A text cannot match: its line breaks are escaped.
_NUMBERS = re.compile(r"\[\n\s+(?:\d+,\n\s+)*\d+\n\s+\]")
# A text that is a link as a whole. What JSON escapes (quotes, backslashes, control characters) is in none.
_LINK = re.compile(r'"(https?://[^\s"\\<>]+)"', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Folded:
    """`html` is the JSON with its links, or "" where it is too long for a page; `url` and `curl` get it.
    `others` are links to the same list in other formats, with their names."""

    html: SafeString
    url: str
    curl: str
    others: Sequence[tuple[Any, ...]]

    @classmethod
    def of(
        cls,
        data: Any,
        request: Request,
        others: Sequence[tuple[Any, ...]] = (),
        most_compressed: int = MOST_COMPRESSED,
    ) -> "Folded":
        address = neighbour(request, format=None)
        html = _html(data, most_compressed)
        return cls(html, neighbour(request, format="json"), f"curl {shlex.quote(address)}", others)


def _html(data: Any, most_compressed: int) -> SafeString:
    content = FastJSONRenderer().render(data, "application/json; indent=2", {})
    if len(content) > min(_QUICKLY_SMALL, most_compressed) and (
        # What is 50 times as long has never been compressed to so little.
        len(content) > 50 * most_compressed or len(brotli.compress(content, quality=5)) > most_compressed
    ):
        return SafeString()
    text = _NUMBERS.sub(lambda numbers: re.sub(r"\s+", " ", numbers[0]), content.decode())
    return format_html_join(
        "",
        "{}",
        (
            (format_html('"<a href="{0}" rel="nofollow">{0}</a>"', part) if number % 2 else part,)
            for number, part in enumerate(_LINK.split(text))
        ),
    )
