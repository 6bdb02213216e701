"""The questions of config.recipes to a dump: each a line of DuckDB, with the right answer."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from categories.models import Category
from config.recipes import RECIPES
from fetchers.mirror.dump import dump_catalogue
from packages.health.verdicts import Verdict, rank
from packages.models import Package
from tests.dumps import dump_of
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory

NOW = datetime.now(UTC)
FOR_DJANGO = ["Framework :: Django :: 4.2", "Framework :: Django :: 5.2"]


def answers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    dump_catalogue(folder)
    monkeypatch.chdir(dump_of(folder))
    return [duckdb.execute(recipe.statement).fetchall() for recipe in RECIPES]


def package(number: int, categories: list[Category], **columns: Any) -> None:
    values: dict[str, Any] = {"classifiers": FOR_DJANGO, "released": NOW, "repo_watchers": number}
    values |= {"last_updated": NOW - timedelta(days=number)}
    created = PackageFactory.create(slug=f"p{number}", category=categories[number % 2])
    Package.objects.filter(pk=created.pk).update(**values | columns)


@pytest.mark.django_db(transaction=True)
def test_the_answers_are_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    categories = [CategoryFactory.create(slug=slug) for slug in ("even", "odd")]
    for number in range(1, 13):
        package(number, categories)
    package(50, categories, classifiers=["Framework :: Django :: 4.2"])
    package(60, categories, released=NOW - timedelta(days=400))
    package(70, categories, released=None, last_updated=None)
    verdicts: dict[str, Verdict] = {"good": "thriving", "fair": "quiet", "poor": "gone", "none": "unknown"}
    for level, verdict in verdicts.items():
        member = MembershipFactory.create(grid=GridFactory.create(slug=level))
        Package.objects.filter(pk=member.package_id).update(verdict_rank=rank(verdict))
    GridFactory.create(slug="empty")
    starred, grids, ages = answers(tmp_path, monkeypatch)
    assert starred == [(f"p{number}", number) for number in range(12, 2, -1)]
    assert grids == [("empty",), ("none",), ("poor",)]
    # The earlier of the two in the middle: of 2, 4, 6, 8, 10, 12, 50 and 60 days, and of 1, 3, 5, 7, 9 and 11.
    assert {slug: age for slug, age in ages if slug in {"even", "odd"}} == {"even": 10, "odd": 7}


@pytest.mark.django_db(transaction=True)
def test_columns_that_are_empty_everywhere_are_in_no_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PackageFactory.create()
    MembershipFactory.create()
    starred, grids, ages = answers(tmp_path, monkeypatch)
    assert (starred, len(grids), [age for _, age in ages]) == ([], 1, [None, None])
