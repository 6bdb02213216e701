"""The forms of features and cells: merged with what others saved meanwhile, and refused for locked grids."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from core.admin.autocomplete import Autocomplete
from core.admin.forms import D, DocumentForm
from core.admin.gone import tick_gone
from grids.locks import may_change, refusal
from grids.models import Cell, Feature, Grid, GridPackage
from packages.models import Package


class _GridPartForm(DocumentForm[D]):
    """A form that its admin gives the request."""

    request: ClassVar[HttpRequest | None] = None

    def refuse_locked(self, grid: Grid) -> None:
        if self.request is not None and not may_change(self.request, grid):
            self.add_error(None, refusal(grid))


class FeatureForm(_GridPartForm[Feature]):
    class Meta:
        model = Feature
        fields = ("grid", "title", "description", "position")
        widgets: ClassVar[dict[str, forms.Widget]] = {"description": forms.Textarea({"rows": 2})}

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if grid := self.cleaned_data.get("grid"):
            self.refuse_locked(grid)
        return cleaned


class FeatureFormSet(forms.BaseInlineFormSet[Feature, Grid, Any]):
    """The features of a grid, each merged with what others changed in it while the form was open."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.deleted_meanwhile = self._drop_deleted() if self.is_bound else []

    def _drop_deleted(self) -> list[str]:
        """Tick the deletion of features that somebody else has deleted, and return their titles."""
        return [str(self.data.get(f"{row}-title", "")) for row in tick_gone(self)]

    @property
    def notes(self) -> Iterator[str]:
        for form in self.initial_forms:
            yield from (f"“{form.instance}”: {note}" for note in form.notes)
        for title in self.deleted_meanwhile:
            yield f"“{title}” was deleted meanwhile by somebody else, and stays deleted."

    def _construct_form(self, i: int, **kwargs: Any) -> Any:
        """Validate no feature that the form leaves alone: each would take queries of its own."""
        form = super()._construct_form(i, **kwargs)  # type: ignore[misc]  # the stubs lack it
        form.empty_permitted = True
        return form

    def save_existing(self, form: Any, obj: Feature, commit: bool = True) -> Feature:
        """Save what the form changed and nothing else."""
        if commit:
            obj.modified = timezone.now()
            obj.save(
                update_fields={"modified", *form.changed_data} - {"id", "grid", forms.formsets.DELETION_FIELD_NAME}
            )
        return obj


class CellForm(_GridPartForm[Cell]):
    """The text of a cell; of a new one also the feature, and a package that is in its grid.

    A script shows beside the text what it says, to users who `may_ask`.
    """

    may_ask: ClassVar[bool] = False

    package = forms.ModelChoiceField(
        Package.objects.all(), widget=Autocomplete(GridPackage._meta.get_field("package"), admin.site)
    )

    class Meta:
        model = Cell
        fields = ("feature", "text")
        widgets: ClassVar[dict[str, forms.Widget]] = {"text": forms.Textarea({"rows": 4})}

    class Media:
        js = (forms.Script("grids/sign.js", defer=True),)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        text: Any = self.fields.get("text")  # not for those who may only look at the cell
        if text:
            text.strip = False  # stored as it is typed
            if self.may_ask:
                text.widget.attrs["data-sign"] = reverse("admin:grids_cell_sign")
        if self.instance.pk:
            del self.fields["package"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        feature, package = self.cleaned_data.get("feature"), self.cleaned_data.get("package")
        if feature and package:
            self.refuse_locked(feature.grid)
            self._place(feature, package)
        return cleaned

    def _place(self, feature: Feature, package: Package) -> None:
        """Find the membership of a new cell."""
        membership = GridPackage.objects.filter(grid=feature.grid_id, package=package).first()
        if membership is None:
            self.add_error("package", f"“{package}” is not in the grid “{feature.grid}”.")
        elif Cell.objects.filter(feature=feature, membership=membership).exists():
            self.add_error("package", f"“{package}” has a cell of this feature already.")
        else:
            self.instance.membership = membership
