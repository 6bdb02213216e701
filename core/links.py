"""Links between documents: absolute, on SITE_URL or on the request's own host, carrying `?format=` on, except the
formats of lists, which documents do not have."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from django.conf import settings
from django.http import HttpRequest
from django.urls import get_script_prefix, reverse
from rest_framework.request import Request

from core.kinds import Kind

_OF_LISTS_ALONE = frozenset({"csv", "jsonl"})


def absolute(request: HttpRequest | Request, path: str) -> str:
    """`path` of this site as an absolute URL."""
    return settings.SITE_URL + path if settings.SITE_URL else f"{request.scheme}://{request.get_host()}{path}"


@lru_cache
def _root(prefix: str) -> str:  # noqa: ARG001 (what reverse() goes by)
    """The path of the API's root below the path that the site is mounted at."""
    return reverse("api-root")


def root(request: HttpRequest | Request) -> str:
    """The absolute URL of the API's root, with which the links of a response begin."""
    return absolute(request, _root(get_script_prefix()))


class Links:
    """The links of one response. What they have in common is put together once, not once a link."""

    def __init__(self, root: str, suffix: str = "") -> None:
        self.root = root
        self.suffix = suffix

    @classmethod
    def of(cls, request: Request) -> "Links":
        chosen = request.query_params.get("format")
        suffix = f"?format={quote(chosen, safe='')}" if chosen and chosen not in _OF_LISTS_ALONE else ""
        return cls(root(request), suffix)

    @classmethod
    def paths(cls) -> "Links":
        """Links as paths of this site, for documents that leave it."""
        return cls(_root(get_script_prefix()))

    def named(self, name: str) -> str:
        """Of a list, or of whatever else stands below the root. The schema and its pages have formats of their own."""
        return f"{self.root}{name}/" + ("" if name in {"schema", "docs"} else self.suffix)

    def below(self, path: str, **parameters: str) -> str:
        """Of a path below the root, with parameters."""
        query = "&".join(filter(None, (urlencode(parameters), self.suffix.removeprefix("?"))))
        return f"{self.root}{path}" + (f"?{query}" if query else "")

    def affixes(self, kind: Kind) -> tuple[str, str]:
        """Return the text before and after the id in the link of a document."""
        return f"{self.root}{kind.plural}/", f"/{self.suffix}"

    def documents(self, kind: Kind, ids: Iterable[int | None]) -> list[Any]:
        """Return the links of documents; None stays None."""
        before, after = self.affixes(kind)
        return [None if pk is None else f"{before}{pk}{after}" for pk in ids]

    def document(self, kind: Kind, pk: int) -> str:
        before, after = self.affixes(kind)
        return f"{before}{pk}{after}"

    def replaced(self, kind: Kind, ids: Iterable[int | None], documents: Mapping[int, Any]) -> list[Any]:
        """Return the documents with these ids. One that was deleted after its id was read stays a link, which will say
        so."""
        before, after = self.affixes(kind)
        return [None if pk is None else documents.get(pk) or f"{before}{pk}{after}" for pk in ids]

    def serialized(self, kind: Kind, lists: Iterable[Iterable[int]]) -> list[orjson.Fragment]:
        """Return lists of links as JSON: nothing in them needs escapes, and a page may have thousands of them."""
        before, after = self.affixes(kind)
        before, after = f'"{before}', f'{after}"'
        return [orjson.Fragment("[" + ",".join([f"{before}{pk}{after}" for pk in ids]) + "]") for ids in lists]
