"""Rows of a formset that somebody else has deleted while the form was open."""

from typing import Any

from django.forms.formsets import DELETION_FIELD_NAME


def tick_gone(formset: Any) -> list[str]:
    """Tick the deletion of the rows of a bound formset that are not there any more, and return their prefixes."""
    present = set(map(str, formset.get_queryset().values_list("pk", flat=True)))
    number = min(formset.initial_form_count(), formset.total_form_count())  # Django bounds the second alone
    rows = [formset.add_prefix(row) for row in range(number)]
    gone = [row for row in rows if formset.data.get(f"{row}-id") not in present]
    data = formset.data.copy()
    data.update({f"{row}-{DELETION_FIELD_NAME}": "on" for row in gone})
    formset.data = data
    return gone
