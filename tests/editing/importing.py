"""Files of CSV that editors import in admin, and what the pages say of them."""

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from editing.models import Upload
from tests.editing.test_admin import text_of

PACKAGES, GRIDS, CELLS = (f"/admin/{name}/import/" for name in ("packages/package", "grids/grid", "grids/cell"))


def sheet(titles: Sequence[str], *rows: Sequence[object], delimiter: str = ",") -> bytes:
    """Return a file of CSV."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([titles, *rows])
    return text.getvalue().encode()


def preview(client: Client, url: str, content: bytes, name: str = "file.csv") -> Any:
    """Upload a file."""
    return client.post(url, {"file": SimpleUploadedFile(name, content, "text/csv")})


def apply(client: Client, url: str, shown: Any) -> Any:
    """Import what a preview has shown."""
    found = re.search(r'name="upload" value="(\d+)"', shown.content.decode())
    assert found, text_of(shown)
    return client.post(url, {"upload": found[1]})


def imported(client: Client, url: str, content: bytes) -> Any:
    """Import a file that nobody interferes with; return the preview."""
    shown = preview(client, url, content)
    response = apply(client, url, shown)
    assert response.status_code == 302, text_of(response)
    assert not Upload.objects.exists()
    return shown


def refusals(response: Any) -> dict[int, str]:
    """Return the reasons why rows are refused, by their lines."""
    return {row.line: row.reason for row, _ in response.context_data["refused"]}


def differences(response: Any) -> dict[int, list[tuple[str, str, str]]]:
    """Return what is written, by the lines: each column with its old and its new text."""
    return {row["line"]: [tuple(value) for value in row["values"]] for row in response.context_data["rows"]}


def number_of(queries: CaptureQueriesContext) -> int:
    """Return the number of queries; without insertions on SQLite, where a statement has room for a few rows alone."""
    sql = [query["sql"] for query in queries.captured_queries]
    return len(sql) if connection.vendor == "postgresql" else sum(not each.startswith("INSERT") for each in sql)


def file_error(response: Any) -> str:
    """Return the error of the form, whose file was refused."""
    [error] = response.context_data["form"].errors["file"]
    return str(error)
