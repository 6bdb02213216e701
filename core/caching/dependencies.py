"""The revisions that each response depends on, and how long it may age: declared by views, looked up by URL.

A view declares `depends_on` for itself, and further dependencies for the parameters, fields, expansions and renderers
that add something to its response. The table of all URLs is built from the URL configuration when the server
starts, which refuses a view that declares nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl

from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, URLResolver

from core.caching.negotiation import Form, negotiation_of
from core.kinds import Kind

# Revisions that are not a kind of document: the number of the last change, and that the log was pruned or altered.
LOG, PRUNED = "changes", "pruned"
ROOT = "/api/v4/"


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The revisions whose move makes a response wrong, and the seconds for which it may age without one (0: for ever).

    `columns` are single columns of other kinds which move one of these revisions too, as (table, column).
    """

    revisions: frozenset[str] = frozenset()
    ages: int = 0
    columns: frozenset[tuple[str, str]] = frozenset()

    def __or__(self, other: Self) -> Self:
        if other is NOTHING:
            return self
        return replace(
            self,
            revisions=self.revisions | other.revisions,
            ages=min(filter(None, (self.ages, other.ages)), default=0),
            columns=self.columns | other.columns,
        )


NOTHING = Dependencies()


def on(*revisions: Kind | str, ages: int = 0, columns: Iterable[tuple[Kind, str]] = ()) -> Dependencies:
    """Return the dependencies on these kinds of documents (or LOG, PRUNED)."""
    return Dependencies(
        frozenset(each.plural if isinstance(each, Kind) else each for each in revisions),
        ages,
        frozenset((kind.table, column) for kind, column in columns),
    )


def union(found: Iterable[Dependencies]) -> Dependencies:
    """Return the dependencies of something that shows all of these."""
    return reduce(or_, found, NOTHING)


class Route(NamedTuple):
    """A URL of the API; a function from its parameters and the format of its response to its dependencies, and one
    from `format=` and Accept to the form of its response."""

    pattern: re.Pattern[str]
    dependencies: Callable[[Mapping[str, str], str], Dependencies]
    negotiate: Callable[[str | None, str], Form | None]


class Routes:
    """The URLs below ROOT, by the first word of their paths."""

    def __init__(self, patterns: Iterable[URLPattern | URLResolver]) -> None:
        self.by_word: dict[str, list[Route]] = {}
        for pattern, callback in _endpoints(patterns, "/"):
            if pattern.startswith(ROOT):
                # The literal beginning of the pattern, in which Django has escaped hyphens.
                word = re.match(r"[\w\\-]*", pattern[len(ROOT) :])
                route = Route(re.compile(pattern), _declared(callback, pattern), negotiation_of(callback))
                self.by_word.setdefault(word[0].replace("\\", "") if word else "", []).append(route)

    def find(self, path: str) -> Route | None:
        """Return the route of a path; None for one that is not below ROOT, or that is undefined."""
        if not path.startswith(ROOT):
            return None
        word, _, _ = path[len(ROOT) :].partition("/")
        for route in self.by_word.get(word.partition(".")[0], ()):
            if route.pattern.fullmatch(path):
                return route
        return None


def parse_parameters(query: str) -> list[tuple[str, str]]:
    """Return the names and values of WSGI's query string, decoded as Django decodes them, but for bytes that are not
    UTF-8: they become surrogates, and so stay apart from every text that a parameter can have."""
    text = query.encode("latin-1", "replace").decode("utf-8", "surrogateescape")
    return parse_qsl(text, keep_blank_values=True, errors="surrogateescape") if text else []


def _endpoints(patterns: Iterable[URLPattern | URLResolver], before: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the regular expression of each whole path, with its view function."""
    for each in patterns:
        own = before + each.pattern.regex.pattern.removeprefix("^")
        if isinstance(each, URLResolver):
            yield from _endpoints(each.url_patterns, own)
        else:
            yield own.removesuffix(r"\Z").removesuffix("$"), each.callback


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
    # An @action may declare parameters of its own.
    own_parameters: Mapping[str, Dependencies] = getattr(callback, "initkwargs", {}).get("parameters_add", {})
    return lambda parameters, format_: (
        own
        | adds(parameters, format_)
        | union(own_parameters[name] for name in own_parameters.keys() & parameters.keys())
    )
