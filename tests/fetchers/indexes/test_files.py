"""fetchers.indexes.files: which version each file of a project's page belongs to, and what the page tells of it."""

from datetime import UTC, datetime
from typing import Any

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from fetchers.indexes import files
from fetchers.network.http import TooLargeError, Upstream
from packages.facts import UNKNOWN, Odd, ReleaseFact, Unknown
from tests.fetchers.upstreams import JSON, make_upstream

URL = "https://index.test/simple/my-project/"
Json = dict[str, Any]
UPLOADED = datetime(2026, 1, 1, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def upstream() -> Upstream:
    return make_upstream("pypi", "https://index.test")


def file(name: str, **changes: Any) -> Json:
    return {"filename": name, "upload-time": "2026-01-01T03:04:05Z", "yanked": False, "requires-python": ""} | changes


def releases_of(
    wire: responses.RequestsMock, upstream: Upstream, versions: Any, listed: Any, odd: Odd | None = None
) -> tuple[ReleaseFact, ...] | Unknown:
    wire.get(URL, json={"name": "my-project", "versions": versions, "files": listed})
    return files.fetch(upstream, "my-project").releases(Odd() if odd is None else odd)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("my-project-1.0.tar.gz", "1.0"),
        ("my_project-1.0.tar.gz", "1.0"),
        ("My.Project-1.0.zip", "1.0"),
        ("my-project-1.0.1.tar.gz", "1.0.1"),
        ("my-project-1.0.1.tar.bz2", "1.0.1"),
        ("my_project-1.0-py3-none-any.whl", "1.0"),
        ("my_project-1.0-2-py3-none-any.whl", "1.0"),
        ("my_project-1.0.1-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "1.0.1"),
        ("my_project-2.0rc1-py3-none-any.whl", "2.0-rc1"),
        ("my-project-2.0-rc1.tar.gz", "2.0-rc1"),
        ("my_project-3.0+local_1-py3-none-any.whl", "3.0+local.1"),
        ("my_project-1.0-py2.7.egg", "1.0"),
        ("my-project-1.0.win32-py2.7.exe", "1.0"),
        ("my-project-1.0-final.tar.gz", "1.0"),
        ("my-project-1.0.linux-x86_64.tar.gz", "1.0"),
        ("my-project-last-release.tar.gz", "last-release"),
    ],
)
def test_the_version_of_a_file(wire: responses.RequestsMock, upstream: Upstream, name: str, version: str) -> None:
    versions = ["1.0", "1.0.1", "2.0-rc1", "3.0+local.1", "last-release"]
    odd = Odd()
    assert releases_of(wire, upstream, versions, [file(name)], odd) == (
        ReleaseFact(version, UPLOADED, yanked=False, requires_python=""),
    )
    assert odd == []


@pytest.mark.parametrize("name", ["other-1.0.tar.gz", "my-project-9.tar.gz", "my-project", "", None, 5])
def test_a_file_of_no_version_is_odd(wire: responses.RequestsMock, upstream: Upstream, name: Any) -> None:
    odd = Odd()
    found = releases_of(wire, upstream, ["1.0"], [file(name), file("my-project-1.0.zip")], odd)
    assert found == (ReleaseFact("1.0", UPLOADED, yanked=False, requires_python=""),)
    assert odd == ["the index has a file of no version that it lists"]


@pytest.mark.parametrize(
    ("yanked", "is_yanked"), [(True, True), ("broken", True), (False, False), ("", UNKNOWN), (None, UNKNOWN)]
)
def test_a_yanked_file(wire: responses.RequestsMock, upstream: Upstream, yanked: Any, is_yanked: Any) -> None:
    """For a reason, perhaps (PEP 691)."""
    found = releases_of(wire, upstream, ["1.0"], [file("my-project-1.0.zip", yanked=yanked)])
    assert found == (ReleaseFact("1.0", UPLOADED, yanked=is_yanked, requires_python=""),)


def test_what_an_index_does_not_tell_of_its_files(wire: responses.RequestsMock, upstream: Upstream) -> None:
    odd = Odd()
    found = releases_of(wire, upstream, ["1.0"], [{"filename": "my-project-1.0.zip"}], odd)
    assert found == (ReleaseFact("1.0", UNKNOWN, yanked=UNKNOWN, requires_python=UNKNOWN),)
    assert odd == []


def test_of_a_page_only_what_is_read_is_kept(wire: responses.RequestsMock, upstream: Upstream) -> None:
    """The rest would fill the memory."""
    listed = file("my-project-1.0.zip", url="https://files.test/", hashes={"sha256": "0" * 64}, size=5)
    wire.get(URL, json={"meta": {"api-version": "1.4"}, "name": "my-project", "versions": ["1.0"], "files": [listed]})
    document = files.fetch(upstream, "my-project").document
    assert document == {"name": "my-project", "versions": ["1.0"], "files": [file("my-project-1.0.zip")]}


def test_no_page_is_larger_than_memory_allows(
    wire: responses.RequestsMock, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_PAGE_BYTES", 6_000_000)
    wire.get(URL, body=b" " * 6_000_001)
    with pytest.raises(TooLargeError):
        files.fetch(upstream, "my-project")
    assert len(wire.calls) == 2


@given(st.lists(st.text(max_size=9) | JSON, max_size=3), st.lists(JSON | st.dictionaries(st.sampled_from(
    ["filename", "upload-time", "yanked", "requires-python"]), JSON), max_size=3))  # fmt: skip
def test_any_page_is_read(versions: list[Any], listed: list[Any]) -> None:
    """Its odd parts are named, each in one line."""
    odd = Odd()
    with responses.RequestsMock() as wire:
        found = releases_of(wire, make_upstream("pypi", "https://index.test"), versions, listed, odd)
    assert not isinstance(found, Unknown)
    assert all("\n" not in each for each in odd)
