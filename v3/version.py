"""Errors of v3, and the headers of all of its responses, which lead to v4."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from core.api.references import reference_of
from core.links import Links

ROOT = "/api/v3/"
# When this version became deprecated: with the first release, which has v4 (RFC 9745: an @ and the Unix time)
DEPRECATED = f"@{int(datetime(2026, 11, 29, tzinfo=UTC).timestamp())}"
_PATH = re.compile(rf"{ROOT}(packages|grids|categories)(?:/([^/]*))?(/packages)?/?")


class Version3:
    """See core.versions.EarlierVersion."""

    path = ROOT

    def headers(self, request: HttpRequest, response: HttpResponseBase) -> Mapping[str, str]:
        """Return the headers of RFC 9745 and RFC 8288; a Link that the response has already stays beside theirs."""
        successor = f'<{successor_of(request.path_info, response.status_code)}>; rel="successor-version"'
        links = filter(None, (response.headers.get("Link"), successor))
        return {"Deprecation": DEPRECATED, "Link": ", ".join(links)}

    def error(self, status: int, message: str) -> dict[str, Any]:
        return {"error": status, "message": message}


def is_read_as_id(slug: str) -> bool:
    """Return whether v4 takes a slug for an id, so that it has another document there or none."""
    return reference_of(0, slug) != slug


def successor_of(path: str, status: int) -> str:
    """Return the path in v4 that has what is at a path of v3; of what is not there, the list in which it would be."""
    root, match = Links.paths().root, _PATH.fullmatch(path)
    if not match:
        return root
    kind, slug, members = match.groups()
    if not slug or status == 404 or is_read_as_id(slug):
        return f"{root}{kind}/"
    return f"{root}packages/?grid={slug}" if members else f"{root}{kind}/{slug}/"
