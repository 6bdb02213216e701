"""The allowance of each client of the API and its pages.

A request takes what a cached response costs before anything is done for it, and is refused (429) where that is not
left. Whether the response was cached, and what it costs otherwise, is known only when it is there: the rest is taken
then, whether it is left or not, and who owes waits the longer. So a client can have more than its allowance only by
what it requests at the same moment.

Clients are told apart by their addresses (core.clients); of IPv6 by the network of 64 bits, since whoever has one
address there has all of them. A request without an address comes from this machine itself, or through a UNIX socket
that is not in TRUSTED_PROXIES: it is not counted, as nobody could be told apart. Probes, static files, admin, which
has a lock-out of its own, and what crawlers read first are not counted either.
"""

from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import get_script_prefix, reverse

from core.clients import networks, parse_address
from core.costs import HIT, units_of
from core.limits.allowance import Allowance, State, allowance
from core.limits.counters import counter
from core.pages.handlers import too_many_requests

_FREE = ("/robots.txt/", "/.well-known/", "/metrics/", "/favicon.ico/")
_OF_IPV6 = 8  # bytes of an address that tell clients apart


class LimitsMiddleware:
    """Stands behind what adds headers to all responses, so that a refusal has them too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        admin = "/" + reverse("admin:index").removeprefix(get_script_prefix())
        self.free = (*_FREE, settings.STATIC_URL, admin)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        client = self._client(request) if settings.RATE_LIMIT else None
        if client is None:
            return self.get_response(request)
        mine, spent = allowance(settings.RATE_LIMIT), counter(settings.CACHE_URL)
        state = spent.spend(client, HIT, mine)
        if state and not state.is_allowed:
            response: HttpResponseBase = _refused(request, mine, state)
        else:
            response = self.get_response(request)
            if (rest := units_of(response) - HIT) > 0:
                state = spent.owe(client, rest, mine)
        response.headers["RateLimit-Policy"] = mine.policy
        # A shared cache would hand on to others what is left to one client.
        if state and "no-store" in response.headers.get("Cache-Control", ""):
            response.headers["RateLimit"] = mine.current(state)
        return response

    def _client(self, request: HttpRequest) -> bytes | None:
        """Return whose allowance a request takes from; None if it takes from none."""
        if f"{request.path_info}/".startswith(self.free):
            return None
        return client_key(request.META.get("REMOTE_ADDR") or "", tuple(settings.RATE_LIMIT_EXEMPT))


@lru_cache(maxsize=4096)
def client_key(text: str, exempt: tuple[str, ...]) -> bytes | None:
    """Return what a client is counted by; None if it is exempt, or has no address."""
    address = parse_address(text)
    if address is None or networks(exempt).has(address):
        return None
    return address.packed if address.version == 4 else address.packed[:_OF_IPV6]


def _refused(request: HttpRequest, mine: Allowance, state: State) -> HttpResponseBase:
    seconds = mine.wait(state)
    return too_many_requests(
        request,
        f"Too many requests: your address has used up its {mine.rate} units a minute. Try again in {seconds} s. Whoever"
        f" sends {mine.pace} at most never meets this limit. A larger limit, id__in or expand make one request of many,"
        " and If-None-Match with the ETag of what you have costs least.",
        seconds,
    )
