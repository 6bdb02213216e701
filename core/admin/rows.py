"""Rows beside a document that are no form fields, as a form with hundreds of them would be refused for its size."""

from functools import cached_property
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import display_for_field, lookup_field
from django.http import HttpRequest

# The rows that a page shows at most
MOST_ROWS = 1000


class RowsFormSet(forms.BaseInlineFormSet[Any, Any, Any]):
    """No forms, whatever is posted, and the rows to show."""

    inline: "RowsInline"

    def __init__(self, data: Any = None, *, prefix: str, **kwargs: Any) -> None:
        none = {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
        super().__init__(None if data is None else none, prefix=prefix, **kwargs)

    def initial_form_count(self) -> int:
        return 0

    @cached_property
    def _listed(self) -> list[Any]:
        """The rows, and one more than a page shows if there are more."""
        rows: Any = self.queryset
        return list(rows[: MOST_ROWS + 1])

    @property
    def has_more(self) -> bool:
        return len(self._listed) > MOST_ROWS

    def rows(self) -> list[list[tuple[str, str]]]:
        """The rows that the page shows, each as the names and the texts of its columns."""
        names = self.inline.readonly_fields
        return [[(name, self._shown(row, name)) for name in names] for row in self._listed[:MOST_ROWS]]

    def _shown(self, row: Any, name: str) -> str:
        field, _, value = lookup_field(name, row, self.inline)
        return str(display_for_field(value, cast("Any", field), "-"))


class RowsInline(admin.TabularInline[Any, Any]):
    """Rows that the program writes, to be read by all who may view the document: its `readonly_fields`."""

    formset = RowsFormSet
    template = "admin/rows.html"
    extra = 0
    max_num = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.get_model_admin(self.parent_model).has_view_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        return type(formset.__name__, (formset,), {"inline": self})
