"""Sources of API v4 documents: the list pages of a running service, or a folder of JSON files.

A source yields raw JSON values, one kind at a time, and raises SourceError when it cannot continue.
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

PAGE = 100  # documents per request: few requests, and pages far below the size limit
MORE_PAGES = 1_000  # pages beyond the count of a list, after which its `next` links are taken for endless
MAX_PAGE_BYTES = 20 * 1024 * 1024
MAX_DOCUMENT = 16 * 1024 * 1024  # characters of one element in a file
_WINDOW = 64 * 1024  # characters read at a time
_DECODER = json.JSONDecoder()
_OPENING = re.compile(r"\s*\[\s*(\])?")
_SEPARATOR = re.compile(r"\s*(?:,\s*(?!\])|(\]))")
_UNREADABLE = "is truncated, or has an element that is not JSON or is too large"
TRIES = 5
MAX_WAIT = 120.0


class SourceError(Exception):
    """The reason, in one line, why a source cannot continue."""


class DocumentSource(Protocol):
    def documents(self, kind: Kind) -> Iterator[object]:
        """Yield every document of that kind as raw JSON. Raises SourceError, perhaps after some documents."""
        ...


class Folder:
    """A folder with categories.json, grids.json and packages.json, each a JSON array, read as a stream."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def documents(self, kind: Kind) -> Iterator[object]:
        file = self.path / f"{kind.plural}.json"
        try:
            with file.open(encoding="utf-8-sig") as stream:
                yield from _ArrayReader(stream.read, file)
        except OSError as error:
            raise SourceError(f"{file}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SourceError(f"{file} is not UTF-8") from error


class _ArrayReader:
    """The elements of a JSON array, decoded one at a time so that memory does not grow with the file.

    The standard decoder runs on a moving window of the text. No streaming parser on PyPI does this job: those built on
    yajl replace a lone surrogate by "?" without an error, and ijson's Python backend is twenty times slower, gives up
    the whole file at a NaN and reads an endless string until memory is full.
    """

    def __init__(self, read: Callable[[int], str], file: Path) -> None:
        self._read = read
        self._file = file
        self._window = ""
        self._position = 0

    def __iter__(self) -> Iterator[object]:
        ended = self._skip(_OPENING)
        while not ended:
            yield self._element()
            ended = self._skip(_SEPARATOR)
        if self._window[self._position :].strip() or self._read(_WINDOW).strip():
            raise SourceError(f"{self._file} has data after the end of its array")

    def _read_more(self) -> bool:
        # As much as there is already, so that a long element is not tried once for each window.
        text = self._read(max(_WINDOW, len(self._window) - self._position))
        self._window, self._position = self._window[self._position :] + text, 0
        return bool(text)

    def _skip(self, punctuation: re.Pattern[str]) -> bool:
        """Move past the punctuation between elements. Return True if the array ends with it."""
        match = punctuation.match(self._window, self._position)
        # A match at the end of the window may be incomplete: a "[" can be followed by a "]".
        while (not match or match.end() == len(self._window)) and self._read_more():
            match = punctuation.match(self._window, self._position)
        if not match:
            raise SourceError(f"{self._file} is not a JSON array, or is truncated")
        self._position = match.end()
        return bool(match[1])

    def _element(self) -> object:
        while True:
            try:
                value, end = _DECODER.raw_decode(self._window, self._position)
            except (ValueError, RecursionError) as error:
                if len(self._window) - self._position > MAX_DOCUMENT or not self._read_more():
                    raise SourceError(f"{self._file} {_UNREADABLE}") from error
            else:
                if end - self._position > MAX_DOCUMENT:
                    raise SourceError(f"{self._file} {_UNREADABLE}")
                self._position = end
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
        promised = 0
        while url:
            if url in seen:
                raise SourceError(f"{url} comes a second time: the `next` links form a loop")
            page = self._json(url)
            if not isinstance(page, dict) or not isinstance(page.get("results"), list):
                raise SourceError(f"{url} is not a page of a v4 list (no `results`)")
            promised = promised if seen else _pages(page.get("count"), len(page["results"]))
            seen.add(url)
            yield from page["results"]
            url = self._next(url, page.get("next"))
            if url and len(seen) >= promised + MORE_PAGES:
                raise SourceError(f"{url} is {MORE_PAGES} pages beyond the `count` of the list: `next` does not end")

    def _list(self, kind: Kind) -> str:
        """Return the URL of a list from the root document, or the usual one if that leads to another host."""
        if self._lists is None:
            lists = self._json(self._root)
            if not isinstance(lists, dict):
                raise SourceError(f"{self._root} is not the root of a v4 API")
            self._lists = lists
        link = self._lists.get(kind.plural)
        url = join_url(self._root, link) if isinstance(link, str) else ""
        return url.split("?", 1)[0] if _same_host(self._root, url) else f"{self._root}{kind.plural}/"

    def _next(self, url: str, link: object) -> str | None:
        if link is None:
            return None
        if not isinstance(link, str):
            raise SourceError(f"{url} has a `next` that is not a link")
        target = join_url(url, link)
        if not _same_host(self._root, target):
            raise SourceError(f"{url} has a `next` link to another host: {link[:200]!r}")
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


def _pages(count: object, size: int) -> int:
    """Return the number of pages that the first one promises by `count`, if each has as many documents as it has."""
    return -(-count // max(1, size)) if isinstance(count, int) and count > 0 else 0


def _checked(response: Response) -> Response:
    if response.status == 200:
        return response
    raise FetchError(
        f"{response.url} answers {response.status}",
        retryable=response.status == 429 or response.status >= 500,
        wait=response.retry_after(),
    )


def _wait(state: RetryCallState) -> float:
    """Return the seconds that the server asks for, or else twice as many each time, up to a limit."""
    error = state.outcome and state.outcome.exception()
    requested = error.wait if isinstance(error, FetchError) else None
    return min(MAX_WAIT, requested if requested is not None else wait_exponential(multiplier=1, max=30)(state))


def _same_host(url: str, other: str) -> bool:
    """Compare hosts, schemes and ports of two URLs; `other` may be https where `url` is http."""
    try:
        a, b = urlsplit(url), urlsplit(other)
        upgraded = (a.scheme, b.scheme) == ("http", "https") and a.port is None and b.port is None
        same = (a.scheme, a.port) == (b.scheme, b.port)
    except ValueError:
        return False
    return a.hostname == b.hostname and (upgraded or same)
