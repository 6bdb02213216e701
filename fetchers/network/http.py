"""The only module that speaks HTTP: with timeouts, a deadline, a size limit, and no redirects followed unasked.

An HttpSession sends single requests, for one thread. An Upstream is one API that we fetch from: it keeps to its rate
limit, follows redirects on itself alone, and turns every unusable response into a FetchError.
"""

import json
import math
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.auth import AuthBase

from fetchers.network.guarded import GuardedAdapter, NotPublicError
from fetchers.network.rate_limit import SHORT_PAUSE, RateLimit, SuspendedError, quota
from packages.facts import InvalidFactError, Outcome
from packages.public_hosts import may_be_public

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0  # for one wait on the socket
DEADLINE = 60.0  # for a whole response, however slowly it trickles in
DOWNLOAD_DEADLINE = 600.0  # for one that goes into a file
MAX_BYTES = 5 * 1024 * 1024  # of a body, decoded
MAX_REDIRECTS = 3
MAX_TRIES = 3  # of a request whose responses demand short pauses
REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
# What an upstream module may be given; 409 is how GitHub and Forgejo describe an empty repository.
EXPECTED_STATUSES = frozenset({200, 202, 204, 304, 409})
ERROR_OUTCOMES = {403: Outcome.PRIVATE, 404: Outcome.NOT_FOUND, 410: Outcome.GONE, 451: Outcome.BLOCKED}
_CHUNK = 64 * 1024
# The address itself is not told: the error is shown to everybody, and a name may be one of the operator's own network.
_NOT_PUBLIC = "{} is not on the public internet: see ALLOW_PRIVATE_HOSTS"
T = TypeVar("T")


