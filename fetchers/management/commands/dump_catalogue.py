"""Write a dump of the whole catalogue: `manage.py dump_catalogue FOLDER --keep 7`, from cron or by hand."""

import signal
import sys
import threading
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.template.defaultfilters import filesizeformat

from core.words import counted
from fetchers.locks import LockedError, lock_dump
from fetchers.mirror.dump import Written, dump_catalogue
from fetchers.mirror.dump.folders import ClockError, UnderWayError


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise ArgumentTypeError(f"must be a whole number from 1 to 10000, not {text!r}")
    return int(text)


class Command(BaseCommand):
    help = (
        "Write the whole catalogue, as it is at one moment, into a new folder below FOLDER: an SQLite database, JSON "
        "lines, CSV and a manifest. Exit code 0: done; 1: it failed, and nothing is left of it; 2: wrong arguments; 3: "
        "another run is under way; 130, 143: ended by Ctrl-C or SIGTERM, and nothing is left of it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="FOLDER", type=Path, help="has all dumps; created if it does not exist")
        parser.add_argument(
            "--keep", type=_number, metavar="N", help="delete all dumps but the newest N, of which this is one"
        )

    def handle(self, *, folder: Path, keep: int | None, verbosity: int, **_: Any) -> None:
        def report(line: str) -> None:
            if verbosity:
                self.stdout.write(line)

        try:
            with _sigterm(), lock_dump():
                written = dump_catalogue(folder, licence=settings.DATA_LICENCE, keep=keep, report=report)
        except (LockedError, UnderWayError):
            self.stderr.write("another run is under way, so this one does nothing")
            sys.exit(3)
        except KeyboardInterrupt:
            self.stderr.write("interrupted")
            sys.exit(130)
        except ClockError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename or folder}: {error.strerror}") from error
        except DatabaseError as error:
            raise CommandError(f"the database failed: {error}") from error
        for line in _summary(written):
            report(line)


def _summary(written: Written) -> Iterator[str]:
    name, manifest = written.dump
    size = filesizeformat(sum(file.bytes for file in manifest.files.values())).replace("\xa0", " ")
    yield f"{name}: {counted(len(manifest.files), 'file')}, {size}, up to change {manifest.change}"
    if written.deleted:
        yield f"{counted(len(written.deleted), 'older dump')} deleted"


@contextmanager
def _sigterm() -> Iterator[None]:
    """Let SIGTERM end the run in good order."""

    def end(number: int, _: object) -> None:
        sys.exit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
