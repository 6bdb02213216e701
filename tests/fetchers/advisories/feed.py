"""A feed of OSV, whose documents a test changes: on a faked wire, or as a part of the small internet."""

import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import responses

ROOT = "https://osv.test"
START = datetime(2026, 11, 1, tzinfo=UTC)


def document(osv_id: str, name: str = "shelf", *, fixed: str = "2.0", **changes: Any) -> dict[str, Any]:
    return {
        "id": osv_id,
        "modified": stamp(START),
        "published": "2026-10-01T00:00:00Z",
        "summary": "Shelves fall.",
        "database_specific": {"severity": "HIGH"},
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": name, "purl": f"pkg:pypi/{name}"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
                "versions": ["0.9", "1.0"],
            }
        ],
    } | changes


def stamp(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


@dataclass
class Feed:
    """The documents by their ids; `listed` has other times than theirs for the list, and `requests` the paths asked."""

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    listed: dict[str, str] = field(default_factory=dict)
    failing: dict[str, int] = field(default_factory=dict)
    archived: dict[str, Any] | None = None
    requests: list[str] = field(default_factory=list)
    conditions: list[dict[str, str]] = field(default_factory=list)
    ticks: int = 0

    def put(self, *documents: dict[str, Any]) -> Self:
        """Publish documents, or new versions of them, each later than the one before."""
        for each in documents:
            self.ticks += 1
            self.documents[each["id"]] = each | {"modified": stamp(START + timedelta(minutes=self.ticks))}
        return self

    def listing(self) -> bytes:
        times = {osv_id: each["modified"] for osv_id, each in self.documents.items()} | self.listed
        lines = sorted(((time, osv_id) for osv_id, time in times.items()), reverse=True)
        return "".join(f"{time},{osv_id}\n" for time, osv_id in lines).encode()

    def archive(self) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for osv_id, each in (self.documents if self.archived is None else self.archived).items():
                archive.writestr(f"{osv_id}.json", json.dumps(each))
        return file.getvalue()

    def respond(self, path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Return the response to a request for a path below PyPI/."""
        self.requests.append(path)
        if path in self.failing:
            return self.failing[path], {}, b"{}"
        if path == "modified_id.csv":
            return self._list(headers)
        if path == "all.zip":
            return 200, {}, self.archive()
        found = self.documents.get(path.removesuffix(".json"))
        return (200, {}, json.dumps(found).encode()) if found else (404, {}, b"")

    def _list(self, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        names = ("If-None-Match", "If-Modified-Since")
        self.conditions.append({name: headers[name] for name in names if name in headers})
        body = self.listing()
        etag = f'"{hash(body)}"'
        if headers.get("If-None-Match") == etag:
            return 304, {}, b""
        return 200, {"ETag": etag, "Last-Modified": "Sun, 01 Nov 2026 00:00:00 GMT"}, body

    def serve(self, wire: responses.RequestsMock) -> None:
        def answer(request: Any) -> tuple[int, dict[str, str], bytes]:
            return self.respond(request.path_url.removeprefix("/PyPI/"), request.headers)

        wire.add_callback(responses.GET, re.compile(rf"{ROOT}/PyPI/.*"), answer)

    def asked(self) -> list[str]:
        """Return the paths that were requested since the last time."""
        paths, self.requests = self.requests, []
        return paths
