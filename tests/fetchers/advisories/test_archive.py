"""fetchers.advisories.archive: a ZIP file that is not trusted."""

import io
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchers.advisories import archive
from fetchers.network.http import FetchError

MB = 1024**2


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as written:
        for name, body in members.items():
            written.writestr(name, body)
    return file


def read(file: io.BytesIO) -> dict[str, bytes | None]:
    return dict(archive.members(file))


def test_members() -> None:
    file = zipped({"X-1.json": b"{}", "folder/X-2.json": b"[]", "README.txt": b"no", "folder/": b""})
    assert read(file) == {"X-1": b"{}", "X-2": b"[]"}
    assert read(zipped({})) == {}


def test_names_lead_nowhere() -> None:
    """A name is an id, if it is one: nothing is written by it."""
    assert read(zipped({"../../etc/passwd.json": b"{}", "/X-1.json": b"{}"})) == {"passwd": b"{}", "X-1": b"{}"}


def test_a_bomb_of_one_member_is_cut() -> None:
    file = zipped({"X-1.json": b" " * 50 * MB, "X-2.json": b"{}"})
    assert file.tell() < MB
    assert read(file) == {"X-1": None, "X-2": b"{}"}


def test_a_bomb_of_many_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_INFLATED_BYTES", 5 * MB)
    with pytest.raises(FetchError, match="inflates to more than"):
        read(zipped({f"X-{number}.json": b" " * MB for number in range(6)}))
    assert len(read(zipped({f"X-{number}.json": b" " * MB for number in range(5)}))) == 5


def test_what_is_cut_counts_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_INFLATED_BYTES", 5 * MB)
    with pytest.raises(FetchError, match="inflates to more than"):
        read(zipped({f"X-{number}.json": b" " * 3 * MB for number in range(3)}))


def test_too_many_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 2)
    with pytest.raises(FetchError, match="more than 2 members"):
        read(zipped({f"X-{number}.json": b"" for number in range(3)}))


def test_a_directory_that_claims_to_be_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    body = bytearray(zipped({"X-1.json": b"{}"}).getvalue())
    struct.pack_into("<L", body, len(body) - 10, 2**31)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(FetchError, match="too large a directory"):
        read(io.BytesIO(bytes(body)))


def test_an_archive_of_64_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    file = zipped({f"X-{number}.json": b"{}" for number in range(3)})
    assert b"PK\x06\x06" in file.getvalue()
    assert len(read(file)) == 3
    body = bytearray(file.getvalue())
    struct.pack_into("<Q", body, body.index(b"PK\x06\x06") + 40, 2**40)
    with pytest.raises(FetchError, match="too large a directory"):
        read(io.BytesIO(bytes(body)))
    moved = file.getvalue().replace(b"PK\x06\x07", b"PK\x06\x06____PK\x06\x07", 1)
    with pytest.raises(FetchError, match="not a ZIP file"):
        read(io.BytesIO(moved))


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_not_inflated(compression: int) -> None:
    assert read(zipped({"X-1.json": b"{}"}, compression)) == {"X-1": None}


def encrypted(body: bytearray) -> None:
    body[body.index(b"PK\x01\x02") + 8] |= 1


def broken(body: bytearray) -> None:
    body[40] ^= 0xFF


@pytest.mark.parametrize("spoil", [encrypted, broken])
def test_a_member_that_cannot_be_read(spoil: Callable[[bytearray], None]) -> None:
    body = bytearray(zipped({"X-1.json": b'{"a": "bcdefghijklmnop"}'}).getvalue())
    spoil(body)
    assert read(io.BytesIO(bytes(body))) == {"X-1": None}


@pytest.mark.parametrize("body", [b"", b"PK", b"<html>", b"PK\x05\x06", zipped({"X-1.json": b"{}"}).getvalue()[:-5]])
def test_no_archive(body: bytes) -> None:
    with pytest.raises(FetchError, match="not a ZIP file"):
        read(io.BytesIO(body))


@given(st.data())
def test_whatever_it_is_nothing_but_a_fetch_error(data: st.DataObject) -> None:
    body = bytearray(zipped({"X-1.json": b'{"id": 1}', "X-2.json": b"[]"}).getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with suppress(FetchError):
        read(io.BytesIO(bytes(body)))
