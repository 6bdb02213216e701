"""Connections to the public internet alone: the address that a name resolves to is checked, and then connected to.

There is one look at the DNS: a name that gives one address to who checks and another one to who connects (DNS
rebinding) gains nothing. Behind a proxy of the environment (HTTPS_PROXY) the proxy resolves names, and has to refuse.
"""

import socket
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NameResolutionError
from urllib3.util.connection import allowed_gai_family

from packages.public_hosts import is_public


class NotPublicError(Exception):
    """A host has no address on the public internet. Neither urllib3 nor requests takes it for one of theirs."""


def public_addresses(host: str, port: int) -> list[str]:
    """Return the addresses of a host that are on the public internet, in the resolver's order, each once.

    Raise NotPublicError if it has none of them, socket.gaierror if it has none at all.
    """
    found = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
    addresses = [str(address[0]) for *_, address in found if is_public(str(address[0]))]
    if not addresses:
        raise NotPublicError
    return list(dict.fromkeys(addresses))


class _Guarded(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        try:
            addresses = public_addresses(name.strip("[]"), self.port or 0)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        try:
            return self._connected(addresses)
        finally:
            self._dns_host = name  # that of TLS, and of the header Host

    def _connected(self, addresses: list[str]) -> socket.socket:
        """Connect to the first address that accepts: an address is not looked up again."""
        *others, last = addresses
        for self._dns_host in others:
            try:
                return super()._new_conn()
            except HTTPError:
                continue
        self._dns_host = last
        return super()._new_conn()


class _GuardedTls(_Guarded, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTls


class GuardedAdapter(HTTPAdapter):
    """Requests' adapter, but for its connections. Those to a proxy of the environment are the operator's own."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
