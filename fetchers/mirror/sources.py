"""Where documents of API v4 come from: the list pages of a running service, or a folder of JSON files.

A source gives raw JSON values, a kind at a time, and raises SourceError where it cannot go on.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from core.kinds import Kind
from fetchers.network.http import FetchError, HttpSession, Response, follow_redirects, join_url

logger = logging.getLogger(__name__)

PAGE = 100  # documents a request: few requests, and pages far below the size limit
MAX_PAGE_BYTES = 20 * 1024 * 1024
MAX_DOCUMENT = 2 * 1024 * 1024
_WINDOW = 64 * 1024
TRIES = 5
MAX_WAIT = 120.0


class SourceError(Exception):
    """The source cannot go on, and why, in one line."""


class Source(Protocol):
    def documents(self, kind: Kind) -> Iterator[object]:
        """Every document of that kind as raw JSON; SourceError where the source breaks off."""
        ...


class Folder:
    """A folder with categories.json, grids.json and packages.json, each an array, read as a stream."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def documents(self, kind: Kind) -> Iterator[object]:
        file = self.path / f"{kind.plural}.json"
        try:
            with file.open(encoding="utf-8-sig") as stream:
                yield from _Array(stream.read, file)
        except OSError as error:
            raise SourceError(f"{file}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SourceError(f"{file} is not UTF-8") from error


class _Array:
    """The elements of a JSON array, decoded one at a time so that memory does not grow with the file.

    The standard decoder is run on a moving window: streaming parsers on PyPI build on yajl, which quietly turns a
    lone surrogate into "?", where we must refuse the document.
    """

    def __init__(self, read: Callable[[int], str], file: Path) -> None:
        self._read = read
        self._file = file
        self._window = ""
        self._at = 0

    def __iter__(self) -> Iterator[object]:
        ends = self._mark(r"\s*\[\s*(\])?")
        while not ends:
            yield self._element()
            ends = self._mark(r"\s*(?:,\s*(?!\])|(\]))")
        if self._window[self._at :].strip() or self._read(_WINDOW).strip():
            raise SourceError(f"{self._file} goes on after the end of its array")

    def _more(self) -> bool:
        text = self._read(_WINDOW)
        self._window, self._at = self._window[self._at :] + text, 0
        return bool(text)

    def _mark(self, expected: str) -> bool:
        """Step over what stands between elements; whether it ends the array."""
        pattern = re.compile(expected)
        found = pattern.match(self._window, self._at)
        # A match that ends with the window might have gone on: "[" and then "]".
        while (not found or found.end() == len(self._window)) and self._more():
            found = pattern.match(self._window, self._at)
        if not found:
            raise SourceError(f"{self._file} is not a JSON array, or is cut short")
        self._at = found.end()
        return bool(found[1])

    def _element(self) -> object:
        while True:
            try:
                value, self._at = json.JSONDecoder().raw_decode(self._window, self._at)
            except (ValueError, RecursionError) as error:
                if len(self._window) - self._at > MAX_DOCUMENT or not self._more():
                    raise SourceError(f"{self._file} is cut short, or has an element that is not JSON") from error
            else:
                return value


class Api:
    """The list pages of a v4 API: one request at a time, following `next` on the same host."""

    def __init__(self, root: str, session: HttpSession, sleep: Callable[[float], None]) -> None:
        self._root = root if root.endswith("/") else f"{root}/"
        self._session = session
        self._sleep = sleep
        self._lists: dict[str, Any] | None = None

    def documents(self, kind: Kind) -> Iterator[object]:
        url: str | None = f"{self._list(kind)}?{urlencode({'limit': PAGE})}"
        seen: set[str] = set()
        while url:
            if url in seen:
                raise SourceError(f"{url} comes round again: its `next` links go in a circle")
            seen.add(url)
            page = self._json(url)
            if not isinstance(page, dict) or not isinstance(page.get("results"), list):
                raise SourceError(f"{url} is not a page of a v4 list (no `results`)")
            yield from page["results"]
            url = self._next(url, page.get("next"))

    def _list(self, kind: Kind) -> str:
        """The address of a list as the root document has it; by convention where it leads to another host."""
        if self._lists is None:
            lists = self._json(self._root)
            if not isinstance(lists, dict):
                raise SourceError(f"{self._root} is not the root of a v4 API")
            self._lists = lists
        named = self._lists.get(kind.plural)
        url = join_url(self._root, named) if isinstance(named, str) else ""
        return url.split("?", 1)[0] if _same_host(self._root, url) else f"{self._root}{kind.plural}/"

    def _next(self, url: str, following: object) -> str | None:
        if following is None:
            return None
        if not isinstance(following, str):
            raise SourceError(f"{url} has a `next` that is no link")
        target = join_url(url, following)
        if not _same_host(self._root, target):
            raise SourceError(f"{url} has a `next` on another host: {following[:200]!r}")
        return target

    def _json(self, url: str) -> Any:
        retrying = Retrying(
            stop=stop_after_attempt(TRIES),
            retry=retry_if_exception(lambda error: isinstance(error, FetchError) and error.retryable),
            wait=_wait,
            sleep=self._sleep,
            before_sleep=lambda state: logger.warning("%s; trying again", state.outcome and state.outcome.exception()),
            reraise=True,
        )
        try:
            return retrying(self._ask, url)
        except FetchError as error:
            raise SourceError(str(error)) from error

    def _ask(self, url: str) -> Any:
        return _checked(follow_redirects(url, self._get, _same_host)).json()

    def _get(self, url: str) -> Response:
        return self._session.get(url, max_bytes=MAX_PAGE_BYTES)


def _checked(response: Response) -> Response:
    if response.status == 200:
        return response
    raise FetchError(
        f"{response.url} answers {response.status}",
        retryable=response.status == 429 or response.status >= 500,
        wait=response.retry_after(),
    )


def _wait(state: RetryCallState) -> float:
    """Twice as long each time, or what the server asked for, within bounds."""
    error = state.outcome and state.outcome.exception()
    asked = error.wait if isinstance(error, FetchError) else None
    return min(MAX_WAIT, asked if asked is not None else wait_exponential(multiplier=1, max=30)(state))


def _same_host(url: str, other: str) -> bool:
    """Whether `other` is on the host of `url`: the same scheme and port too, but http may turn into https."""
    try:
        a, b = urlsplit(url), urlsplit(other)
        upgraded = (a.scheme, b.scheme) == ("http", "https") and a.port is None and b.port is None
        same = (a.scheme, a.port) == (b.scheme, b.port)
    except ValueError:
        return False
    return a.hostname == b.hostname and (upgraded or same)
