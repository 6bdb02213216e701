"""The autocompletes of admin's forms."""

from typing import Any

from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth import get_permission_codename
from django.db.models import Model
from django.http import HttpRequest


class AutocompleteView(AutocompleteJsonView):
    """Responds also to those who may not view the related rows, but add or change the ones that refer to them: an
    ordinary select box would list them all."""

    def process_request(self, request: HttpRequest) -> Any:
        """Leave out NULs, which PostgreSQL compares with nothing."""
        term, *rest = super().process_request(request)
        return term.replace("\x00", ""), *rest

    def has_perm(self, request: HttpRequest, obj: Model | None = None) -> bool:
        source = self.source_field.model._meta
        return super().has_perm(request, obj) or any(
            request.user.has_perm(f"{source.app_label}.{get_permission_codename(action, source)}")
            for action in ("add", "change")
        )
