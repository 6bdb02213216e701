"""The form of every kind of document: it loses nothing that was typed, and undoes nobody in silence."""

from typing import Any, ClassVar, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import capfirst

from core.admin.merge import Merge, in_words, merge, question
from core.documents import Columns
from core.models import Document, Edited
from core.slugs import DIGITS_ALONE

D = TypeVar("D", bound=Edited)


def form_fields(columns: Columns, model: type[Document]) -> list[str]:
    """The columns that editors type: those that they write, but for the times, which the site sets itself."""
    fields: Any = [model._meta.get_field(column) for column in columns.edited]
    return [field.name for field in fields if field.editable]


class DocumentForm(forms.ModelForm[D]):
    """A form that is merged with what was stored since it was shown.

    Its changed fields are those in which it differs from what is stored. `refusal` is the reason why this request
    cannot save the form, whatever is in it.
    """

    refusal: ClassVar[str] = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.merge: Merge | None = None
        if self.instance.pk is None:
            return
        columns = {field.name for field in self.instance._meta.concrete_fields}
        names = [name for name in self.fields if name in columns]
        for name in names:
            self.fields[name].show_hidden_initial = True
        if self.is_bound:
            self.merge = merge(self, names)
            self.data = self.merge.data

    @property
    def notes(self) -> list[str]:
        """Sentences on what others changed while the form was open."""
        names = self.merge.by_others if self.merge else []
        return [
            f"{capfirst(str(self[name].label))} was changed meanwhile, and stays as it is now: "
            f"“{in_words(self.fields[name], self[name].initial)}”."
            for name in names
        ]

    def clean_slug(self) -> str:
        """Refuse a new slug of digits alone, which would be read as an id. Imported ones may stay."""
        slug: str = self.cleaned_data["slug"]
        if slug.isdigit() and slug != self.initial.get("slug"):
            raise ValidationError(DIGITS_ALONE)
        return slug

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        for name in self.merge.conflicts if self.merge else ():
            self.add_error(name, question(self[name]))
        if self.refusal:
            self.add_error(None, self.refusal)
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        """Leave the id in, so that constraints that name it are asked too."""
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return excluded - {"id"}
