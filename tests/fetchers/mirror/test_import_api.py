"""import_catalogue from a v4 API: polite, patient, and whole batches whatever the source does."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import responses
from django.core.management import call_command

from fetchers.mirror import importer as importing
from fetchers.mirror.importer import import_catalogue
from fetchers.mirror.sources import TRIES, Api
from fetchers.network.http import HttpSession
from packages.models import Package
from tests.documents import ROOT, FakeApi, catalogue, category, grid, package
from tests.fetchers.mirror.test_import_folder import Told, everything

pytestmark = pytest.mark.django_db

HTML = (200, {"Content-Type": "text/html"}, "<!doctype html><title>Down for maintenance</title>")


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        yield wire


def whole() -> dict[str, list[Any]]:
    return catalogue([category()], [grid(7, [100])], [package(100, grids=[7]), *map(package, range(101, 105))])


def run(slept: list[float] | None = None, root: str = ROOT, *, prune: bool = False) -> Told:
    told = Told()
    source = Api(root, HttpSession("package-grids/test"), ([] if slept is None else slept).append)
    import_catalogue(source, told, prune=prune)
    return told


def ids() -> list[int]:
    return list(Package.objects.order_by("pk").values_list("pk", flat=True))


def test_all_pages_are_walked_one_request_each(wire: responses.RequestsMock) -> None:
    api = FakeApi(wire, whole())
    slept: list[float] = []
    told = run(slept)
    assert (told.exit_code, told.lines, slept) == (0, [], [])
    assert ids() == [100, 101, 102, 103, 104]
    assert api.asked == [
        "",
        "categories/?limit=100",
        "grids/?limit=100",
        "packages/?limit=100",
        "packages/?limit=100&offset=2",
        "packages/?limit=100&offset=4",
    ]
    assert api.agents == {"package-grids/test"}


def test_a_root_without_its_last_slash(wire: responses.RequestsMock) -> None:
    FakeApi(wire, whole())
    assert run(root=ROOT.rstrip("/")).exit_code == 0


def test_two_500s_and_then_200_is_patience_not_failure(wire: responses.RequestsMock) -> None:
    api = FakeApi(wire, whole())
    api.faults["packages/?limit=100&offset=2"] = [(500, {}, "oh"), (500, {}, "oh")]
    slept: list[float] = []
    told = run(slept)
    assert (told.exit_code, told.lines) == (0, [])
    assert len(slept) == 2
    assert slept[0] < slept[1]
    assert len(ids()) == 5


def test_retry_after_is_obeyed(wire: responses.RequestsMock) -> None:
    api = FakeApi(wire, whole())
    api.faults["grids/?limit=100"] = [(429, {"Retry-After": "17"}, ""), (503, {"Retry-After": "99999"}, "")]
    slept: list[float] = []
    assert run(slept).exit_code == 0
    assert slept == [17.0, 120.0]


@pytest.mark.parametrize("fault", [requests.ConnectionError("reset"), requests.ReadTimeout("slow")])
def test_a_dropped_connection_is_tried_again(wire: responses.RequestsMock, fault: Exception) -> None:
    api = FakeApi(wire, whole())
    api.faults["packages/?limit=100"] = [fault]
    assert run().exit_code == 0


def test_a_source_that_dies_half_way_leaves_whole_batches_and_the_next_run_completes_them(
    wire: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 2)
    api = FakeApi(wire, whole(), page=1)
    api.faults["packages/?limit=100&offset=3"] = [requests.ConnectionError("gone")] * TRIES
    told = run()
    assert told.exit_code == 1
    assert told.broke_off.startswith(f"{ROOT}packages/?limit=100&offset=3 broke off")
    assert ids() == [100, 101, 102]
    assert list(Package.objects.get(pk=100).memberships.values_list("grid", flat=True)) == [7]
    assert run().exit_code == 0
    assert len(ids()) == 5


def test_a_source_that_dies_half_way_prunes_nothing(wire: responses.RequestsMock) -> None:
    api = FakeApi(wire, whole())
    run()
    api.documents["packages"] = api.documents["packages"][:3]
    api.faults["packages/?limit=100&offset=2"] = [(404, {}, "")]
    assert run(prune=True).exit_code == 1
    assert len(ids()) == 5
    assert run(prune=True).exit_code == 0
    assert len(ids()) == 3


def test_a_repeated_page_is_taken_once(wire: responses.RequestsMock) -> None:
    api = FakeApi(wire, whole())
    again = api.page_of("packages", 0) | {"next": f"{ROOT}packages/?limit=100&offset=2"}
    api.faults["packages/?limit=100"] = [(200, {}, json.dumps(again | {"next": f"{ROOT}packages/?limit=100&x=1"}))]
    api.faults["packages/?limit=100&x=1"] = [(200, {}, json.dumps(again))]
    told = run()
    assert (told.exit_code, told.lines) == (0, [])
    assert len(ids()) == 5


def test_a_circle_of_next_links_ends(wire: responses.RequestsMock) -> None:
    api = FakeApi(wire, whole())
    back = api.page_of("packages", 2) | {"next": f"{ROOT}packages/?limit=100"}
    api.faults["packages/?limit=100&offset=2"] = [(200, {}, json.dumps(back))]
    told = run()
    assert told.exit_code == 1
    assert "go in a circle" in told.broke_off
    assert ids() == [100, 101, 102, 103]


@pytest.mark.parametrize("target", ["https://evil.test/api/v4/packages/", "http://catalogue.test/api/v4/", "//[", 5])
def test_next_stays_on_the_host(wire: responses.RequestsMock, target: Any) -> None:
    api = FakeApi(wire, whole())
    api.faults["packages/?limit=100"] = [(200, {}, json.dumps(api.page_of("packages", 0) | {"next": target}))]
    told = run()
    assert told.exit_code == 1
    assert "`next`" in told.broke_off
    assert ids() == [100, 101]


def test_a_root_that_names_another_host_is_not_followed_there(wire: responses.RequestsMock) -> None:
    """As a mirror does that replays its original's root document."""
    api = FakeApi(wire, whole())
    api.faults[""] = [(200, {}, json.dumps({"packages": "https://original.test/api/v4/packages/"}))]
    assert run().exit_code == 0


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_followed_on_the_host_alone(wire: responses.RequestsMock, status: int) -> None:
    api = FakeApi(wire, whole())
    api.faults["grids/?limit=100"] = [(status, {"Location": "/api/v4/grids/?limit=100&moved=1"}, "")]
    assert run().exit_code == 0
    api.faults["grids/?limit=100"] = [(status, {"Location": "https://evil.test/"}, "")]
    assert "redirects to another host" in run().broke_off
    circle = "/api/v4/grids/?limit=100"
    api.faults["grids/?limit=100"] = [(status, {"Location": circle}, "")] * 9
    assert "redirects too often" in run().broke_off


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (HTML, "does not answer in JSON"),
        ((200, {}, '{"results": ['), "does not answer in JSON"),
        ((200, {}, "[" * 100_000), "does not answer in JSON"),
        ((200, {}, "9" * 5_000), "does not answer in JSON"),
        ((200, {}, "[]"), "not the root of a v4 API"),
        ((404, {}, "{}"), "answers 404"),
        ((401, {}, "{}"), "answers 401"),
        ((200, {}, " " * 21_000_000), "sends more than 20,971,520 bytes"),
    ],
)
def test_a_source_that_is_no_catalogue(wire: responses.RequestsMock, fault: Any, why: str) -> None:
    api = FakeApi(wire, whole())
    api.faults[""] = [fault]
    told = run()
    assert told.exit_code == 2
    assert why in told.broke_off
    assert api.asked == [""]
    assert everything() == [[], [], [], []]


