"""Change category: the page says how many of the packages are in which category now."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import QuerySet

from categories.models import Category
from core.words import counted
from editing.actions.frame import ActionForm, BulkAction, Row
from packages.models import Package

NAMED = 10  # categories that the page counts


class CategoryForm(ActionForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Category.objects.all()
        self.fields["category"] = forms.ModelChoiceField(
            rows.select_for_update(no_key=True) if self.is_last else rows,
            label="Move them to",
            empty_label=None,
            widget=forms.RadioSelect,
        )


class ChangeCategory(BulkAction):
    name = "change_category"
    label = "Change category"
    help = "All of them move to the category that you choose, but for those that are in it already."
    form_class = CategoryForm
    is_told_first = True

    def rows(self, rows: QuerySet[Any], form: Any) -> list[Row]:
        if form is None:
            shown = rows.values_list("pk", "title", "category", "category__title")
            return [Row(pk, title, str(category), now=name) for pk, title, category, name in shown]
        wanted = form.cleaned_data["category"]
        there = f"in the category “{wanted}” already"
        return [
            Row(pk, title, str(category), note=there if category == wanted.pk else "")
            for pk, title, category in rows.values_list("pk", "title", "category")
        ]

    def lines(self, rows: Sequence[Row], form: Any) -> list[str]:  # noqa: ARG002 (of no interest here)
        numbers = Counter(row.now for row in rows).most_common()
        listed = ", ".join(f"{number:,} in “{title}”" for title, number in numbers[:NAMED])
        more = f" and {counted(len(numbers) - NAMED, 'further category', 'further categories')}"
        return [f"Now: {listed}{more if len(numbers) > NAMED else ''}."]

    def write(self, ids: Collection[int], form: Any, now: datetime) -> None:
        Package.objects.filter(pk__in=ids).update(category=form.cleaned_data["category"], modified=now)

    def done(self, number: int, form: Any) -> str:
        return f"Moved {counted(number, 'package')} to the category “{form.cleaned_data['category']}”"
