"""Secrets are taken out of every text that somebody may read later: log lines, tracebacks, stored errors.

The values of settings that are secret are known, and so are the forms in which secrets stand in texts: in the user of
a URL, in a query, in a header, and by the beginnings that forges give to their tokens.
"""

import json
import re
import sys
import traceback
from base64 import b64encode
from collections.abc import Iterator
from functools import lru_cache
from types import TracebackType
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings
from django.core.signals import setting_changed

PLACEHOLDER = "***"
SHORTEST = 8  # characters of a setting that is taken for a secret: a shorter one stands in other words too
_IS_SECRET = re.compile(r"(?:KEY|TOKENS?|PASSWORD|SECRET|DSN)\Z")
# No value has quotes or backslashes in it, so that a line of JSON stays one.
_VALUE = r"""[^\s"'&;,#<>\\]+"""
# The word is looked for first, and then the whole name is taken for good (++): a name of 8,000 characters in a URL took
# a tenth of a second otherwise, for each line of the log that has it.
_NAME = r"(?:(?=[\w.-]*?(?:token|secret|password|passwd|api[_-]?key|signature|credential))[\w.-]++|auth|key|sig|pwd)"
_SECRET_NAME = re.compile(rf"{_NAME}|(?:proxy-)?authorization|.*cookies?", re.IGNORECASE)
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"""\b([a-z][a-z0-9+.-]{0,20}://)[^\s/?#@"'<>\\]+@""", rf"\1{PLACEHOLDER}@"),
        # A query alone, too, one in another query, as after a login, and the names of lists (token[]).
        (rf"((?:\A|[?&;]|%3F|%26){_NAME}(?:\[\w*\]|%5B\w*%5D)?(?:=|%3D)){_VALUE}", rf"\1{PLACEHOLDER}"),
        (
            r"""((?:authorization|private-token|x-api-key)["']?\s*[:=]\s*["']?(?:(?:bearer|basic|token|digest)\s+)?)"""
            rf"{_VALUE}",
            rf"\1{PLACEHOLDER}",
        ),
        (r"\b(bearer|basic) +(?=\S*\d)[\w.~+/=-]{16,}", rf"\1 {PLACEHOLDER}"),
        (rf"\b((?:sessionid|csrftoken)=){_VALUE}", rf"\1{PLACEHOLDER}"),
        (rf"\b((?:password|passwd|pwd)\s?=\s?'?){_VALUE}", rf"\1{PLACEHOLDER}"),
        (
            r"""(["'](?:password|secret|token|secret_key)["']\s?:\s?["'])[^"'\\]+""",
            rf"\1{PLACEHOLDER}",
        ),
        (
            r"\b(?:gh[pousr]_[a-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|pypi-[\w-]{32,}|AKIA[0-9A-Z]{16}\b)",
            PLACEHOLDER,
        ),
    )
)
# What has none of these has none of the forms either. Plain searches: each request writes a line of the log.
_HINTS: tuple[str, ...] = (
    "@",
    "token",
    "secret",
    "passw",
    "pwd",
    "key",
    "auth",
    "sig",
    "credential",
    "bearer",
    "basic ",
    "csrf",
)
_HINTS += ("session", "gh", "glpat-", "pypi-", "akia", "api-", "api_")


def redacted(text: str) -> str:
    """Return a text without the secrets that are in it, if any."""
    for secret in _known():
        if secret in text:
            text = text.replace(secret, PLACEHOLDER)
    folded = text.lower()
    if any(hint in folded for hint in _HINTS):
        for form, replacement in _FORMS:
            text = form.sub(replacement, text)
    return text


def deeply_redacted(value: Any) -> Any:
    """Return a structure of dicts and lists (such as an event for Sentry) whose texts are redacted."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {name: _of_name(name, each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [deeply_redacted(each) for each in value]
    return value


def _of_name(name: object, value: Any) -> Any:
    is_secret = isinstance(name, str) and isinstance(value, str) and _SECRET_NAME.fullmatch(name)
    return PLACEHOLDER if is_secret else deeply_redacted(value)


def _known() -> tuple[str, ...]:
    """Return all spellings of the values of secret settings, the longest first; none before there are settings."""
    return _spelled() if settings.configured else ()


@lru_cache(maxsize=1)
def _spelled() -> tuple[str, ...]:
    spellings = {each for secret in _secrets() for each in _spellings(secret) if len(each) >= SHORTEST}
    return tuple(sorted(spellings, key=lambda each: (-len(each), each)))


def _secrets() -> Iterator[str]:
    """Yield the secret settings, those that are named so, and passwords and paths in URLs."""
    for name in filter(str.isupper, dir(settings)):
        if name.startswith("AXES_"):  # names of the fields of forms
            continue
        value = getattr(settings, name)
        values = value if isinstance(value, (list, tuple)) else [value]
        for each in (each for each in values if isinstance(each, str)):
            if _IS_SECRET.search(name):
                yield each
            if name.endswith(("_URL", "_DSN")):
                yield from _of_url(each)
    yield from (str(each.get("PASSWORD") or "") for each in settings.DATABASES.values())
    ping = urlsplit(getattr(settings, "PING_URL", ""))
    yield ping.path.strip("/")
    yield ping.query


def _of_url(url: str) -> Iterator[str]:
    """Yield the password of a URL; its user, where that is all that there is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    secret = parts.password or parts.username or ""
    yield from {secret, unquote(secret)}


def _spellings(secret: str) -> tuple[str, ...]:
    encoded = b64encode(secret.encode()).decode()
    return secret, quote(secret, safe=""), json.dumps(secret)[1:-1], encoded, encoded.rstrip("=")


@setting_changed.connect
def _forget(**_: Any) -> None:
    _spelled.cache_clear()


def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print what ended a command, as Python does, without secrets."""
    sys.stderr.write(redacted("".join(traceback.format_exception(kind, error, trace))))
