"""The chart of 30 days, as an SVG image: of each day, how many packages were fresh, due, failing and gone."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from django.utils.dateformat import format as formatted
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.svg import image
from editing.desk.counts import DAYS, States

WIDTH, HEIGHT = 432, 128
LEFT, TOP, BOTTOM = 8, 34, 102  # of the space for bars
PITCH, BAR = 14, 10  # of a day
HAIRLINE = 2  # the least height of a part, however few packages are in it
# Each state with the class of its colour, from the bottom up
COLOURS: Mapping[str, str] = {"fresh": "good", "due": "fair", "failing": "poor", "gone": "none"}


def chart(source: str, days: Mapping[date, States], today: date) -> SafeString:
    """Return a bar for each of the last 30 days; a day on which nothing was counted has none."""
    title = f"{source}: the last {DAYS} days"
    if not days:
        note = "Counted by each refresh: nothing is yet"
        words = format_html('<text class="weak" x="{}" y="{}" text-anchor="middle">{}</text>', WIDTH // 2, 68, note)
        return image(title, f"{note}.", WIDTH, HEIGHT, words)
    first, most = today - timedelta(days=DAYS - 1), max(states.all for states in days.values())
    last = days[max(days)]
    bars = format_html_join(
        "",
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        (bar for day, states in days.items() for bar in _bars((day - first).days, day, states, most)),
    )
    axis = format_html('<path class="axis" d="M{} {}.5h{}"/>', LEFT, BOTTOM, DAYS * PITCH)
    return image(title, f"{_day(max(days))}: {in_words(last)}.", WIDTH, HEIGHT, axis, bars, _words(first, today, last))


def in_words(states: States) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in states._asdict().items())


def _bars(place: int, day: date, states: States, most: int) -> Iterator[tuple[str, int, float, int, float, str]]:
    y = float(BOTTOM)
    for name, number in states._asdict().items():
        if number:
            height = max((BOTTOM - TOP) * number / most, HAIRLINE)
            y -= height
            x, what = LEFT + place * PITCH + 2, f"{_day(day)}: {in_words(states)}"
            yield COLOURS[name], x, round(y, 1), BAR, round(height, 1), what


def _words(first: date, today: date, last: States) -> SafeString:
    right = LEFT + DAYS * PITCH
    legend = []
    for place, (name, number) in enumerate(last._asdict().items()):
        x = LEFT + place * 106
        box = format_html('<rect class="{}" x="{}" y="11" width="10" height="10"/>', COLOURS[name], x)
        text = format_html('<text class="strong" x="{}" y="20">{} {}</text>', x + 14, f"{number:,}", name)
        legend.append(box + text)
    days = format_html(
        '<text class="weak" x="{}" y="119">{}</text><text class="weak" x="{}" y="119" text-anchor="end">{}</text>',
        LEFT,
        _day(first),
        right,
        _day(today),
    )
    return SafeString("".join(legend)) + days


def _day(day: date) -> str:
    return formatted(day, "j F Y")
