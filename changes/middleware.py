"""Redirects (301) from the old URLs of renamed documents to the new ones, as long as no other document has them."""

import re
from collections.abc import Callable
from typing import Any

from django.core.validators import slug_re
from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from changes.models import OldSlug
from core.models import Document


class OldSlugMiddleware:
    """A look-up of old slugs after a 404 alone, so that it costs other responses nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code == 404 and request.method in {"GET", "HEAD"}:
            return self._renamed(request) or response
        return response

    def _renamed(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        match = request.resolver_match
        reference = match.kwargs.get("reference", "") if match else ""
        # The class of an API view, or that of a feed, whose view is a method of it.
        view: Any = getattr(match.func, "cls", None) or getattr(match.func, "__self__", None) if match else None
        if not match or view is None or not slug_re.match(reference):
            return None
        if getattr(view, "takes_ids", True) and re.fullmatch("[1-9][0-9]*", reference):
            return None
        if not issubclass(view.documents.model, Document):  # it has no slug
            return None
        old = OldSlug.objects.filter(kind=view.documents.model._meta.model_name, slug=reference)
        slug = view.documents.filter(pk__in=old.values("object_id")).values_list("slug", flat=True).first()
        if slug is None:
            return None
        path = reverse(match.view_name, kwargs={**match.kwargs, "reference": slug})
        query = request.META.get("QUERY_STRING", "")
        return HttpResponsePermanentRedirect(f"{path}?{query}" if query else path)
