"""The autocompletes of admin's forms."""

from typing import Any

from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.admin.widgets import AutocompleteSelect
from django.contrib.auth import get_permission_codename
from django.db.models import Model
from django.http import HttpRequest

from core.api.references import is_id


class Autocomplete(AutocompleteSelect):
    """A select box that comes back with an error whatever was sent for it."""

    def optgroups(self, name: Any, value: Any, attrs: Any = None) -> Any:
        """Leave out what is no id, for which Django would look as well."""
        ids = [each for each in value if is_id(str(each))]
        return super().optgroups(name, ids, attrs)


class AutocompletesMixin:
    """Has an admin, or an inline, use this select box for its `autocomplete_fields`."""

    def formfield_for_foreignkey(self: Any, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", Autocomplete(db_field, self.admin_site, using=kwargs.get("using")))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]


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
