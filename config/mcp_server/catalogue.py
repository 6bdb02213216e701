"""The API of a catalogue: our own, which is called in this process, or that of another site of this software."""

import json
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlencode, urljoin, urlsplit
from wsgiref.types import WSGIApplication

import httpx2
from django.conf import settings
from django.db import connections

API = "/api/v4/"
MOST_BYTES = 5_000_000  # of a response
SECONDS = 30.0  # for a response, redirects apart
MOST_REDIRECTS = 3  # old slugs, and slugs that are not in order, redirect once
USER_AGENT = "package-grids-mcp"


class CatalogueError(Exception):
    """The API did not answer, or refused the request. `said` is what it said, in words that may be a stranger's."""

    def __init__(self, message: str, status: int = 0, said: str = "") -> None:
        super().__init__(message)
        self.status, self.said = status, said


class Raw(NamedTuple):
    """A response as it came: `location` is where a redirect leads, `total` the header X-Total-Count."""

    status: int
    body: bytes
    location: str
    total: str


class Found(NamedTuple):
    """A response of the API: its JSON, and the number of all results where a header tells it."""

    body: Any
    total: int | None


class Catalogue(ABC):
    """The API at `origin`, the scheme and the host."""

    def __init__(self, origin: str) -> None:
        self.origin = origin

    def get(self, path: str, **parameters: str | int | None) -> Found:
        """Return the response of a path below API to the parameters that are not None; CatalogueError without one."""
        query = urlencode({name: value for name, value in parameters.items() if value is not None})
        target = API + path + (f"?{query}" if query else "")
        for _ in range(MOST_REDIRECTS + 1):
            raw = self.fetch(target)
            if raw.status not in {301, 302, 307, 308}:
                return _found(raw, self.origin)
            target = self._redirected(target, raw.location)
        raise CatalogueError(f"{self.origin} redirects in circles.")

    def _redirected(self, target: str, location: str) -> str:
        """Return where a redirect leads to, on the same site."""
        try:
            url = urlsplit(urljoin(self.origin + target, location))
        except ValueError as error:
            raise CatalogueError(f"{self.origin} redirects to what is no URL.") from error
        if f"{url.scheme}://{url.netloc}" != self.origin or not url.path.startswith(API):
            raise CatalogueError(f"{self.origin} redirects to another site: give the server the URL of that one.")
        return f"{url.path}?{url.query}" if url.query else url.path

    @abstractmethod
    def fetch(self, target: str) -> Raw:
        """Return the response of a path with its query."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what the calls of this thread have opened."""


class OwnCatalogue(Catalogue):
    """The catalogue of this installation, without a server: its WSGI application is called."""

    def __init__(self, application: WSGIApplication) -> None:
        self.host = _allowed_host()
        super().__init__(settings.SITE_URL or f"http://{self.host}")
        self.application = application

    def fetch(self, target: str) -> Raw:
        path, _, query = target.partition("?")
        scheme = urlsplit(self.origin).scheme
        environ = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),  # as WSGI has it
            "QUERY_STRING": query,
            "SERVER_NAME": self.host,
            "SERVER_PORT": "443" if scheme == "https" else "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": self.host,
            "HTTP_ACCEPT": "application/json",
            "wsgi.url_scheme": scheme,
            "wsgi.input": BytesIO(),
        }
        if settings.SECURE_PROXY_SSL_HEADER:  # there is no proxy to say it
            environ[settings.SECURE_PROXY_SSL_HEADER[0]] = scheme
        started: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            started.update(status=int(status.split(maxsplit=1)[0]), headers=dict(headers))

        response: Any = self.application(environ, start)
        try:
            body = b"".join(response)
        finally:
            response.close()
        headers = started["headers"]
        return Raw(started["status"], body, headers.get("Location", ""), headers.get("X-Total-Count", ""))

    def close(self) -> None:
        """Close the database connections of this thread: the next call may come in another one, or in an hour."""
        connections.close_all()


class RemoteCatalogue(Catalogue):
    """The catalogue of another site."""

    def __init__(self, origin: str, transport: httpx2.BaseTransport | None = None) -> None:
        super().__init__(origin)
        # A compressed response of a few bytes could take any amount of memory.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": USER_AGENT}
        self.client = httpx2.Client(timeout=SECONDS, headers=headers, follow_redirects=False, transport=transport)

    def fetch(self, target: str) -> Raw:
        body, deadline = bytearray(), time.monotonic() + SECONDS
        try:
            with self.client.stream("GET", self.origin + target) as response:
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    raise CatalogueError(f"{self.origin} compresses its response, though it was asked not to.")
                for part in response.iter_bytes():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise CatalogueError("The response is larger than 5 MB: ask for less.")
                    if time.monotonic() > deadline:
                        raise CatalogueError(f"{self.origin} is too slow: try again later.")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            reason = type(error).__name__
            raise CatalogueError(f"{self.origin} cannot be reached ({reason}): try again later.") from error
        headers: Mapping[str, str] = response.headers
        return Raw(response.status_code, bytes(body), headers.get("Location", ""), headers.get("X-Total-Count", ""))

    def close(self) -> None:
        """Keep the connections to the site: the client closes those that are idle."""


def origin_of(url: str) -> str:
    """Return the origin of the site that a URL names, with or without API; ValueError says what it must be."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{url}: not a URL") from error
    name = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not re.fullmatch(r"[\w.:-]+", name):
        raise ValueError(f"{url}: must begin with http:// or https://, followed by a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"{url}: must have no user name, no password and nothing behind the path")
    if parts.path.rstrip("/") not in {"", API.rstrip("/")}:
        raise ValueError(f"{url}: must be a site of its own, such as https://packages.example.org")
    host = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def _allowed_host() -> str:
    """Return a host that ALLOWED_HOSTS allows."""
    hosts = [host.removeprefix(".") for host in settings.ALLOWED_HOSTS]
    return next((host for host in hosts if host != "*"), "localhost")


def _found(raw: Raw, origin: str) -> Found:
    try:
        body = json.loads(raw.body)
    except (ValueError, RecursionError) as error:
        raise CatalogueError(
            f"{origin} did not respond with JSON (status {raw.status}): it is no such catalogue, or out of order.",
            raw.status,
        ) from error
    if raw.status != 200:
        message = "The catalogue refuses that" if raw.status < 500 else "The catalogue is out of order; try again later"
        raise CatalogueError(f"{message} (status {raw.status}).", raw.status, _said(body))
    return Found(body, int(raw.total) if re.fullmatch("[0-9]{1,18}", raw.total) else None)


def _said(body: Any) -> str:
    """Return what an error of the API says: which parameter is wrong, and how to correct it."""
    if not isinstance(body, dict):
        return ""
    if isinstance(body.get("detail"), str):
        return str(body["detail"])
    return "; ".join(
        f"{name}: {' '.join(map(str, messages)) if isinstance(messages, list) else messages}"
        for name, messages in body.items()
    )
