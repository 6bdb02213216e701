"""export_catalogue: the whole catalogue as files from which import_catalogue restores it, byte for byte."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from categories.models import Category
from fetchers.mirror.export import export_catalogue
from grids.models import Grid
from packages.models import Package
from tests.documents import catalogue, category, grid, package
from tests.fetchers.mirror.importing import import_documents

pytestmark = pytest.mark.django_db(transaction=True)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def fill(folder: Path) -> None:
    packages = [package(pk, grids=[9, 7] if pk % 2 else []) for pk in range(100, 110)]
    odd = package(110, title="# “Ünï” ", repo_url="", documentation_url="", last_fetched=None, pypi_version=None)
    members = [pk for pk in range(100, 110) if pk % 2]
    grids = [grid(7, members), grid(9, members)]
    import_documents(folder, catalogue([category(2), category(1)], grids, [*packages, odd]))


def test_an_export_imported_exports_the_same_bytes(tmp_path: Path) -> None:
    fill(tmp_path / "source")
    export_catalogue(tmp_path / "one")
    for model in (Package, Grid, Category):
        model._default_manager.all().delete()
    call_command("import_catalogue", str(tmp_path / "one"))
    export_catalogue(tmp_path / "two")
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert list(files(tmp_path / "one")) == ["categories.json", "grids.json", "packages.json"]


def test_documents_are_in_the_v4_form_with_paths_and_utc(tmp_path: Path) -> None:
    fill(tmp_path / "source")
    export_catalogue(tmp_path / "out")
    packages = json.loads((tmp_path / "out" / "packages.json").read_text(encoding="utf-8"))
    assert [document["id"] for document in packages] == list(range(100, 111))
    assert packages[1] | {"repo_description": ""} == package(101) | {
        "category": "/api/v4/categories/1/",
        "grids": ["/api/v4/grids/9/", "/api/v4/grids/7/"],
        "last_updated": "2026-05-06T11:25:10Z",
        "last_fetched": "2026-05-26T13:09:44.237594Z",
        "created": "2020-02-03T09:05:06.789012Z",
        "modified": "2020-02-03T09:05:06.789012Z",
        "repo_description": "",
    }
    assert list(packages[0]) == list(package())
    assert "Ünï" in (tmp_path / "out" / "packages.json").read_text(encoding="utf-8")


def test_an_empty_catalogue(tmp_path: Path) -> None:
    export_catalogue(tmp_path)
    assert files(tmp_path) == {f"{kind}.json": b"[\n]\n" for kind in ("categories", "grids", "packages")}
    call_command("import_catalogue", str(tmp_path))


def test_queries_do_not_grow_with_the_catalogue(tmp_path: Path, django_assert_max_num_queries: Any) -> None:
    fill(tmp_path / "source")
    with django_assert_max_num_queries(10):
        export_catalogue(tmp_path / "out")


def test_a_failed_export_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "source")
    export_catalogue(tmp_path / "out")
    before = files(tmp_path / "out")
    Category.objects.update(title="Changed")

    def fail(*_: Any, **__: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fetchers.mirror.export.json.dumps", fail)
    with pytest.raises(OSError, match="No space left"):
        export_catalogue(tmp_path / "out")
    assert files(tmp_path / "out") == before


def test_everyone_may_read_the_files(tmp_path: Path) -> None:
    (tmp_path / "grids.json").touch(mode=0o600)
    umask = os.umask(0o077)
    try:
        export_catalogue(tmp_path)
    finally:
        os.umask(umask)
    assert {path.name: oct(path.stat().st_mode & 0o7777) for path in tmp_path.iterdir()} == {
        "categories.json": "0o644",
        "grids.json": "0o644",
        "packages.json": "0o644",
    }


def test_a_file_is_on_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power cut, a file that was renamed first could be empty."""
    fill(tmp_path / "source")
    out = tmp_path / "out"
    synced: dict[int, int] = {}

    def fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        assert status.st_ino not in {path.stat().st_ino for path in out.glob("*.json")}
        synced[status.st_ino] = status.st_size

    monkeypatch.setattr("os.fsync", fsync)
    export_catalogue(out)
    status = [path.stat() for path in out.iterdir()]
    assert len(status) == 3
    assert synced == {file.st_ino: file.st_size for file in status}


def test_the_command(tmp_path: Path, capsys: Any) -> None:
    fill(tmp_path / "source")
    call_command("export_catalogue", str(tmp_path / "new" / "folder"))
    assert capsys.readouterr().out == "categories: 2 written\ngrids: 2 written\npackages: 11 written\n"
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="file: "):
        call_command("export_catalogue", str(tmp_path / "file"))
