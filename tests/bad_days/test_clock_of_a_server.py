"""A server whose clock is a year ahead or behind (libfaketime): it serves, and what it has served is never served
again in place of something newer when the clock is right."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bad_days.sites import PACKAGE, PAGE, Site, manage, site

pytestmark = pytest.mark.more
PATHS = (f"packages/{PACKAGE}/?fields=all", "packages/?ordering=-score", "search/?q=rest", "trending/", "changes/")


def library() -> str:
    found = sorted(map(str, Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")))
    assert found, "libfaketime is not installed: .ci/run more installs it"
    return found[-1]


@contextmanager
def at(offset: str, folder: Path, database: str, **settings: str) -> Iterator[Site]:
    """Serve with a clock that is so far off, in all processes of the server. The times of files are right: by them
    gunicorn knows that its workers live."""
    faked = {"LD_PRELOAD": library(), "FAKETIME": offset, "NO_FAKE_STAT": "1"}
    with site(folder, database, **(faked if offset else {}), **settings) as served:
        served.log_in()
        yield served


@pytest.mark.parametrize("offset", ["+400d", "-400d"])
def test_a_jump_and_back(tmp_path: Path, sqlite: str, offset: str) -> None:
    with at("", tmp_path, sqlite) as served:
        assert served.save(served.open_form(), "Before").status_code == 302
        before = served.get(f"packages/{PACKAGE}/")
        assert before.json()["title"] == "Before"
    with at(offset, tmp_path, sqlite) as served:
        for path in PATHS:
            for headers in ({"Accept": "application/json"}, PAGE):
                assert served.get(path, headers).status_code == 200
        assert served.save(served.open_form(), "Of another year").status_code == 302
        other = served.get(f"packages/{PACKAGE}/", {"If-None-Match": before.headers["ETag"]})
        assert (other.status_code, other.json()["title"]) == (200, "Of another year")
    with at("", tmp_path, sqlite) as served:
        assert served.title() == "Of another year"
        assert served.save(served.open_form(), "After").status_code == 302
        for tag in (before.headers["ETag"], other.headers["ETag"]):
            after = served.get(f"packages/{PACKAGE}/", {"If-None-Match": tag})
            assert (after.status_code, after.json()["title"]) == (200, "After")
        for path in PATHS:
            assert served.get(path).status_code == 200
        assert served.lines() == [], "no line in the log on any of these days"


def test_a_dump_is_not_older_than_the_last_one(tmp_path: Path, sqlite: str) -> None:
    """A dump that a clock has made a year ahead stays the newest until somebody deletes it: the command says so."""
    dumps = tmp_path / "dumps"
    faked = {"LD_PRELOAD": library(), "FAKETIME": "+400d", "DATABASE_URL": sqlite}
    assert manage("dump_catalogue", str(dumps), **faked).returncode == 0
    done = manage("dump_catalogue", str(dumps), DATABASE_URL=sqlite)
    assert done.returncode == 1
    assert "clock" in done.stderr
    [line] = done.stderr.splitlines()
    assert line
