"""Requests of every operation of the schema, several of each, with the status that each gets.

They follow from the schema: an operation that is added has its requests already.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

Query = dict[str, str]
# Pages of a list, by the parameter that chooses them
PAGES: Mapping[str, tuple[Query, ...]] = {
    "offset": ({"offset": "1", "limit": "1"}, {"offset": "9999"}),
    "cursor": ({"cursor": ""}, {"cursor": "", "limit": "1"}, {"cursor": "above-1", "limit": "2"}),
    "limit": ({"limit": "1"}, {"limit": "100"}),
}
# Wrong values
WRONG = ("limit", "offset", "cursor", "fields", "expand", "ordering", "since", "columns")


class Case(NamedTuple):
    """A request of an operation, and the status that it gets."""

    operation: str
    status: int
    url: str
    accept: str = "*/*"


def cases(document: Any, names: Mapping[str, str] | None = None) -> Iterator[Case]:
    """Yield requests of all operations. `names` are references in place of the examples: by the kind of document, and
    `compared` for those that are compared."""
    for path, operations in document["paths"].items():
        for operation in operations.values():
            yield from _cases(path, operation, names or {})


def _cases(path: str, operation: Any, names: Mapping[str, str]) -> Iterator[Case]:
    name, parameters = operation["operationId"], {each["name"]: each for each in operation["parameters"]}
    optional = {key: each for key, each in parameters.items() if not each.get("required")}
    values = {key: text(example_of(each)) for key, each in parameters.items() if key not in optional}
    if kind := re.search(r"(\w+)/{reference}", path):
        values["reference"] = names.get(kind[1], values["reference"])
    query = {key: names.get("compared", values[key]) for key in values if parameters[key]["in"] == "query"}

    def url(more: Mapping[str, str] = MappingProxyType({}), changed: Mapping[str, str] = MappingProxyType({})) -> str:
        filled = path.format(**{key: quote(value) for key, value in {**values, **changed}.items()})
        all_of_query = {**query, **more}
        return f"{filled}?{urlencode(all_of_query)}" if all_of_query else filled

    yield from (Case(name, 200, url(each)) for each in queries(optional))
    for key in sorted(parameters.keys() - optional.keys() - query.keys(), reverse=True):
        others = parameters[key]["schema"].get("enum", ())
        yield from (Case(name, 200, url(changed={key: each})) for each in others if key == "extension")
        yield Case(name, 404, url(changed={key: "no-such"}))
    yield from (Case(name, 400, url({key: "-no such"})) for key in WRONG if key in optional)
    yield Case(name, 400, url({"nosuch": "1"}))
    if "format" in optional:
        yield Case(name, 404, url({"format": "nosuch"}))
        yield Case(name, 406, url(), "image/png")


def queries(parameters: Mapping[str, Any]) -> Iterator[Query]:
    """Yield queries that are answered: the plain one, all keys, documents in place of links, pages, and each parameter
    with its examples and with each value of a closed set."""
    yield {}
    everything = {"fields": "all"} if "fields" in parameters else {}
    if everything:
        yield everything
    if "expand" in parameters:
        expanded = {"expand": text(parameters["expand"]["schema"]["items"]["enum"]), **everything}
        yield {**expanded, "limit": "3"} if "limit" in parameters else expanded
    for name in sorted(PAGES.keys() & parameters.keys()):
        yield from PAGES[name]
    few = {"limit": "5"} if "limit" in parameters else {}
    for name, each in parameters.items():
        if name not in {"fields", "expand", "cursor", "offset", "limit"}:
            values = [*closed(each["schema"]), *map(text, each["schema"].get("examples", ()))]
            yield from ({name: value, **few} for value in values)


def closed(schema: Any) -> list[str]:
    """Return the values of a closed set; of those to order by, the ones without a “-”."""
    values = schema.get("enum") or schema.get("items", {}).get("enum", ())
    return [each for each in values if not each.startswith("-")]


def example_of(parameter: Any) -> Any:
    """Return the value with which a page that tries requests out fills in a required parameter."""
    return next(iter(parameter["examples"].values()))["value"]


def text(value: Any) -> str:
    """Return the text of a value in a URL."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
