"""The charts of a package, as SVG images: its commits week by week, and its stars day by day."""

from collections.abc import Sequence
from datetime import date, timedelta

from django.utils.dateformat import format as formatted
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.svg import image
from core.words import counted

WIDTH, HEIGHT = 432, 112
LEFT, RIGHT, TOP, BOTTOM = 8, 424, 34, 86  # of the space for bars and lines
PITCH, BAR = 8, 6  # of a week: its share of the width, and the width of its bar
HAIRLINE = 2  # the least height of a week with commits, however many another one has
DAY, WEEK = timedelta(days=1), timedelta(days=7)
ENOUGH = timedelta(days=30)  # of history, for a line


def commits(package: str, weeks: Sequence[int], end: date | None) -> str:
    """Return a bar for each week. `end` is the day at whose 00:00 UTC the last one ends, None if that is not known."""
    title = f"{package}: commits a week"
    if not weeks:
        return _note(title, "No commits known")
    most, begin = max(weeks), end - len(weeks) * WEEK if end else None
    return _chart(
        title,
        f"{commits_in_words(weeks, end)}, {most:,} in the busiest week.",
        (counted(sum(weeks), "commit"), f"at most {most:,} a week"),
        (_day(begin), _day(end - DAY)) if begin and end else (_period(weeks, None), ""),
        _bars(weeks, begin),
    )


def commits_in_words(weeks: Sequence[int], end: date | None) -> str:
    """Return the total with its period: “12 commits in the 52 weeks to 20 November 2026”."""
    return f"{counted(sum(weeks), 'commit')} in {_period(weeks, end)}"


def _period(weeks: Sequence[int], end: date | None) -> str:
    return f"the {len(weeks)} weeks " + (f"to {_day(end - DAY)}" if end else "before it was fetched")


def stars(package: str, history: Sequence[tuple[date, int]]) -> str:
    """Return a line through the stars of each day on which they were counted, which are in order; before there are
    30 days between the first and the last, a note since when."""
    title = f"{package}: stars"
    if not history:
        return _note(title, "No stars counted yet")
    (first, before), (last, now) = history[0], history[-1]
    if last - first < ENOUGH:
        return _note(title, f"{counted(now, 'star')}, counted since {_day(first)}")
    low, high = min(count for _, count in history), max(count for _, count in history)
    return _chart(
        title,
        f"{counted(before, 'star')} on {_day(first)}, {now:,} on {_day(last)}; from {low:,} to {high:,} between.",
        (counted(now, "star"), f"{now - before:+,} in {(last - first).days:,} days"),
        (_day(first), _day(last)),
        line(history, low, high),
    )


def _bars(weeks: Sequence[int], begin: date | None) -> SafeString:
    most, bars = max(weeks), []
    for number, count in enumerate(weeks):
        height = max(round((BOTTOM - TOP) * count / most, 1), HAIRLINE) if count else 0
        week = f"week {number + 1} of {len(weeks)}"
        if begin:
            first = begin + number * WEEK
            week = f"{_day(first)} to {_day(first + WEEK - DAY)}"
        bars.append((LEFT + number * PITCH + 1, BOTTOM - height, BAR, height, f"{week}: {counted(count, 'commit')}"))
    return format_html_join(
        "", '<rect class="area" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>', bars
    )


def line(history: Sequence[tuple[date, int]], low: int, high: int) -> SafeString:
    """Return a line from `low` at the bottom to `high` at the top; a level one is half-way up."""
    first, last = history[0][0], history[-1][0]
    points = []
    for day, count in history:
        across = (RIGHT - LEFT) * ((day - first) / (last - first))
        up = (BOTTOM - TOP) * ((count - low) / (high - low) if high > low else 0.5)
        points.append(f"{LEFT + across:.1f},{BOTTOM - up:.1f}")
    return format_html('<polyline class="line" points="{}"/>', " ".join(points))


def _chart(
    title: str, description: str, above: tuple[str, str], below: tuple[str, str], *drawn: SafeString
) -> SafeString:
    """Return what is drawn, with words at both ends above and below it."""
    axis = format_html('<path class="axis" d="M{} {}.5H{}"/>', LEFT, BOTTOM, RIGHT)
    words = format_html_join(
        "",
        '<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>',
        (
            ("strong", LEFT, 20, "start", above[0]),
            ("weak", RIGHT, 20, "end", above[1]),
            ("weak", LEFT, 103, "start", below[0]),
            ("weak", RIGHT, 103, "end", below[1]),
        ),
    )
    return image(title, description, WIDTH, HEIGHT, axis, *drawn, words)


def _note(title: str, note: str) -> SafeString:
    """Return an image with a note in the place of a chart."""
    words = format_html(
        '<text class="weak" x="{}" y="{}" text-anchor="middle">{}</text>', WIDTH // 2, HEIGHT // 2 + 4, note
    )
    return image(title, f"{note}.", WIDTH, HEIGHT, words)


def _day(day: date) -> str:
    return formatted(day, "j F Y")
