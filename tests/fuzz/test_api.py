"""The API under many generated requests: no 5xx, and every response as its schema says.

`make fuzz` sends 50,000 of them, and prints how many there were of each kind.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from schemathesis.specs.openapi.checks import response_schema_conformance

from tests.core.api.test_formats import BROWSER
from tests.core.api.test_schema import (
    CHECKS,
    OPERATIONS,
    REQUESTS,
    _one_connection,  # noqa: F401 (a fixture)
    _rich_sample,  # noqa: F401 (a fixture)
)
from tests.core.test_charsets import ServedClient
from tests.fuzz import budget, raw

pytestmark = [pytest.mark.more, pytest.mark.django_db]
FORMS = {"JSON": "*/*", "a page": BROWSER}
QUIET = settings(suppress_health_check=[*HealthCheck], deadline=None, database=None)
MOST_FAILURES = 10


@dataclass
class Tally:
    """The requests that were sent, by kind and status, their distinct URLs, and the failures."""

    sent: Counter[tuple[str, int]] = field(default_factory=Counter)
    urls: set[int] = field(default_factory=set)
    failures: dict[Any, str] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)

    def add(self, kind: str, status: int, url: str) -> None:
        self.sent[kind, status] += 1
        self.urls.add(hash(url))

    def run(self, key: Any, check: Callable[[], None]) -> None:
        """Run a check; once it has failed, it is left out."""
        if key in self.failures or len(self.failures) >= MOST_FAILURES:
            return
        try:
            check()
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 (all that fail are listed together)
            notes = "\n".join(getattr(error, "__notes__", ()))
            self.failures[key] = f"{key}: {error!r:.3000}\n{notes:.3000}"
            self.say(f"{key}: {error!r:.1000}")

    @staticmethod
    def say(line: str) -> None:
        """Print a line; to the stream that workers of pytest share with it."""
        sys.stderr.write(line + "\n")

    def report(self) -> None:
        seconds = time.monotonic() - self.begun
        lines = [f"{self.sent.total():,} requests, {len(self.urls):,} distinct URLs, {seconds:.0f} s"]
        lines += [f"  {kind}, {status}: {number:,}" for (kind, status), number in sorted(self.sent.items())]
        self.say("\n" + "\n".join(lines))
        assert not self.failures, "\n\n".join(self.failures.values())


def check(case: Any, form: str, tally: Tally) -> None:
    """Send a request, for JSON or for a page, and check the response."""
    response = case.call(headers={"Accept": FORMS[form], "Accept-Encoding": "identity"})
    tally.add(f"{form}, {case.meta.generation.mode.value}", response.status_code, response.request.url or "")
    if response.status_code == 414:  # of the server, which takes no longer line
        assert len(response.request.url or "") > 8_000
    elif response.headers.get("content-type", [""])[0].startswith("text/html"):
        check_page(case, response)
    else:
        # What the schema requires, a request for some keys alone leaves out.
        is_whole = (case.query or {}).get("fields", "all") == "all"
        checks = CHECKS if is_whole else [each for each in CHECKS if each is not response_schema_conformance]
        case.validate_response(response, checks=checks)


def check_page(case: Any, response: Any) -> None:
    """Check that a page is whole, and has a status that is described, or leads to its URL without empty parameters: the
    schema says nothing else of pages."""
    described = {*case.operation.definition.raw["responses"], "302"}
    assert response.status_code < 500, response.request.url
    assert str(response.status_code) in described, response.request.url
    is_whole = response.status_code in {301, 302} or response.content.rstrip().endswith(b"</html>")
    assert is_whole, response.request.url


def of_operation(label: str, mode: Any, examples: int, turn: int, tally: Tally) -> Callable[[], None]:
    @seed(turn)
    @given(case=OPERATIONS[label].as_strategy(generation_mode=mode))
    @settings(QUIET, max_examples=examples)
    def checked(case: Any) -> None:
        for form in FORMS:
            check(case, form, tally)

    return checked


def shares(total: int) -> dict[Any, int]:
    """Return how many requests each operation gets in a round: more, the more parameters it has."""
    weights = {(label, mode): 1 + len(list(OPERATIONS[label].query)) for label, mode in REQUESTS}
    whole = sum(weights.values()) * len(FORMS)
    return {key: max(2, total * weight // whole) for key, weight in weights.items()}


@pytest.mark.usefixtures("_rich_sample", "_one_connection")
@pytest.mark.parametrize("part", range(budget.PARTS))
def test_generated_requests(part: int) -> None:
    """In rounds, since some operations have few different requests: each round begins elsewhere."""
    tally, turn, most = Tally(), 1_000_000 * part + budget.SEED, budget.REQUESTS // budget.PARTS
    while (left := most - tally.sent.total()) > 0 and len(tally.failures) < MOST_FAILURES:
        for (label, mode), examples in shares(min(left, 5_000)).items():
            turn += 1
            tally.run((label, mode.value), of_operation(label, mode, examples, turn, tally))
        tally.say(f"part {part}: {tally.sent.total():,} of {most:,}")
    tally.report()


@pytest.mark.usefixtures("_rich_sample")
def test_requests_that_no_schema_would_make() -> None:
    """Bytes that are no text, names and values of one parameter in another, any method and header: of v4 and of v3."""
    tally, client = Tally(), ServedClient()

    @seed(budget.SEED)
    @given(request=raw.REQUESTS)
    @settings(QUIET, max_examples=budget.RAW)
    def checked(request: raw.Request) -> None:
        response = raw.send(client, request)
        tally.add(f"raw {request.method}", response.status_code, request.url)
        raw.check(request, response)

    tally.run("raw", checked)
    tally.report()
