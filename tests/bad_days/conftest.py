"""Fixtures of bad days: a faked wire, and a catalogue in an SQLite file."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import responses

from tests.bad_days.sites import prepare


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        yield wire


@pytest.fixture(scope="session")
def _prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the sample catalogue and an editor."""
    file = tmp_path_factory.mktemp("prepared") / "db.sqlite3"
    prepare(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite(_prepared: Path, tmp_path: Path) -> str:
    """The URL of a copy of that file, for one test."""
    return f"sqlite:///{shutil.copy(_prepared, tmp_path / 'db.sqlite3')}"
