"""Api: pages of a v4 API, requested one at a time on one host, with pauses and retries where it fails."""

import json
from itertools import pairwise
from typing import Any

import pytest
import requests
import responses

from fetchers.mirror import importer, sources
from fetchers.mirror.importer import import_catalogue
from fetchers.mirror.sources import TRIES, Api
from fetchers.network.http import HttpSession
from packages.models import Package
from tests.documents import ROOT, FakeApi, small_catalogue
from tests.fetchers.mirror.importing import RecordedReport, all_rows

pytestmark = pytest.mark.django_db

HTML = (200, {"Content-Type": "text/html"}, "<!doctype html><title>Down for maintenance</title>")


def run(slept: list[float] | None = None, root: str = ROOT, *, prune: bool = False) -> RecordedReport:
    report = RecordedReport()
    source = Api(root, HttpSession("package-grids/test"), ([] if slept is None else slept).append)
    import_catalogue(source, report, prune=prune)
    return report


def ids() -> list[int]:
    return list(Package.objects.order_by("pk").values_list("pk", flat=True))


def test_each_page_is_requested_once(wire: responses.RequestsMock) -> None:
    api = FakeApi(wire, small_catalogue())
    slept: list[float] = []
    report = run(slept)
    assert (report.exit_code, report.lines, slept) == (0, [], [])
    assert ids() == [100, 101, 102, 103, 104]
    assert api.requested == [
        "",
        "categories/?limit=100",
        "grids/?limit=100",
        "packages/?limit=100",
        "packages/?limit=100&offset=2",
        "packages/?limit=100&offset=4",
    ]
    assert api.agents == {"package-grids/test"}


def test_a_root_url_without_its_last_slash(wire: responses.RequestsMock) -> None:
    FakeApi(wire, small_catalogue())
    assert run(root=ROOT.rstrip("/")).exit_code == 0


def test_a_500_is_retried_after_growing_pauses(wire: responses.RequestsMock) -> None:
    api = FakeApi(wire, small_catalogue())
    api.faults["packages/?limit=100&offset=2"] = [(500, {}, "oh"), (500, {}, "oh")]
    slept: list[float] = []
    report = run(slept)
    assert (report.exit_code, report.lines) == (0, [])
    assert len(slept) == 2
    assert slept[0] < slept[1]
    assert len(ids()) == 5


def test_retry_after_is_respected_up_to_two_minutes(wire: responses.RequestsMock) -> None:
    api = FakeApi(wire, small_catalogue())
    api.faults["grids/?limit=100"] = [(429, {"Retry-After": "17"}, ""), (503, {"Retry-After": "99999"}, "")]
    slept: list[float] = []
    assert run(slept).exit_code == 0
    assert slept == [17.0, 120.0]


@pytest.mark.parametrize("fault", [requests.ConnectionError("reset"), requests.ReadTimeout("slow")])
def test_a_dropped_connection_is_retried(wire: responses.RequestsMock, fault: Exception) -> None:
    api = FakeApi(wire, small_catalogue())
    api.faults["packages/?limit=100"] = [fault]
    assert run().exit_code == 0


def test_a_source_that_fails_leaves_whole_batches_and_the_next_import_adds_the_rest(
    wire: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "BATCH", 2)
    api = FakeApi(wire, small_catalogue(), page=1)
    api.faults["packages/?limit=100&offset=3"] = [requests.ConnectionError("gone")] * TRIES
    report = run()
    assert report.exit_code == 1
    assert report.source_error.startswith(f"{ROOT}packages/?limit=100&offset=3 ")
    assert ids() == [100, 101, 102]
    assert list(Package.objects.get(pk=100).memberships.values_list("grid", flat=True)) == [7]
    assert run().exit_code == 0
    assert len(ids()) == 5


def test_nothing_is_pruned_if_the_source_fails(wire: responses.RequestsMock) -> None:
    api = FakeApi(wire, small_catalogue())
    run()
    api.documents["packages"] = api.documents["packages"][:3]
    api.faults["packages/?limit=100&offset=2"] = [(404, {}, "")]
    assert run(prune=True).exit_code == 1
    assert len(ids()) == 5
    assert run(prune=True).exit_code == 0
    assert len(ids()) == 3


def test_documents_of_a_repeated_page_are_stored_once(wire: responses.RequestsMock) -> None:
    api = FakeApi(wire, small_catalogue())
    again = api.page_of("packages", 0) | {"next": f"{ROOT}packages/?limit=100&offset=2"}
    api.faults["packages/?limit=100"] = [(200, {}, json.dumps(again | {"next": f"{ROOT}packages/?limit=100&x=1"}))]
    api.faults["packages/?limit=100&x=1"] = [(200, {}, json.dumps(again))]
    report = run()
    assert (report.exit_code, report.lines) == (0, [])
    assert len(ids()) == 5


