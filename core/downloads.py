"""The files of dumps, sent without a view: by nginx, which a header tells the file, or else by WhiteNoise.

Who reads slowly holds a thread of the server for as long as it reads. So a worker sends only some files at a time, and
has threads besides for everything else; further downloads are asked to come again. nginx has no such limit.
"""

import json
import re
import threading
from collections.abc import Callable, Mapping
from email.utils import parsedate
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from whitenoise.middleware import WhiteNoiseFileResponse
from whitenoise.responders import NotARegularFileError, Response, SlicedFile, StaticFile

from core import costs, dumps
from core.caching.dependencies import ROOT
from core.noted import VIEW

SMALL = 2**16  # bytes that the kernel takes, however slowly a client reads
IDLE_SECONDS = 60.0  # after which a client that reads nothing at all is given up
RETRY_SECONDS = 30
_PATH = re.compile(rf"{ROOT}dumps/([^/]+)/([^/]+)")
_IMMUTABLE = "public, max-age=31536000, immutable"
_RANGE = re.compile(r"bytes=(?:(?P<first>\d+)-(?P<last>\d*)|-(?P<suffix>\d+))", re.ASCII)
_TYPES = {".json": "application/json", ".sqlite": "application/vnd.sqlite3", ".gz": "application/gzip"}
_BUSY = f"Too many downloads at the same time: try again in {RETRY_SECONDS} seconds."


class DumpFilesMiddleware:
    """Stands before the cache, which would hold whole files in memory. What is no file of a dump is left to views."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._slots = threading.BoundedSemaphore(settings.DOWNLOADS or 1)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        match = _PATH.fullmatch(request.path_info)
        # Files have no parameters, which a view says.
        is_read = request.method in {"GET", "HEAD"} and not request.META.get("QUERY_STRING", "").strip("&")
        root = dumps.root() if match and is_read else None
        path = dumps.find(root, match[1], match[2]) if match and root else None
        if path is None:
            return self.get_response(request)
        request.META[VIEW] = "dump-file"
        headers = {"Content-Type": _TYPES[path.suffix], "Cache-Control": _IMMUTABLE}
        if settings.DUMP_ACCEL:
            location = f"{settings.DUMP_ACCEL}{path.parent.name}/{path.name}"
            response = HttpResponse(headers=headers | {"X-Accel-Redirect": location})
            return response if path.suffix == ".json" else costs.mark(response, costs.DEAREST)
        return self._sent(request, path, headers)

    def _sent(self, request: HttpRequest, path: Path, headers: Mapping[str, str]) -> HttpResponseBase:
        try:
            file = DumpFile(str(path), [*headers.items(), ("Accept-Ranges", "bytes")])
            found = file.get_response(request.method or "", request.META)
        except (OSError, NotARegularFileError):  # it was deleted meanwhile
            return self.get_response(request)
        if found.file is None or int(dict(found.headers)["Content-Length"]) <= SMALL:
            return Download(found, _nothing)
        if not self._slots.acquire(blocking=False):
            found.file.close()
            return _busy()
        if connection := request.META.get("gunicorn.socket"):
            connection.settimeout(IDLE_SECONDS)  # gunicorn itself waits without an end, and sets that for each request
        return costs.mark(Download(found, self._slots.release), costs.DEAREST)


class DumpFile(StaticFile):  # type: ignore[misc]  # WhiteNoise has no types
    """A file as WhiteNoise sends it, but for the headers of requests: it takes only one ETag, never looks at If-Range,
    and reads ranges as Python reads numbers."""

    def get_response(self, method: str, request_headers: Mapping[str, str]) -> Response:
        """Leave out a range that is not of this file: who goes on with what `latest` was before gets the whole new
        one. Ranges are for GET alone."""
        condition = request_headers.get("HTTP_IF_RANGE")
        is_other = condition not in {None, self.etag} and parsedate(condition or "") != self.last_modified
        if is_other or method == "HEAD":
            request_headers = {name: text for name, text in request_headers.items() if name != "HTTP_RANGE"}
        return super().get_response(method, request_headers)

    def is_not_modified(self, request_headers: Mapping[str, str]) -> bool:
        client_has = {each.removeprefix("W/") for each in parse_etags(request_headers.get("HTTP_IF_NONE_MATCH", ""))}
        return bool(client_has & {"*", self.etag}) or bool(super().is_not_modified(request_headers))

    def get_range_response(self, range_header: str, base_headers: Any, file_handle: Any) -> Response:
        """Return a part of the file. ValueError for what is no range, or more than one: the whole file is sent then."""
        match = _RANGE.fullmatch(range_header.strip())
        if match is None or (match["last"] and int(match["last"]) < int(match["first"])):
            raise ValueError
        size = int(dict(base_headers)["Content-Length"])
        start = int(match["first"]) if match["first"] else max(size - int(match["suffix"]), 0)
        end = min(int(match["last"] or size), size - 1)
        if start > end:
            return self.get_range_not_satisfiable_response(file_handle, size)
        headers = [each for each in base_headers if each[0] != "Content-Length"]
        headers += [("Content-Range", f"bytes {start}-{end}/{size}"), ("Content-Length", str(end - start + 1))]
        return Response(HTTPStatus.PARTIAL_CONTENT, headers, SlicedFile(file_handle, start, end))


class Download(WhiteNoiseFileResponse):  # type: ignore[misc]
    """A response that lets another download begin when it has ended, whether it was sent or not."""

    def __init__(self, response: Response, release: Callable[[], object]) -> None:
        self._release = release
        super().__init__(response.file or (), status=int(response.status))
        del self["Content-Type"]
        if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            self["Content-Length"] = "0"
        for name, value in response.headers:
            self[name] = value

    def close(self) -> None:
        release, self._release = self._release, _nothing
        try:
            super().close()
        finally:
            release()


def _nothing() -> None:
    pass


def _busy() -> HttpResponse:
    headers = {"Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store"}
    body = json.dumps({"detail": _BUSY})
    response = HttpResponse(body, "application/json", HTTPStatus.SERVICE_UNAVAILABLE, headers=headers)
    response._has_been_logged = True  # type: ignore[attr-defined]  # it is no fault: the line of the request says it
    return response
