"""The form with the questions of a merge, and its answers."""

from typing import Any

from django import forms
from django.utils.functional import cached_property

from editing.merging.carrying import Answers
from editing.merging.plan import MOST, TYPED, Merge
from grids.models import MOST_CHARACTERS

ASKED = "Choose one of the texts, or type another one."


class MergeForm(forms.Form):
    """The questions of a merge: of each a choice of a package by its id; of a cell also a text of its own."""

    ids = forms.CharField(max_length=20 * MOST, widget=forms.HiddenInput)
    into = forms.CharField(max_length=20, widget=forms.HiddenInput)
    seen = forms.CharField(max_length=32, widget=forms.HiddenInput)

    def __init__(self, merge: Merge, data: Any = None) -> None:
        self.merge = merge
        self.cells = () if merge.refusal else merge.cell_questions  # a page with all of them could be of any length
        own = {"ids": ",".join(str(pk) for pk in merge.ids), "into": merge.survivor.pk, "seen": merge.seen}
        super().__init__(
            None if data is None else {**data.dict(), **own, "former": data.getlist("former")}, initial=own
        )
        for column in merge.column_questions:
            self._ask(column.name, column.label, [str(pk) for pk in column.values], str(column.default))
        for cell in self.cells:
            self._ask(cell.name, f"{cell.label} ({cell.grid})", [*(str(pk) for pk in cell.values), TYPED], None)
            self.fields[f"text-{cell.feature}"] = forms.CharField(
                required=False,
                max_length=MOST_CHARACTERS,
                label=f"Another text for {cell.label}",
                widget=forms.Textarea(attrs={"rows": 2, "cols": 30}),
            )
        if former := merge.former_addresses:
            self.fields["former"] = forms.MultipleChoiceField(
                choices=[(str(each.pk), f"{each.repo_url} (“{each}”)") for each in former],
                widget=forms.CheckboxSelectMultiple,
                required=False,
                initial=[str(each.pk) for each in former],
                label="Former addresses",
            )

    def _ask(self, name: str, label: str, values: list[str], default: str | None) -> None:
        self.fields[name] = forms.ChoiceField(
            choices=[(value, value) for value in values],
            widget=forms.RadioSelect,
            initial=default,
            label=label,
            error_messages={"required": ASKED},
        )

    def clean(self) -> dict[str, Any]:
        """Refuse another text that is empty."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for cell in self.cells:
            is_typed = cleaned.get(cell.name) == TYPED
            if is_typed and f"text-{cell.feature}" in cleaned and not cleaned[f"text-{cell.feature}"]:
                self.add_error(cell.name, "Type the other text, or choose one of these.")
        return cleaned

    @property
    def answers(self) -> Answers:
        cleaned = self.cleaned_data
        cells = {
            cell.name: cleaned[f"text-{cell.feature}"] if cleaned[cell.name] == TYPED else int(cleaned[cell.name])
            for cell in self.cells
        }
        columns = {column.name: int(cleaned[column.name]) for column in self.merge.column_questions}
        return Answers(columns, cells, [int(pk) for pk in cleaned.get("former", ())])

    @cached_property
    def column_rows(self) -> list[dict[str, Any]]:
        """A row of the page for each column: its field, and each package's radio button, if any, and value."""
        return [
            {"field": self[each.name], "options": self._options(each.name, each.values)}
            for each in self.merge.column_questions
        ]

    @cached_property
    def cell_rows(self) -> list[dict[str, Any]]:
        return [
            {
                "field": self[each.name],
                "label": each.label,
                "grid": each.grid,
                "options": self._options(each.name, each.values),
                "typed": {"radio": self._radios(each.name)[TYPED], "value": "this one:"},
                "text": self[f"text-{each.feature}"],
            }
            for each in self.cells
        ]

    def _options(self, name: str, values: Any) -> list[dict[str, Any]]:
        radios = self._radios(name)
        return [
            {"radio": radios.get(str(package.pk)), "value": values.get(package.pk, "")}
            for package in self.merge.packages
        ]

    def _radios(self, name: str) -> dict[str, Any]:
        """Return the radio buttons of a field by their values."""
        return {str(radio.data["value"]): radio for radio in self[name].subwidgets}
