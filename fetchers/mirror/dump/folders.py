"""The folder of all dumps: a dump is written beside the others under a hidden name, and gets its own as a whole."""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core import dumps

_LOCK = ".lock"
# What a run hides while it writes or deletes it
_WRITING, _DELETING = "writing", "deleting"
_HIDDEN = re.compile(rf"\.(.+)\.({_WRITING}|{_DELETING})")


class UnderWayError(Exception):
    """Another run writes into the folder."""


class ClockError(Exception):
    """The clock is behind the newest dump, so that a new one would not be the newest by its name."""


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Have the folder, which is created if it is not there, for this run alone. UnderWayError if another run has it;
    its lock ends with its process, however that ends."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UnderWayError from error
        yield


def remove_leftovers(root: Path) -> None:
    """Delete what runs have left that were killed. The folder is locked: whoever wrote it is no more."""
    for path in root.iterdir():
        if (hidden := _HIDDEN.fullmatch(path.name)) and dumps.is_name(hidden[1]) and path.is_dir():
            shutil.rmtree(path)


@contextmanager
def new_dump(root: Path, name: str) -> Iterator[Path]:
    """Yield an empty folder, which becomes the dump of that name if all goes well, and is deleted otherwise."""
    newest = next(iter(dumps.names(root)), "")
    if name <= newest:
        raise ClockError(f"the newest dump is {newest}, and the clock says {name}: set the clock, or delete that dump")
    folder = root / f".{name}.{_WRITING}"
    folder.mkdir()
    try:
        folder.chmod(0o755)
        yield folder
        _sync(folder)
        folder.rename(root / name)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _sync(root)


def remove_old(root: Path, keep: int) -> list[str]:
    """Delete all dumps but the newest `keep`, each of which is gone at once, and return their names."""
    old = dumps.names(root)[keep:]
    for name in old:
        hidden = root / f".{name}.{_DELETING}"
        (root / name).rename(hidden)
        shutil.rmtree(hidden)
    return old


def _sync(folder: Path) -> None:
    """Have the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
