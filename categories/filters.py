"""The filters of the list of categories."""

from core.api.filters import DocumentFilters, IdsField, Ordering, SlugsField, TimeBound, ValueList, Words
from core.database.functions import AsciiLower


class CategoryFilters(DocumentFilters):
    q = Words("description")
    id__in = ValueList(IdsField, "pk", label="ids")
    slug__in = ValueList(SlugsField, "slug", label="slugs")
    modified__gte = TimeBound("modified", "gte", label="edited since")
    ordering = Ordering({"title": AsciiLower("title"), "created": "created", "modified": "modified"})
