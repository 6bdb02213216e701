"""Checks of the values of settings: each function refuses an unusable value with a ValidationError that says why."""

import ipaddress
import re
from collections.abc import Callable, Collection
from importlib.util import find_spec
from typing import Literal, get_args
from urllib.parse import parse_qs, urlsplit
from zoneinfo import available_timezones

import dj_database_url
from environs import ValidationError

from packages.public_hosts import may_be_public

ForgeKind = Literal["forgejo", "gitlab"]

# A scheme, a host and perhaps a port: the API is at the root of a site, not below a path.
_ORIGIN = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?", re.ASCII)
_ALLOWED_HOST = re.compile(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?", re.ASCII)
_FORGE_HOST = re.compile(r"([a-z0-9-]+(?:\.[a-z0-9-]+)*)(:[0-9]{1,5})?", re.ASCII)
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)
_DATABASE_NUMBER, _VIRTUAL_HOST = re.compile(r"/?[0-9]*", re.ASCII), re.compile(r"/?[!-~]*", re.ASCII)
_BROKER_PATHS = {"redis": _DATABASE_NUMBER, "rediss": _DATABASE_NUMBER, "amqp": _VIRTUAL_HOST, "amqps": _VIRTUAL_HOST}
_SHORTEST_TOKEN = 20
_LEAST_RATE, _MOST_RATE = 10, 1_000_000  # the dearest request takes ten units
_LONGEST_HSTS = 2 * 365 * 24 * 3600
# The first parts of all other paths of the site
TAKEN = frozenset({"api", "categories", "grids", "healthz", "metrics", "packages", "readyz", "static"})
_SHORTEST_KEY, _FEWEST_CHARACTERS = 50, 5  # as Django's own check of a deployment wants a SECRET_KEY


def site_url(value: str) -> None:
    try:
        usable = not value or bool(_ORIGIN.fullmatch(value) and urlsplit(value).port != 0)
    except ValueError:  # brackets that do not close, a port over 65535
        usable = False
    if not usable:
        raise ValidationError("Must be empty or like https://packages.example.org")


def allowed_hosts(value: list[str], *, may_be_empty: bool) -> None:
    if not value and not may_be_empty:
        raise ValidationError("Must name the hosts that the site is served under, like packages.example.org")
    for host in value:
        if not _ALLOWED_HOST.fullmatch(host):
            raise ValidationError("Must be host names without scheme, port and path, like packages.example.org,[::1]")


def secret_key(value: str) -> None:
    if len(value) < _SHORTEST_KEY or len(set(value)) < _FEWEST_CHARACTERS:
        raise ValidationError(f"Must be a random text of {_SHORTEST_KEY} characters or more, unless DEBUG is true")


