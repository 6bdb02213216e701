"""Words that go with numbers."""

from django.template.defaultfilters import pluralize


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, whose plural ends in s: "1 star", "2,000 stars"."""
    return f"{number:,} {noun}{pluralize(number)}"