@pytest.mark.parametrize("page", [HTML, (200, {}, "[]"), (200, {}, '{"results": {}}'), (200, {}, "null")])
def test_a_list_that_turns_into_something_else(wire: responses.RequestsMock, page: Any) -> None:
    api = FakeApi(wire, whole())
    api.faults["packages/?limit=100&offset=2"] = [page]
    assert run().exit_code == 1
    assert ids() == [100, 101]


def test_documents_are_judged_one_by_one(wire: responses.RequestsMock) -> None:
    """A lone surrogate, a NUL and a NaN travel in valid pages: their documents alone are refused."""
    documents = whole()
    documents["packages"][1]["title"] = "\ud800"
    documents["packages"][2]["repo_description"] = "\0"
    documents["packages"][3]["repo_forks"] = float("nan")
    FakeApi(wire, documents)
    told = run()
    assert told.exit_code == 1
    assert [line.split(":")[1] for line in told.lines] == [
        " package 101 (package-101)",
        " package 102 (package-102)",
        " package 103 (package-103)",
    ]
    assert ids() == [100, 104]


def test_the_command_says_who_it_is(wire: responses.RequestsMock, settings: Any, capsys: Any) -> None:
    settings.SITE_URL = "https://mirror.test"
    api = FakeApi(wire, whole())
    call_command("import_catalogue", ROOT)
    assert api.agents == {f"package-grids/{settings.VERSION} (import_catalogue; +https://mirror.test)"}
    assert "packages: 5 read, 5 created, 0 unchanged" in capsys.readouterr().out


def test_ctrl_c_ends_in_good_order(wire: responses.RequestsMock, capsys: Any) -> None:
    api = FakeApi(wire, whole())
    api.faults["packages/?limit=100&offset=2"] = [KeyboardInterrupt()]
    with pytest.raises(SystemExit) as ended:
        call_command("import_catalogue", ROOT)
    assert ended.value.code == 130
    assert "interrupted" in capsys.readouterr().err
