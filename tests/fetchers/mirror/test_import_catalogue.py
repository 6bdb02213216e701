"""manage.py import_catalogue: exit codes, output and the User-Agent of its requests."""

import json
from pathlib import Path
from typing import Any

import pytest
import responses
from django.core.management import CommandError, call_command
from django.utils.dateparse import parse_datetime

from categories.models import Category
from packages.models import Package
from tests.documents import ROOT, FakeApi, catalogue, category, package, small_catalogue, write_folder

pytestmark = pytest.mark.django_db


def test_exit_codes(tmp_path: Path, capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("import_catalogue", str(tmp_path / "nowhere"))
    assert ended.value.code == 2
    assert "nowhere/categories.json: No such file or directory" in capsys.readouterr().err

    folder = str(write_folder(tmp_path / "c", catalogue([category()], [], [package(100), package(101, title="")])))
    with pytest.raises(SystemExit) as ended:
        call_command("import_catalogue", folder)
    assert ended.value.code == 1
    shown = capsys.readouterr()
    assert "packages: 2 read, 1 created, 0 unchanged" in shown.out
    assert shown.err.startswith("skipped: package 101 (package-101): title: ")

    write_folder(tmp_path / "c", catalogue([category()], [], [package(100)]))
    call_command("import_catalogue", folder)
    assert capsys.readouterr().out.endswith("0 skipped, 0 notes\n")


def test_requests_carry_the_version_and_the_site(wire: responses.RequestsMock, settings: Any, capsys: Any) -> None:
    settings.SITE_URL = "https://mirror.test"
    api = FakeApi(wire, small_catalogue())
    call_command("import_catalogue", ROOT)
    assert api.agents == {f"package-grids/{settings.VERSION} (import_catalogue; +https://mirror.test)"}
    assert "packages: 5 read, 5 created, 0 unchanged" in capsys.readouterr().out


def test_ctrl_c_ends_with_exit_code_130(wire: responses.RequestsMock, capsys: Any) -> None:
    api = FakeApi(wire, small_catalogue())
    api.faults["packages/?limit=100&offset=2"] = [KeyboardInterrupt()]
    with pytest.raises(SystemExit) as ended:
        call_command("import_catalogue", ROOT)
    assert ended.value.code == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "utc"),
    [
        ([], "2026-07-01T16:00:00Z"),  # the site's: New York
        (["--time-zone", "Europe/Berlin"], "2026-07-01T10:00:00Z"),
        (["--time-zone=UTC"], "2026-07-01T12:00:00Z"),
    ],
)
def test_times_without_an_offset_are_in_the_time_zone_of_the_source(
    tmp_path: Path, options: list[str], utc: str
) -> None:
    local, offset = "2026-07-01T12:00:00", "2026-07-01T12:00:00+00:00"
    documents = catalogue([category(created=local, modified=offset)], [], [package(100, last_fetched=local)])
    call_command("import_catalogue", str(write_folder(tmp_path, documents)), *options)
    row = Category.objects.get()
    assert (row.created, row.modified) == (parse_datetime(utc), parse_datetime(offset))
    assert Package.objects.get().last_fetched == parse_datetime(utc)


def test_a_time_zone_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--time-zone must be a name like Europe/Berlin, not 'Mars'") as error:
        call_command("import_catalogue", str(tmp_path), "--time-zone", "Mars")
    assert error.value.returncode == 2


def test_a_cycle_of_pages_keeps_what_came_before_it(wire: responses.RequestsMock, capsys: Any) -> None:
    api = FakeApi(wire, small_catalogue())
    back = api.page_of("packages", 2) | {"next": f"{ROOT}packages/?limit=100"}
    api.faults["packages/?limit=100&offset=2"] = [(200, {}, json.dumps(back))]
    with pytest.raises(SystemExit) as ended:
        call_command("import_catalogue", ROOT)
    assert ended.value.code == 1
    assert list(Package.objects.order_by("pk").values_list("pk", flat=True)) == [100, 101, 102, 103]
    assert "the `next` links form a loop" in capsys.readouterr().err
