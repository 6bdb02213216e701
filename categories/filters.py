"""The filters of the list of categories."""

import django_filters

from config.database import AsciiLower
from config.filters import Ordering, Words


class CategoryFilters(django_filters.FilterSet):
    q = Words("description")
    ordering = Ordering({"title": AsciiLower("title"), "created": "created", "modified": "modified"})
