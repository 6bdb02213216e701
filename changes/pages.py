"""The page of the log of changes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from django import forms

from categories.models import Category
from changes.models import Change
from core.api.filters import NamesField, WholeNumberField
from core.api.pagination import neighbour
from core.kinds import Kind
from core.links import Links
from core.models import MAX_ID
from core.pages.addresses import path_of
from core.pages.lists import Choices, ListPage, Pager
from core.pages.page import Link
from grids.models import Feature, Grid
from packages.models import Package

_MODELS: Mapping[Kind, Any] = {
    Kind.CATEGORY: Category,
    Kind.PACKAGE: Package,
    Kind.GRID: Grid,
    Kind.FEATURE: Feature,
}


class ChangesForm(forms.Form):
    since = WholeNumberField(most=MAX_ID, required=False, label="After number")
    kind = NamesField("kind", Change.KINDS, required=False, label="Kind")


class ChangeRow(NamedTuple):
    """A change in words: what happened to which document (`url` is "" where there is none by that id), and where."""

    number: int
    at: datetime | None
    action: str
    kind: str
    document: Link
    former_slug: str
    preposition: str
    place: Link | None


class ChangesPage(ListPage):
    """The log: a row for each change, the oldest first."""

    template = "changes/page.html"
    rows_template = "changes/rows.html"
    is_indexed = False
    intro = (
        "Whatever was created, changed, renamed or deleted, in the order of commits. Mirrors and caches follow it as"
        " JSON: they keep the last number that they have read, and ask for what came after it."
    )
    main_filters = ("since", "kind")

    @cached_property
    def form(self) -> forms.Form:
        form = ChangesForm(self.request.query_params, auto_id="filter-%s")
        form.fields["kind"].widget = forms.Select(choices=self._with_present("kind"))
        return form

    def choices(self, name: str) -> Choices | None:
        return [(kind, kind) for kind in Change.KINDS] if name == "kind" else None

    def value_in_words(self, name: str, value: str) -> str:  # noqa: ARG002 (as the base has it)
        return value

    @cached_property
    def pager(self) -> Pager:
        """The log goes forward only, and is not counted."""
        return Pager(0, 0, None, None, self.data["next"])

    @cached_property
    def rows(self) -> Sequence[ChangeRow]:
        changes: Sequence[Change] = self.view.changes
        documents = _Documents(changes)
        return [_row(change, documents) for change in changes]

    @property
    def since(self) -> int:
        return int(self.data["since"])

    @property
    def until(self) -> int:
        """The last number on the page."""
        return int(self.data["until"])

    @property
    def later(self) -> str:
        """The URL of what will be logged after this page."""
        return neighbour(self.request, since=self.until)

    @property
    def newest(self) -> int:
        """The last number of the log."""
        return int(self.data["newest"])

    @property
    def newest_page(self) -> str:
        """The URL of the page on which the log ends; "" on that page. It has changes of all kinds."""
        since = max(self.view.bounds.since, self.view.bounds.last - self.view.limit)
        return neighbour(self.request, since=since, kind=None) if self.data["next"] else ""

    @property
    def of_kinds(self) -> str:
        """The kinds that were asked for; "" if all were."""
        return self._parameters.get("kind", "")


class _Documents:
    """The documents that changes are about, as far as they still exist: a query for each kind."""

    def __init__(self, changes: Iterable[Change]) -> None:
        ids: dict[Kind, set[int]] = {kind: set() for kind in _MODELS}
        for change in changes:
            kind = Kind.FEATURE if change.kind == Kind.CELL else Kind(change.kind)
            if kind in ids:
                ids[kind].add(change.object_id)
            for parent, pk in ((Kind.GRID, change.grid_id), (Kind.PACKAGE, change.package_id)):
                if pk is not None:
                    ids[parent].add(pk)
        self._found = {kind: _links(kind, ids[kind]) for kind in _MODELS if ids[kind]}

    def link(self, kind: Kind, pk: int | None, slug: str = "") -> Link:
        """Return the link to a document; without a URL, and with what is known of it, where it is gone."""
        found = self._found.get(kind, {}).get(pk)
        return found or Link("", slug or f"{kind.value} {pk}")


def _links(kind: Kind, ids: set[int]) -> Mapping[int | None, Link]:
    rows = _MODELS[kind].objects.filter(pk__in=ids).order_by()
    if kind == Kind.FEATURE:  # it has no slug
        return {pk: Link(Links.paths().document(kind, pk), title) for pk, title in rows.values_list("pk", "title")}
    return {pk: Link(path_of(kind, pk, slug), title) for pk, title, slug in rows.values_list("pk", "title", "slug")}


def _row(change: Change, documents: _Documents) -> ChangeRow:
    kind, place, preposition = Kind(change.kind), None, "in"
    if kind == Kind.MEMBERSHIP:
        document = documents.link(Kind.PACKAGE, change.package_id)
        place = documents.link(Kind.GRID, change.grid_id)
    elif kind == Kind.CELL:
        document = documents.link(Kind.FEATURE, change.object_id)
        preposition, place = "of", documents.link(Kind.PACKAGE, change.package_id)
    else:
        document = documents.link(kind, change.object_id, change.slug)
        if kind == Kind.FEATURE:
            place = documents.link(Kind.GRID, change.grid_id)
    return ChangeRow(
        change.number or 0, change.at, change.action, kind.value, document, change.old_slug, preposition, place
    )
