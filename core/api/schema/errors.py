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
    413: (
        "Error",
        "The request has a body that is too large: there is nothing to send.",
        "This request has 70000 bytes.",
    ),
    414: ("Error", "The URL is too long.", "This URL has 9120 characters: 8190 at most. Name fewer at a time."),
    429: (
        "Error",
        "The client's allowance is used up. Retry-After says in how many seconds to try again.",
        "Too many requests: your address has used up its 600 units a minute. Try again in 1 s.",
    ),
    503: (
        "Error",
        "The database failed, or did not respond in time. Retry-After says in how many seconds to try again.",
        "The database did not respond in time; request less, or something more specific.",
    ),
}
ALWAYS = (400, 404, 406, 503)
# The headers that tell of the allowance, as components: draft-ietf-httpapi-ratelimit-headers-11
HEADERS: dict[str, Any] = {
    "RateLimit-Policy": {
        "description": "The allowance of each client, if there is one: `q` units, which come back within `w` seconds.",
        "schema": {"type": "string", "examples": ['"default";q=600;w=60']},
    },
    "RateLimit": {
        "description": "The `r` units that are left to this client, all of which are back in `t` seconds; on responses"
        " that no cache may store.",
        "schema": {"type": "string", "examples": ['"default";r=0;t=1']},
    },
    "Retry-After": {
        "description": "The seconds to wait.",
        "schema": {"type": "integer", "minimum": 1, "examples": [1]},
    },
}


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


def described(status: int) -> dict[str, Any]:
    """Describe an error in the words of OpenAPI, for what drf-spectacular does not see."""
    error = errors(status)[status]
    examples = {each.name: {"value": each.value} for each in error.examples}
    content = {"application/json": {"schema": error.response, "examples": examples}}
    return {"description": error.description, "content": content}


def header(name: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"}}
