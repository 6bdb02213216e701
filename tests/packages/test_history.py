"""packages.history: daily numbers for 400 days, then one a month."""

from datetime import date, timedelta

import pytest

from packages import history
from packages.models import Snapshot
from tests.factories import PackageFactory

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 23)


def days(package: object) -> list[date]:
    return list(Snapshot.objects.filter(package=package).order_by("day").values_list("day", flat=True))  # type: ignore[misc]


def test_old_days_thin_out_to_one_a_month(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "BATCH", 7)
    package, other = PackageFactory.create_batch(2)
    every = [TODAY - timedelta(days=ago) for ago in range(500)]
    Snapshot.objects.bulk_create(Snapshot(package=package, day=day, stars=1) for day in every)
    Snapshot.objects.create(package=other, day=date(2025, 8, 20))
    deleted = history.prune(TODAY)
    remaining = days(package)
    assert deleted == 500 - len(remaining)
    assert remaining[:4] == [date(2025, 7, 12), date(2025, 8, 1), date(2025, 9, 1), date(2025, 10, 1)]
    # 400 days ago is the first that stays whatever else there is in its month.
    assert remaining[4:] == sorted(day for day in every if day >= date(2025, 10, 19))
    assert days(other) == [date(2025, 8, 20)]
    assert history.prune(TODAY) == 0


def test_each_address_keeps_its_first_day_of_a_month() -> None:
    package = PackageFactory.create()
    keys = ("github.com/mis/take", "github.com/mis/take", package.repo_key, package.repo_key)
    for number, key in enumerate(keys, 1):
        Snapshot.objects.create(package=package, day=date(2025, 8, number), stars=1, repo_key=key)
    assert history.prune(TODAY) == 2
    assert days(package) == [date(2025, 8, 1), date(2025, 8, 3)]
