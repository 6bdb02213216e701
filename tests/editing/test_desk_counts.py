"""The counts of the desk, their chart, and the last runs in words."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from core.signals import housekeeping, refreshed
from editing.desk.chart import chart
from editing.desk.counts import DAYS, States, counts, daily, store
from editing.desk.runs import in_words
from editing.models import DailyCount, EditBatch
from fetchers.models import Run
from fetchers.refresh import Options, Refresh
from packages.models import FetchState, Package
from packages.results import FRESH_FOR
from tests.factories import PackageFactory

NOW = datetime(2026, 11, 28, 17, 0, tzinfo=UTC)
database = pytest.mark.django_db


def package(host: str = "github.com", **state: Any) -> Package:
    number = Package.objects.count()
    created: Package = PackageFactory.create(repo_url=f"https://{host}/a/b{number}", pypi_url=f"p{number}")
    if state:
        target = created.repo_key if state.get("source") == "repo" else created.pypi_name
        defaults = {"outcome": "ok", "next_due": NOW + timedelta(days=3650), "target": target}
        FetchState.objects.create(package=created, **{**defaults, **state})
    return created


@database
def test_every_package_that_can_be_fetched_is_in_one_state() -> None:
    fresh: dict[str, Any] = {"source": "repo", "last_success": NOW - FRESH_FOR["repo"] + timedelta(seconds=1)}
    package(**fresh)
    package(**fresh, failures=1, outcome="timeout")
    package(**fresh, failures=3, outcome="not_found", missing_days=3)
    package(**fresh, failures=2, outcome="not_found", missing_days=2)
    package(**fresh, target="github.com/another/one")
    package(source="repo", last_success=NOW - FRESH_FOR["repo"])
    package()
    package("gitlab.com", **fresh)
    package("elsewhere.example.org", source="pypi", last_success=NOW)
    PackageFactory.create(repo_url="", pypi_url="")
    found = {(each.source, each.host): each.states for each in counts(NOW)}
    assert found == {
        ("repo", "github.com"): States(fresh=1, due=3, failing=2, gone=1),
        ("repo", "gitlab.com"): States(fresh=1),
        ("pypi", ""): States(fresh=1, due=8),
        ("downloads", ""): States(due=9),
    }
    assert next(each.name for each in counts(NOW)) == "Repository at github.com"


@database
def test_due_is_what_a_refresh_would_ask() -> None:
    for hours in (1, 19, 20, 21, 300):
        package(source="repo", last_success=NOW - timedelta(hours=hours))
    [repo] = [each for each in counts(NOW) if each.source == "repo"]
    assert repo.states.due == Package.objects.due("repo", NOW, FRESH_FOR["repo"]).count()


@database
def test_one_count_a_day(django_assert_max_num_queries: Any) -> None:
    item = package(source="repo", last_success=NOW)
    store(NOW - timedelta(days=1))
    with django_assert_max_num_queries(12):
        store(NOW)
    item.delete()
    package("gitlab.com")
    store(NOW + timedelta(hours=1))
    today = timezone.localdate(NOW)
    assert daily("repo", today) == {today - timedelta(days=1): States(fresh=1), today: States(due=1)}
    assert not DailyCount.objects.filter(day=today, host="github.com").exists()
    store(NOW + timedelta(days=402))
    assert not DailyCount.objects.filter(day__lte=today).exists(), "kept for 400 days"
    assert not EditBatch.objects.exists()


@database
def test_a_refresh_stores_them() -> None:
    package("elsewhere.example.org")
    Package.objects.update(pypi_url="")
    Refresh(Options(sources=("repo",), slugs=("none",))).run()
    assert not DailyCount.objects.exists()
    package(source="repo", last_success=timezone.now())
    Refresh(Options(sources=("repo",))).run()
    assert DailyCount.objects.get(source="repo").fresh == 1
    assert Run.objects.latest("pk").finished


@database
def test_what_a_receiver_raises_fails_no_run(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def fail(now: datetime) -> None:
        raise RuntimeError("x")

    monkeypatch.setattr("editing.desk.counts.store", fail)
    assert Refresh(Options(sources=("repo",))).run().exit_code == 0
    assert "RuntimeError: x" in caplog.text
    assert refreshed is not housekeeping


# The chart


def texts(svg: str) -> list[str]:
    return [str(each.text) for each in ET.fromstring(svg).iter() if each.tag.endswith("}text")]


def test_a_chart_has_a_bar_for_each_day() -> None:
    today = date(2026, 11, 28)
    days = {today - timedelta(days=n): States(fresh=5_200, due=90, failing=12 * (n % 2), gone=1) for n in (0, 1, 29)}
    svg = chart("repo", days, today)
    root = ET.fromstring(svg)
    bars = [each.attrib for each in root.iter("{http://www.w3.org/2000/svg}rect") if each.find("./") is not None]
    assert len(bars) == 3 + 4 + 4
    assert {bar["x"] for bar in bars} == {"10", str(8 + 28 * 14 + 2), str(8 + 29 * 14 + 2)}
    assert min(float(bar["height"]) for bar in bars) == 2
    assert all(float(bar["y"]) > 20 and float(bar["y"]) + float(bar["height"]) <= 102.2 for bar in bars)
    assert texts(svg) == ["5,200 fresh", "90 due", "0 failing", "1 gone", "30 October 2026", "28 November 2026"]
    assert "28 November 2026: 5,200 fresh, 90 due, 0 failing, 1 gone" in svg
    assert DAYS == 30


def test_a_chart_without_counts() -> None:
    assert texts(chart("pypi", {}, date(2026, 11, 28))) == ["Counted by each refresh: nothing is yet"]


@database
def test_the_image(editor: Client) -> None:
    DailyCount.objects.create(day=timezone.localdate(), source="repo", fresh=1, due=0, failing=0, gone=0)
    response = editor.get("/admin/desk/chart/repo.svg")
    assert response["Content-Type"] == "image/svg+xml"
    assert response["Content-Security-Policy"].startswith("default-src 'none'")
    assert texts(response.content.decode())[0] == "1 fresh"
    assert editor.get("/admin/desk/chart/nothing.svg").status_code == 404


# Runs in words


def run(summary: Any, **columns: Any) -> Run:
    return Run(**{"started": NOW - timedelta(hours=9), "exit_code": 0, "summary": summary, **columns})


def tally(tried: int = 0, left: int = 0, **outcomes: int) -> dict[str, Any]:
    return {"due": tried + left, "tried": tried, "left": left, "outcomes": outcomes, "stopped": ""}


@pytest.fixture
def in_new_york(settings: Settings) -> None:
    settings.TIME_ZONE = "America/New_York"


@pytest.mark.usefixtures("in_new_york")
def test_runs_in_words() -> None:
    finished = {"finished": NOW - timedelta(hours=9) + timedelta(minutes=4)}
    github = {"repo": {"github.com": tally(5_200, 14, ok=5_188, timeout=9, not_found=3)}, "pypi": {"pypi": tally(14)}}
    assert in_words(run({"sources": github}, **finished), NOW).words == (
        "Today 03:00: 5,214 packages asked, 12 failed (GitHub timed out 9 times, GitHub did not find 3 packages),"
        " 14 left for the next run, 4 minutes"
    )
    quick = {"started": NOW - timedelta(days=1), "finished": NOW - timedelta(days=1) + timedelta(seconds=1)}
    assert in_words(run({}, **quick), NOW).words == "Yesterday 12:00: 0 packages asked, none failed, 1 second"
    long = {"started": NOW - timedelta(days=4), "finished": NOW - timedelta(days=4) + timedelta(hours=3)}
    many = {"pypi": {"pypi": tally(9, server_error=1, rate_limited=2, blocked=2, invalid=2, strange=1)}}
    bad = in_words(run({"sources": many}, exit_code=1, **long), NOW)
    assert bad.is_bad
    assert bad.words == (
        "24 November 12:00: 9 packages asked, 8 failed (PyPI asked to wait 2 times, PyPI blocks 2 packages,"
        " PyPI answered oddly 2 times, …), 3 hours; all that a host was asked for failed"
    )
    wrong = in_words(run({"sources": many}, exit_code=4, **long), NOW)
    assert wrong.is_bad
    assert wrong.words.endswith(
        "3 hours; a host tells the wrong facts, and nothing more of it was saved: see the notes of the run"
    )
    under_way = in_words(run({}), NOW)
    assert (under_way.words, under_way.is_bad) == ("Today 03:00: under way, or it died", False)
    assert in_words(run({}, started=NOW - timedelta(hours=13)), NOW).words == "Yesterday 23:00: it died"


@pytest.mark.parametrize(
    "summary", [None, [], {"sources": None}, {"sources": {"repo": []}}, {"sources": {"x": {"y": 1}}}]
)
def test_odd_summaries(summary: Any) -> None:
    assert "0 packages asked" in in_words(run(summary, finished=NOW), NOW).words


@database
def test_runs_on_the_desk(editor: Client) -> None:
    assert "None yet" in editor.get("/admin/").content.decode()
    row = Run.objects.create(started=timezone.now(), finished=timezone.now(), exit_code=0)
    content = editor.get("/admin/").content.decode()
    assert f'<a href="/admin/fetchers/run/{row.pk}/change/">' in content
