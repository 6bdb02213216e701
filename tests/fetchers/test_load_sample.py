"""The sample catalogue that `make run` loads: documents, and facts as if they had been fetched today."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from categories.models import Category
from fetchers.management.commands import load_sample
from fetchers.management.commands.load_sample import FACTS, SAMPLE
from fetchers.sample.facts import read
from grids.models import Cell, Grid
from packages.facts import UNKNOWN, Fetched, FetchTarget, RepositoryFacts
from packages.health.verdicts import LEVELS, VERDICTS
from packages.models import FetchState, Package, Snapshot
from packages.results import Attempt, save_results
from packages.trends import MEASURES, trending

pytestmark = pytest.mark.django_db
MARK = "sample data, not fetched"
NOW = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)
TODAY = "2026-11-27T19:00:00-05:00"  # the beginning of that day (UTC), in the site's zone
# The verdicts that few packages have; the others are thriving or maintained.
RARE = {
    "shortuuid": "finished",
    "django-parler": "quiet",
    "django-jet": "unmaintained",
    "django-rest-swagger": "unmaintained",
    "django-rest-auth": "deprecated",
    "django-piston": "gone",
}


@pytest.fixture
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.mark.usefixtures("_now")
def test_the_whole_sample_is_loaded_into_an_empty_database_alone(client: Any, capsys: Any) -> None:
    with CaptureQueriesContext(connection) as queries:
        call_command("load_sample")
    assert len(queries) <= 140, "for 72 packages"
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "0 skipped, 0 notes" in shown.out
    assert "facts: 72 packages, sample data as of 2025-09-01, moved to today" in shown.out
    slugs = set(Category.objects.values_list("slug", flat=True))
    assert slugs == {"apps", "frameworks", "projects", "starter-projects", "other"}
    assert (Package.objects.count(), Grid.objects.count()) == (72, 12)
    counted = client.get("/api/v4/readiness/").json()
    assert counted["known"]["packages"] + counted["unknown"]["packages"] == 72
    assert counted["known"]["packages"] > 50
    call_command("load_sample")
    assert "already" in capsys.readouterr().out
    assert Package.objects.count() == 72

    ralph = client.get("/api/v4/packages/ralph/?fields=all").json()
    assert ralph["id"] == 2647
    assert ralph["category"] == "http://testserver/api/v4/categories/2/"
    assert ralph["grids"] == ["http://testserver/api/v4/grids/263/"]
    assert ralph["last_fetched"] == TODAY
    assert ralph["last_updated"] == "2026-11-08T07:00:00-05:00", "20 days before"
    assert (ralph["repo_watchers"], ralph["repo_forks"], len(ralph["participants"])) == (2496, 591, 51)
    assert (len(ralph["commits_over_52"]), ralph["pypi_version"]) == (52, "2.3.1")
    assert ralph["freshness"]["repo"]["outcome"] == "partial"
    assert {state["error"] for state in ralph["freshness"].values() if state} == {MARK}
    history = client.get("/api/v4/packages/ralph/history/?limit=1000").json()["results"]
    assert len(history) == 365
    assert history[0] == {"day": "2026-11-28", "stars": 2496, "forks": 591, "downloads": None}
    assert history[-1]["day"] == "2025-11-29"
    assert ralph["stars_30d"] == history[0]["stars"] - history[30]["stars"] > 0
    [made_up] = client.get("/api/v4/packages/?vulnerable=true&fields=slug,advisories").json()["results"]
    [one] = made_up["advisories"]
    assert (made_up["slug"], one["id"], one["severity"]) == ("django-jet", "SAMPLE-2025-0001", "high")
    assert one["aliases"] == ["SAMPLE-2025-0002"]
    drf = client.get("/api/v4/packages/djangorestframework/releases/").json()["results"]
    assert drf[0] == {
        "version": "3.16.1",
        "uploaded_at": "2026-11-02T07:00:00-05:00",
        "yanked": False,
        "requires_python": ">=3.9",
    }


@contextmanager
def loaded(monkeypatch: pytest.MonkeyPatch, now: datetime) -> Iterator[None]:
    """Load the sample at that time, and take it away again."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: now)
    with transaction.atomic():
        call_command("load_sample", verbosity=0)
        yield
        transaction.set_rollback(True)


def test_verdicts_are_those_of_the_file_whenever_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for now in (NOW, datetime(2027, 11, 28, 23, 59, tzinfo=UTC)):
        with loaded(monkeypatch, now):
            packages = list(Package.objects.select_related("health").order_by("pk"))
            assert {each.slug: each.verdict for each in packages if each.slug in RARE} == RARE
            verdicts = Counter(each.verdict for each in packages)
            assert verdicts["thriving"] > 20 < verdicts["maintained"]
            assert verdicts["thriving"] + verdicts["maintained"] + len(RARE) == len(packages)
            assert {each.slug: each.health.warnings for each in packages if each.health.warnings} == {
                "django-allauth": ["stale"],  # whose repository is not among the facts
                "django-jet": ["vulnerable"],
                "django-piston": ["stale"],
            }
            # Ages, counts and all else that the rules saw; only the day since when a package is gone differs.
            found.append({each.slug: each.health.reasons for each in packages if each.verdict != "gone"})
            trends = {name: [each.slug for each in trending(measure, now)] for name, measure in MEASURES.items()}
            assert min(map(len, trends.values())) >= 5
            assert "ralph" in trends["stars"]
    assert found[0] == found[1]
    assert {LEVELS[verdict] for verdict in VERDICTS if verdict in verdicts} == {"good", "fair", "poor"}


