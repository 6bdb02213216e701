"""A source of import_catalogue that was broken, bought or swapped: what it may change, and what it may not."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import responses
from django.core.management import call_command
from django.test import Client

from core.models import MAX_ID
from fetchers.mirror import sources
from fetchers.mirror.importer import import_catalogue
from fetchers.mirror.sources import Api
from fetchers.network.http import HttpSession
from packages.models import Package
from tests.documents import ROOT, Document, FakeApi, catalogue, category, grid, package, write_folder
from tests.fetchers.mirror.importing import RecordedReport, all_rows, import_documents

pytestmark = pytest.mark.django_db
OTHER, NEWER = "2019-01-01T00:00:00Z", "2030-01-01T00:00:00Z"
HTML = "<script>alert(1)</script><img src=x onerror=alert(1)>"


def run(**options: Any) -> RecordedReport:
    report = RecordedReport()
    import_catalogue(Api(ROOT, HttpSession("package-grids/test"), lambda _: None), report, **options)
    return report


def many(number: int = 60, **changes: Any) -> dict[str, list[Any]]:
    packages = [package(pk, **{key: value(pk) for key, value in changes.items()}) for pk in range(100, 100 + number)]
    return catalogue([category()], [grid(7)], packages)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "100"},
        {"id": -1},
        {"id": 0},
        {"id": MAX_ID + 1},
        {"id": True},
        {"id": [100]},
        {"title": 5},
        {"title": None},
        {"title": "x" * 101},
        {"slug": "../admin"},
        {"slug": "javascript:alert(1)"},
        {"repo_watchers": -1},
        {"repo_watchers": "many"},
        {"repo_watchers": 2**31},
        {"repo_watchers": 1.5},
        {"repo_forks": float("nan")},
        {"repo_forks": float("inf")},
        {"commits_over_52": [-1] * 52},
        {"commits_over_52": [1] * 10_000},
        {"participants": "anna,bert"},
        {"participants": [{"login": "anna"}]},
        {"participants": ["x"] * 5_001},
        {"repo_url": "javascript:alert(document.cookie)"},
        {"repo_url": "data:text/html,<script>alert(1)</script>"},
        {"repo_url": "file:///etc/passwd"},
        {"pypi_url": "javascript:alert(1)"},
        {"documentation_url": "javascript:alert(1)"},
        {"documentation_url": " javascript:alert(1)"},
        {"documentation_url": "vbscript:x"},
        {"category": "https://elsewhere.test/api/v4/categories/0/"},
        {"category": "javascript:alert(1)"},
        {"category": 1},
        {"grids": ["javascript:alert(1)"]},
        {"grids": "https://catalogue.test/api/v4/grids/7/"},
        {"created": "yesterday"},
        {"modified": 0},
        {"modified": "9999-12-31T23:59:59Z"},
        {"repo_description": "\0"},
        {"repo_description": "\ud800"},
        {"repo_description": {"$ne": 1}},
    ],
    ids=lambda changes: json.dumps(changes)[:60],
)
def test_one_wrong_value_skips_one_document(wire: responses.RequestsMock, changes: Document) -> None:
    """The row that was there stays as it was, and all others are imported."""
    api = FakeApi(wire, many(5))
    run()
    before = all_rows()
    api.documents["packages"][0] |= {"modified": NEWER, "last_fetched": NEWER} | changes
    report = run()
    assert report.exit_code == 1
    [line] = report.lines
    assert line.startswith("skipped: package ")
    assert line.isprintable()
    assert len(line) < 1_000
    assert all_rows() == before


@pytest.mark.parametrize("raw", [None, 5, "x", [], [[]], {}, {"id": 100}, True])
def test_what_is_no_document(wire: responses.RequestsMock, raw: Any) -> None:
    FakeApi(wire, catalogue([category()], [], [package(), raw]))
    assert run().exit_code == 1
    assert Package.objects.count() == 1


def test_markup_is_text_everywhere(wire: responses.RequestsMock, client: Client) -> None:
    documents = catalogue(
        [category(title=HTML[:90])],
        [grid(7, [100], title=HTML[:90], description=HTML)],
        [package(100, grids=[7], title=HTML[:90], repo_description=HTML, participants=[HTML], pypi_version="<b>1</b>")],
    )
    FakeApi(wire, documents)
    assert run().exit_code == 0
    for path in ("packages/package-100/", "packages/", "grids/grid-7/", "categories/category-1/", "search/?q=script"):
        page = client.get(f"/api/v4/{path}", headers={"accept": "text/html"})
        assert page.status_code == 200
        text = page.content.decode()
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "<b>1</b>" not in text
        assert (
            "script-src 'self'" in page["Content-Security-Policy"] or "default-src" in page["Content-Security-Policy"]
        )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (" " * (sources.MAX_PAGE_BYTES + 1), "more than 20,971,520 bytes"),
        ("[" * 200_000, "does not answer in JSON"),
        ('{"results": [' + '{"a":' * 100_000, "does not answer in JSON"),
        ("<!doctype html><title>For sale</title>", "does not answer in JSON"),
        ("\x1f\x8b\x08\x00", "does not answer in JSON"),
    ],
    ids=["endless", "deep", "deep objects", "a parked domain", "not text"],
)
def test_a_page_that_is_none(wire: responses.RequestsMock, body: str, reason: str) -> None:
    api = FakeApi(wire, many(5))
    run()
    before = all_rows()
    api.faults["packages/?limit=100"] = [(200, {}, body)]
    report = run(prune=True)
    assert report.exit_code == 1
    assert reason in report.source_error
    assert all_rows() == before, "nothing is deleted by a source that failed"


def test_a_source_that_has_lost_everything(wire: responses.RequestsMock) -> None:
    api = FakeApi(wire, many())
    run()
    before = all_rows()
    api.documents = catalogue()
    report = run(prune=True)
    assert report.exit_code == 1
    assert [line.rpartition(": ")[2] for line in report.lines] == [
        f"not pruned, because the source has {which}" for which in ("none", "none", "none")
    ]
    assert all_rows() == before


def test_a_source_that_has_lost_most(wire: responses.RequestsMock, capsys: pytest.CaptureFixture[str]) -> None:
    """A twentieth may go, and 20; more only with --prune-many."""
    api = FakeApi(wire, many(), page=50)
    run()
    api.documents = many(39)
    report = run(prune=True)
    assert report.exit_code == 1
    assert report.lines == [
        "skipped: packages: not pruned, because the source lacks 21, which is too many: --prune-many deletes them"
    ]
    assert Package.objects.count() == 60
    api.documents = many(40)
    assert run(prune=True).exit_code == 0
    assert Package.objects.count() == 40
    api.documents = many(1)
    call_command("import_catalogue", ROOT, "--prune-many")
    assert "packages: 1 read, 39 deleted, 1 unchanged" in capsys.readouterr().out
    assert Package.objects.count() == 1


def test_another_catalogue(tmp_path: Path) -> None:
    """Its ids are those of other documents here: the second one would overwrite the first, row by row."""
    import_documents(tmp_path, many())
    before = all_rows()
    other = many(
        60,
        slug=lambda pk: f"other-{pk}",
        created=lambda _: OTHER,
        modified=lambda _: NEWER,
        last_fetched=lambda _: NEWER,
    )
    report = import_documents(tmp_path, other)
    assert report.exit_code == 1
    assert report.source_error == (
        "it is another catalogue, nothing more is imported: 60 of 60 packages are others here, as package 100"
        " (package-100), which is 'other-100' there; --overwrite imports them all the same"
    )
    assert all_rows() == before
    overwritten = RecordedReport()
    import_catalogue(sources.Folder(write_folder(tmp_path, other)), overwritten, overwrite=True)
    assert overwritten.exit_code == 0
    assert Package.objects.get(pk=100).slug == "other-100"


def test_ids_that_were_swapped(tmp_path: Path) -> None:
    """Each package has the id of its neighbour."""
    created = {pk: f"2020-01-01T00:00:{pk - 100:02}Z" for pk in range(100, 160)}
    import_documents(tmp_path, many(created=created.__getitem__))
    before = all_rows()
    other = {pk: 100 + (pk - 99) % 60 for pk in created}
    swapped = many(
        slug=lambda pk: f"package-{other[pk]}", created=lambda pk: created[other[pk]], modified=lambda _: NEWER
    )
    report = import_documents(tmp_path, swapped)
    assert "60 of 60 packages are others here" in report.source_error
    assert all_rows() == before


@pytest.mark.parametrize(("number", "code"), [(20, 0), (21, 1)])
def test_a_few_ids_may_be_given_anew(tmp_path: Path, number: int, code: int) -> None:
    import_documents(tmp_path, many())
    renewed = many(
        slug=lambda pk: f"package-{pk}" if pk >= 100 + number else f"new-{pk}",
        created=lambda pk: OTHER if pk < 100 + number else package()["created"],
        modified=lambda _: NEWER,
    )
    assert import_documents(tmp_path, renewed).exit_code == code


def test_renamed_documents_are_no_other_catalogue(tmp_path: Path) -> None:
    import_documents(tmp_path, many())
    report = import_documents(tmp_path, many(slug=lambda pk: f"renamed-{pk}", modified=lambda _: NEWER))
    assert report.exit_code == 0
    assert Package.objects.get(pk=100).slug == "renamed-100"


def test_endless_pages(wire: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MORE_PAGES", 3)
    api = FakeApi(wire, many(5))
    run()
    before = all_rows()
    paths = ["packages/?limit=100", *(f"packages/?page={number}" for number in range(10))]
    for path, following in pairwise(paths):
        api.faults[path] = [(200, {}, json.dumps(api.page_of("packages", 0) | {"next": ROOT + following}))]
    report = run(prune=True)
    assert report.source_error.endswith("`next` does not end")
    assert all_rows() == before
