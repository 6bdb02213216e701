"""/metrics: for those who have the token, the metrics of requests, and those that are read from the database."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoAssertNumQueries, Settings

from config import probes
from config.metrics import stored
from core import hooks
from core.dumps import FileEntry, Manifest, name_at
from core.hooks import Measured
from editing.desk.lists import LISTS
from fetchers.metrics import LOOKED_AT
from fetchers.models import HostRateLimit, Run
from packages.models import FetchState, Package
from tests.factories import GridFactory, PackageFactory

pytestmark = pytest.mark.django_db
TOKEN = "0123456789abcdef0123"
ASK = {"authorization": f"Bearer {TOKEN}", "host": "10.0.0.7:8000"}
Metrics = dict[str, dict[tuple[str, ...], float]]


@pytest.fixture(autouse=True)
def _token(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.METRICS_TOKEN = TOKEN
    monkeypatch.setattr(stored, "STORED", stored.Stored())
    monkeypatch.setattr(probes, "KEPT_SECONDS", 0.0)


def metrics(client: Client) -> Metrics:
    """Return the samples of all metrics by name and values of labels, in the order of the names of these."""
    response = client.get("/metrics", headers=ASK)
    assert response.status_code == 200
    found: Metrics = {}
    for family in text_string_to_metric_families(response.content.decode()):
        assert family.documentation
        for sample in family.samples:
            found.setdefault(sample.name.removeprefix("package_grids_"), {})[tuple(sample.labels.values())] = (
                sample.value
            )
    return found


@pytest.mark.parametrize(
    "header", ["", TOKEN, f"bearer {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ", "Bearer \u00e9"]
)
def test_without_the_token_there_is_nothing(client: Client, settings: Settings, header: str) -> None:
    headers = {"authorization": header} if header else {}
    missing, response = (client.get(path, headers=headers) for path in ("/no-such-path", "/metrics"))
    assert response.status_code == missing.status_code == 404
    assert response.content.replace(b"/metrics", b"/no-such-path") == missing.content
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers=headers).status_code == 404


def test_what_is_sent(client: Client) -> None:
    response = client.get("/metrics", headers=ASK)
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Type"].startswith("text/plain; version=")
    assert int(response["Content-Length"]) == len(response.content)
    head = client.head("/metrics", headers=ASK)
    assert (head.status_code, head.content) == (200, b"")
    assert client.post("/metrics", headers=ASK).status_code == 405
    openmetrics = client.get("/metrics", headers=ASK | {"accept": "application/openmetrics-text; version=1.0.0"})
    assert openmetrics["Content-Type"].startswith("application/openmetrics-text")
    assert openmetrics.content.endswith(b"# EOF\n")


def test_the_site_and_its_requests(client: Client, settings: Settings) -> None:
    client.get("/api/v4/packages/")
    found = metrics(client)
    assert found["info"] == {(settings.VERSION,): 1}
    assert found["ready"] == {(part,): 1 for part in ("database", "migrations", "triggers", "cache")}
    assert found["requests_total"]["GET", "200", "package-list"] >= 1
    assert found["requests_in_flight"] == {(): 1}, "this one"


def test_all_names_and_labels_are_of_the_conventions(client: Client) -> None:
    for name, numbers in metrics(client).items():
        assert name == name.lower()
        assert not name.endswith(("_ms", "_minutes", "_hours", "_mb"))
        assert not any("/" in label for labels in numbers for label in labels)


def package(host: str, **state: Any) -> Package:
    created: Package = PackageFactory.create(repo_url=f"https://{host}/a/b{Package.objects.count()}", pypi_url="")
    if state:
        defaults = {"source": "repo", "outcome": "ok", "next_due": datetime.now(UTC), "target": created.repo_key}
        FetchState.objects.create(package=created, **defaults | state)
    return created


def test_packages_and_the_age_of_their_facts(client: Client) -> None:
    now = datetime.now(UTC)
    package("github.com", last_success=now - timedelta(hours=1))
    package("github.com", last_success=now - timedelta(days=3), failures=1, outcome="timeout")
    package("github.com", last_success=now - timedelta(days=90), failures=9, outcome="not_found", missing_days=9)
    package("gitlab.com")
    found = metrics(client)
    assert {key: number for key, number in found["packages"].items() if number} == {
        ("github.com", "repo", "fresh"): 1,
        ("github.com", "repo", "failing"): 1,
        ("github.com", "repo", "gone"): 1,
        ("gitlab.com", "repo", "due"): 1,
    }
    assert found["refresh_age_seconds"] == {("github.com", "repo"): pytest.approx(3600, abs=60)}
    assert found["refresh_lag_seconds"] == {("github.com", "repo"): pytest.approx(3 * 86400, abs=60)}


def test_the_last_run_of_each_source(client: Client) -> None:
    now = datetime.now(UTC)
    tally = {"due": 9, "tried": 7, "left": 2, "outcomes": {"ok": 5, "timeout": 2}, "stopped": ""}
    summary = {"sources": {"repo": {"github.com": tally}, "pypi": {"pypi": tally | {"left": 0}}}}
    older = {"started": now - timedelta(days=1), "finished": now - timedelta(hours=23), "exit_code": 0}
    Run.objects.create(**older, sources=["repo", "pypi"], summary=summary)
    Run.objects.create(started=now - timedelta(hours=2), finished=now, sources=["repo"], exit_code=1, summary=summary)
    Run.objects.create(started=now, sources=["repo"])
    found = metrics(client)
    assert found["refresh_last_run_timestamp_seconds"]["repo",] == pytest.approx(now.timestamp())
    assert found["refresh_last_run_duration_seconds"] == {("repo",): 7200, ("pypi",): 3600}
    assert found["refresh_last_run_exit_code"] == {("repo",): 1, ("pypi",): 0}
    assert found["refresh_last_run_left_packages"] == {("github.com", "repo"): 2, ("pypi", "pypi"): 0}
    assert found["refresh_last_run_due_packages"]["github.com", "repo"] == 9
    assert found["refresh_last_run_packages"]["github.com", "timeout", "repo"] == 2


def test_many_runs_of_a_feed_hide_no_source(client: Client) -> None:
    """A feed is read every quarter of an hour: an alert that cron is dead must not end by itself after two days."""
    now = datetime.now(UTC)
    last = now - timedelta(days=4)
    Run.objects.create(started=last, finished=last, exit_code=0, sources=["repo", "pypi"])
    times = [now - timedelta(minutes=15 * number) for number in range(LOOKED_AT + 1)]
    feed = {"exit_code": 0, "sources": ["advisories"], "summary": {"sources": {"advisories": {"osv": {"due": 3}}}}}
    Run.objects.bulk_create(Run(started=time, finished=time, **feed) for time in times)
    found = metrics(client)
    ended = {("advisories",): now.timestamp(), ("repo",): last.timestamp(), ("pypi",): last.timestamp()}
    assert found["refresh_last_run_timestamp_seconds"] == pytest.approx(ended)
    assert not {"advisories"} & {source for _, source in found.get("refresh_last_run_due_packages", {})}


def test_quotas(client: Client) -> None:
    now = datetime.now(UTC)
    HostRateLimit.objects.create(name="github", limit=5000, remaining=12, resets_at=now + timedelta(hours=1))
    HostRateLimit.objects.create(name="gitlab.com", limit=2000, remaining=3, resets_at=now - timedelta(hours=1))
    HostRateLimit.objects.create(name="pypi", paused_until=now + timedelta(minutes=5))
    found = metrics(client)
    assert found["upstream_quota_remaining"] == {("github",): 12, ("gitlab.com",): 2000}
    assert found["upstream_quota_limit"] == {("github",): 5000, ("gitlab.com",): 2000}
    assert found["upstream_pause_seconds"]["pypi",] == pytest.approx(300, abs=60)


def test_the_lists_of_the_desk(client: Client) -> None:
    GridFactory.create()
    found = metrics(client)
    assert {name for (name,) in found["desk_items"]} == {each.name for each in LISTS}
    assert found["desk_items"]["empty-grid",] == 1


def test_the_newest_dump(client: Client, settings: Settings, tmp_path: Path) -> None:
    assert "newest_dump_timestamp_seconds" not in metrics(client)
    settings.DUMP_ROOT = str(tmp_path)
    time = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
    manifest = Manifest(time, 1, None, {"packages.csv.gz": FileEntry(1, 700, "0" * 64)})
    (tmp_path / name_at(time)).mkdir()
    (tmp_path / name_at(time) / "manifest.json").write_bytes(manifest.serialized())
    stored.STORED = stored.Stored()
    found = metrics(client)
    assert found["newest_dump_timestamp_seconds"] == {(): time.timestamp()}
    assert found["newest_dump_size_bytes"] == {(): 700}


def test_they_are_read_now_and_then(
    client: Client, django_assert_num_queries: Any, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """The number of queries is that of the lists and sources, whatever is in the database; then none at all."""
    for host in ("github.com", "gitlab.com", "codeberg.org"):
        package(host, last_success=datetime.now(UTC))
    stored.STORED.collect()
    stored.STORED = stored.Stored()
    with django_assert_max_num_queries(3 + len(LISTS) + 3 + 2 * (1 + len(hooks.measures)) * 3):
        stored.STORED.collect()
    with django_assert_num_queries(0):
        stored.STORED.collect()


def fails(_now: datetime) -> Iterable[Measured]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM there_is_no_such_table")
    return ()


def with_measure(monkeypatch: pytest.MonkeyPatch, measure: Callable[[datetime], Iterable[Measured]]) -> None:
    monkeypatch.setattr(hooks, "measures", {"new": measure, **hooks.measures})


def test_a_group_that_fails_is_left_out(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with_measure(monkeypatch, fails)
    found = metrics(client)
    assert found["collector_success"] == {
        ("new",): 0,
        **{(name,): 1 for name in ("dumps", "packages", "desk", "refreshes", "quotas")},
    }
    assert "desk_items" in found
    assert {*found["collector_duration_seconds"]} == {*found["collector_success"]}
    assert [each.message.split(":")[0] for each in caplog.records] == ["The metrics of new cannot be read"]
    assert metrics(client)["collector_success"]["new",] == 0
    assert len(caplog.records) == 1, "it is left alone for a minute"


def test_a_slow_group_is_read_less_often(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, now = [0], [1000.0]

    def slow(_now: datetime) -> Iterable[Measured]:
        calls[0] += 1
        now[0] += 2
        return [Measured("slow", "Slow.", (), {(): calls[0]})]

    monkeypatch.setattr("config.metrics.stored.time.monotonic", lambda: now[0])
    with_measure(monkeypatch, slow)
    collector = stored.Stored()
    for after, expected in ((0, 1), (99, 1), (2, 2)):
        now[0] += after
        collector.collect()
        assert calls[0] == expected


def test_without_its_database_a_site_still_has_metrics(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"database": "it does not respond", "migrations": "not known", "triggers": "not known", "cache": "ok"}
    monkeypatch.setattr(probes, "findings", parts.items)
    found = metrics(client)
    assert found["ready"] == {("database",): 0, ("migrations",): 0, ("triggers",): 0, ("cache",): 1}
    assert "requests_total" in found
    assert not {"packages", "desk_items", "collector_success"} & {*found}


@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_a_statement_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(_now: datetime) -> Iterable[Measured]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(20)")
        return ()

    monkeypatch.setattr(stored, "MOST_SECONDS", 0.1)
    monkeypatch.setattr(hooks, "measures", {"slow": sleep})
    collector = stored.Stored()
    collector.collect()
    assert {name: group.is_sound for name, group in collector._groups.items()} == {"dumps": True, "slow": False}
