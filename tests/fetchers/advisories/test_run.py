"""refresh_packages --source advisories against a faked feed: what is read, what is not, and what becomes of it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses
from django.core.management import call_command
from django.db import connection
from pytest_django import DjangoAssertNumQueries, Settings

from fetchers.advisories import run as module
from fetchers.models import Run
from fetchers.refresh import Options, Refresh
from fetchers.summary import Summary
from packages.advisories.models import Advisory, AdvisoryFeed
from packages.facts import Outcome
from packages.models import Package
from tests.conftest import Get
from tests.fetchers.advisories.feed import ROOT, START, Feed, document, stamp
from tests.packages.advisories.advisories import is_vulnerable, package

pytestmark = pytest.mark.django_db
QUARTER = timedelta(minutes=15)
LIST, ARCHIVE = "modified_id.csv", "all.zip"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 29, 0, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def feed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    settings.OSV_URL = ROOT
    monkeypatch.setattr("fetchers.hosts.OSV", None)  # the clock stands still
    feed = Feed()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        feed.serve(wire)
        yield feed


def refresh(clock: Clock, *, later: timedelta = QUARTER, **options: Any) -> Summary:
    clock.now += later
    return Refresh(Options(sources=(), feeds=("advisories",), **options), clock=clock).run()


def filled(feed: Feed, clock: Clock, number: int = 3) -> None:
    """Read a first archive of so many documents."""
    feed.put(*(document(f"X-{each}", f"p{each}") for each in range(number)))
    refresh(clock)
    feed.asked()


def outcomes(summary: Summary) -> dict[Outcome, int]:
    return {outcome: count for outcome, count in summary.tallies["advisories"]["advisories"].outcomes.items() if count}


def test_a_new_advisory_reaches_the_api_with_the_next_run(
    feed: Feed, get: Get, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "is_due", lambda _: True)
    settings.PING_URL = "https://ping.test/"  # which a request would fail for
    shelf = package()
    feed.put(document("X-1", "other"))
    call_command("refresh_packages", source=["advisories"])
    assert "advisories: 1 due, 1 ok" in capsys.readouterr().out
    assert get("packages/?vulnerable=true").json()["count"] == 0
    since = get("changes/?limit=1").json()["newest"]
    feed.put(document("GHSA-aaaa-bbbb-cccc", aliases=["CVE-2026-1"]))
    call_command("refresh_packages", source=["advisories"])
    assert feed.asked() == [LIST, ARCHIVE, LIST, "GHSA-aaaa-bbbb-cccc.json"]
    [found] = get("packages/?vulnerable=true&fields=slug,vulnerable,advisories,health").json()["results"]
    assert (found["slug"], found["vulnerable"], found["health"]["warnings"]) == ("shelf", True, ["vulnerable"])
    assert found["advisories"] == [
        {
            "id": "GHSA-aaaa-bbbb-cccc",
            "aliases": ["CVE-2026-1"],
            "summary": "Shelves fall.",
            "severity": "high",
            "fixed": ["2.0"],
            "affects_latest": True,
            "published": "2026-09-30T20:00:00-04:00",
            "modified": "2026-10-31T20:02:00-04:00",
            "url": "https://osv.dev/vulnerability/GHSA-aaaa-bbbb-cccc",
        }
    ]
    changes = get(f"changes/?since={since}").json()["results"]
    assert {(each["kind"], each["id"]) for each in changes} == {("package", shelf.pk)}
    assert get("packages/?vulnerable=false").json()["count"] == 0


def test_the_first_run_takes_the_archive_and_the_next_nothing(feed: Feed, clock: Clock) -> None:
    feed.put(*(document(f"X-{each}", f"p{each}") for each in range(3)))
    summary = refresh(clock)
    assert feed.asked() == [LIST, ARCHIVE]
    assert outcomes(summary) == {Outcome.OK: 3}
    assert (summary.exit_code, summary.notes) == (0, [])
    assert Advisory.objects.count() == 3
    refresh(clock)
    assert feed.asked() == [LIST]
    assert feed.conditions[0] == {}
    assert set(feed.conditions[1]) == {"If-None-Match", "If-Modified-Since"}
    assert Run.objects.filter(sources=["advisories"], exit_code=0).count() == 2


def test_one_list_in_a_quarter_of_an_hour(feed: Feed, clock: Clock) -> None:
    filled(feed, clock)
    for minutes in (1, 5, 7):
        summary = refresh(clock, later=timedelta(minutes=minutes))
        assert "already" in summary.tallies["advisories"]["advisories"].stopped
        assert (summary.notes, summary.exit_code) == ([], 0)
    assert feed.asked() == []
    refresh(clock, later=timedelta(minutes=2))
    assert feed.asked() == [LIST]
    refresh(clock, later=timedelta(0), everything=True)
    assert feed.asked() == [LIST]


def test_what_changed_is_read_and_nothing_else(feed: Feed, clock: Clock) -> None:
    filled(feed, clock)
    feed.put(document("X-1", "p1", fixed="9"), document("X-7", "p7"))
    summary = refresh(clock)
    assert feed.asked() == [LIST, "X-1.json", "X-7.json"]
    assert outcomes(summary) == {Outcome.OK: 2}
    assert Advisory.objects.get(osv_id="X-1").ranges == [[["introduced", "0"], ["fixed", "9"]]]


def test_the_oldest_first_and_the_rest_by_the_next_runs(
    feed: Feed, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 4)
    filled(feed, clock)
    feed.put(*(document(f"Y-{each}", f"q{each}") for each in range(10)))
    read: list[str] = []
    for number in (4, 4, 2, 0):
        summary = refresh(clock)
        paths = feed.asked()[1:]
        assert len(paths) == number
        assert ("4 documents" in summary.tallies["advisories"]["advisories"].stopped) == (number == 4)
        read += paths
    assert read == [f"Y-{each}.json" for each in range(10)]
    assert not feed.conditions[3]  # something was left, so the whole list was wanted
    assert feed.conditions[-1]


def test_an_old_time_is_not_lost(feed: Feed, clock: Clock) -> None:
    """The feed comes up with a document that is older than all that was read."""
    filled(feed, clock)
    feed.documents["Y-1"] = document("Y-1", modified=stamp(START - timedelta(days=900)))
    refresh(clock)
    assert feed.asked() == [LIST, "Y-1.json"]
    refresh(clock)
    assert feed.asked() == [LIST]


def test_far_behind_takes_the_archive_once_a_day(feed: Feed, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    monkeypatch.setattr(module, "FAR_BEHIND", 5)
    filled(feed, clock)
    feed.archived = dict(feed.documents)  # it is behind the list
    feed.put(*(document(f"Y-{each}", f"q{each}") for each in range(6)))
    refresh(clock, later=timedelta(hours=1))
    assert feed.asked() == [LIST, "Y-0.json", "Y-1.json"]
    feed.put(*(document(f"Z-{each}", f"q{each}") for each in range(6)))
    refresh(clock, later=timedelta(days=1))
    assert feed.asked() == [LIST, ARCHIVE, "Y-2.json", "Y-3.json"]
    refresh(clock)
    assert feed.asked() == [LIST, "Y-4.json", "Y-5.json"]
    feed.archived = None
    refresh(clock, later=timedelta(days=1))
    assert feed.asked() == [LIST, ARCHIVE]
    assert Advisory.objects.count() == 15


def test_what_is_withdrawn_or_has_vanished(feed: Feed, clock: Clock) -> None:
    shelf, board = package(), package("board")
    feed.put(document("X-1"), document("X-2", "board"))
    refresh(clock)
    assert is_vulnerable(shelf)
    assert is_vulnerable(board)
    feed.put(document("X-1", withdrawn="2026-11-02T00:00:00Z"))
    del feed.documents["X-2"]
    refresh(clock)
    assert not is_vulnerable(shelf)
    assert not is_vulnerable(board)
    feed.asked()
    refresh(clock)
    assert feed.asked() == [LIST]  # the one that was withdrawn is known


def test_a_list_that_lacks_much_is_not_believed(feed: Feed, clock: Clock) -> None:
    filled(feed, clock, 60)
    everything = dict(feed.documents)
    feed.documents = dict(list(everything.items())[:30])
    summary = refresh(clock)
    assert "lacks 30 of 60 advisories" in summary.notes[0]
    assert Advisory.objects.count() == 60
    refresh(clock, force=True)
    assert Advisory.objects.count() == 30
    assert feed.asked() == [LIST, LIST, ARCHIVE]


def test_a_document_that_cannot_be_read_costs_the_others_nothing(feed: Feed, clock: Clock) -> None:
    filled(feed, clock)
    feed.put(document("X-0", "p0", fixed="9"), document("X-1", "p1", fixed="9"), document("X-2", "p2", fixed="9"))
    feed.failing["X-0.json"] = 404
    feed.documents["X-1"]["affected"] = "all"
    summary = refresh(clock)
    assert outcomes(summary) == {Outcome.OK: 1, Outcome.NOT_FOUND: 1, Outcome.INVALID: 1}
    assert summary.exit_code == 0
    assert [row.ranges[0][1][1] for row in Advisory.objects.order_by("osv_id")] == ["2.0", "2.0", "9"]
    feed.asked()
    for _ in range(3):
        refresh(clock)
        assert feed.asked() == [LIST, "X-0.json", "X-1.json"]
    assert feed.conditions[-1] == {}
    refresh(clock)
    assert feed.asked() == [LIST]
    assert feed.conditions[-1] != {}  # nothing is left for today
    feed.failing.clear()
    refresh(clock, later=timedelta(days=1))
    assert feed.asked() == [LIST, "X-0.json", "X-1.json"]
    assert Advisory.objects.get(osv_id="X-0").ranges[0][1][1] == "9"


def test_a_single_document_that_cannot_be_read_is_no_fault_of_the_feed(feed: Feed, clock: Clock) -> None:
    filled(feed, clock)
    feed.put(document("X-1", "p1", affected=7))
    summary = refresh(clock)
    assert (outcomes(summary), summary.exit_code) == ({Outcome.INVALID: 1}, 0)


def test_new_ones_come_before_those_that_could_not_be_read(
    feed: Feed, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    filled(feed, clock)
    feed.listed = {"A-1": stamp(START), "A-2": stamp(START)}
    refresh(clock)
    feed.asked()
    feed.put(document("Y-1"))
    refresh(clock)
    assert feed.asked() == [LIST, "Y-1.json", "A-1.json"]


def test_a_document_that_is_older_than_the_list_says_is_read_again(feed: Feed, clock: Clock) -> None:
    filled(feed, clock)
    feed.listed["X-1"] = stamp(START + timedelta(days=2))
    refresh(clock)
    assert feed.asked() == [LIST, "X-1.json"]
    feed.put(document("X-1", "p1", fixed="9"))
    feed.documents["X-1"]["modified"] = stamp(START + timedelta(days=2))
    refresh(clock)
    assert feed.asked() == [LIST, "X-1.json"]
    refresh(clock)
    assert feed.asked() == [LIST]


def test_times_of_another_precision_are_the_same(feed: Feed, clock: Clock) -> None:
    feed.put(document("X-1"), document("X-2"))
    feed.listed = {"X-1": "2026-11-01T00:01:00.987654321Z", "X-2": "2026-11-01T00:02:00Z"}
    feed.documents["X-2"]["modified"] = "2026-11-01T00:02:00.5Z"
    refresh(clock)
    refresh(clock)
    assert feed.asked() == [LIST, ARCHIVE, LIST]


@pytest.mark.parametrize("status", [500, 503, 404, 302])
def test_a_feed_that_cannot_be_read(feed: Feed, clock: Clock, status: int) -> None:
    filled(feed, clock)
    feed.failing[LIST] = status
    summary = refresh(clock)
    assert summary.exit_code == 1
    assert "OSV's feed could not be read" in summary.notes[0]
    assert Advisory.objects.count() == 3
    assert AdvisoryFeed.objects.get().etag  # of the last list


def test_documents_of_which_the_server_breaks_off_are_left_to_the_next_run(feed: Feed, clock: Clock) -> None:
    filled(feed, clock)
    feed.put(*(document(f"Y-{each}", f"q{each}") for each in range(5)))
    feed.failing["Y-2.json"] = 500
    summary = refresh(clock)
    assert outcomes(summary) == {Outcome.OK: 2, Outcome.SERVER_ERROR: 1}
    assert summary.exit_code == 0
    feed.asked()
    feed.failing.clear()
    refresh(clock, later=timedelta(hours=1))
    assert feed.asked() == [LIST, "Y-3.json", "Y-4.json", "Y-2.json"]


def test_a_document_that_the_server_never_gives_holds_up_no_other(feed: Feed, clock: Clock) -> None:
    filled(feed, clock)
    feed.put(*(document(f"Y-{each}", f"q{each}") for each in range(3)))
    feed.failing["Y-0.json"] = 500
    assert refresh(clock).exit_code == 1
    refresh(clock, later=timedelta(hours=1))
    assert sorted(Advisory.objects.filter(osv_id__startswith="Y").values_list("osv_id", flat=True)) == ["Y-1", "Y-2"]
    for _ in range(module.TRIES):
        refresh(clock, later=timedelta(hours=1))
    feed.failing.clear()
    refresh(clock, later=timedelta(hours=1))  # it is never given up for the day: the server may have been down
    assert Advisory.objects.filter(osv_id="Y-0").exists()


def test_an_archive_that_is_behind_brings_nothing_back(feed: Feed, clock: Clock) -> None:
    filled(feed, clock)
    feed.archived = dict(feed.documents)
    feed.put(document("X-0", "p0", fixed="9"))
    del feed.documents["X-1"]
    refresh(clock)
    refresh(clock, force=True)
    assert feed.asked() == [LIST, "X-0.json", LIST, ARCHIVE]
    assert {row.osv_id: row.ranges[0][1][1] for row in Advisory.objects.all()} == {"X-0": "9", "X-2": "2.0"}


def test_what_an_odd_line_may_be_of_is_not_deleted(feed: Feed, clock: Clock) -> None:
    filled(feed, clock, 30)
    time = feed.documents["X-1"]["modified"]
    del feed.documents["X-1"]
    feed.listed[f"{time},X 1"] = "odd"
    refresh(clock)
    assert Advisory.objects.filter(osv_id="X-1").exists()
    del feed.documents["X-2"]
    refresh(clock)
    assert Advisory.objects.count() == 28


def test_an_archive_that_fails_is_taken_by_the_next_run(feed: Feed, clock: Clock) -> None:
    feed.put(document("X-1"))
    feed.failing[ARCHIVE] = 500
    assert refresh(clock).exit_code == 1
    feed.failing.clear()
    assert refresh(clock, later=timedelta(hours=1)).exit_code == 0
    assert Advisory.objects.count() == 1


def test_an_archive_of_odd_documents_is_a_fault(feed: Feed, clock: Clock) -> None:
    feed.put(document("X-1"), document("X-2", affected=7))
    feed.documents |= {"X-3": {"id": "X-4", "modified": stamp(START)}}
    summary = refresh(clock)
    assert "2 of 3 documents of the archive are odd" in summary.notes[0]
    assert Advisory.objects.count() == 1  # what is sound is sound
    assert AdvisoryFeed.objects.get().etag == ""


def test_a_run_of_the_feed_counts_nothing_else(feed: Feed, clock: Clock) -> None:
    filled(feed, clock)
    Run.objects.create(started=clock.now - timedelta(days=8), sources=["advisories"])
    summary = refresh(clock)
    assert (summary.pruned, summary.nothing_to_ask) == (0, {})
    assert Run.objects.count() == 3


def test_a_run_that_is_ended_saves_what_it_has(feed: Feed, clock: Clock) -> None:
    filled(feed, clock)
    feed.put(*(document(f"Y-{each}", f"q{each}") for each in range(5)))
    refresh(clock, budget=0.0)
    assert AdvisoryFeed.objects.get().etag == ""
    refresh(clock)
    assert Advisory.objects.count() == 8


def test_a_dry_run(feed: Feed, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("refresh_packages", source=["advisories"], dry_run=True, json=True)
    assert json.loads(capsys.readouterr().out) == {"due": {"advisories": {"advisories": 1}}}
    assert feed.asked() == []


def test_queries_do_not_grow(feed: Feed, clock: Clock, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    filled(feed, clock)
    for each in range(4):
        package(f"q{each}")
    feed.put(document("Y-0", "q0"))
    refresh(clock)
    feed.put(*(document(f"Y-{each}", f"q{each % 4}") for each in range(12)))
    with django_assert_num_queries(QUERIES):
        refresh(clock)
    assert Package.objects.filter(vulnerable=True).count() == 4


QUERIES = 40 if connection.vendor == "postgresql" else 37