def admin_path(value: str) -> None:
    """Accept one part of a path, which nothing else of the site has."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", value, re.ASCII) or value in TAKEN:
        raise ValidationError("Must be one word of letters, digits, - and _, like admin, and no other path of the site")


def hsts_seconds(value: int, *, site_url: str | None) -> None:
    between(0, _LONGEST_HSTS)(value)
    if value and not (site_url or "").startswith("https://"):
        raise ValidationError("Needs a SITE_URL that begins with https:// besides")


def security_contact(value: str) -> None:
    if value and not _MAIL.fullmatch(value) and not re.fullmatch(r"https://[!-~]+|mailto:[!-~]+@[!-~]+", value):
        raise ValidationError("Must be a mail address, like security@example.org, or a URL that begins with https://")


def time_zone(value: str) -> None:
    if value not in available_timezones():
        raise ValidationError("Must be a name from the IANA time zone database, like America/New_York")


def listening_host(value: str) -> None:
    if not _is_address(value) and not _HOST.fullmatch(value):
        raise ValidationError("Must be a host name or an IP address, like 127.0.0.1 or ::1")


def networks(value: list[str], *, or_unix: bool = False) -> None:
    """Accept addresses and networks, but none that everybody is in."""
    for name in value:
        if or_unix and name == "unix":
            continue
        try:
            network = ipaddress.ip_network(name, strict=False)
        except ValueError:
            network = None
        if network is None or (network.version == 6 and "%" in name):
            also = ", or unix for a UNIX socket" if or_unix else ""
            raise ValidationError(f"Must be addresses and networks, like 127.0.0.1,10.0.0.0/8,fd00::/8{also}")
        if network.prefixlen == 0:
            raise ValidationError(f"Must not be {name}: that is everybody")
        if "/" in name and network.network_address != ipaddress.ip_interface(name).ip:
            raise ValidationError(f"Must not be {name}: the network is {network}, or name the address alone")


def rate_limit(value: int) -> None:
    if value and not _LEAST_RATE <= value <= _MOST_RATE:
        raise ValidationError(f"Must be 0 (no limit), or units a minute from {_LEAST_RATE} to {_MOST_RATE}")


def replaced_by_trusted_proxies(value: str) -> None:
    if value:
        raise ValidationError("Has been replaced: name the proxies in TRUSTED_PROXIES, like TRUSTED_PROXIES=127.0.0.1")


def base_url(value: str) -> None:
    try:
        usable = bool(re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", value)) and urlsplit(value).port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValidationError("Must be like https://api.example.org/v1")


def mail_addresses(value: list[str], *, site_url: str) -> None:
    if value and not site_url:
        raise ValidationError("Needs SITE_URL besides: the mail has links")
    for address in value:
        mail_address(address)


def mail_address(value: str) -> None:
    """Accept an address without a name beside it: a header that others could continue is none."""
    if value and not _MAIL.fullmatch(value):
        raise ValidationError("Must be mail addresses, like editors@example.org")


def one_of_two(value: bool, *, other: bool) -> None:
    if value and other:
        raise ValidationError("Must not be true if EMAIL_USE_TLS is: choose one of the two")


def ping_url(value: str) -> None:
    try:
        parts = urlsplit(value)
        usable = not value or (re.fullmatch(r"https?://[!-~]+", value) and parts.hostname and parts.port != 0)
    except ValueError:  # brackets that do not close, a port over 65535
        usable = False
    if not usable:
        raise ValidationError("Must be empty or a URL that begins with http:// or https://")


def header_text(value: str) -> None:
    if not value.isascii() or not value.isprintable():
        raise ValidationError("Must be printable ASCII characters on one line")


def line(value: str) -> None:
    if not value.isprintable() or value != value.strip():
        raise ValidationError("Must be printable characters on one line, like CC-BY-4.0")


def folder(value: str) -> None:
    if value and not value.startswith("/"):
        raise ValidationError("Must be the whole path of a folder, like /srv/dumps")


def slugs(value: list[str]) -> None:
    for slug in value:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", slug, re.ASCII):
            raise ValidationError("Must be slugs of packages, like django,requests")


def internal_location(value: str) -> None:
    if value and not re.fullmatch(r"/([A-Za-z0-9._~-]+/)+", value, re.ASCII):
        raise ValidationError("Must be the path of an internal location of nginx, like /_dumps/")


def token(value: str) -> None:
    if not re.fullmatch(r"[!-~]*", value):
        raise ValidationError("Must be printable ASCII characters without blanks")


def long_token(value: str) -> None:
    """Accept a token that nobody guesses, or none."""
    token(value)
    if value and len(value) < _SHORTEST_TOKEN:
        raise ValidationError(f"Must be a random text of {_SHORTEST_TOKEN} characters or more")


def sentry_dsn(value: str) -> None:
    """Accept the address of a project at Sentry, if its package is installed."""
    try:
        parts = urlsplit(value)
        usable = not value or (parts.scheme in {"http", "https"} and parts.username and parts.hostname and parts.path)
    except ValueError:
        usable = False
    if not usable or not value.isprintable():
        raise ValidationError("Must be empty or like https://key@sentry.example.org/1")
    if value and find_spec("sentry_sdk") is None:
        raise ValidationError("Needs the package sentry-sdk: .venv/bin/pip install '.[sentry]'")


def one_of(*texts: str) -> Callable[[str], None]:
    def check(value: str) -> None:
        if value not in texts:
            raise ValidationError(f"Must be {' or '.join(texts)}")

    return check


def bitbucket_token(value: str) -> None:
    """Accept a token, or an address and a token."""
    token(value)
    mail, colon, secret = value.partition(":")
    if colon and not ("@" in mail and secret):
        raise ValidationError("Must be a token, or mail:token, like me@example.org:ATATT3x")


def between(least: int, most: int) -> Callable[[int], None]:
    def check(value: int) -> None:
        if not least <= value <= most:
            raise ValidationError(f"Must be a whole number from {least} to {most}")

    return check


def forge_hosts(value: str, *, known: Collection[str], allow_private: bool) -> dict[str, ForgeKind]:
    """Return the kind of forge of each host in a text like `git.example.org=forgejo,gitlab.gnome.org=gitlab`."""
    kinds: dict[str, ForgeKind] = {}
    for part in filter(None, map(str.strip, value.split(","))):
        host, _, name = map(str.strip, part.partition("="))
        kind = next((kind for kind in get_args(ForgeKind) if kind == name), None)
        parts = _FORGE_HOST.fullmatch(host)
        if kind is None or parts is None or int((parts[2] or ":1")[1:]) not in range(1, 65536):
            raise ValidationError(
                "Must be like git.example.org=forgejo,gitlab.gnome.org=gitlab: a host in lower case and its kind"
            )
        if host in known:
            raise ValidationError(f"{host} is known already: it cannot be another kind of forge")
        if host in kinds:
            raise ValidationError(f"{host} is named twice")
        if not allow_private and not may_be_public(parts[1]):
            raise ValidationError(
                f"{host} is not on the public internet: set ALLOW_PRIVATE_HOSTS=true to fetch from it"
            )
        kinds[host] = kind
    return kinds


def cache_url(value: str) -> None:
    usable = {"dummy": _is_dummy, "locmem": _is_memory, "redis": _is_redis, "rediss": _is_redis}
    try:
        is_usable = usable[urlsplit(value).scheme](value)
    except (KeyError, ValueError, TypeError):  # a TypeError is redis's word for an option that it does not know
        is_usable = False
    if not is_usable:
        raise ValidationError(
            "Must be locmem://, locmem://?max_mb=32, redis://host:6379/0 (with options of redis-py) or dummy://"
        )


def broker_url(value: str) -> None:
    try:
        parts = urlsplit(value)
        has_place = not value or bool(_BROKER_PATHS[parts.scheme].fullmatch(parts.path))
        usable = not value or bool(has_place and parts.hostname and parts.port != 0 and not parts.fragment)
    except (KeyError, ValueError):
        usable = False
    if not usable:
        raise ValidationError("Must be empty, or like redis://host:6379/1 or amqp://user:password@host:5672/name")


def _is_dummy(value: str) -> bool:
    return value == "dummy://"


def _is_memory(value: str) -> bool:
    return bool(re.fullmatch(r"locmem://(\?max_mb=[1-9][0-9]{0,4})?", value, re.ASCII))


def _is_redis(value: str) -> bool:
    from redis import ConnectionPool  # noqa: PLC0415 (it takes 7 MB, which few need)

    parts = urlsplit(value)
    pool = ConnectionPool.from_url(value)
    pool.connection_class(**pool.connection_kwargs)  # it connects later
    return bool(parts.hostname) and parts.port != 0 and bool(re.fullmatch(r"/?[0-9]*", parts.path, re.ASCII))


def database_url(value: str) -> None:
    usable = {"sqlite": _is_sqlite, "postgres": _is_postgresql, "postgresql": _is_postgresql}
    try:
        is_usable = usable[urlsplit(value).scheme](value)
    except (KeyError, ValueError, dj_database_url.ParseError):
        is_usable = False
    if not is_usable:
        raise ValidationError(
            "Must be like sqlite:////var/lib/grids.sqlite3 or postgresql://user:password@host:5432/name"
        )


def _is_sqlite(value: str) -> bool:
    parts = urlsplit(value)
    return not parts.netloc and len(parts.path) > 1 and not parts.query


def _is_postgresql(value: str) -> bool:
    from psycopg2 import ProgrammingError  # noqa: PLC0415 (not needed with SQLite)
    from psycopg2.extensions import make_dsn  # noqa: PLC0415

    parts, parsed = urlsplit(value), dj_database_url.parse(value)
    try:
        make_dsn(**{name: options[0] for name, options in parse_qs(parts.query).items() if name != "currentSchema"})
    except ProgrammingError:  # an option that libpq does not know
        return False
    return bool(parsed["NAME"]) and "/" not in str(parsed["NAME"]) and parts.port != 0


def replica_url(value: str, *, primary: str) -> None:
    if value:
        database_url(value)
        if not value.startswith("postgres") or not primary.startswith("postgres"):
            raise ValidationError("Must be a streaming replica of DATABASE_URL, both of them PostgreSQL")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
