"""Examples of all responses: `python -m tests.clients.examples` writes those of the sample catalogue, cut short, into
the schema. To be run after a document got another key, or an error another text."""

import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import django

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)  # always the same, so that only what has changed differs
HOST = "https://packages.example.org"
MOST = 2  # documents in a list, or lines of a table
LONGEST = 700  # characters of a text that is no JSON
# Parameters that keep an example short
SHORT = {
    "compare": {"columns": "health,repo_watchers,licence"},
    "grids_comparison": {"columns": "health,repo_watchers,licence"},
    "search": {"q": "rest framework"},
    "changes": {"limit": "2"},
}
LISTS = ("results", "rows", "hidden", "django", "python", "grids", "packages", "participants", "cells")


def short(body: Any, *, key: str = "results") -> Any:
    """Return a body with shorter lists of documents."""
    if key == "at":  # the database's own time
        return NOW.isoformat()
    if isinstance(body, dict):
        return {name: short(value, key=name) for name, value in body.items()}
    if isinstance(body, list):
        return [short(each, key="") for each in (body[:MOST] if key in LISTS else body)]
    return body.replace("http://testserver", HOST) if isinstance(body, str) else body


def short_text(body: str, media_type: str) -> str:
    """Return a table with its first rows, or the beginning of a text."""
    body = body.replace("http://testserver", HOST)
    if media_type in {"text/csv", "application/x-ndjson"}:
        return "".join(body.splitlines(keepends=True)[: MOST + 1])
    return body if len(body) <= LONGEST else f"{body[:LONGEST]} …"


def examples() -> dict[str, dict[str, dict[str, Any]]]:
    """Return an example of each response that a simple request gets, by operation, status and media type."""
    from django.http import QueryDict  # noqa: PLC0415 (of a site that is set up by now)
    from django.test import Client  # noqa: PLC0415

    from core.api.docs import document  # noqa: PLC0415
    from tests.clients.requests import cases  # noqa: PLC0415

    found: dict[str, dict[str, dict[str, Any]]] = {}
    for case in cases(document()):
        path, _, query = case.url.partition("?")
        parameters = QueryDict(query).dict() | (SHORT.get(case.operation, {}) if case.status == 200 else {})
        response: Any = Client().get(path, parameters, headers={"accept": case.accept}, follow=True)
        assert response.status_code == case.status, case
        of_status = found.setdefault(case.operation, {}).setdefault(str(case.status), {})
        media_type = response["Content-Type"].partition(";")[0]
        if media_type not in of_status:
            is_json = media_type == "application/json"
            content = b"".join(response.streaming_content) if response.streaming else response.content
            of_status[media_type] = short(json.loads(content)) if is_json else short_text(content.decode(), media_type)
    return found


def write() -> None:
    """Write the examples of a sample catalogue that was just loaded."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DATABASE_URL": f"sqlite:///{folder}/db.sqlite3", "CACHE_URL": "dummy://", "DEBUG": "true"}
        os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "ALLOWED_HOSTS": "testserver", "RATE_LIMIT": "0"}
        os.environ["DUMP_ROOT"] = str(dumps := Path(folder) / "dumps")
        dumps.mkdir()
        django.setup()
        from django.core.management import call_command  # noqa: PLC0415 (of a site that is set up by now)

        from core.api.schema.examples import FILE  # noqa: PLC0415
        from tests.dumps import write_dump  # noqa: PLC0415

        call_command("migrate", verbosity=0)
        with mock.patch("django.utils.timezone.now", return_value=NOW):
            call_command("load_sample", verbosity=0)
            write_dump(dumps, NOW, 81, packages__csv__gz=b"compressed", catalogue__sqlite=b"SQLite")
            written = json.dumps(examples(), ensure_ascii=False, indent=1)
        FILE.write_text(f"{written}\n", encoding="utf-8")


if __name__ == "__main__":
    write()
