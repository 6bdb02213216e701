"""The archive of all documents: a ZIP file that is not trusted, read a member at a time within bounds.

Nothing of it is written anywhere. What it claims of its sizes is checked before the directory is read, and what is
really inflated is counted.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from fetchers.advisories.osv import MAX_DOCUMENT_BYTES
from fetchers.network.http import FetchError

MAX_MEMBERS = 200_000
MAX_DIRECTORY_BYTES = 16 * 1024**2  # of which Python makes objects before it says how many there are
MAX_INFLATED_BYTES = 2 * 1024**3
_END, _LOCATOR, _END_64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_END_SIZE, _LOCATOR_SIZE, _END_64_SIZE = 22, 20, 56

# What Python's own module raises for bytes that are no ZIP file, or one that was spoilt
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError),
    *(NotImplementedError, RuntimeError, ValueError, IndexError),
)


def members(file: BinaryIO) -> Iterator[tuple[str, bytes | None]]:
    """Yield the id and the bytes of each document; None for one that is too large or broken. FetchError if the file
    is no archive, or larger than the bounds."""
    try:
        if _directory_size(file) > MAX_DIRECTORY_BYTES:
            raise FetchError("the archive has too large a directory")
        with zipfile.ZipFile(file) as archive:
            yield from _members(archive)
    except _BROKEN as error:
        raise FetchError(f"the archive is not a ZIP file that can be read: {type(error).__name__}") from error


def _members(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes | None]]:
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise FetchError(f"the archive has more than {MAX_MEMBERS:,} members")
    left = MAX_INFLATED_BYTES
    for info in infos:
        if not info.filename.endswith(".json"):
            continue
        body = _inflated(archive, info)
        left -= MAX_DOCUMENT_BYTES if body is None else len(body)
        if left < 0:
            raise FetchError(f"the archive inflates to more than {MAX_INFLATED_BYTES:,} bytes")
        yield info.filename.removesuffix(".json").rpartition("/")[2], body


def _inflated(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes | None:
    """Return what a member inflates to; None if that is too much, or the member is broken, encrypted or compressed in
    another way than by deflate, whose ratio has a limit."""
    if info.flag_bits & 1 or info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return None
    try:
        with archive.open(info) as member:
            body = member.read(MAX_DOCUMENT_BYTES + 1)
    except _BROKEN:
        return None
    return body if len(body) <= MAX_DOCUMENT_BYTES else None


def _directory_size(file: BinaryIO) -> int:
    """Return the size of the directory, as the record at the end of the file has it."""
    size = file.seek(0, 2)
    start = max(0, size - _END_64_SIZE - _LOCATOR_SIZE - _END_SIZE - 2**16)  # a comment may follow
    file.seek(start)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_SIZE:
        raise zipfile.BadZipFile
    (directory,) = struct.unpack_from("<L", tail, at + 12)
    locator = tail[max(0, at - _LOCATOR_SIZE) : at]
    if not locator.startswith(_LOCATOR):
        return int(directory)
    record = tail[max(0, at - _LOCATOR_SIZE - _END_64_SIZE) : at - _LOCATOR_SIZE]
    if not record.startswith(_END_64):  # Python looks for it in another place then
        raise zipfile.BadZipFile
    return int(struct.unpack_from("<Q", record, 40)[0])
