"""The requests whose responses can be cached: plain JSON and feeds, by GET or HEAD."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Self
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest

from core.caching.dependencies import ROOT, Dependencies, Route, parse_parameters

FEEDS = f"{ROOT}feeds/"
LONGEST_REMEMBERED = 200  # characters of a query
LARGE = 300  # documents from which on a page is large
_RANGE = re.compile(r"[\w*.+-]+/[\w*.+-]+(?:\s*;\s*q=[0-9.]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class CacheableRequest:
    """A request, as all that its response follows from besides the revisions. `encoding` is br, gzip or ""."""

    question: tuple[str, ...]
    dependencies: Dependencies
    encoding: str
    is_large: bool

    @classmethod
    def of(cls, request: HttpRequest, route: Route, host: str, program: str) -> Self | None:
        """Return what is to be cached of a request; None where its response is a page, or indented JSON."""
        meta, path = request.META, request.path_info
        query, accept = meta.get("QUERY_STRING", ""), meta.get("HTTP_ACCEPT", "")
        read = _read if len(query) <= LONGEST_REMEMBERED else _read.__wrapped__
        chosen, dependencies, is_large, canonical = read(route, query)
        if chosen not in (None, "json"):
            return None
        if chosen is None and accept and not path.startswith(FEEDS) and not _takes_plain_json(accept):
            return None
        encoding = best_encoding(meta.get("HTTP_ACCEPT_ENCODING", ""))
        accept = accept if chosen else ""
        # With SITE_URL, nothing of a response follows from how the request names the site.
        site = ("", "") if settings.SITE_URL else (request.scheme or "", host)
        question = (program, *site, request.path, canonical, accept, encoding)
        return cls(question, dependencies, encoding, is_large)


@lru_cache(maxsize=512)
def _read(route: Route, query: str) -> tuple[str | None, Dependencies, bool, str]:
    """Return the format that a query chooses, the dependencies of its response, whether its page is a large one, of
    which a worker builds one at a time, and the query in one form for all of its spellings."""
    pairs = parse_parameters(query)
    parameters = dict(pairs)
    limit = parameters.get("limit", "")
    is_large = limit.isdecimal() and len(limit) < 19 and int(limit) >= LARGE
    canonical = urlencode(sorted(pairs), errors="surrogateescape")
    return parameters.get("format"), route.dependencies(parameters, "json"), is_large, canonical


@lru_cache(maxsize=256)
def _takes_plain_json(accept: str) -> bool:
    """Return whether nothing but plain JSON can follow from an Accept header: neither a page nor indented JSON."""
    ranges = [each.strip() for each in accept.split(",")]
    if not all(_RANGE.fullmatch(each) for each in ranges):
        return False
    types = {each.partition(";")[0].strip().lower() for each in ranges}
    # A client that names JSON gets it before what only a star stands for.
    return types <= {"*/*", "application/*"} or ("application/json" in types and "text/html" not in types)


@lru_cache(maxsize=256)
def best_encoding(accepted: str) -> str:
    """Return the best content encoding of those that a client accepts and the cache makes; "" for none."""
    if not accepted:
        return ""
    refused = re.findall(r"(\w+)\s*;\s*q=0(?:\.0*)?\s*(?:,|\Z)", accepted)
    taken = set(re.findall(r"\b(br|gzip)\b", accepted)) - set(refused)
    return "br" if "br" in taken else "gzip" if "gzip" in taken else ""