class FetchError(Exception):
    """A reason for which there is no usable response, in one line.

    `retryable`: the same request may succeed soon. `wait`: the seconds that the server asked us to wait.
    `upstream_wide`: the upstream as a whole fails (a token, a quota), so that other requests would fail too.
    """

    def __init__(
        self,
        message: str,
        outcome: Outcome = Outcome.INVALID,
        *,
        retryable: bool = False,
        wait: float | None = None,
        upstream_wide: bool = False,
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.retryable = retryable
        self.wait = wait
        self.upstream_wide = upstream_wide


class TooLargeError(FetchError):
    """The body is larger than the caller allows: there may be another way to what is in it."""


class NotAskedError(FetchError):
    """The upstream is suspended, paused or out of quota: no request was sent, so nothing was learned."""


@dataclass(frozen=True)
class Response:
    """The response to one request, redirects and errors included: the caller judges the status."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def document(self, only: Collection[str] | None = None) -> Any:
        """Return the JSON of a 200; raise FetchError for any other status, and for a body that is not JSON."""
        if self.status != 200:
            raise FetchError(f"{self.url} answers {self.status}")
        return self.json(only)

    @property
    def etag(self) -> str:
        """The ETag verbatim; "" if there is none, or none that could be stored and sent back (RFC 9110, 8.8.3)."""
        etag = self.headers.get("ETag", "")
        return etag if re.fullmatch(r'(?:W/)?"[!#-~]{1,200}"', etag, re.ASCII) else ""

    def json(self, only: Collection[str] | None = None) -> Any:
        """Parse the body; FetchError if it is not JSON. NaN and 1e999 pass as floats: facts.count() refuses them.

        Objects keep the keys in `only`, if it is given: of a large document the others would fill the memory.
        """
        kept = (lambda pairs: {key: value for key, value in pairs if key in only}) if only else None
        try:
            return json.loads(self.body, object_pairs_hook=kept)
        except (ValueError, RecursionError) as error:
            raise FetchError(f"{self.url} does not answer in JSON") from error

    def retry_after(self) -> float | None:
        """Return the seconds that the Retry-After header gives, as a number or as a date; None without it."""
        text = self.headers.get("Retry-After", "")
        if re.fullmatch(r"[0-9]{1,7}", text, re.ASCII):
            return float(text)
        try:
            return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()) if text else None
        except (ValueError, TypeError):
            return None


@contextmanager
def parsing() -> Iterator[None]:
    """Turn an InvalidFactError raised inside into a FetchError."""
    try:
        yield
    except InvalidFactError as error:
        raise FetchError(str(error), Outcome.INVALID) from error


class _NoNetrc(AuthBase):
    """Keeps requests from sending a password out of the user's ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class _Session(requests.Session):
    """Ignores redirects: requests reads their whole bodies and targets even when told not to follow them."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 (requests' signature)
        return None


class HttpSession:
    """A requests session for one thread. `user_agent` tells upstreams who sends the requests.

    It connects to the public internet alone, unless `allow_private`.
    """

    def __init__(self, user_agent: str, *, allow_private: bool = False) -> None:
        self._allow_private = allow_private
        self._session = _Session()
        if not allow_private:
            for scheme in ("http://", "https://"):
                self._session.mount(scheme, GuardedAdapter())
        self._session.auth = _NoNetrc()
        self._session.headers.update({"User-Agent": user_agent, "Accept": "application/json"})

    def get(self, url: str, *, max_bytes: int) -> Response:
        """Send one GET. Raise FetchError if no whole response of at most `max_bytes` (decoded) arrives."""
        return self.request("GET", url, None, max_bytes, {})

    def request(
        self,
        method: str,
        url: str,
        payload: object,
        max_bytes: int,
        headers: Mapping[str, str],
        ends_at: float = math.inf,
        *,
        into: BinaryIO | None = None,
    ) -> Response:
        """Send one request: as get(), with any method, more headers, and `payload` as JSON unless it is None.

        From `ends_at` on, by time.monotonic(), nobody waits for the response any more. The body is written into the
        file `into`, if there is one, from its beginning: that of the response is empty then.
        """
        now = time.monotonic()
        left = min(DOWNLOAD_DEADLINE if into else DEADLINE, ends_at - now)
        if left <= 0:
            raise NotAskedError(f"{url} was not requested: the time is up", Outcome.TIMEOUT)
        if not self._allow_private:
            _check_host(url)
        try:
            with self._session.request(
                method,
                url,
                json=payload,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=(min(CONNECT_TIMEOUT, left), min(READ_TIMEOUT, left)),
            ) as response:
                parts = _parts(response, max_bytes, now + left, left)
                body = _write(parts, into) if into else b"".join(parts)
                return Response(url, response.status_code, response.headers, body)
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise FetchError(f"{url} did not answer in time", Outcome.TIMEOUT, retryable=True) from error
        except NotPublicError as error:
            raise FetchError(_NOT_PUBLIC.format(url)) from error
        except requests.exceptions.InvalidSchema as error:
            raise FetchError(f"{url} is not an http(s) URL") from error
        except (requests.exceptions.InvalidURL, UnicodeError) as error:
            raise FetchError(f"{url} is not a valid URL") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise FetchError(f"{url} broke off: {_reason(error)}", Outcome.SERVER_ERROR, retryable=True) from error

    def close(self) -> None:
        self._session.close()


class Upstream:
    """One API that we fetch from: its base URL, the headers of every request, and its rate limit. For many threads.

    `forbidden` makes the error of a 403; without it, a 403 means that what was requested is private. `sleep` may end
    early, when `is_ending()`: then nothing more is sent. Nor is it from `ends_at` on, by time.monotonic(). With
    `allow_private`, its host may be one that is not on the public internet.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        rate_limit: RateLimit,
        user_agent: str,
        *,
        headers: Mapping[str, str] | None = None,
        concurrency: int = 8,
        forbidden: Callable[[Response], FetchError] | None = None,
        sleep: Callable[[float], object] = time.sleep,
        is_ending: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name = name
        self.base_url = base_url.rstrip("/")
        self.rate_limit = rate_limit
        self._user_agent = user_agent
        self._headers = dict(headers or {})
        self._authenticated = not {"authorization", "private-token"}.isdisjoint(map(str.lower, self._headers))
        self._slots = threading.Semaphore(concurrency)
        self._forbidden = forbidden
        self._sleep = sleep
        self._is_ending = is_ending
        self._local = threading.local()
        self.ends_at = math.inf
        self.allow_private = False

    def url(self, path: str) -> str:
        """Return `path` below the base URL; a whole URL stays as it is. Raise FetchError if that is not of this API:
        its headers may have a token, and no response chooses where requests go."""
        if not path.startswith(("http://", "https://")):
            return f"{self.base_url}/{path.lstrip('/')}"
        if _origin(path) != _origin(self.base_url):
            raise FetchError(f"{path} is not of {self.name}")
        return path

    def get(
        self, path: str, *, headers: Mapping[str, str] | None = None, etag: str = "", max_bytes: int = MAX_BYTES
    ) -> Response:
        """Return the response to a GET, with one of EXPECTED_STATUSES, after at most three redirects within this API.

        `etag` makes it conditional. Everything else is a FetchError. The response has the URL of the last request.
        """
        headers = {**self._headers, **(headers or {}), **({"If-None-Match": etag} if etag else {})}

        def send(url: str) -> Response:
            return self.patiently(lambda: self._checked(self._send("GET", url, None, max_bytes, headers)))

        return follow_redirects(self.url(path), send, lambda _, target: _origin(target) == _origin(self.base_url))

    def download(self, path: str, file: BinaryIO, *, max_bytes: int) -> Response:
        """Write the body of a GET into a file, without ever holding it whole; as get() otherwise."""

        def send_once(url: str) -> Response:
            return self._checked(self._send("GET", url, None, max_bytes, self._headers, into=file))

        def send(url: str) -> Response:
            return self.patiently(lambda: send_once(url))

        return follow_redirects(self.url(path), send, lambda _, target: _origin(target) == _origin(self.base_url))

    def post(self, path: str, payload: object, *, max_bytes: int = MAX_BYTES) -> Response:
        """Return the response to a POST of JSON if it is a 200; anything else, redirects included, is a FetchError.

        It is not repeated: a 200 too may be told to wait in its body. The caller uses patiently().
        """
        url = self.url(path)
        response = self._checked(self._send("POST", url, payload, max_bytes, self._headers))
        if response.status != 200:
            raise FetchError(f"{url} answers {response.status}")
        return response

    def patiently(self, request: Callable[[], T]) -> T:
        """Return what `request` returns; repeat it while it is told to wait for a short time, which the next waits."""
        for _ in range(MAX_TRIES - 1):
            try:
                return request()
            except FetchError as error:
                if error.wait is None or error.wait > SHORT_PAUSE.total_seconds():
                    raise
        return request()

    def _send(
        self,
        method: str,
        url: str,
        payload: object,
        max_bytes: int,
        headers: Mapping[str, str],
        *,
        into: BinaryIO | None = None,
    ) -> Response:
        """Send a request when the rate limit allows it, and note the quota that the response reports."""
        with self._suspensions():
            wait = self.rate_limit.acquire()
        try:
            self._wait(wait)
            with self._slots:
                session = self._session()
                response = session.request(method, url, payload, max_bytes, headers, self.ends_at, into=into)
            if reported := quota(response.headers):
                self.rate_limit.note_quota(*reported)
        except FetchError as error:
            if error.retryable:
                self.rate_limit.note_failure()
            raise
        else:
            return response
        finally:
            self.rate_limit.release()

    def _wait(self, wait: timedelta) -> None:
        """Wait, and also for the end of a pause that began meanwhile; give up if that is prolonged again and again."""
        for _ in range(MAX_TRIES):
            if wait:
                self._sleep(wait.total_seconds())
            if wait >= timedelta(seconds=1) and self._is_ending():
                raise NotAskedError(f"{self.name}: the run ended", Outcome.RATE_LIMITED, upstream_wide=True)
            with self._suspensions():
                wait = self.rate_limit.pause_left()
            if not wait:
                return
        raise NotAskedError(f"{self.name}: it prolongs its pause", Outcome.RATE_LIMITED, upstream_wide=True)

    @contextmanager
    def _suspensions(self) -> Iterator[None]:
        """Turn a SuspendedError raised inside into a NotAskedError."""
        try:
            yield
        except SuspendedError as suspended:
            raise NotAskedError(f"{self.name}: {suspended}", Outcome.RATE_LIMITED, upstream_wide=True) from suspended

    def _session(self) -> HttpSession:
        """This thread's session."""
        if not hasattr(self._local, "session"):
            self._local.session = HttpSession(self._user_agent, allow_private=self.allow_private)
        session: HttpSession = self._local.session
        return session

    def _checked(self, response: Response) -> Response:
        """Return a usable response; else pause or suspend the upstream as the error requires, and raise it."""
        if response.status in EXPECTED_STATUSES or response.status in REDIRECT_STATUSES:
            self.rate_limit.note_response()
            return response
        error = self._error(response)
        if error.wait is not None:
            self.rate_limit.pause(error.wait)
        elif error.retryable:
            self.rate_limit.note_failure()
        else:
            self.rate_limit.note_response()
        if error.outcome is Outcome.UNAUTHORIZED:
            self.rate_limit.suspend("it refuses our token")
        raise error

    def _error(self, response: Response) -> FetchError:
        wait = response.retry_after()
        message = f"{response.url} answers {response.status}"
        if response.status == 403 and self._forbidden:
            return self._forbidden(response)
        if response.status == 429:
            return FetchError(message, Outcome.RATE_LIMITED, wait=60.0 if wait is None else wait, upstream_wide=True)
        if response.status >= 500:
            return FetchError(message, Outcome.SERVER_ERROR, retryable=True, wait=wait, upstream_wide=wait is not None)
        if response.status == 401 and not self._authenticated:
            return FetchError(message, Outcome.PRIVATE)
        if response.status == 401:
            return FetchError(f"{self.name} refuses our token (401)", Outcome.UNAUTHORIZED, upstream_wide=True)
        return FetchError(message, ERROR_OUTCOMES.get(response.status, Outcome.INVALID))


def follow_redirects(url: str, send: Callable[[str], Response], allowed: Callable[[str, str], bool]) -> Response:
    """Send a request to `url` and to where it redirects, and return the first response that is no redirect.

    `allowed(url, target)` decides whether a redirect may be followed; another host must not be. Raise FetchError for a
    redirect that is not allowed, and after MAX_REDIRECTS.
    """
    for _ in range(MAX_REDIRECTS + 1):
        response = send(url)
        if response.status not in REDIRECT_STATUSES:
            return response
        target = join_url(url, response.headers.get("Location", ""))
        if not allowed(url, target):
            raise FetchError(f"{url} redirects to another host")
        url = target
    raise FetchError(f"{url} redirects too often")


def _check_host(url: str) -> None:
    """Raise FetchError for a host that is certainly not public: behind a proxy, nobody here sees its address."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return  # it is no URL, which is told later
    if host and not may_be_public(host):
        raise FetchError(_NOT_PUBLIC.format(url))


def join_url(base: str, link: str) -> str:
    """Return `link` resolved against `base`; "", which is on no host, if it is not a link."""
    try:
        return urljoin(base, link)
    except ValueError:
        return ""


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    try:
        parts = urlsplit(url)
        origin = parts.scheme, parts.hostname, parts.port
    except ValueError:
        return None
    else:
        return origin


def _parts(response: requests.Response, max_bytes: int, deadline: float, seconds: float) -> Iterator[bytes]:
    """Yield the decoded body of a request that may take `seconds`, until `deadline`. read1 returns what has arrived
    instead of waiting for a full chunk, so that a body that trickles in meets the deadline."""
    size = 0
    while part := response.raw.read1(_CHUNK, decode_content=True):
        size += len(part)
        if size > max_bytes:
            raise TooLargeError(f"{response.url} sends more than {max_bytes:,} bytes")
        if time.monotonic() > deadline:
            raise FetchError(f"{response.url} took more than {seconds:.0f} s", Outcome.TIMEOUT, retryable=True)
        yield part


def _write(parts: Iterator[bytes], file: BinaryIO) -> bytes:
    """Write the parts of a body into a file, in place of those of an earlier response; nothing is left of the body."""
    file.seek(0)
    file.truncate()
    file.writelines(parts)
    return b""


def _reason(error: Exception) -> str:
    """The innermost reason, in one line: requests wraps urllib3, which wraps the socket's own error."""
    while isinstance(error.args[0] if error.args else None, Exception):
        error = error.args[0]
    reason = getattr(error, "reason", None) or error
    return " ".join(f"{type(reason).__name__}: {reason}".split())[:200]
