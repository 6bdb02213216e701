"""The whole document: what drf-spectacular leaves out of it, and what it says in the words of OpenAPI 3.0."""

from collections.abc import Iterator
from typing import Any

from django.urls import get_resolver

from core.api.schema.errors import COMPONENTS, HEADERS, described, header
from core.api.schema.examples import add_examples
from core.api.schema.parameters import ID, JSON
from core.api.schema.plain import operations_of_plain_views
from core.caching.dependencies import ROOT

LOCATION = {"Location": {"schema": {"type": "string"}, "description": "Where to look instead."}}
REPEATED = "A list that was given as several parameters is at the URL with one, with commas between its values."
# The kinds of operations, by the first word of their paths
TAGS = {
    "root": "The beginning: links to all that there is.",
    "packages": "Packages with their facts, releases, history, charts and badges.",
    "grids": "Grids: packages that do the same job, side by side.",
    "categories": "Categories, of which each package has one.",
    "features": "What the packages of a grid are compared by.",
    "compare": "Any packages side by side.",
    "trending": "The packages that gain stars or downloads fastest.",
    "readiness": "How many packages work with a version of Django or of Python.",
    "search": "Packages and grids by words, best first.",
    "changes": "The log of what changed, for mirrors and caches.",
    "dumps": "The whole catalogue in files.",
    "feeds": "RSS and Atom.",
}


def of_v4(endpoints: list[Any]) -> list[Any]:
    """Return the endpoints that the document is of (a hook of drf-spectacular)."""
    return [each for each in endpoints if each[0].startswith(ROOT)]


def finished(result: Any, **_: Any) -> Any:
    """Return the document with all that is the same for many operations (a hook of drf-spectacular)."""
    result["paths"] = dict(sorted({**result["paths"], **operations_of_plain_views(get_resolver())}.items()))
    for operation in operations_in(result):
        _describe_forms(operation["responses"])
        if any(each["name"] == "reference" and each["schema"] != ID.type for each in operation["parameters"]):
            operation["responses"]["301"] = {"description": "It has another slug now.", "headers": LOCATION}
        if any(each["schema"].get("type") == "array" for each in operation["parameters"]):
            operation["responses"]["302"] = {"description": REPEATED, "headers": LOCATION}
        operation["responses"]["200"]["description"] = operation["summary"]
        _describe_limits(operation["responses"])
        operation["responses"] = dict(sorted(operation["responses"].items()))
    result["components"]["schemas"] = dict(sorted({**result["components"]["schemas"], **COMPONENTS}.items()))
    result["components"]["headers"] = HEADERS
    add_examples(result["paths"])
    tags = {tag for operation in operations_in(result) for tag in operation["tags"]}
    result["tags"] = [{"name": name, "description": TAGS[name]} for name in TAGS if name in tags]
    result["security"] = []
    result["components"]["schemas"] = _without_access(result["components"]["schemas"])
    return result


def operations_in(document: Any) -> Iterator[dict[str, Any]]:
    """Yield the operations of a document."""
    for operations in document["paths"].values():
        yield from operations.values()


def _describe_forms(responses: dict[str, Any]) -> None:
    """Describe a table as the text that it is. Errors are JSON."""
    for status, response in responses.items():
        content = response.get("content", {})
        for media_type in [each for each in content if JSON in content and each != JSON]:
            if status == "200":
                content[media_type] = {"schema": {"type": "string"}}
            else:
                del content[media_type]


def _describe_limits(responses: dict[str, Any]) -> None:
    """Add what all operations have in common: a request may be only so large, and a client may send only so many."""
    responses |= {str(status): described(status) for status in (413, 414, 429)}
    for status, response in responses.items():
        own = ["RateLimit", "Retry-After"] if status == "429" else ["Retry-After"] if status == "503" else []
        for name in ("RateLimit-Policy", *own):
            response["headers"] = response.get("headers", {}) | header(name)


def _without_access(schema: Any) -> Any:
    """Return a schema without the words on who may write what: there is nothing to write."""
    if isinstance(schema, list):
        return [_without_access(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    rest = {key: _without_access(value) for key, value in schema.items() if (key, value) != ("readOnly", True)}
    is_wrapped = list(rest) == ["allOf"] and len(rest["allOf"]) == 1  # so that it could be beside the others
    return rest["allOf"][0] if is_wrapped else rest
