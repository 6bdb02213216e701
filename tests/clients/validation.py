"""Validation of responses against the schema, by jsonschema (Draft 2020-12)."""

import json
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker

FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", ValueError)
def is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("date", ValueError)
def is_day(value: object) -> bool:
    return not isinstance(value, str) or date.fromisoformat(value).isoformat() == value


@FORMATS.checks("uri", ValueError)
def is_url(value: object) -> bool:
    return not isinstance(value, str) or urlsplit(value).scheme in {"http", "https"}


def operations_of(document: Any) -> dict[str, Any]:
    """Return the operations of a document by their names."""
    of_paths = [operation for operations in document["paths"].values() for operation in operations.values()]
    return {operation["operationId"]: operation for operation in of_paths}


class Described:
    """The document of the API, as a validator of what it describes."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self.operations = operations_of(document)
        self.validator = lru_cache(maxsize=None)(self._validator)

    def _validator(self, operation: str, status: int, media_type: str) -> Draft202012Validator:
        content = self.operations[operation]["responses"][str(status)]["content"]
        assert media_type in content, (operation, status, media_type)
        schema = {**content[media_type]["schema"], "components": self.document["components"]}
        return Draft202012Validator(schema, format_checker=FORMATS)

    def check(self, operation: str, response: Any) -> None:
        """Raise ValidationError if a response is not as described."""
        media_type = response.headers["Content-Type"].partition(";")[0]
        content = b"".join(response.streaming_content) if response.streaming else response.content
        body = json.loads(content) if media_type == "application/json" else content.decode(errors="replace")
        self.validate(operation, response.status_code, media_type, body)

    def validate(self, operation: str, status: int, media_type: str, body: Any) -> None:
        """Raise ValidationError if a body is not as described."""
        self.validator(operation, status, media_type).validate(body)
