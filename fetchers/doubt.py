"""Doubt about a source: the one measure for all that may go missing in a run or in an import."""


def are_unusual(number: int, of: int) -> bool:
    """Return whether so many are a fault of the source: more than 20, and more than a twentieth."""
    return number > 20 and number * 20 > of
