"""The OpenAPI 3.1 schema of the API, built from the views, with every parameter, error and example.

A view describes itself with `extend_schema`, and with what is listed here.
"""

from core.api.schema.document import finished, of_v4
from core.api.schema.errors import ALWAYS, described, errors
from core.api.schema.inspector import CatalogueSchema
from core.api.schema.parameters import (
    CURSOR,
    ID,
    LIMIT,
    OFFSET,
    REFERENCE,
    filter_parameters,
    limit,
    list_of,
    one_or_more,
    ordering,
    parameter,
)

__all__ = [
    "ALWAYS",
    "CURSOR",
    "ID",
    "LIMIT",
    "OFFSET",
    "REFERENCE",
    "CatalogueSchema",
    "described",
    "errors",
    "filter_parameters",
    "finished",
    "limit",
    "list_of",
    "of_v4",
    "one_or_more",
    "ordering",
    "parameter",
]