def test_features_of_the_sample(client: Any) -> None:
    call_command("load_sample", verbosity=0)
    for grid, members in (("rest-apis", 10), ("asset-management", 2)):
        table = client.get(f"/api/v4/grids/{grid}/comparison/?level=all").json()
        assert (table["total"], table["shown"]) == (members, members)
        features = [column["key"] for column in table["columns"] if column["group"] == "features"]
        assert len(features) >= 4
        assert f"feature-{12 if members == 2 else 21}" in features
    assert Cell.objects.count() > 40
    successor = client.get("/api/v4/packages/django-rest-auth/?fields=replaced_by,deprecated").json()
    assert successor == {"deprecated": True, "replaced_by": "http://testserver/api/v4/packages/6082/"}


def test_a_refresh_replaces_the_sample_and_its_mark() -> None:
    call_command("load_sample", verbosity=0)
    package = Package.objects.get(slug="wagtail")
    assert {state.error for state in FetchState.objects.filter(package=package)} == {MARK}
    assert (package.repo_id, package.archived) == ("", False)
    at = datetime.now(UTC)
    numbers: dict[str, Any] = {"watchers": 7, "forks": 3, "archived": True, "last_updated": at}
    unknown: dict[str, Any] = dict.fromkeys(("description", "participants", "commits_over_52"), UNKNOWN)
    facts = RepositoryFacts("99", package.repo_url, weeks_end=at.date(), **numbers, **unknown)
    target = FetchTarget(package.pk, host="github.com", path="wagtail/wagtail")
    report = save_results([Attempt(target, "repo", at, Fetched(facts, {"etag": "1"}))])
    assert [str(outcome) for _, outcome in report.outcomes] == ["ok"]
    assert report.notes == []
    package.refresh_from_db()
    assert (package.repo_watchers, package.repo_id, package.archived) == (7, "99", True)
    assert package.verdict == "unmaintained"
    assert FetchState.objects.get(package=package, source="repo").error == ""


def test_the_facts_of_the_file() -> None:
    """Every package has facts, every group its source, and a history ends at the number that the other facts have."""
    facts = read(FACTS)
    documents = json.loads((SAMPLE / "packages.json").read_text(encoding="utf-8"))
    assert [each.slug for each in facts.packages] == [document["slug"] for document in documents]
    assert {group.source for each in facts.packages for group in each.groups} == facts.sources.keys()
    assert sum(len(each.releases.uploads) >= 5 for each in facts.packages if each.releases) >= 55
    histories = 0
    for each in facts.packages:
        assert each.commits is None or each.slug == "ralph" or each.commits.source == "invented"
        if history := each.history:
            assert history.source == "invented"
            repository, downloads = each.repository, each.downloads
            if history.stars and repository:
                assert (history.stars[-1], history.forks[-1]) == (repository.stars, repository.forks)
            if history.downloads and downloads:
                assert history.downloads[-1] == downloads.month
            histories += 1
    assert histories >= 10
    assert all(document["last_fetched"] is None for document in documents), "facts are in their own file"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.update(as_of="yesterday"), "facts.json: as_of: "),
        (lambda file: file["packages"][0]["project"].update(colour="red"), "packages.0.project.colour: Extra inputs"),
        (lambda file: file["packages"][0]["project"].update(source="gossip"), "no source is called 'gossip'"),
        (lambda file: file["packages"][0]["repository"].update(stars=-1), "packages.0.repository.stars: "),
        (lambda file: file["packages"][0]["repository"].pop("forks"), "it has no number of stars, or of forks"),
        (lambda file: file["packages"][0]["releases"]["uploads"].update({"9": "2025-09-01"}), "is not before"),
        (lambda file: file["packages"].append(file["packages"][0]), "a package is there twice"),
        (lambda file: file["packages"][0].update(slug="no-such-package"), "there is no package no-such-package"),
    ],
)
def test_what_the_file_may_not_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: Any, message: str) -> None:
    file = json.loads(FACTS.read_text(encoding="utf-8"))
    change(file)
    path = tmp_path / "facts.json"
    path.write_text(json.dumps(file), encoding="utf-8")
    monkeypatch.setattr(load_sample, "FACTS", path)
    with pytest.raises(CommandError) as error:
        call_command("load_sample", verbosity=0)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert not Category.objects.exists()
    assert not Package.objects.exists(), "so that it can be tried again"


def test_the_days_of_a_history_lie_side_by_side() -> None:
    call_command("load_sample", verbosity=0)
    days: list[date] = list(Snapshot.objects.filter(package__slug="django-unfold").values_list("day", flat=True))
    assert len(days) == 92
    assert [newer - older for newer, older in pairwise(days)] == [timedelta(days=1)] * 91
