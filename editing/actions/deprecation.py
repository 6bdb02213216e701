"""Deprecate: mark packages as deprecated, with one successor for all of them or without."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.db.models import QuerySet

from core.admin.autocomplete import Autocomplete
from core.words import counted
from editing.actions.frame import ActionForm, BulkAction, Row
from packages.models import Package
from packages.successors import followers


class SuccessorForm(ActionForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        box = Autocomplete(Package._meta.get_field("replaced_by"), self.model_admin.admin_site)
        self.fields["successor"] = forms.ModelChoiceField(
            Package.objects.all(),
            required=False,
            label="Replaced by",
            widget=box,
            help_text="Of all of them; without one, those that are replaced stay replaced by what they are.",
        )

    def clean_successor(self) -> Package | None:
        """Refuse a successor that would close a cycle."""
        successor: Package | None = self.cleaned_data["successor"]
        if successor is None:
            return None
        if self.is_last:
            self._lock(successor)
        selected = {pk: title for pk, title in followers(successor).items() if pk in self.ids and pk != successor.pk}
        if (direct := successor.replaced_by_id) in selected:
            raise forms.ValidationError(f"“{successor}” is itself replaced by “{selected[direct]}”, which is selected.")
        if selected:
            last = next(iter(selected.values()))
            raise forms.ValidationError(f"“{successor}” leads to “{last}”, which is selected.")
        return successor

    def _lock(self, successor: Package) -> None:
        """Lock the packages in the order of their ids, and before the lock on successors, as the form of one does."""
        rows = Package.objects.filter(pk__in=[*self.ids, successor.pk]).order_by("pk").select_for_update(no_key=True)
        if successor.pk not in set(rows.values_list("pk", flat=True)):
            raise forms.ValidationError("This one was deleted meanwhile.")


class Deprecate(BulkAction):
    name = "deprecate"
    label = "Deprecate"
    form_class = SuccessorForm
    first: ClassVar[Mapping[str, str] | None] = {}

    def rows(self, rows: QuerySet[Any], form: Any) -> list[Row]:
        stored = list(rows.values_list("pk", "title", "deprecated", "replaced_by"))
        names = dict(Package.objects.filter(pk__in={pk for *_, pk in stored if pk}).values_list("pk", "title"))
        successor = form.cleaned_data["successor"] if form else None
        result = []
        for pk, title, deprecated, replaced_by in stored:
            new = successor.pk if successor else replaced_by
            note = "deprecated already" if deprecated and new == replaced_by else ""
            if successor and pk == successor.pk:
                note = "the successor itself"
            then = _in_words(True, successor.title if successor else names.get(replaced_by, ""))
            now = _in_words(deprecated, names.get(replaced_by, ""))
            result.append(Row(pk, title, f"{deprecated} {replaced_by}", now=now, then=then, note=note))
        return result

    def lines(self, rows: Sequence[Row], form: Any) -> list[str]:
        return [f"Marked as deprecated{_by(form)}: {counted(len(rows), 'package')}."]

    def write(self, ids: Collection[int], form: Any, now: datetime) -> None:
        successor = form.cleaned_data["successor"]
        columns = {"replaced_by": successor} if successor else {}
        Package.objects.filter(pk__in=ids).update(deprecated=True, modified=now, **columns)

    def done(self, number: int, form: Any) -> str:
        return f"Marked {counted(number, 'package')} as deprecated{_by(form)}"


def _by(form: Any) -> str:
    successor = form.cleaned_data["successor"]
    return f", replaced by “{successor}”" if successor else ""


def _in_words(deprecated: bool, successor: str) -> str:
    words = "deprecated" if deprecated else "not deprecated"
    return f"{words}, replaced by “{successor}”" if successor else words
