"""The filters of the list of categories."""

from config.database import AsciiLower
from config.filters import DocumentFilters, Ordering, Words


class CategoryFilters(DocumentFilters):
    q = Words("description")
    ordering = Ordering({"title": AsciiLower("title"), "created": "created", "modified": "modified"})
