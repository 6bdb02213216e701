"""Folder: JSON files read as a stream, and files that are not what they should be."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.kinds import Kind
from fetchers.mirror import sources
from fetchers.mirror.importer import import_catalogue
from fetchers.mirror.sources import MAX_DOCUMENT, Folder, SourceError
from packages.models import Package
from tests.documents import catalogue, category, package, write_folder
from tests.fetchers.mirror.importing import RecordedReport, all_rows, import_documents

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not a JSON array, or is truncated"),
        ("{}", "is not a JSON array, or is truncated"),
        ("<html>", "is not a JSON array, or is truncated"),
        ('[{"id": 1', "is truncated, or has an element that is not JSON or is too large"),
        ('[{"id": 1} {"id": 2}]', "is not a JSON array, or is truncated"),
        ('[{"id": 1},]', "is not a JSON array, or is truncated"),
        ("[] []", "has data after the end of its array"),
        ("[" * 100_000, "is truncated, or has an element that is not JSON or is too large"),
        ('[{"id": "\xff"}]', "is not UTF-8"),
    ],
)
def test_a_file_that_is_not_one_json_array(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "categories.json").write_text(text, encoding="latin-1")
    report = RecordedReport()
    import_catalogue(Folder(tmp_path), report)
    assert report.source_error == f"{tmp_path / 'categories.json'} {reason}"
    assert report.exit_code == (1 if report.read else 2)
    assert all_rows() == [[], [], [], []]


@pytest.mark.parametrize("window", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("documents", [[], [{}], [{"a": "\ud800 ü", "b": [1, 2.5e3, None]}, "text", [[], {"c": -0.5}]]])
def test_any_window_gives_what_the_standard_parser_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int, documents: list[Any]
) -> None:
    monkeypatch.setattr(sources, "_WINDOW", window)
    text = json.dumps(documents, indent=1)
    (tmp_path / "packages.json").write_text(f"\ufeff \n{text}\n", encoding="utf-8")
    assert list(Folder(tmp_path).documents(Kind.PACKAGE)) == documents


def test_an_element_may_not_be_larger_than_its_limit(tmp_path: Path) -> None:
    (tmp_path / "packages.json").write_text(json.dumps([{"id": 1}, "x" * (MAX_DOCUMENT + 100_000)]))
    elements = Folder(tmp_path).documents(Kind.PACKAGE)
    assert next(elements) == {"id": 1}
    with pytest.raises(SourceError, match="too large"):
        next(elements)


def test_documents_before_the_end_of_a_truncated_file_are_stored(tmp_path: Path) -> None:
    write_folder(tmp_path, catalogue([category()], [], [package(100), package(101)]))
    file = tmp_path / "packages.json"
    file.write_text(file.read_text()[:-20])
    report = RecordedReport()
    import_catalogue(Folder(tmp_path), report)
    assert report.exit_code == 1
    assert Package.objects.get().pk == 100


def test_documents_larger_than_the_window_are_read_whole(tmp_path: Path) -> None:
    people = [f"person-{number}" for number in range(4_000)]
    documents = catalogue([category()], [], [package(pk, participants=people) for pk in range(100, 110)])
    assert import_documents(tmp_path, documents).exit_code == 0
    assert Package.objects.get(pk=109).participants == people
