"""The score of a package: the same table in Python and in the database."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import TextField
from django.db.models.functions import Cast

from packages.models import Package
from packages.score import by_score, score
from tests.factories import PackageFactory

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
QUARTER = timedelta(seconds=7_889_400)  # three months of a year of 365.25 days
SECOND = timedelta(seconds=1)

# Watchers, the age of the last commit, whether it works with Python 3, and the score.
TABLE = [
    (0, None, True, 0),
    (1000, None, True, 1000),
    # A tenth less for each quarter of a year, to the second
    (1000, QUARTER - SECOND, True, 1000),
    (1000, QUARTER, True, 900),
    (1000, 2 * QUARTER - SECOND, True, 900),
    (1000, 2 * QUARTER, True, 800),
    (1009, QUARTER, True, 909),
    (1000, -QUARTER, True, 1000),
    # Three tenths less without Python 3, but no more than 1,000
    (10, None, False, 7),
    (3333, None, False, 2334),
    (3334, None, False, 2334),
    (10_000, None, False, 9000),
    (2**31 - 1, None, False, 2**31 - 1 - 1000),
    (1000, 3 * QUARTER, False, 400),
    # Never under -500
    (100, 20 * QUARTER, False, -130),
    (1000, 15 * QUARTER, True, -500),
    (1000, 16 * QUARTER, True, -500),
    (2**31 - 1, 200 * QUARTER, False, -500),
]
each_row = pytest.mark.parametrize(("watchers", "age", "python3", "expected"), TABLE)


@each_row
def test_in_python(watchers: int, age: timedelta | None, python3: bool, expected: int) -> None:
    assert score(watchers, NOW - age if age is not None else None, python3, NOW) == expected


@pytest.mark.django_db
@each_row
def test_in_the_database(watchers: int, age: timedelta | None, python3: bool, expected: int) -> None:
    PackageFactory.create(
        repo_watchers=watchers,
        last_updated=NOW - age if age is not None else None,
        classifiers=["Programming Language :: Python :: 3.12" if python3 else "Programming Language :: Python :: 2.7"],
    )
    rows = Package.objects.annotate(classifier_text=Cast("classifiers", TextField()), score=by_score(NOW, []))
    assert rows.values_list("score", flat=True).get() == expected


@pytest.mark.django_db
def test_a_requirement_that_admits_python_3_is_as_good_as_a_classifier() -> None:
    PackageFactory.create(repo_watchers=10, requires_python=">=3.8")
    rows = Package.objects.annotate(classifier_text=Cast("classifiers", TextField()))
    for admitting, expected in (([">=3.8"], 10), ([], 7)):
        assert rows.annotate(score=by_score(NOW, admitting)).values_list("score", flat=True).get() == expected
