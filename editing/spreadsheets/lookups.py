"""The documents that rows of a file name, by id, by slug or by repository, and those that their columns refer to."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Q

from core.api.parameters import nearest
from core.api.references import is_id
from core.kinds import Kind
from core.models import Document
from editing.spreadsheets.columns import InvalidCellError, SheetColumn
from editing.spreadsheets.reading import SheetRow, shown
from packages.addresses import clean
from packages.identity import derived
from packages.models import Package, Pin


class RefusedRowError(Exception):
    """A row of the file that cannot be imported; the message says why."""


class NamedDocuments:
    """The documents that rows name, locked if `lock` is true."""

    def __init__(self, model: type[Document], rows: Sequence[SheetRow], *, lock: bool) -> None:
        self.model = model
        self.noun = str(model._meta.verbose_name)
        ids = {int(text) for row in rows if is_id(text := row.text("id"))}
        slugs = {text for row in rows if (text := row.text("slug"))}
        condition = Q(pk__in=ids) | Q(slug__in=slugs)
        if keys := {key for row in rows if (key := self._key(row))}:
            condition |= Q(repo_key__in=keys)
        found: Any = model._default_manager.filter(condition).order_by("pk")
        documents = list(found.select_for_update(no_key=True) if lock else found)
        self.by_id = {document.pk: document for document in documents}
        self._by_slug = {document.slug: document for document in documents}
        self._by_key: dict[str, list[Any]] = {}
        for document in documents if keys else ():
            self._by_key.setdefault(document.repo_key, []).append(document)

    def _key(self, row: SheetRow) -> str:
        """Return the key of the repository that names a package, if nothing else does."""
        address = row.text("repo_url")
        if self.model is not Package or not address or row.text("id") or row.text("slug"):
            return ""
        return derived("repo_url", clean(address).address)["repo_key"]

    def named_by(self, row: SheetRow) -> tuple[Any, object]:
        """Return the document that a row names, or None and by what it names a new one, if by anything.
        RefusedRowError if it names none, or more than one."""
        pk, slug, key = row.text("id"), row.text("slug"), self._key(row)
        if pk:
            document = self.by_id.get(int(pk)) if is_id(pk) else None
            if document is None:
                raise RefusedRowError(f"id: there is no {self.noun} {shown(pk, 20)}; leave it empty to add a new one")
            return document, pk
        if slug:
            return self._by_slug.get(slug), ("slug", slug)
        found = self._by_key.get(key, [])
        if len(found) > 1:
            several = ", ".join(document.slug for document in found[:5])
            raise RefusedRowError(f"repo_url: several packages have it ({several}): name one of them by its slug")
        return (found[0] if found else None), (("repository", key) if key else None)


class References:
    """The documents that a column refers to, by slug or by the URL of their page."""

    def __init__(self, column: SheetColumn, texts: Collection[str], present: Iterable[int | None]) -> None:
        self.column = column
        model: type[Document] = column.field.related_model
        self.kind = Kind(str(model._meta.model_name))
        self._url = re.compile(rf"/{self.kind.plural}/([^/?#\s]+)/?")
        named = [self._name(text) for text in texts if text]
        ids = {name for name in named if isinstance(name, int)}.union(pk for pk in present if pk)
        condition = Q(pk__in=ids) | Q(slug__in={name for name in named if isinstance(name, str)})
        rows = model._default_manager.all() if self.kind == Kind.CATEGORY else model._default_manager.filter(condition)
        self._slugs = dict(rows.order_by().values_list("pk", "slug"))
        self._by_slug = {slug: pk for pk, slug in self._slugs.items()}

    def add(self, numbers: Mapping[str, int]) -> None:
        """Let the column refer to these too, by the slugs that they get, where nothing else has them."""
        for slug, number in numbers.items():
            self._slugs.setdefault(self._by_slug.setdefault(slug, number), slug)

    def _name(self, text: str) -> int | str:
        url = self._url.search(text)
        name = url[1] if url else text
        return int(name) if url and is_id(name) else name

    def number_of(self, text: str) -> int | None:
        """Return the number of what a text names; None if it is empty. InvalidCellError if there is none."""
        if not text:
            return None
        name = self._name(text)
        number = self._by_slug.get(name) if isinstance(name, str) else (name if name in self._slugs else None)
        if number is None:
            hint = nearest(text, self._by_slug)
            raise InvalidCellError(f"{self.column.title}: there is no {self.kind} “{shown(text)}”.{hint}")
        return number

    def slug_of(self, number: int | None) -> str:
        return "" if number is None else self._slugs.get(number, f"number {number}")


def pinned(packages: Collection[int], columns: Collection[str]) -> dict[int, set[str]]:
    """Return those of these columns that are pinned, by the ids of their packages."""
    pins = Pin.objects.filter(package__in=packages, column__in=columns)
    found: dict[int, set[str]] = {}
    for pk, column in pins.values_list("package_id", "column"):
        found.setdefault(pk, set()).add(column)
    return found
