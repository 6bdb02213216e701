"""The revisions that each response depends on, and how long it may age: declared by views, looked up by URL.

A view declares `depends_on` for itself, and further dependencies for the parameters, fields, expansions and renderers
that add something to its response. The table of all URLs is built from the URL configuration when the server
starts, which refuses a view that declares nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from operator import itemgetter, or_
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl

from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, URLResolver

from core.caching.negotiation import Form, negotiation_of
from core.kinds import Kind

# Revisions that are not a kind of document: the number of the last change, and that the log was pruned or altered.
LOG, PRUNED = "changes", "pruned"
ROOT = "/api/v4/"
_FIRST_WORD = re.compile(r"/api/(v[0-9]+/[^/.]*)")  # of a path: the version, and the first word behind it
# The same of a pattern: its literal beginning, in which Django has escaped hyphens
_FIRST_WORD_OF_PATTERN = re.compile(r"/api/(v[0-9]+/[\w\\-]*)")
PAGE, DAY = "api", 86_400  # the format of pages, and the seconds for which their words ("3 days ago") are true (UTC)


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The revisions whose move makes a response wrong, and the seconds for which it may age without one (0: for ever).

    `columns` are single columns of other kinds which move one of these revisions too, as (table, column). `states` are
    functions that say in a text how things are outside the database: another text makes a response wrong too.
    """

    revisions: frozenset[str] = frozenset()
    ages: int = 0
    columns: frozenset[tuple[str, str]] = frozenset()
    states: frozenset[Callable[[], str]] = frozenset()

    def __or__(self, other: Self) -> Self:
        if other is NOTHING:
            return self
        return replace(
            self,
            revisions=self.revisions | other.revisions,
            ages=min(filter(None, (self.ages, other.ages)), default=0),
            columns=self.columns | other.columns,
            states=self.states | other.states,
        )


NOTHING = Dependencies()


def on(
    *revisions: Kind | str,
    ages: int = 0,
    columns: Iterable[tuple[Kind, str]] = (),
    states: Iterable[Callable[[], str]] = (),
) -> Dependencies:
    """Return the dependencies on these kinds of documents (or LOG, PRUNED)."""
    return Dependencies(
        frozenset(each.plural if isinstance(each, Kind) else each for each in revisions),
        ages,
        frozenset((kind.table, column) for kind, column in columns),
        frozenset(states),
    )


def union(found: Iterable[Dependencies]) -> Dependencies:
    """Return the dependencies of something that shows all of these."""
    return reduce(or_, found, NOTHING)


Parameters = list[tuple[str, str]]


class Route(NamedTuple):
    """A URL of the API; a function from its parameters and the format of its response to its dependencies, and one
    from `format=` and Accept to the form of its response. `name` is that of the URL. `rows_of_page` are the rows of its
    page without a `limit`. `canonical` gives one spelling of its parameters for all that mean the same. `is_expensive`
    counts in core.costs."""

    name: str
    pattern: re.Pattern[str]
    dependencies: Callable[[Mapping[str, str], str], Dependencies]
    negotiate: Callable[[str | None, str], Form | None]
    rows_of_page: int
    canonical: Callable[[Parameters], Parameters]
    is_expensive: bool

    def default_rows(self, format_: str) -> int:
        """Return the rows of a response without a `limit`, as far as they are worth knowing: 0 for few of them."""
        return self.rows_of_page if format_ == PAGE else 0


class Routes:
    """The URLs of all versions of the API, by the version and the first word behind it."""

    def __init__(self, patterns: Iterable[URLPattern | URLResolver]) -> None:
        self.by_word: dict[str, list[Route]] = {}
        for name, pattern, callback in _endpoints(patterns, "/"):
            if word := _FIRST_WORD_OF_PATTERN.match(pattern):
                rows = getattr(page_class_of(callback), "default_rows", 0)
                route = Route(
                    name,
                    re.compile(pattern),
                    _declared(callback, pattern),
                    negotiation_of(callback),
                    rows,
                    getattr(getattr(callback, "cls", None), "canonical_parameters", by_name),
                    getattr(getattr(callback, "cls", None), "is_expensive", False),
                )
                self.by_word.setdefault(word[1].replace("\\", ""), []).append(route)

    def find(self, path: str) -> Route | None:
        """Return the route of a path; None for one that is below no version of the API, or that is undefined."""
        word = _FIRST_WORD.match(path)
        for route in self.by_word.get(word[1], ()) if word else ():
            if route.pattern.fullmatch(path):
                return route
        return None


def by_name(parameters: Parameters) -> Parameters:
    """Return parameters in the order of their names alone: where one may stand there repeatedly, its values have an
    order."""
    return sorted(parameters, key=itemgetter(0))


def parse_parameters(query: str) -> Parameters:
    """Return the names and values of WSGI's query string, decoded as Django decodes them, but for bytes that are not
    UTF-8: they become surrogates, and so stay apart from every text that a parameter can have."""
    text = query.encode("latin-1", "replace").decode("utf-8", "surrogateescape")
    return parse_qsl(text, keep_blank_values=True, errors="surrogateescape") if text else []


def _endpoints(
    patterns: Iterable[URLPattern | URLResolver], before: str, namespace: str = ""
) -> Iterator[tuple[str, str, Callable[..., Any]]]:
    """Yield the name of each URL and the regular expression of its whole path, with its view function."""
    for each in patterns:
        own = before + each.pattern.regex.pattern.removeprefix("^")
        if isinstance(each, URLResolver):
            yield from _endpoints(
                each.url_patterns, own, f"{namespace}{each.namespace}:" if each.namespace else namespace
            )
        else:
            yield (
                f"{namespace}{each.name}" if each.name else "",
                own.removesuffix(r"\Z").removesuffix("$"),
                each.callback,
            )


def page_class_of(callback: Any) -> Any:
    """Return the class of the pages of a view, by the function that Django calls for it; None if it has none."""
    own = getattr(callback, "initkwargs", {}).get("page_class")
    is_list = getattr(callback, "actions", {}).get("get") == "list"
    return own or getattr(getattr(callback, "cls", None), "list_page_class" if is_list else "page_class", None)


def _declared(callback: Any, pattern: str) -> Callable[[Mapping[str, str], str], Dependencies]:
    """Return the function by which the view behind `callback` tells its dependencies."""
    view: Any = getattr(callback, "cls", None) or getattr(callback, "__self__", None)
    own = getattr(callback, "initkwargs", {}).get("depends_on") or getattr(view, "depends_on", None)
    if own is None:
        raise ImproperlyConfigured(
            f"The view of {pattern} does not declare what its responses depend on: give it `depends_on`"
            " (core.caching.dependencies.on(…))."
        )
    adds = getattr(view, "dependencies_of", None)
    if adds is None:
        return lambda _parameters, _format: own
    of_page = on(ages=DAY) | page_class_of(callback).depends_on
    # An @action may declare parameters of its own.
    own_parameters: Mapping[str, Dependencies] = getattr(callback, "initkwargs", {}).get("parameters_add", {})
    return lambda parameters, format_: (
        own
        | (of_page if format_ == PAGE else NOTHING)
        | adds(parameters)
        | union(own_parameters[name] for name in own_parameters.keys() & parameters.keys())
    )
