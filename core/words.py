"""Words that go with numbers."""

from django.template.defaultfilters import pluralize


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: "1 star", "2,000 stars". The plural is the noun with an s, unless it is given."""
    if plural:
        return f"{number:,} {noun if number == 1 else plural}"
    return f"{number:,} {noun}{pluralize(number)}"
