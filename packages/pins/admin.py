"""The pins of a package on its form in admin: each with what upstream says beside it."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.forms.formsets import DELETION_FIELD_NAME
from django.http import HttpRequest
from django.utils.text import Truncator, capfirst

from core.admin.forms import DocumentForm
from core.admin.gone import tick_gone
from packages.identity import derived
from packages.models import Package, Pin
from packages.pins.columns import PINNABLE, SHOWN, InvalidValueError, as_typed, day_of, restored, stored
from packages.pins.write import change, let_go, pin

NOTHING = "nothing"
_EMPTY = "Empty means none, or not known."
_HINTS = "; ".join(f"{each.label}: {each.hint}" for each in PINNABLE.values())


class PinForm(DocumentForm[Any]):
    """A pin, merged with what others saved of it while the form was open. Its value is typed as a text."""

    pinned = forms.CharField(
        label="Value",
        required=False,
        widget=forms.Textarea({"rows": 2, "cols": 70}),
        help_text=f"{capfirst(_HINTS)}. {_EMPTY}",
    )

    class Meta:
        model = Pin
        fields = ("column", "pinned", "reason")
        widgets: ClassVar[dict[str, forms.Widget]] = {"reason": forms.TextInput({"size": 80})}

    def __init__(self, *args: Any, instance: Pin | None = None, **kwargs: Any) -> None:
        if instance is not None and instance.pk:
            kwargs["initial"] = {"pinned": as_typed(instance.column, instance.pinned)} | (kwargs.get("initial") or {})
        super().__init__(*args, instance=instance, **kwargs)
        if self.instance.pk:
            self.fields["column"].widget = forms.HiddenInput()
            self.fields["pinned"].help_text = f"{capfirst(PINNABLE[self.instance.column].hint)}. {_EMPTY}"

    def clean_column(self) -> str:
        """Leave a pin on its column."""
        column: str = self.instance.column if self.instance.pk else self.cleaned_data["column"]
        return column

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        column = self.cleaned_data.get("column", "")
        if column in PINNABLE and "pinned" in self.cleaned_data:
            try:
                value = PINNABLE[column].parse(self.cleaned_data["pinned"].replace("\r\n", "\n").strip())
            except InvalidValueError as error:
                self.add_error("pinned", str(error))
            else:
                self.cleaned_data["pinned"] = stored(value)
                self._refuse_shared(column, value)
        return cleaned

    def _refuse_shared(self, column: str, value: Any) -> None:
        """Refuse the project of another package, unless it is ticked that several may have one."""
        if column != "pypi_url" or not value or self.data.get("shared_repository"):
            return
        if other := Package.objects.sharing_project(
            Package(pk=self.instance.package_id, **derived("pypi_url", value))
        ).first():
            self.add_error(
                "pinned",
                f"The package “{other.title}” ({other.slug}) has the same PyPI project. If both are in it, tick “Save"
                " anyway”.",
            )


class PinFormSet(forms.BaseInlineFormSet[Pin, Package, Any]):
    """The pins of a package. Pins that others lifted while the form was open stay lifted. `by` is who saves them."""

    by: ClassVar[str] = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lifted_meanwhile = self._drop_lifted() if self.is_bound and self.initial_form_count() else []

    def _drop_lifted(self) -> list[str]:
        """Tick the deletion of pins that are not there any more, and return what they were of."""
        columns = (str(self.data.get(f"initial-{row}-column", "")) for row in tick_gone(self))
        return [PINNABLE[column].label if column in PINNABLE else "pin" for column in columns]

    @property
    def notes(self) -> Iterator[str]:
        for form in self.initial_forms:
            yield from (f"{form.instance.get_column_display()}: {note}" for note in form.notes)
        for label in self.lifted_meanwhile:
            yield f"The pin of the {label} was lifted meanwhile by somebody else, and stays lifted."

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if form.instance.pk and DELETION_FIELD_NAME in form.fields:
            form.fields[DELETION_FIELD_NAME].label = _lifting(form.instance)

    def save_new(self, form: Any, commit: bool = True) -> Pin:
        typed = form.cleaned_data
        return pin(self.instance, typed["column"], _value(typed), typed["reason"], self.by)

    def save_existing(self, form: Any, obj: Pin, commit: bool = True) -> Pin:
        change(obj, _value(form.cleaned_data), obj.reason, self.by)
        return obj

    def delete_existing(self, obj: Pin, commit: bool = True) -> None:
        super().delete_existing(obj, commit)
        let_go([obj])


def _value(typed: dict[str, Any]) -> Any:
    return restored(typed["column"], typed["pinned"])


def _shown(column: str, value: Any) -> str:
    return Truncator(as_typed(column, value)).chars(SHOWN) or NOTHING


def _lifting(row: Pin) -> str:
    """Return what lifting a pin would do."""
    if row.upstream is None:
        return "Lift: it becomes empty until upstream says something"
    text = Truncator(" ".join(as_typed(row.column, row.upstream).split())).chars(60)
    return f"Lift: it becomes “{text}” again"


class PinInline(admin.StackedInline[Any, Any]):
    model = Pin
    form = PinForm
    formset = PinFormSet
    extra = 0
    max_num = len(PINNABLE)
    fields = (("column", "pinned"), "reason", ("upstream_says", "when"))
    readonly_fields = ("upstream_says", "when")
    verbose_name_plural = "pins: corrected facts, which no refresh and no import overwrites"

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        user: Any = request.user
        formset = super().get_formset(request, obj, **kwargs)
        return type(formset.__name__, (formset,), {"by": user.get_username()})

    @admin.display(description="upstream says")
    def upstream_says(self, row: Pin) -> str:
        if not row.pk:
            return "-"
        now = _shown(row.column, row.upstream)
        if row.is_elsewhere:
            return f"“{now}”. The package has got another address since it was pinned."
        if row.is_moved:
            return f"“{now}”. This has changed since it was pinned: it was “{_shown(row.column, row.upstream_then)}”."
        return now

    @admin.display(description="pinned")
    def when(self, row: Pin) -> str:
        return f"on {day_of(row.since)} by {row.by or 'somebody'}" if row.pk else "-"
