"""Which hosts and addresses are on the public internet: nothing is fetched from any other, unless ALLOW_PRIVATE_HOSTS.

It imports nothing of ours, since the settings read it too.
"""

import ipaddress
import socket

# Names that no public server may have (RFC 6761, RFC 6762, RFC 8375, and what routers and clouds call their own).
_PRIVATE_ENDS = frozenset({"localhost", "local", "internal", "localdomain", "lan", "home", "corp", "intranet", "arpa"})
# What Python's tables lack before 3.13, or take for global by the letter: nobody serves there.
_SPECIAL = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")))
_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that is given out of IPv6
_6TO4 = ipaddress.IPv6Network("2002::/16")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Return whether an IP address is of a machine on the public internet.

    An IPv6 address that carries one of IPv4 (NAT64, 6to4) is as public as that. A mapped one is no address of a
    server, nor is one of multicast.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if any(parsed in network for network in _SPECIAL):
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed.is_global and not parsed.is_multicast
    if parsed in _NAT64:
        return is_public(str(ipaddress.IPv4Address(int(parsed) & 0xFFFF_FFFF)))
    if parsed in _6TO4:
        return is_public(str(parsed.sixtofour))
    return parsed in _UNICAST and parsed.is_global


def may_be_public(host: str) -> bool:
    """Return whether a host may be on the public internet, as far as its name tells without a look at the DNS.

    An address counts in any spelling that a resolver takes: 127.1, 0x7f.0.0.1 and 2130706433 are addresses too.
    """
    host = host.rstrip(".").lower()
    try:
        return is_public(str(ipaddress.ip_address(host.partition("%")[0])))
    except ValueError:
        pass
    try:
        return is_public(socket.inet_ntoa(socket.inet_aton(host)))
    except (OSError, UnicodeError):
        return "." in host and host.rpartition(".")[2] not in _PRIVATE_ENDS
