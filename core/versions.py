"""Earlier versions of the API, each served below a path of its own by a folder that can be deleted whole.

Such a version has errors and headers of its own, wherever a response comes from: a view, the cache, or an error before
both. Its folder registers it when the site starts, and nothing else names it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from django.http import HttpRequest
from django.http.response import HttpResponseBase


class EarlierVersion(Protocol):
    @property
    def path(self) -> str:
        """The path that it is below, with a slash at both ends."""
        ...

    def headers(self, request: HttpRequest, response: HttpResponseBase) -> Mapping[str, str]:
        """Return the headers that a response gets besides those of the present version."""
        ...

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return the body of an error."""
        ...


_registered: list[EarlierVersion] = []


def register(version: EarlierVersion) -> None:
    _registered.append(version)


def registered() -> Sequence[EarlierVersion]:
    return tuple(_registered)


def version_at(request: HttpRequest) -> EarlierVersion | None:
    """Return the earlier version that a request is for, with or without the last slash of its path."""
    path = f"{request.path_info}/"
    return next((version for version in _registered if path.startswith(version.path)), None)


def error_body(request: HttpRequest, status: int, message: str) -> dict[str, Any]:
    """Return the body of an error in JSON, as the version has it that the request is for."""
    version = version_at(request)
    return version.error(status, message) if version else {"detail": message}
