"""The search of documents in admin and in its autocompletes: it finds what the API's search finds, best first."""

from typing import Any, ClassVar

from django.contrib.admin.views.main import ORDER_VAR
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from core import hooks
from core.admin.documents import DocumentAdmin
from core.admin.forms import D
from core.admin.lists import DocumentList, SearchedList
from core.database.functions import PlaceIn
from core.kinds import Kind

MAX_FOUND = 10_000  # as far as the API's search pages


class SearchedAdmin(DocumentAdmin[D]):
    kind: ClassVar[Kind]
    search_fields = ("title",)  # Django wants some for a search box; get_search_results() reads none of them
    search_help_text = f"Searches as the API does, best first ({MAX_FOUND:,} at most)."

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[DocumentList]:
        return SearchedList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[D], search_term: str
    ) -> tuple[QuerySet[D], bool]:
        if not search_term.strip():
            return queryset, False
        ids = hooks.search(self.kind, search_term, MAX_FOUND)
        found = queryset.filter(Q(pk__in=ids) | self.also_found(search_term))
        if not request.GET.get(ORDER_VAR):
            found = found.order_by(PlaceIn("pk", ids).asc(nulls_first=True), "pk")
        return found, False

    def also_found(self, text: str) -> Q:
        """Select rows that a search in admin finds besides, before the others; none."""
        return Q(pk__in=())
