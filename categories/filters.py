"""The filters of the list of categories."""

from core.api.filters import DocumentFilters, Ordering, Words
from core.database.functions import AsciiLower


class CategoryFilters(DocumentFilters):
    q = Words("description")
    ordering = Ordering({"title": AsciiLower("title"), "created": "created", "modified": "modified"})
