"""JSON; CSV for lists; and the browsable pages: DRF's, with a summary above the JSON, without users, and without
forms that write."""

import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from io import BytesIO
from itertools import chain
from typing import Any

import orjson
from django.utils.http import content_disposition_header
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request

from core import csv_cells
from core.api.pages import MAX_DOCUMENTS, is_full
from core.api.tables import BOM, Table
from core.caching.dependencies import ROOT

OPTIONS = orjson.OPT_UTC_Z  # as DRF writes UTC
# In indented JSON, a list of numbers alone. A text cannot match: its line breaks are escaped.
_NUMBERS = re.compile(r"\[\n\s+(?:\d+,\n\s+)*\d+\n\s+\]")


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


class BrowsableRenderer(BrowsableAPIRenderer):
    template = "browsable.html"

    def takes_serialized(self, _media_type: str) -> bool:
        return False

    def show_form_for_method(self, *_: Any) -> bool:
        return False

    def get_content(self, *args: Any) -> str:
        """Put weekly counts on one line instead of 52."""
        return _NUMBERS.sub(lambda numbers: re.sub(r"\s+", " ", numbers[0]), super().get_content(*args))

    def get_context(self, data: Any, accepted_media_type: str | None, renderer_context: Mapping[str, Any]) -> Any:
        """Add the document, and the template of its summary if the view has one; of a document only if it exists. Tell
        whether the page may show less than was asked for."""
        view = renderer_context["view"]
        context = super().get_context(data, accepted_media_type, renderer_context)
        document = getattr(view, "document", None)
        summary = getattr(view, "summary", None) if document or not hasattr(view, "document") else None
        is_whole = renderer_context["response"].status_code != 200 or not is_full(renderer_context["request"])
        most = None if is_whole else MAX_DOCUMENTS
        return context | {"document": document, "summary": summary, "most_documents": most}


class CsvRenderer(BaseRenderer):
    """CSV, of the table that a view makes of its list. Everything else, such as errors, stays JSON."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def takes_serialized(self, _media_type: str) -> bool:
        return False

    def render(self, data: Any, _media_type: str | None = None, renderer_context: Any = None) -> bytes:
        request, response = renderer_context["request"], renderer_context["response"]
        if response.exception or request.method == "OPTIONS":
            response["Content-Type"] = FastJSONRenderer.media_type
            return FastJSONRenderer().render(data)
        table: Table = renderer_context["view"].as_table(data)
        response["Content-Disposition"] = content_disposition_header(True, _file_name(request))
        for name, value in table.headers.items():
            response[name] = value
        lines = BytesIO()  # one buffer, which is not copied again
        if request.query_params.get(BOM, "").lower() == "true":
            lines.write(BOM_UTF8)
        for values in chain([table.titles], table.rows):
            lines.write(csv_cells.line(values))
        return lines.getvalue()


def _file_name(request: Request) -> str:
    """Return the path of a list as the name of a file: `packages-ralph-releases.csv`."""
    return request.path_info.removeprefix(ROOT).strip("/").replace("/", "-") + ".csv"


# Of a view whose response is a list: it has CSV too.
OF_LISTS = (FastJSONRenderer, BrowsableRenderer, CsvRenderer)
