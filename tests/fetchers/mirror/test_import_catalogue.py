"""manage.py import_catalogue: exit codes, output and the User-Agent of its requests."""

from pathlib import Path
from typing import Any

import pytest
import responses
from django.core.management import call_command

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
