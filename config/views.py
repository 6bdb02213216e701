"""What every view of the API shares: documents found by id or slug, errors in the form that the client asked for."""

import re
from typing import Any, ClassVar, TypeVar

from django.core.validators import slug_re
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from config.links import Kind, Links
from config.models import MAX_ID, Document

D = TypeVar("D", bound=Document)


class CatalogueView(APIView):
    """A view whose errors come as a page where the client asked for HTML, even if it asked for it wrongly."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        try:
            return super().perform_content_negotiation(request)
        except Exception:
            if not force:
                raise
            accepts_html = "text/html" in request.META.get("HTTP_ACCEPT", "")
            renderers = self.get_renderers()
            chosen = next((r for r in renderers if accepts_html and r.media_type == "text/html"), renderers[0])
            return chosen, chosen.media_type


class DocumentViewSet(CatalogueView, ReadOnlyModelViewSet[D]):
    """Lists documents of one kind, and shows one by its id or its slug."""

    kind: ClassVar[Kind]
    lookup_url_kwarg = "reference"
    lookup_value_regex = "[^/]+"
    document: D | None = None

    def get_object(self) -> D:
        self.document = by_reference(self.get_queryset(), self.kwargs["reference"])
        return self.document

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "links": Links.of(self.request)}

    def get_view_name(self) -> str:
        if self.document is not None:
            return self.document.title
        model = self.get_queryset().model._meta
        return str(model.verbose_name if self.detail else model.verbose_name_plural).capitalize()


def by_reference(queryset: QuerySet[D], reference: str) -> D:
    """The document with that id or slug: ASCII digits without a leading zero are an id, all else a slug.

    Raises NotFound or Http404 in the same words for whatever is not there, without asking the database for what
    no row can have (PostgreSQL would fail on a NUL character or a number beyond 64 bits).
    """
    if re.fullmatch(r"[1-9][0-9]*", reference, re.ASCII):
        if len(reference) <= len(str(MAX_ID)) and int(reference) <= MAX_ID:
            return get_object_or_404(queryset, pk=int(reference))
    elif slug_re.match(reference):
        return get_object_or_404(queryset, slug=reference)
    raise NotFound(f"No {queryset.model._meta.object_name} matches the given query.")


class UndefinedView(CatalogueView):
    """There is nothing at this address."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound("There is nothing at this address; the API begins at /api/v4/.")

    def get_view_name(self) -> str:
        return "Not found"
