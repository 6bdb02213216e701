"""The responses that are errors."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from core.api.pagination import MAX_LIMIT

# The bodies of errors, as components that every operation refers to
COMPONENTS: dict[str, Any] = {
    "Error": {
        "type": "object",
        "description": "What is wrong, and how to correct it.",
        "properties": {"detail": {"type": "string"}},
        "required": ["detail"],
        "additionalProperties": False,
    },
    "Mistakes": {
        "type": "object",
        "description": "What is wrong, by the name of the parameter; or `detail`, if it is the request as a whole.",
        "additionalProperties": {"oneOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]},
    },
}
_ERRORS: Mapping[int, tuple[str, str, Any]] = {
    400: (
        "Mistakes",
        "A parameter that is unknown, given twice, empty or invalid.",
        {"limit": [f"Must be a whole number from 1 to {MAX_LIMIT}."]},
    ),
    404: ("Error", "There is no such document, or no such format.", "No Package matches the given query."),
    406: ("Error", "The Accept header takes none of the forms.", "Could not satisfy the request Accept header."),
    503: (
        "Error",
        "The database failed, or did not respond in time. Retry-After says in how many seconds to try again.",
        "The database did not respond in time; request less, or something more specific.",
    ),
}
ALWAYS = (400, 404, 406, 503)


def errors(*statuses: int) -> dict[int, OpenApiResponse]:
    """The error responses with these statuses, for extend_schema."""
    return {
        status: OpenApiResponse(
            {"$ref": f"#/components/schemas/{body}"},
            description,
            [OpenApiExample("example", {"detail": example} if body == "Error" else example, response_only=True)],
        )
        for status, (body, description, example) in _ERRORS.items()
        if status in statuses
    }