def test_a_loop_of_next_links_ends(wire: responses.RequestsMock) -> None:
    api = FakeApi(wire, small_catalogue())
    back = api.page_of("packages", 2) | {"next": f"{ROOT}packages/?limit=100"}
    api.faults["packages/?limit=100&offset=2"] = [(200, {}, json.dumps(back))]
    report = run()
    assert report.exit_code == 1
    assert "form a loop" in report.source_error
    assert ids() == [100, 101, 102, 103]


@pytest.mark.parametrize(("count", "pages"), [(0, 3), (5, 6), (None, 3), ("9", 3), (-1, 3)])
def test_an_endless_list_ends(
    wire: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch, count: Any, pages: int
) -> None:
    """The pages that `count` promises, and some more: the list may have grown meanwhile."""
    monkeypatch.setattr(sources, "MORE_PAGES", 3)
    api = FakeApi(wire, small_catalogue())
    paths = ["packages/?limit=100", *(f"packages/?page={number}" for number in range(1, 20))]
    for path, following in pairwise(paths):
        page = api.page_of("packages", 0) | {"count": count, "next": ROOT + following}
        api.faults[path] = [(200, {}, json.dumps(page))]
    report = run()
    assert report.exit_code == 1
    assert report.source_error.endswith("is 3 pages beyond the `count` of the list: `next` does not end")
    assert [path for path in api.requested if path.startswith("packages/")] == paths[:pages]
    assert ids() == [100, 101]


def test_a_list_may_be_as_long_as_the_limit(wire: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MORE_PAGES", 0)
    FakeApi(wire, small_catalogue())
    assert run().exit_code == 0
    assert len(ids()) == 5


@pytest.mark.parametrize("target", ["https://evil.test/api/v4/packages/", "http://catalogue.test/api/v4/", "//[", 5])
def test_a_next_link_to_another_host_is_not_followed(wire: responses.RequestsMock, target: Any) -> None:
    api = FakeApi(wire, small_catalogue())
    api.faults["packages/?limit=100"] = [(200, {}, json.dumps(api.page_of("packages", 0) | {"next": target}))]
    report = run()
    assert report.exit_code == 1
    assert "`next`" in report.source_error
    assert ids() == [100, 101]


def test_links_of_the_root_to_another_host_are_not_followed(wire: responses.RequestsMock) -> None:
    """A copy of another site that serves the original's root document has such links."""
    api = FakeApi(wire, small_catalogue())
    api.faults[""] = [(200, {}, json.dumps({"packages": "https://original.test/api/v4/packages/"}))]
    assert run().exit_code == 0


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_only_redirects_to_the_same_host_are_followed(wire: responses.RequestsMock, status: int) -> None:
    api = FakeApi(wire, small_catalogue())
    api.faults["grids/?limit=100"] = [(status, {"Location": "/api/v4/grids/?limit=100&moved=1"}, "")]
    assert run().exit_code == 0
    api.faults["grids/?limit=100"] = [(status, {"Location": "https://evil.test/"}, "")]
    assert "another host" in run().source_error
    api.faults["grids/?limit=100"] = [(status, {"Location": "/api/v4/grids/?limit=100"}, "")] * 9
    assert "redirect" in run().source_error


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (HTML, "JSON"),
        ((200, {}, '{"results": ['), "JSON"),
        ((200, {}, "[" * 100_000), "JSON"),
        ((200, {}, "9" * 5_000), "JSON"),
        ((200, {}, "[]"), "not the root of a v4 API"),
        ((404, {}, "{}"), "404"),
        ((401, {}, "{}"), "401"),
        ((200, {}, " " * 21_000_000), "more than 20,971,520 bytes"),
    ],
)
def test_a_source_that_is_no_catalogue(wire: responses.RequestsMock, fault: Any, reason: str) -> None:
    api = FakeApi(wire, small_catalogue())
    api.faults[""] = [fault]
    report = run()
    assert report.exit_code == 2
    assert reason in report.source_error
    assert api.requested == [""]
    assert all_rows() == [[], [], [], []]


@pytest.mark.parametrize("page", [HTML, (200, {}, "[]"), (200, {}, '{"results": {}}'), (200, {}, "null")])
def test_documents_before_a_page_that_is_no_list_are_stored(wire: responses.RequestsMock, page: Any) -> None:
    api = FakeApi(wire, small_catalogue())
    api.faults["packages/?limit=100&offset=2"] = [page]
    assert run().exit_code == 1
    assert ids() == [100, 101]


def test_only_the_invalid_documents_of_a_page_are_skipped(wire: responses.RequestsMock) -> None:
    """A lone surrogate, a NUL and a NaN are valid in a page as JSON is parsed; their documents are skipped."""
    documents = small_catalogue()
    documents["packages"][1]["title"] = "\ud800"
    documents["packages"][2]["repo_description"] = "\0"
    documents["packages"][3]["repo_forks"] = float("nan")
    FakeApi(wire, documents)
    report = run()
    assert report.exit_code == 1
    assert [line.split(":")[1] for line in report.lines] == [
        " package 101 (package-101)",
        " package 102 (package-102)",
        " package 103 (package-103)",
    ]
    assert ids() == [100, 104]
