"""The lists of documents in admin."""

from typing import Any, Literal

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest


class DocumentList(ChangeList):
    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """Refuse filters by a text with a NUL, which PostgreSQL compares with nothing."""
        if any("\x00" in value for values in self.filter_params.values() for value in values):
            raise IncorrectLookupParameters
        return super().get_queryset(request, exclude_parameters)


class SearchedList(DocumentList):
    def get_ordering_field_columns(self) -> dict[int, Literal["asc", "desc"]]:
        """Mark no column as the one that a search is sorted by, unless it was clicked."""
        best_first = self.query and not self.params.get(ORDER_VAR)
        return {} if best_first else super().get_ordering_field_columns()
