"""Pruning of the log."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command

from changes.log import BATCH, RETENTION, prune
from changes.models import Change
from core.models import Revision
from fetchers.refresh import Options, Refresh
from tests.changes.log import last
from tests.conftest import Get
from tests.factories import CategoryFactory

# Numbers are given at commit: in a test that never commits there would be none.
pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.fixture
def _old_half() -> Iterator[None]:
    CategoryFactory.create_batch(6)
    half = last() - 3
    Change.objects.filter(number__lte=half).update(at=NOW - RETENTION - timedelta(seconds=1))
    Change.objects.filter(number__gt=half).update(at=NOW - RETENTION + timedelta(days=1))
    yield
    Change.objects.all().delete()


@pytest.mark.usefixtures("_old_half")
def test_pruned_after_400_days(get: Get) -> None:
    end = last()
    assert prune(NOW) == end - 3
    assert prune(NOW) == 0
    assert [change["number"] for change in get(f"changes/?since={end - 3}").json()["results"]] == [
        end - 2,
        end - 1,
        end,
    ]
    for since in (0, end - 4):
        response = get(f"changes/?since={since}")
        assert response.status_code == 410
        assert response.json() == {
            "detail": f"Changes up to {end - 3} are gone from the log. Start afresh: keep the number {end}, read all"
            f" of categories, packages, grids and features (cursor=), then go on with since={end}.",
            "newest": end,
        }
    assert prune(NOW + timedelta(days=2)) == 3
    assert get(f"changes/?since={end}").status_code == 200
    assert get(f"changes/?since={end - 1}").status_code == 410
    CategoryFactory.create()
    assert [change["number"] for change in get(f"changes/?since={end}").json()["results"]] == [end + 1]


def test_pruning_goes_on_after_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    assert BATCH >= 1_000
    monkeypatch.setattr("changes.log.BATCH", 2)
    CategoryFactory.create_batch(5)
    Change.objects.update(at=NOW - RETENTION * 2)
    Revision.objects.filter(kind=Revision.LOG).update(number=last())
    count = Change.objects.count()
    assert prune(NOW) == count


def test_the_command_prints_how_many_it_deleted(capsys: pytest.CaptureFixture[str]) -> None:
    CategoryFactory.create()
    Change.objects.update(at=NOW - RETENTION * 2)
    count = Change.objects.count()
    call_command("prune_changes")
    assert capsys.readouterr().out == f"{count} changes older than 400 days were deleted from the log\n"
    call_command("prune_changes")
    assert capsys.readouterr().out == ""


def test_a_refresh_prunes_the_log() -> None:
    CategoryFactory.create()
    Change.objects.update(at=NOW - RETENTION - timedelta(seconds=1))
    Refresh(Options(slugs=("none",)), clock=lambda: NOW).run()
    assert Change.objects.exists(), "a refresh of single packages does no housekeeping"
    Refresh(Options(), clock=lambda: NOW - timedelta(days=1)).run()
    assert Change.objects.exists(), "not old enough"
    Refresh(Options(), clock=lambda: NOW).run()
    assert not Change.objects.exists()
