"""The merge of a form with what was stored since the form was shown, field by field.

A form carries the values that it showed, in Django's hidden initial inputs. What the form has not changed becomes what
is stored now. What the form and somebody else have both changed, to different values, is a conflict, which the editor
decides.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import BooleanField, DateField, Field, ModelChoiceField, ModelForm
from django.forms.boundfield import BoundField
from django.http import QueryDict
from django.template.loader import render_to_string

# The value of a conflict's radio button that takes what is stored
THEIRS = "theirs"


@dataclass(frozen=True)
class Merge:
    """The data of a form as it is after the merge.

    `by_others` are the names of the fields that somebody else changed and the form did not. `conflicts` are those that
    both changed; the data has the form's value of them.
    """

    data: QueryDict
    by_others: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)


def merge(form: ModelForm[Any], names: list[str]) -> Merge:
    """Merge the posted data of a form with its instance, which is as it is stored now.

    A field whose shown value was not sent is taken to have shown the stored one.
    """
    posted: Any = form.data
    merged = Merge(posted.copy())
    for name in names:
        bound = form[name]
        stored = _sent(bound.field, bound.initial)
        shown = form.data.get(bound.html_initial_name, stored)
        typed = _sent(bound.field, bound.data)
        moved = not _same(shown, stored)
        if moved and _same(typed, shown):
            merged.by_others.append(name)
        elif moved and not _same(typed, stored):
            merged.conflicts.append(name)
        takes_theirs = not moved and form.data.get(choice_name(bound)) == THEIRS
        if takes_theirs or _same(typed, shown) or _same(typed, stored):
            merged.data[bound.html_name] = stored
        merged.data[bound.html_initial_name] = stored
    return merged


def choice_name(bound: BoundField) -> str:
    return f"choice-{bound.html_name}"


def question(bound: BoundField) -> str:
    """Return the HTML of a conflict: both values side by side, and a choice."""
    values = {"mine": in_words(bound.field, bound.data), "theirs": in_words(bound.field, bound.initial)}
    context = {"name": choice_name(bound), "label": bound.label, "take": THEIRS, **values}
    return render_to_string("admin/conflict.html", context)


def in_words(form_field: Field, value: Any) -> str:
    """Return a value of a form as an editor reads it."""
    value = _prepared(form_field, value)
    if isinstance(form_field, BooleanField):
        return "yes" if form_field.to_python(value) else "no"
    if isinstance(form_field, ModelChoiceField):
        try:
            value = form_field.to_python(value)
        except ValidationError:  # the row is gone
            value = f"number {value}"
    return str(value or "")


def _prepared(form_field: Field, value: Any) -> Any:
    """Return a value as the input of a form has it; a day in one spelling, in whatever language it was typed."""
    value = form_field.prepare_value(value)
    if isinstance(form_field, DateField) and isinstance(value, str):
        with suppress(ValidationError):
            value = form_field.to_python(value)
    return value


def _sent(form_field: Field, value: Any) -> str:
    """Return a value as a form sends it."""
    value = form_field.prepare_value(value)
    return "" if value is None else str(value)


def _same(one: str, other: str) -> bool:
    """Compare two values without the differences that browsers and the fields make: line ends, blanks around."""
    return one.strip().replace("\r\n", "\n") == other.strip().replace("\r\n", "\n")
