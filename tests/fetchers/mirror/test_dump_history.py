"""The history in dumps: a file a month, linked from the dump before as long as nothing in the month changes."""

import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from fetchers.mirror.dump import dump_catalogue
from packages.history import prune
from packages.models import Package, Snapshot
from tests.dumps import check_whole, csv_rows, dump_of, json_rows, manifest_of
from tests.factories import PackageFactory

pytestmark = pytest.mark.django_db(transaction=True)
MONTHS = ["2025-12", "2026-01", "2026-05"]


@pytest.fixture
def package() -> Package:
    package = PackageFactory.create(repo_url="https://github.com/a/b", pypi_url="https://pypi.org/project/b/")
    for day in (date(2025, 12, 1), date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 31), date(2026, 5, 5)):
        Snapshot.objects.create(package=package, day=day, stars=day.day, downloads=1000 * day.month)
    return package


def inodes(dump: Path) -> dict[str, int]:
    """Return the inodes of the files of each month."""
    files = {path.name: path.stat().st_ino for path in dump.glob("history-*")}
    assert sorted(files) == sorted(f"history-{month}.{kind}.gz" for month in MONTHS for kind in ("csv", "jsonl"))
    return files


def rows_of(root: Path) -> list[dict[str, Any]]:
    return [row for month in MONTHS for row in json_rows(dump_of(root), f"history-{month}")]


def rewritten(root: Path) -> set[str]:
    """Write another dump, and return the months in it that are not linked."""
    before = inodes(dump_of(root))
    dump_catalogue(root)
    check_whole(dump_of(root))
    after = inodes(dump_of(root))
    return {name[8:15] for name in after if after[name] != before[name]}


def test_a_file_a_month(package: Package, tmp_path: Path) -> None:
    dump_catalogue(tmp_path)
    dump = dump_of(tmp_path)
    assert len(inodes(dump)) == 6
    row = {"package_id": package.pk, "day": "2026-01-31", "stars": 31, "forks": None, "downloads": 1000}
    assert json_rows(dump, "history-2026-01")[1] == row
    days = [each["day"] for month in MONTHS for each in csv_rows(dump, f"history-{month}")]
    assert days == ["2025-12-01", "2025-12-31", "2026-01-01", "2026-01-31", "2026-05-05"]
    assert manifest_of(dump)["files"]["history-2026-05.csv.gz"]["rows"] == 1


def test_months_without_a_change_are_linked(package: Package, tmp_path: Path) -> None:
    dump_catalogue(tmp_path)
    Package.objects.update(title="Other")
    assert rewritten(tmp_path) == set()
    Snapshot.objects.create(package=package, day=date(2026, 5, 6), stars=6)
    assert rewritten(tmp_path) == {"2026-05"}
    Snapshot.objects.filter(day=date(2026, 1, 1)).update(stars=None, forks=1)
    assert rewritten(tmp_path) == {"2026-01"}
    Snapshot.objects.filter(day=date(2026, 1, 1)).update(repo_key="github.com/a/x")
    assert rewritten(tmp_path) == {"2026-01"}
    prune(date(2027, 2, 5))
    assert rewritten(tmp_path) == {"2025-12"}, "which has its first day left"
    assert rewritten(tmp_path) == set()
    assert {path.stat().st_nlink for path in dump_of(tmp_path).glob("history-2026-05*")} == {5}


def test_a_former_address_is_nobodys_business(package: Package, tmp_path: Path, client: Any) -> None:
    """The API shows the numbers of present addresses alone; a repository that is renamed has its history anew."""
    dump_catalogue(tmp_path)
    before = rows_of(tmp_path)
    Package.objects.filter(pk=package.pk).update(repo_url="https://github.com/a/other", repo_key="github.com/a/other")
    assert rewritten(tmp_path) == set(MONTHS)
    assert rows_of(tmp_path) == [row | {"stars": None} for row in before]
    Package.objects.filter(pk=package.pk).update(pypi_url="", pypi_name="")
    dump_catalogue(tmp_path)
    assert list(dump_of(tmp_path).glob("history-*")) == []
    assert client.get(f"/api/v4/packages/{package.slug}/history/").json()["results"] == []


def test_a_month_that_has_gone_has_no_file(package: Package, tmp_path: Path) -> None:
    dump_catalogue(tmp_path)
    Snapshot.objects.filter(day__lt=date(2026, 5, 1)).delete()
    dump_catalogue(tmp_path)
    check_whole(dump_of(tmp_path))
    assert len(list(dump_of(tmp_path).glob("history-*"))) == 2


def spoil_digests(dump: Path) -> None:
    (dump / ".months.json").write_text('{"2026-01": ')


def remove_digests(dump: Path) -> None:
    (dump / ".months.json").unlink()


def list_of_digests(dump: Path) -> None:
    (dump / ".months.json").write_text("[]")


def cut_files(dump: Path) -> None:
    for path in dump.glob("history-*"):
        os.truncate(path, 5)


def remove_files(dump: Path) -> None:
    for path in dump.glob("history-*.csv.gz"):
        path.unlink()


@pytest.mark.parametrize("spoil", [spoil_digests, remove_digests, list_of_digests, cut_files, remove_files])
def test_what_cannot_be_linked_is_written(package: Package, tmp_path: Path, spoil: Any) -> None:
    dump_catalogue(tmp_path)
    spoil(dump_of(tmp_path))
    dump_catalogue(tmp_path)
    check_whole(dump_of(tmp_path))


def test_a_file_system_without_links(package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dump_catalogue(tmp_path)
    links: list[str] = []

    def link(source: Path, target: Path) -> None:
        """Succeed once: the first file of a month has to go again."""
        links.append(target.name)
        if len(links) % 2 == 0:
            raise PermissionError(1, "Operation not permitted")
        target.write_bytes(source.read_bytes())

    monkeypatch.setattr(os, "link", link)
    dump_catalogue(tmp_path)
    assert len(links) == 6
    check_whole(dump_of(tmp_path))


def test_the_days_are_those_of_the_history_of_the_api(package: Package, tmp_path: Path, client: Any) -> None:
    dump_catalogue(tmp_path)
    rows = client.get(f"/api/v4/packages/{package.slug}/history/").json()["results"]
    keys = ("day", "stars", "forks", "downloads")
    assert [{key: row[key] for key in keys} for row in rows_of(tmp_path)] == rows[::-1]
