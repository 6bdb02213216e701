"""JSON; for lists also CSV and JSON lines."""

from codecs import BOM_UTF8
from collections.abc import Iterable, Mapping
from io import BytesIO
from itertools import chain
from typing import Any, ClassVar

import orjson
from django.utils.http import content_disposition_header
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from core import csv_cells
from core.api.tables import BOM, Documents, Table
from core.caching.dependencies import ROOT

OPTIONS = orjson.OPT_UTC_Z  # as DRF writes UTC


class FastJSONRenderer(JSONRenderer):
    """DRF's JSON, written by orjson."""

    def takes_serialized(self, media_type: str) -> bool:
        """Return whether the data may contain values that are JSON already, which cannot be indented."""
        return "indent" not in media_type

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        if data is None:
            return super().render(data, accepted_media_type, renderer_context)
        indent = self.get_indent(accepted_media_type or "", renderer_context or {})
        if indent is None:
            return orjson.dumps(data, default=str, option=OPTIONS)
        by_two = orjson.dumps(data, default=str, option=OPTIONS | orjson.OPT_INDENT_2)
        return by_two if indent == 2 else _indented(by_two, indent)


def _indented(by_two: bytes, indent: int) -> bytes:
    """Return JSON that is indented by two with another indentation: a line at a time, as there may be 150,000."""
    whole = bytearray()
    for line in BytesIO(by_two):
        text = line.lstrip(b" ")  # a line break in a text is escaped: all blanks at the beginning are indentation
        whole += b" " * ((len(line) - len(text)) // 2 * indent)
        whole += text
    return bytes(whole)


class RowsRenderer(BaseRenderer):
    """The rows of a list without its envelope, which headers tell. Everything else, such as errors, stays JSON."""

    charset = "utf-8"
    words: ClassVar[str]  # the name of the format, for people

    def render(self, data: Any, _media_type: str | None = None, renderer_context: Any = None) -> bytes:
        request, response = renderer_context["request"], renderer_context["response"]
        if response.exception or request.method == "OPTIONS":
            response["Content-Type"] = FastJSONRenderer.media_type
            return FastJSONRenderer().render(data)
        name = request.path_info.removeprefix(ROOT).strip("/").replace("/", "-")  # packages-ralph-releases
        response["Content-Disposition"] = content_disposition_header(True, f"{name}.{self.format}")
        headers, lines = self.rows_of(renderer_context["view"], request, data)
        for header, value in headers.items():
            response[header] = value
        content = BytesIO()  # one buffer, which is not copied again
        for line in lines:
            content.write(line)
        if not content.tell():  # DRF takes an empty body for one without a type
            media_type = f"{self.media_type}; charset={self.charset}"
            response.add_post_render_callback(lambda empty: empty.headers.setdefault("Content-Type", media_type))
        return content.getvalue()

    def rows_of(self, view: Any, request: Request, data: Any) -> tuple[Mapping[str, str], Iterable[bytes]]:
        """Return the headers that tell the envelope of a view's list, and the parts of the body."""
        raise NotImplementedError


class CsvRenderer(RowsRenderer):
    """CSV, of the table that a view makes of its list."""

    media_type = "text/csv"
    format = "csv"
    words = "CSV"

    def takes_serialized(self, _media_type: str) -> bool:
        return False

    def rows_of(self, view: Any, request: Request, data: Any) -> tuple[Mapping[str, str], Iterable[bytes]]:
        table: Table = view.as_table(data)
        before = [BOM_UTF8] if request.query_params.get(BOM, "").lower() == "true" else []
        return table.headers, chain(before, map(csv_cells.line, chain([table.titles], table.rows)))


class JsonLinesRenderer(RowsRenderer):
    """JSON lines: a document of a list in each line, as it is in JSON."""

    media_type = "application/x-ndjson"
    format = "jsonl"
    words = "JSON lines"

    def takes_serialized(self, _media_type: str) -> bool:
        return True

    def rows_of(self, view: Any, _request: Request, data: Any) -> tuple[Mapping[str, str], Iterable[bytes]]:
        found: Documents = view.as_documents(data)
        return found.headers, (
            orjson.dumps(each, default=str, option=OPTIONS | orjson.OPT_APPEND_NEWLINE) for each in found.documents
        )
