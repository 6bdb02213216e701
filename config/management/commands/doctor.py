"""Say what is wrong with a setup, and how to mend it: `manage.py doctor`."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from config.doctor import findings
from core.hooks import Finding
from core.words import counted

_SIGNS = {"ok": "ok", "warning": "WARNING", "problem": "PROBLEM"}


class Command(BaseCommand):
    help = (
        "Examine settings, database, cache, files and cron, and say in words what is wrong and how to mend it. Exit "
        "code 0: no problem, though there may be warnings; 1: a problem. A setting that cannot be used at all stops "
        "this command as every other, with the line that names it."
    )
    requires_system_checks = ()  # they are among the findings

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")

    def handle(self, *, json: bool, **_: Any) -> None:
        with _deadlines():
            found = findings()
        problems = sum(each.level == "problem" for each in found)
        self.stdout.write(_as_json(found, is_sound=not problems) if json else _as_text(found))
        if problems:
            sys.exit(1)


@contextmanager
def _deadlines() -> Iterator[None]:
    """Wait for a silent database no longer than a server does."""
    if connection.vendor != "postgresql":
        yield
        return
    from psycopg2.extensions import set_wait_callback  # noqa: PLC0415 (not there with SQLite)

    from core.database import deadlines  # noqa: PLC0415

    deadlines.install()
    try:
        yield
    finally:
        set_wait_callback(None)


def _as_json(found: list[Finding], *, is_sound: bool) -> str:
    return json.dumps({"sound": is_sound, "findings": [each._asdict() for each in found]}, ensure_ascii=False)


def _as_text(found: list[Finding]) -> str:
    lines = []
    for each in found:
        lines.append(f"{_SIGNS[each.level]:8} {each.name}: {each.sentence}")
        if each.remedy:
            lines.append(f"{'':8} -> {each.remedy}")
    problems, warnings = (sum(each.level == level for each in found) for level in ("problem", "warning"))
    return "\n".join([*lines, "", f"{counted(problems, 'problem')}, {counted(warnings, 'warning')}."])
