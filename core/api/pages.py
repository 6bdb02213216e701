"""Pages for people: the browsable form of a response, and how much of a list one of them shows."""

from collections.abc import Sequence

from rest_framework.request import Request

MAX_DOCUMENTS = 100  # in one page, those in place of links included


def is_page(request: Request) -> bool:
    """Return whether the response is a page for people."""
    return bool(request.accepted_renderer.format == "api")


def rows_that_fit(expanded: Sequence[int]) -> int:
    """Return how many of the rows of a list fit into a page, each with so many documents in place of its links."""
    shown = 0
    for number, documents in enumerate(expanded):
        shown += 1 + documents
        if shown > MAX_DOCUMENTS:
            return number
    return len(expanded)


def is_full(request: Request) -> bool:
    """Return whether a page may show less than was asked for once."""
    limit = request.query_params.get("limit", "")
    return "expand" in request.query_params or (limit.isdecimal() and int(limit[:18]) >= MAX_DOCUMENTS)
