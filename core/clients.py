"""The client of a request: the address of whoever has sent it, which only proxies that are trusted may tell.

A proxy writes the address that it saw at the end of X-Forwarded-For. So the list is read from its end, for as long as
each address is that of a trusted proxy; what stands before the first other one is hearsay. After this, REMOTE_ADDR is
the client, and of the headers that proxies write only the scheme and the host of a trusted one are left: nobody else
has to judge them.
"""

import ipaddress
import logging
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

logger = logging.getLogger(__name__)
UNIX = "unix"  # the name of a UNIX socket among the trusted proxies: whoever can open it is one
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Names that proxies of many makes use. Nobody here reads them but the two below; a library might.
_FORWARDED = tuple(
    "HTTP_" + name.upper().replace("-", "_")
    for name in (
        *(f"X-Forwarded-{what}" for what in ("For", "Port", "Prefix", "Server", "Scheme", "Ssl", "Protocol", "By")),
        *("Forwarded", "X-Real-IP", "X-Client-IP", "Client-IP", "True-Client-IP", "X-Cluster-Client-IP"),
        *("CF-Connecting-IP", "Fastly-Client-IP", "X-Url-Scheme", "Front-End-Https"),
    )
)
_OF_TRUSTED = ("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST")
# An address as some proxies write it: with the port, and one of IPv6 in brackets then.
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.%]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}", re.ASCII)


_LONGEST = 80  # characters: what is longer is no address, and shall take no memory


class ForwardedMiddleware:
    """Stands before all others, so that every one of them, and the line of the request in the log, has the client."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        resolve(request.META)
        return self.get_response(request)


class Networks:
    """Addresses and networks, as TRUSTED_PROXIES names them, and perhaps UNIX sockets."""

    def __init__(self, names: Iterable[str]) -> None:
        self.has_unix = UNIX in (names := list(names))
        self.networks = [ipaddress.ip_network(name) for name in names if name != UNIX]

    def has(self, address: Address | None) -> bool:
        """Return whether this is one of the addresses; None is the other end of a UNIX socket, which has none."""
        return self.has_unix if address is None else any(address in network for network in self.networks)


@lru_cache(maxsize=16)
def networks(names: tuple[str, ...]) -> Networks:
    return Networks(names)


def parse_address(text: str) -> Address | None:
    """Return the address that a proxy or a socket has written; None for anything else. IPv4 inside of IPv6 is IPv4, as
    one client is seen on sockets of both kinds."""
    return _parse(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _parse(text: str) -> Address | None:
    text = text.strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])  # without the zone, a name of this machine's own
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def resolve(meta: dict[str, Any]) -> None:
    """Write the client's address to REMOTE_ADDR, and remove what nobody may believe."""
    text: str = meta.get("REMOTE_ADDR") or ""
    forwarded: str | None = meta.get("HTTP_X_FORWARDED_FOR")
    names = tuple(settings.TRUSTED_PROXIES)
    peer = _peer(text, names)
    if peer.is_trusted and forwarded is not None:
        client = _client(forwarded, peer.address, networks(names))
        meta["REMOTE_ADDR"] = str(client) if client else text
    else:
        meta["REMOTE_ADDR"] = peer.text
    if not peer.is_trusted:
        if forwarded is not None and (not text or (peer.address and peer.address.is_private)):
            _warn_of(text)
        for name in _OF_TRUSTED:
            meta.pop(name, None)
    for name in _FORWARDED:
        meta.pop(name, None)


class Peer(NamedTuple):
    """The other end of a connection, and its address in one spelling."""

    address: Address | None
    text: str
    is_trusted: bool


@lru_cache(maxsize=4096)
def _peer(text: str, names: tuple[str, ...]) -> Peer:
    address = parse_address(text)
    is_trusted = networks(names).has(address) if address or not text else False
    return Peer(address, str(address) if address else text, is_trusted)


def _client(forwarded: str, peer: Address | None, trusted: Networks) -> Address | None:
    """Return the last address of X-Forwarded-For that is no trusted proxy's. Where one of them has written what is no
    address, nobody before it is known: the client is that proxy then."""
    client = peer
    for text in reversed(forwarded.split(",")):
        address = parse_address(text)
        if address is None:
            break
        client = address
        if not trusted.has(address):
            break
    return client


@lru_cache(maxsize=64)
def _warn_of(peer: str) -> None:
    """Log, once for each of them, that a neighbour seems to be a proxy that is not trusted."""
    logger.warning(
        "X-Forwarded-For comes from %s, which TRUSTED_PROXIES does not name: all of its clients count as one",
        peer or "the UNIX socket (unix)",
    )
