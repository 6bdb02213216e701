"""The rules for a single document: which are skipped, and the reason that is reported."""

from pathlib import Path
from typing import Any

import pytest
from django.utils.dateparse import parse_datetime

from packages.models import Package
from tests.documents import CREATED, catalogue, category, grid, link, package
from tests.fetchers.mirror.importing import import_documents

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"title": "x" * 500}, "title: String should have at most 100 characters"),
        ({"title": ""}, "title: String should have at least 1 character"),
        ({"title": "a\0b"}, "title: contains a NUL character"),
        ({"repo_description": "a\0b"}, "repo_description: contains a NUL character"),
        ({"title": "a\ud800b"}, "title: "),
        ({"participants": ["\udfff"]}, "participants.0: "),
        ({"participants": "anna,bert"}, "participants: Input should be a valid list"),
        ({"repo_forks": 2**40}, "repo_forks: Input should be less than or equal to 2147483647"),
        ({"repo_forks": -1}, "repo_forks: Input should be greater than or equal to 0"),
        ({"repo_watchers": True}, "repo_watchers: Input should be a valid integer"),
        ({"repo_watchers": 1.0}, "repo_watchers: Input should be a valid integer"),
        ({"repo_watchers": float("nan")}, "repo_watchers: Input should be a valid integer"),
        ({"commits_over_52": [0] * 51}, "commits_over_52: must be 52 weekly counts or none, not 51"),
        ({"commits_over_52": [0] * 51 + [-1]}, "commits_over_52.51: Input should be greater than or equal to 0"),
        ({"slug": "Not a slug"}, "slug: must consist of ASCII letters"),
        ({"slug": "é"}, "slug: must consist of ASCII letters"),
        ({"documentation_url": "javascript:alert(1)"}, "documentation_url: must begin with http"),
        ({"repo_url": "javascript:alert(1)"}, "repo_url: must begin with http"),
        ({"pypi_url": "javascript:alert(1)"}, "pypi_url: must begin with http"),
        ({"created": "yesterday"}, "created: must be an ISO 8601 time"),
        ({"created": "1899-12-31T23:00:00"}, "created: must be between 1900 and 3000"),
        ({"created": "0001-01-01T00:00:00+14:00"}, "created: must be between 1900 and 3000"),
        ({"created": None}, "created: must be an ISO 8601 time"),
        ({"category": 1}, "category: must link to …/categories/<id>/"),
        ({"category": link("grids", 7)}, "category: must link to …/categories/<id>/"),
        ({"category": "http://[broken"}, "category: must link to …/categories/<id>/"),
        ({"category": link("categories", 99)}, "refers to category 99, which does not exist"),
        ({"grids": [link("grids", 99)]}, "refers to grid 99, which does not exist"),
        ({"grids": [link("grids", 7)] * 2}, "grids: lists the same document twice"),
    ],
)
def test_only_the_document_that_breaks_a_rule_is_skipped(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    documents = catalogue([category()], [grid(7)], [package(100), package(101) | changes, package(102)])
    report = import_documents(tmp_path, documents)
    assert report.exit_code == 1
    assert len(report.lines) == 1
    assert report.lines[0].startswith("skipped: package 101")
    assert reason in report.lines[0]
    assert list(Package.objects.order_by("pk").values_list("pk", flat=True)) == [100, 102]


@pytest.mark.parametrize("pk", [0, -1, 2**63, "5", None, True])
def test_an_impossible_id_is_skipped(tmp_path: Path, pk: Any) -> None:
    report = import_documents(tmp_path, catalogue([category()], [], [package(100), package(101) | {"id": pk}]))
    assert report.lines[0].startswith("skipped: package without an id (package-101): id: ")
    assert Package.objects.get().pk == 100


@pytest.mark.parametrize("raw", [None, [], "text", 5, {}])
def test_an_element_that_is_no_document_is_skipped(tmp_path: Path, raw: Any) -> None:
    report = import_documents(tmp_path, catalogue([category()], [], [raw, package(100)]))
    assert report.exit_code == 1
    assert report.lines[0].startswith("skipped: package without an id: ")
    assert Package.objects.get().pk == 100


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    short = package(100)
    del short["repo_url"]
    assert import_documents(tmp_path, catalogue([category()], [], [short])).lines == [
        "skipped: package 100 (package-100): repo_url: Field required"
    ]


def test_times_keep_their_microseconds(tmp_path: Path) -> None:
    import_documents(tmp_path, catalogue([category()], [], [package(100)]))
    assert Package.objects.get().created == parse_datetime(CREATED)
