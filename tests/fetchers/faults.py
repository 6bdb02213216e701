"""The fault table: responses that every upstream module must refuse, at each of its requests, and with which error.

The test file of each upstream applies it to its own reader:

    @faults.at_each_step(["project", "status"], accepted={("status", "empty object")})
    def test_faults(wire, upstream, step, fault):
        serve(wire, {step: fault.response})
        faults.check(fault, lambda: read(upstream))

The first step is about the whole package. With `parts`, a fault at a later one costs that part alone.
"""

import gzip
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import requests

from fetchers.network.http import FetchError
from packages.facts import Outcome

NESTED = "[" * 100_000


@dataclass(frozen=True)
class Fault:
    """A response, as arguments of `responses`, and the error that it must raise after that many requests for it.

    `part`: it is about a part of a package, so that the rest is sound. `whole`: it raises even then.
    """

    response: Mapping[str, Any] = field(hash=False)
    outcome: Outcome = Outcome.INVALID
    wait: Any = None
    requests: int = 1
    part: bool = False
    whole: bool = False

    @property
    def upstream_wide(self) -> bool:
        return self.outcome in {Outcome.UNAUTHORIZED, Outcome.RATE_LIMITED} or self.wait is not None


FAULTS: dict[str, Fault] = {
    "404": Fault({"status": 404, "json": {"message": "Not Found"}}, Outcome.NOT_FOUND),
    "404 text": Fault({"status": 404, "body": "404"}, Outcome.NOT_FOUND),
    "410": Fault({"status": 410}, Outcome.GONE),
    "401": Fault({"status": 401, "json": {"message": "Bad credentials"}}, Outcome.UNAUTHORIZED),
    "403": Fault({"status": 403, "json": {"message": "Forbidden"}}, Outcome.PRIVATE),
    "403 HTML": Fault({"status": 403, "body": "<html>"}, Outcome.PRIVATE),
    "403 nothing": Fault({"status": 403}, Outcome.PRIVATE),
    "418": Fault({"status": 418}),
    "429": Fault({"status": 429}, Outcome.RATE_LIMITED, wait=60, requests=3),
    "429 text": Fault({"status": 429, "body": "RATE LIMIT EXCEEDED"}, Outcome.RATE_LIMITED, wait=60, requests=3),
    "429 Retry-After": Fault(
        {"status": 429, "body": "Retry later", "headers": {"Retry-After": "30"}},
        Outcome.RATE_LIMITED,
        wait=30,
        requests=3,
    ),
    "451": Fault({"status": 451}, Outcome.BLOCKED),
    "500": Fault({"status": 500, "json": {"message": "Server Error"}}, Outcome.SERVER_ERROR),
    "500 nothing": Fault({"status": 500}, Outcome.SERVER_ERROR),
    "502 HTML": Fault({"status": 502, "body": "<html>Bad gateway</html>"}, Outcome.SERVER_ERROR),
    "503 Retry-After": Fault(
        {"status": 503, "headers": {"Retry-After": "120"}}, Outcome.SERVER_ERROR, wait=120, requests=3
    ),
    "202": Fault({"status": 202, "json": {}}),
    "204": Fault({"status": 204}),
    "304": Fault({"status": 304}),
    "409": Fault({"status": 409, "json": {}}),
    "redirect loop": Fault({"status": 301}, requests=4),  # a relative link to itself
    "redirect elsewhere": Fault({"status": 301, "headers": {"Location": "https://elsewhere.test/"}}),
    "redirect elsewhere without a scheme": Fault({"status": 302, "headers": {"Location": "//elsewhere.test/"}}),
    "redirect to nonsense": Fault({"status": 302, "headers": {"Location": "https://[::1"}}),
    "read timeout": Fault({"body": requests.ReadTimeout("read")}, Outcome.TIMEOUT),
    "connect timeout": Fault({"body": requests.ConnectTimeout("slow")}, Outcome.TIMEOUT),
    "reset": Fault({"body": requests.ConnectionError(ConnectionResetError(104, "reset"))}, Outcome.SERVER_ERROR),
    "reset text": Fault({"body": requests.ConnectionError("reset")}, Outcome.SERVER_ERROR),
    "HTML": Fault({"body": "<html>Sign in</html>"}),
    "nothing": Fault({"body": ""}),
    "cut short": Fault({"body": '[{"id": 1, "descr'}),
    "not UTF-8": Fault({"body": b'{"id": "\xff"}'}),
    "nested": Fault({"body": NESTED}),
    "a long number": Fault({"body": "9" * 5_000}),
    "NaN": Fault({"body": "NaN"}),
    "null": Fault({"body": "null"}),
    "a text": Fault({"json": "[]"}),
    "a list": Fault({"json": []}),
    "list of lists": Fault({"json": [[]]}),
    "list of empty objects": Fault({"json": [{}]}),
    "empty object": Fault({"json": {}}),
    "nonsense": Fault({"json": {"id": -1, "stargazers_count": "many", "data": []}}),
    "huge": Fault({"body": b" " * (5 * 1024 * 1024 + 1)}),
    "zip bomb": Fault({"body": gzip.compress(b" " * 9_000_000), "headers": {"Content-Encoding": "gzip"}}),
}


def at_each_step(
    steps: Sequence[str],
    *,
    table: Mapping[str, Fault] = FAULTS,
    authenticated: bool = True,
    accepted: Collection[tuple[str, str]] = (),
    parts: bool = False,
    instead: Mapping[tuple[str, str], Outcome] | None = None,
) -> pytest.MarkDecorator:
    """Parametrize a test with `step` and `fault`: each fault of the table at each request of an upstream, in order.

    `accepted` are pairs of step and fault that are valid responses of this upstream, and have tests of their own.
    `parts`: each later step is about a part. `instead` has other outcomes for pairs of step and fault.
    """
    cases = []
    for place, step in enumerate(steps):
        for name, fault in table.items():
            if (step, name) in accepted:
                continue
            outcome = (instead or {}).get((step, name), fault.outcome)
            if outcome is Outcome.UNAUTHORIZED and not authenticated:
                outcome = Outcome.PRIVATE
            case = replace(fault, outcome=outcome, part=bool(place and parts))
            cases.append(pytest.param(step, case, id=f"{step}-{name}"))
    return pytest.mark.parametrize(("step", "fault"), cases)


def check(fault: Fault, read: Callable[[], Any]) -> None:
    """Check that `read` fails as the fault demands, with an error in one line; or names the odd part in one line."""
    if fault.part and not (fault.upstream_wide or fault.whole):
        odd = read().odd
        assert odd
        assert not any("\n" in each for each in odd)
        return
    with pytest.raises(FetchError) as failed:
        read()
    error = failed.value
    assert error.outcome is fault.outcome
    assert error.upstream_wide is fault.upstream_wide
    assert error.wait == fault.wait
    assert "\n" not in str(error)
