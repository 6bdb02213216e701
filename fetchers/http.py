"""The only door to the network: a GET with timeouts, a deadline, a size limit, and no redirects of its own accord."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
import urllib3
from requests.auth import AuthBase

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0  # for one wait on the socket
DEADLINE = 60.0  # for a whole answer, however it drips
_CHUNK = 64 * 1024


class FetchError(Exception):
    """Why there is no answer; `retryable` if asking again later can help, `wait` seconds if the server named them."""

    def __init__(self, message: str, *, retryable: bool, wait: float | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.wait = wait


@dataclass(frozen=True)
class Answer:
    """What came back, redirects and errors included: the status is the caller's to judge."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; FetchError if it is none. NaN and 1e999 pass as floats: a count must be an integer."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise FetchError(f"{self.url} does not answer in JSON", retryable=False) from error


class _NoNetrc(AuthBase):
    """Keeps requests from sending a password out of the user's ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Door:
    """One requests session, for one thread. `user_agent` says who is asking."""

    def __init__(self, user_agent: str) -> None:
        self._session = requests.Session()
        self._session.auth = _NoNetrc()
        self._session.headers.update({"User-Agent": user_agent, "Accept": "application/json"})

    def get(self, url: str, *, max_bytes: int, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask once. Raises FetchError for whatever keeps a whole answer of at most `max_bytes` decoded from coming."""
        deadline = time.monotonic() + DEADLINE
        try:
            with self._session.get(
                url, headers=headers, stream=True, allow_redirects=False, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)
            ) as response:
                body = _read(response, max_bytes, deadline)
                return Answer(url, response.status_code, response.headers, body)
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise FetchError(f"{url} did not answer in time", retryable=True) from error
        except requests.exceptions.InvalidSchema as error:
            raise FetchError(f"{url} is not an http(s) address", retryable=False) from error
        except (requests.exceptions.InvalidURL, UnicodeError) as error:
            raise FetchError(f"{url} is not an address that can be asked", retryable=False) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise FetchError(f"{url} broke off: {_reason(error)}", retryable=True) from error

    def close(self) -> None:
        self._session.close()


def _read(response: requests.Response, max_bytes: int, deadline: float) -> bytes:
    """The decoded body. read1 returns what has come instead of waiting for a full chunk: a drip meets the deadline."""
    parts: list[bytes] = []
    size = 0
    while part := response.raw.read1(_CHUNK, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise FetchError(f"{response.url} sends more than {max_bytes:,} bytes", retryable=False)
        if time.monotonic() > deadline:
            raise FetchError(f"{response.url} took more than {DEADLINE:.0f} s", retryable=True)
    return b"".join(parts)


def _reason(error: Exception) -> str:
    """The innermost reason, in one line: requests wraps urllib3, which wraps the socket's own error."""
    while isinstance(error.args[0] if error.args else None, Exception):
        error = error.args[0]
    reason = getattr(error, "reason", None) or error
    return " ".join(f"{type(reason).__name__}: {reason}".split())[:200]
