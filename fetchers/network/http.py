"""The only door to the network: timeouts, a deadline, a size limit, and no redirects of its own accord.

A Door asks once, for one thread. A Host is one upstream behind doors: it keeps to its pace, follows redirects on itself
alone, and turns what is no answer into a FetchError.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.auth import AuthBase

from fetchers.network.rate_limit import Closed, Pace, quota
from packages.facts import InvalidFactError, Outcome

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0  # for one wait on the socket
DEADLINE = 60.0  # for a whole answer, however it drips
MAX_ANSWER = 5 * 1024 * 1024  # bytes, decoded
MAX_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
ANSWERS = frozenset({200, 202, 204, 304, 409})  # 409 is GitHub's and Forgejo's word for an empty repository
STATUSES = {403: Outcome.PRIVATE, 404: Outcome.NOT_FOUND, 410: Outcome.GONE, 451: Outcome.BLOCKED}
_CHUNK = 64 * 1024


class FetchError(Exception):
    """Why there is no answer, or none to use, in one line.

    `retryable`: asking again soon can help. `wait`: the seconds that the server asked for. `host_wide`: it is the
    host that fails (a token, a quota), so that asking it for other things is no use either.
    """

    def __init__(
        self,
        message: str,
        outcome: Outcome = Outcome.INVALID,
        *,
        retryable: bool = False,
        wait: float | None = None,
        host_wide: bool = False,
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.retryable = retryable
        self.wait = wait
        self.host_wide = host_wide


class NotAskedError(FetchError):
    """The host is closed, paused or out of quota: nothing was sent, and nothing is known of what was asked for."""


@dataclass(frozen=True)
class Answer:
    """What came back, redirects and errors included: the status is the caller's to judge."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def document(self) -> Any:
        """The JSON of a 200; FetchError for any other status, and for what is no JSON."""
        if self.status != 200:
            raise FetchError(f"{self.url} answers {self.status}")
        return self.json()

    @property
    def etag(self) -> str:
        """The ETag verbatim; "" if there is none, or none that could be stored and sent back (RFC 9110, 8.8.3)."""
        etag = self.headers.get("ETag", "")
        return etag if re.fullmatch(r'(?:W/)?"[!#-~]{1,200}"', etag, re.ASCII) else ""

    def json(self) -> Any:
        """The body as JSON; FetchError if it is none. NaN and 1e999 pass as floats: a count must be an integer."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise FetchError(f"{self.url} does not answer in JSON") from error


@contextmanager
def parsing() -> Iterator[None]:
    """Inside, what an upstream should not have said becomes a FetchError."""
    try:
        yield
    except InvalidFactError as error:
        raise FetchError(str(error), Outcome.INVALID) from error


class _NoNetrc(AuthBase):
    """Keeps requests from sending a password out of the user's ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class _Session(requests.Session):
    """Lets redirects be: requests reads their whole bodies and addresses even when told not to follow them."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 (requests' signature)
        return None


class Door:
    """One requests session, for one thread. `user_agent` says who is asking."""

    def __init__(self, user_agent: str) -> None:
        self._session = _Session()
        self._session.auth = _NoNetrc()
        self._session.headers.update({"User-Agent": user_agent, "Accept": "application/json"})

    def get(self, url: str, *, max_bytes: int) -> Answer:
        """Ask once. Raises FetchError for whatever keeps a whole answer of at most `max_bytes` decoded from coming."""
        return self.ask("GET", url, None, max_bytes, {})

    def ask(self, method: str, url: str, payload: object, max_bytes: int, headers: Mapping[str, str]) -> Answer:
        """As get(), with any method, `payload` sent as JSON unless it is None, and more headers."""
        deadline = time.monotonic() + DEADLINE
        try:
            with self._session.request(
                method,
                url,
                json=payload,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
            ) as response:
                body = _read(response, max_bytes, deadline)
                return Answer(url, response.status_code, response.headers, body)
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise FetchError(f"{url} did not answer in time", Outcome.TIMEOUT, retryable=True) from error
        except requests.exceptions.InvalidSchema as error:
            raise FetchError(f"{url} is not an http(s) address") from error
        except (requests.exceptions.InvalidURL, UnicodeError) as error:
            raise FetchError(f"{url} is not an address that can be asked") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise FetchError(f"{url} broke off: {_reason(error)}", Outcome.SERVER_ERROR, retryable=True) from error

    def close(self) -> None:
        self._session.close()


class Host:
    """One upstream: its base URL, what is sent with each request, and its pace. For many threads.

    `forbidden` says what a 403 of this upstream means; by default, that the thing is private.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        pace: Pace,
        user_agent: str,
        *,
        headers: Mapping[str, str] | None = None,
        at_once: int = 8,
        forbidden: Callable[[Answer], FetchError] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self.base_url = base_url.rstrip("/")
        self.pace = pace
        self._user_agent = user_agent
        self._headers = dict(headers or {})
        self._signed = not {"authorization", "private-token"}.isdisjoint(map(str.lower, self._headers))
        self._places = threading.Semaphore(at_once)
        self._forbidden = forbidden
        self._sleep = sleep
        self._doors = threading.local()

    def url(self, path: str) -> str:
        """`path` below the base URL; a whole URL stays as it is."""
        return path if path.startswith(("http://", "https://")) else f"{self.base_url}/{path.lstrip('/')}"

    def get(
        self, path: str, *, headers: Mapping[str, str] | None = None, etag: str = "", max_bytes: int = MAX_ANSWER
    ) -> Answer:
        """The answer to a GET: 200, 202, 204, 304 or 409, after at most three redirects on this host.

        `etag` makes it conditional. Everything else is a FetchError. The answer's url is the last one asked.
        """
        sent = {**self._headers, **(headers or {}), **({"If-None-Match": etag} if etag else {})}
        url = self.url(path)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._checked(self._ask("GET", url, None, max_bytes, sent))
            if answer.status not in REDIRECTS:
                return answer
            target = _joined(url, answer.headers.get("Location", ""))
            if not self._owns(target):
                raise FetchError(f"{url} redirects to another host")
            url = target
        raise FetchError(f"{url} redirects too often")

    def post(self, path: str, payload: object, *, max_bytes: int = MAX_ANSWER) -> Answer:
        """The answer to a POST of JSON, which is 200; everything else, redirects included, is a FetchError."""
        url = self.url(path)
        answer = self._ask("POST", url, payload, max_bytes, self._headers)
        if self._checked(answer).status != 200:
            raise FetchError(f"{url} answers {answer.status}")
        return answer

    def _owns(self, url: str) -> bool:
        return _origin(url) == _origin(self.base_url)

    def _ask(self, method: str, url: str, payload: object, max_bytes: int, headers: Mapping[str, str]) -> Answer:
        """Wait for a turn, ask, and note what the answer says of the quota."""
        try:
            wait = self.pace.turn()
        except Closed as closed:
            raise NotAskedError(f"{self.name}: {closed}", Outcome.RATE_LIMITED, host_wide=True) from closed
        if wait:
            self._sleep(wait.total_seconds())
        if not hasattr(self._doors, "door"):
            self._doors.door = Door(self._user_agent)
        try:
            with self._places:
                answer: Answer = self._doors.door.ask(method, url, payload, max_bytes, headers)
            if told := quota(answer.headers):
                self.pace.note_quota(*told)
        except FetchError as error:
            self.pace.note_outcome(error.outcome)
            raise
        else:
            return answer
        finally:
            self.pace.done()

    def _checked(self, answer: Answer) -> Answer:
        """The answer if it is one; else FetchError, with what the host asks for (a pause, to be left alone) done."""
        if answer.status in ANSWERS or answer.status in REDIRECTS:
            self.pace.note_outcome(Outcome.OK)
            return answer
        error = self._error(answer)
        self.pace.note_outcome(error.outcome)
        if error.wait is not None:
            self.pace.pause(error.wait)
        if error.outcome is Outcome.UNAUTHORIZED:
            self.pace.close("it refuses our token")
        raise error

    def _error(self, answer: Answer) -> FetchError:
        wait = retry_after(answer)
        said = f"{answer.url} answers {answer.status}"
        if answer.status == 403 and self._forbidden:
            return self._forbidden(answer)
        if answer.status == 429:
            return FetchError(said, Outcome.RATE_LIMITED, wait=60.0 if wait is None else wait, host_wide=True)
        if answer.status >= 500:
            return FetchError(said, Outcome.SERVER_ERROR, retryable=True, wait=wait, host_wide=wait is not None)
        if answer.status == 401 and not self._signed:
            return FetchError(said, Outcome.PRIVATE)
        if answer.status == 401:
            return FetchError(f"{self.name} refuses our token (401)", Outcome.UNAUTHORIZED, host_wide=True)
        return FetchError(said, STATUSES.get(answer.status, Outcome.INVALID))


