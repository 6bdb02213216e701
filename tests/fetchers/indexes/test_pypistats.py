"""fetchers.indexes.pypistats: downloads of the last month, and their faults."""

from typing import Any

import pytest
import responses

from fetchers.indexes import pypistats
from fetchers.network.http import Upstream
from packages.facts import DownloadFacts, Fetched, FetchTarget
from tests.fetchers import faults
from tests.fetchers.faults import Fault
from tests.fetchers.upstreams import make_upstream

URL = "https://stats.test/api/packages/my-project/recent"
TARGET = FetchTarget(7, pypi_name="my-project")
GOOD = {
    "data": {"last_day": 1, "last_month": 1234, "last_week": 7},
    "package": "my-project",
    "type": "recent_downloads",
}


@pytest.fixture
def upstream() -> Upstream:
    return make_upstream("pypistats", "https://stats.test/api")


def test_downloads(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(URL, json=GOOD)
    assert pypistats.read(upstream, TARGET) == Fetched(DownloadFacts(1234), {})


def test_more_downloads_than_32_bits_hold(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(URL, json=GOOD | {"data": {"last_month": 2_200_000_000}})
    assert pypistats.read(upstream, TARGET).facts == DownloadFacts(2_200_000_000)


INVALID: dict[str, Any] = {
    "another project": GOOD | {"package": "other"},
    "no data": GOOD | {"data": None},
    "negative": GOOD | {"data": {"last_month": -1}},
    "absurd": GOOD | {"data": {"last_month": 2**63}},
    "no number": GOOD | {"data": {"last_day": 5}},
    "null": GOOD | {"data": {"last_month": None}},
    "NaN": GOOD | {"data": {"last_month": float("nan")}},
    "text": GOOD | {"data": {"last_month": "1"}},
}


@faults.at_each_step(["downloads"], authenticated=False)
def test_faults(wire: responses.RequestsMock, upstream: Upstream, step: str, fault: Fault) -> None:
    wire.get(URL, **fault.response)
    faults.check(fault, lambda: pypistats.read(upstream, TARGET))
    assert len(wire.calls) == fault.requests


@pytest.mark.parametrize("document", INVALID.values(), ids=INVALID)
def test_invalid_documents(wire: responses.RequestsMock, upstream: Upstream, document: dict[str, Any]) -> None:
    wire.get(URL, json=document)
    faults.check(Fault({}), lambda: pypistats.read(upstream, TARGET))
