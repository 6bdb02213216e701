"""Examinations of files: the static ones, and the dumps."""

import os
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.utils import timezone
from django.utils.timesince import timesince

from core import dumps
from core.hooks import Finding

FRESH = timedelta(days=2)  # a dump is written every day
_COLLECT = "Run: make .static/staticfiles.json, then restart the site."


def examine_static() -> Iterator[Finding]:
    name = "static files"
    manifest = settings.STATIC_ROOT / "staticfiles.json"
    if settings.DEBUG:
        yield Finding(name, "ok", "With DEBUG they are served from the folders of the program.")
    elif not manifest.exists():
        sentence = "They have not been collected: every page fails."
        yield Finding(name, "problem", sentence, _COLLECT)
    elif _newest_source() > manifest.stat().st_mtime:
        sentence = "Some are newer than those that were collected: pages show the old ones."
        yield Finding(name, "warning", sentence, _COLLECT)
    else:
        yield Finding(name, "ok", "They are collected.")


def _newest_source() -> float:
    """Return the time of the newest static file of the program itself; those of libraries come with their versions."""
    times = [0.0]
    for finder in get_finders():
        for path, storage in finder.list([]):
            file = storage.path(path)
            if file.startswith(f"{settings.BASE_DIR}{os.sep}") and f"{os.sep}.venv{os.sep}" not in file:
                times.append(os.stat(file).st_mtime)  # noqa: PTH116 (a path of Django's storages is a text)
    return max(times)


def examine_dumps() -> Iterator[Finding]:
    root = dumps.root()
    if root is None:
        yield Finding("dumps", "ok", "DUMP_ROOT is not set: the site serves none.")
        return
    write = f"manage.py dump_catalogue {root} --keep 7"
    if not root.is_dir() or not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        sentence = f"The folder {root} does not exist, or this user may not write there."
        yield Finding("dumps", "problem", sentence, f"Create it for the user of the site: install -d -o USER {root}")
        return
    newest = next(dumps.dumps(root), None)
    if newest is None:
        yield Finding("dumps", "warning", f"There is no dump in {root} yet.", f"Run: {write}")
    elif timezone.now() - newest.manifest.time > FRESH:
        sentence = f"The newest dump is {timesince(newest.manifest.time)} old.".replace("\xa0", " ")
        yield Finding("dumps", "warning", sentence, f"See that cron or a timer runs: {write}")
    else:
        yield Finding(
            "dumps", "ok", f"The newest dump is of {timezone.localtime(newest.manifest.time):%Y-%m-%d %H:%M}."
        )