def retry_after(answer: Answer) -> float | None:
    """The seconds that Retry-After names, as a number or as a date; None without it."""
    text = answer.headers.get("Retry-After", "")
    if re.fullmatch(r"[0-9]{1,7}", text, re.ASCII):
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()) if text else None
    except (ValueError, TypeError):
        return None


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    try:
        parts = urlsplit(url)
        origin = parts.scheme, parts.hostname, parts.port
    except ValueError:
        return None
    else:
        return origin


def _joined(base: str, target: str) -> str:
    try:
        return urljoin(base, target)
    except ValueError:
        return ""


def _read(response: requests.Response, max_bytes: int, deadline: float) -> bytes:
    """The decoded body. read1 returns what has come instead of waiting for a full chunk: a drip meets the deadline."""
    parts: list[bytes] = []
    size = 0
    while part := response.raw.read1(_CHUNK, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise FetchError(f"{response.url} sends more than {max_bytes:,} bytes")
        if time.monotonic() > deadline:
            raise FetchError(f"{response.url} took more than {DEADLINE:.0f} s", Outcome.TIMEOUT, retryable=True)
    return b"".join(parts)


def _reason(error: Exception) -> str:
    """The innermost reason, in one line: requests wraps urllib3, which wraps the socket's own error."""
    while isinstance(error.args[0] if error.args else None, Exception):
        error = error.args[0]
    reason = getattr(error, "reason", None) or error
    return " ".join(f"{type(reason).__name__}: {reason}".split())[:200]
