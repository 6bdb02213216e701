"""The ways in which templates of pages show values: untrusted texts, times in words, links, verdicts and bars."""

import re
from datetime import UTC, date, datetime
from typing import Any

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils import timezone
from django.utils.dateformat import format as formatted
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from core.words import counted

register = template.Library()

_URL = re.compile(r"(https?://[^\s<>\"'|]+[^\s<>\"'|.,;:!?)\]])", re.ASCII | re.IGNORECASE)
_ADDRESS = re.compile(r"https?://(?:www\.)?", re.IGNORECASE)
LONGEST_LINK = 60  # characters of a URL that are shown
NOTHING = SafeString('<span class="none">–</span>')  # noqa: RUF001 (a dash)
# Shapes beside the colours of levels and signs, for those who do not see these.
MARKS = {"good": "✓", "fair": "~", "poor": "✕", "none": "?"}


@register.filter
def typed(value: Any, length: int = 0) -> SafeString:
    """Return a text that somebody typed or fetched: apart from what is around it, whichever way it is written, and cut
    to so many characters if it is longer."""
    text = str(value or "")
    short = Truncator(text).chars(length) if length else text
    if short == text:
        return format_html("<bdi>{}</bdi>", text)
    return format_html('<bdi title="{}">{}</bdi>', text[:2_000], short)


@register.filter
def linked(value: str) -> SafeString:
    """Return a text as HTML, with links of its URLs of http and https, and of nothing else."""
    parts = _URL.split(value or "")
    inner = format_html_join(
        "",
        "{}",
        (
            (format_html('<a href="{0}" rel="nofollow noopener">{0}</a>', part) if number % 2 else part,)
            for number, part in enumerate(parts)
        ),
    )
    return format_html("<bdi>{}</bdi>", inner)


@register.filter
def address(url: str) -> SafeString:
    """Return a link to a URL of http or https that shows it without its beginning; any other text as it is."""
    text = str(url or "")
    if not _ADDRESS.match(text):
        return typed(text, LONGEST_LINK)
    shown = Truncator(_ADDRESS.sub("", text, count=1).rstrip("/")).chars(LONGEST_LINK)
    return format_html('<a href="{}" rel="nofollow noopener"><bdi>{}</bdi></a>', text, shown)


@register.filter
def is_web(url: str) -> bool:
    """Return whether a URL is one of http or https, so that it may become a link."""
    return bool(_ADDRESS.match(url or ""))


@register.filter
def ago(when: datetime | date | None) -> SafeString:
    """Return a time or a day in words that count whole days (UTC), “3 years ago”, with the exact time in its title."""
    if when is None:
        return NOTHING
    exact = timezone.localtime(when) if isinstance(when, datetime) else when
    return format_html('<time datetime="{}" title="{}">{}</time>', exact.isoformat(), exactly(when), days_ago(when))


@register.filter
def exactly(when: datetime | date) -> str:
    """Return a time with its zone, or a day."""
    if isinstance(when, datetime):
        return formatted(timezone.localtime(when), "j F Y, H:i T")
    return formatted(when, "j F Y")


@register.filter
def days_ago(when: datetime | date) -> str:
    """Return the distance of a day from today (UTC) in words."""
    day = when.astimezone(UTC).date() if isinstance(when, datetime) else when
    days = (timezone.now().astimezone(UTC).date() - day).days
    if days < 0:
        return f"in {counted(-days, 'day')}"
    if days < 2:
        return "yesterday" if days else "today"
    if days < 60:
        return f"{counted(days, 'day')} ago"
    months = int(days / 30.44)
    return f"{counted(months, 'month')} ago" if months < 24 else f"{counted(int(days / 365.25), 'year')} ago"


@register.filter
def number(value: Any) -> SafeString | str:
    """Return a number with its thousands apart; a dash where it is not known."""
    return NOTHING if value is None else intcomma(value)


@register.simple_tag
def verdict(name: str, level: str) -> SafeString:
    """Return a verdict with the colour and the mark of its level."""
    return format_html(
        '<span class="verdict {0}"><span aria-hidden="true">{1}</span> {2}</span>', level, MARKS[level], name
    )


@register.simple_tag
def reply(words: str | None) -> SafeString:
    """Return an editor's word on a package as a mark beside its verdict; nothing if there is none."""
    return format_html(' <span class="tag">{}</span>', words) if words else SafeString()


@register.simple_tag
def bar(value: float | None, most: float | None, words: str = "") -> SafeString:
    """Return a value beside the greatest one as a bar."""
    if not value or not most:
        return SafeString()
    return format_html('<meter min="0" max="{}" value="{}" aria-label="{}"></meter>', most, value, words or value)


@register.filter
def value(shown: Any) -> SafeString:
    """Return any value of JSON for a table: texts apart, links as links, lists with commas, times as days."""
    if shown is None or shown in ("", []):
        return NOTHING
    if isinstance(shown, bool):
        return conditional_escape("yes" if shown else "no")
    if isinstance(shown, int | float):
        return conditional_escape(intcomma(shown))
    if isinstance(shown, datetime | date):
        return ago(shown)
    if isinstance(shown, list):
        return format_html("<bdi>{}</bdi>", Truncator(", ".join(map(str, shown))).chars(200))
    return address(shown) if is_web(str(shown)) else typed(shown, 200)
