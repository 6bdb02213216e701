"""The form of the memberships of a document, from both sides: a grid's packages, and a package's grids.

Of the memberships that there are, only the ticks to remove them are sent, so that a grid of 1,000 packages can be
saved. New ones are typed in rows of their own.
"""

import json
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest

from core.admin.rows import MOST_ROWS
from grids.locks import may_change, refusal
from grids.models import Grid, GridPackage
from packages.models import Package

REMOVE = "DELETE"


class MembershipFormSet(forms.BaseInlineFormSet[GridPackage, Any, Any]):
    """The memberships of a document, merged with those that others added and removed while the form was open.

    `other` is the field of the other side. The posted `shown` has the titles of the other documents by their ids.
    """

    request: HttpRequest
    other: str
    may_remove: bool

    prefix: str
    data: Any
    model: type[GridPackage]

    def __init__(self, data: Any = None, *, queryset: Any, **kwargs: Any) -> None:
        self.notes: list[str] = []
        self.memberships = queryset
        self.removed: list[GridPackage] = []
        super().__init__(data, queryset=queryset.none(), **kwargs)
        if self.is_bound:
            self._merge()

    def initial_form_count(self) -> int:
        return 0

    @cached_property
    def _listed(self) -> list[GridPackage]:
        """The memberships in their order, and one more than a page shows if there are more."""
        if self.instance.pk is None:
            return []
        return list(self.memberships.filter(**{self.fk.name: self.instance})[: MOST_ROWS + 1])

    @property
    def has_more(self) -> bool:
        return len(self._listed) > MOST_ROWS

    def rows(self) -> list[tuple[int, Model, bool]]:
        """The id of each other document, the document, and whether it is to be removed."""
        removed = {each.pk for each in self.removed}
        return [(self._id(each), self._other(each), each.pk in removed) for each in self._listed[:MOST_ROWS]]

    @property
    def shown(self) -> str:
        """The titles of the other documents by their ids, if the page shows all: what the next save compares with."""
        return "" if self.has_more else json.dumps({self._id(each): str(self._other(each)) for each in self._listed})

    def _id(self, membership: GridPackage) -> int:
        pk: int = getattr(membership, f"{self.other}_id")
        return pk

    def _other(self, membership: GridPackage) -> Model:
        other: Model = getattr(membership, self.other)
        return other

    def _merge(self) -> None:
        """Take the ticks, and drop the additions that others made meanwhile."""
        ticked = self._posted(REMOVE) if self.may_remove else {}
        self.removed = [each for each in self._listed if self._id(each) in ticked]
        shown = self._shown()
        if shown is None or self.instance.pk is None:
            return
        present = {self._id(each): str(self._other(each)) for each in self._listed}
        new = {} if self.has_more else {pk: title for pk, title in present.items() if pk not in shown}
        self._drop(new)
        self._note("Added", new.values(), "there")
        if self.has_more:
            present = dict.fromkeys(self._members(shown), "")
        self._note("Removed", (title for pk, title in shown.items() if pk not in present), "removed")

    def _drop(self, new: Collection[int]) -> None:
        values = {str(pk) for pk in new}
        self.data = self.data.copy()
        for row, value in self._posted(self.other).items():
            if value in values:
                self.data[f"{self.prefix}-{row}-{self.other}"] = ""

    def _note(self, what: str, titles: Iterable[str], state: str) -> None:
        if listed := ", ".join(f"“{title}”" for title in titles):
            others = (Package if self.other == "package" else Grid)._meta.verbose_name_plural
            self.notes.append(f"{what} meanwhile by somebody else among the {others}, and still {state}: {listed}.")

    def _members(self, others: Collection[int]) -> list[int]:
        """Return those of these ids whose documents have a membership with this one."""
        name = f"{self.other}_id"
        rows = self.memberships.filter(**{self.fk.name: self.instance, f"{name}__in": others})
        return list(rows.values_list(name, flat=True))

    def _posted(self, part: str) -> dict[int, str]:
        """The posted values with this part in their names, by the number in the name."""
        name = re.compile(rf"{re.escape(self.prefix)}-([0-9]{{1,18}})-{part}", re.ASCII)
        return {int(found[1]): self.data[key] for key in self.data if (found := name.fullmatch(key))}

    def _shown(self) -> dict[int, str] | None:
        with suppress(ValueError, AttributeError, KeyError, RecursionError):
            shown = json.loads(self.data[f"{self.prefix}-shown"]).items()
            # JSON can have half a character, which no page can show.
            return {int(pk): str(title).encode(errors="replace").decode() for pk, title in shown}
        return None

    def clean(self) -> None:
        super().clean()
        added = {form: other for form in self.forms if (other := form.cleaned_data.get(self.other))}
        if isinstance(self.instance, Package):
            self._refuse_locked([*added.values(), *(each.grid for each in self.removed)])
        members = self._members([other.pk for other in added.values()]) if added and self.instance.pk else []
        for form, other in added.items():
            if other.pk in members:
                form.add_error(self.other, f"“{other}” is here already.")

    def _refuse_locked(self, grids: Iterable[Grid]) -> None:
        for grid in grids:
            if not may_change(self.request, grid):
                raise ValidationError(refusal(grid))

    def has_changed(self) -> bool:
        return super().has_changed() or bool(self.removed)

    def save_existing_objects(self, commit: bool = True) -> list[GridPackage]:  # noqa: ARG002 (Django's signature)
        self.changed_objects, self.deleted_objects = [], self.removed
        self.model._base_manager.filter(pk__in=[each.pk for each in self.removed]).delete()
        return []
