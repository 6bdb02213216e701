"""The rows that a deletion in admin takes along, that forbid it, or that lose a reference by it.

Django's own page loads, names and links every one of them. Here each model's rows are counted and the first are named,
so that the number of queries depends on the number of models alone.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from django.contrib import admin, messages
from django.contrib.admin import AdminSite
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.utils import quote
from django.db import transaction
from django.db.models import CASCADE, PROTECT, RESTRICT, Model, Q, QuerySet
from django.db.models.deletion import get_candidate_relations_to_delete
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import capfirst

from core.admin.forms import D

MAX_DELETED = 100  # documents in one bulk deletion
NAMED = 10  # rows of each model
_FORBID = frozenset({PROTECT, RESTRICT})

# The reasons why a user may not delete these rows, each a text that names one.
Guard = Callable[[HttpRequest, QuerySet[Any]], list[str]]
_GUARDS: dict[type[Model], Guard] = {}

# A list as the filter `unordered_list` shows it: after an item, a list of what belongs to it.
Nested = list[Any]


def guard(model: type[Model], reasons: Guard) -> None:
    """Ask `reasons` before rows of a model are deleted in admin, directly or with other rows."""
    _GUARDS[model] = reasons


class DeletionAdmin(admin.ModelAdmin[D]):
    """Tells what a deletion takes along, and deletes MAX_DELETED selected documents at most."""

    actions: Sequence[Callable[..., Any] | str] = ("delete_selected",)

    @admin.action(permissions=["delete"], description="Delete selected %(verbose_name_plural)s")
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[D]) -> TemplateResponse | None:
        """Delete all of the selected documents or none of them."""
        if queryset.count() > MAX_DELETED:
            what = self.opts.verbose_name_plural
            message = f"Nothing was deleted: select at most {MAX_DELETED} {what} at a time."
            self.message_user(request, message, messages.ERROR)
            return None
        with transaction.atomic():
            self._lock(self.model._base_manager.filter(pk__in=queryset.values("pk")))
            return delete_selected(self, request, queryset)

    def delete_model(self, request: HttpRequest, obj: D) -> None:
        self._lock(self.model._base_manager.filter(pk=obj.pk))
        super().delete_model(request, obj)

    def _lock(self, documents: QuerySet[D]) -> None:
        """Lock documents before the rows that belong to them: others lock a document first, and then write its rows."""
        list(documents.order_by("pk").select_for_update(no_key=True).values_list("pk"))

    def get_deleted_objects(self, objs: Sequence[Any] | QuerySet[Any], request: HttpRequest) -> Any:
        return summary(objs, request, self.admin_site)


class Summary(NamedTuple):
    """The result of ModelAdmin.get_deleted_objects()."""

    to_delete: Nested
    counts: dict[str, int]
    permissions_needed: set[str]
    protected: Nested


class Affected(NamedTuple):
    """Rows that refer to deleted ones: they go too (CASCADE), forbid it (PROTECT), or lose the reference `field`."""

    rows: QuerySet[Any]
    on_delete: Any
    field: str

    @property
    def label(self) -> str:
        plural = str(self.rows.model._meta.verbose_name_plural)
        if self.on_delete is CASCADE or self.on_delete in _FORBID:
            return plural
        return f"{plural} that lose their “{self.field}”"


def summary(objects: Sequence[Any] | QuerySet[Any], request: HttpRequest, site: AdminSite) -> Summary:
    """Return what goes with the objects, which are all of one model, and what forbids their deletion."""
    roots = list(objects)
    if not roots:
        return Summary([], {}, set(), [])
    model = type(roots[0])
    deleted: QuerySet[Any] = model._base_manager.filter(pk__in=[root.pk for root in roots])
    result = Summary([_named(root, site) for root in roots], {_plural(model): len(roots)}, set(), [])
    reasons = _reasons(request, deleted)
    details: Nested = []
    for affected in _affected(deleted):
        count = affected.rows.count()
        if not count:
            continue
        listed = _listed(affected, count, site)
        if affected.on_delete in _FORBID:
            result.protected.extend(listed)
            continue
        details.extend(listed)
        result.counts[affected.label] = count
        if affected.on_delete is CASCADE:
            reasons += _reasons(request, affected.rows)
            result.permissions_needed.update(_permissions_needed(request, affected.rows.model, site))
    if details:
        result.to_delete.append(details)
    result.protected.extend(dict.fromkeys(reasons))
    return result


def _affected(deleted: QuerySet[Any]) -> Iterator[Affected]:
    """Yield the rows that refer to the deleted ones, or to what goes with them, once for each model and effect."""
    conditions: dict[tuple[type[Model], Any, str], Q] = {}

    def visit(rows: QuerySet[Any], seen: tuple[type[Model], ...]) -> None:
        relations: Any = get_candidate_relations_to_delete(rows.model._meta)
        for relation in relations:
            model, field, on_delete = relation.related_model, relation.field, relation.on_delete
            referring = Q((f"{field.name}__in", rows.values("pk")))
            one_of_many = on_delete is CASCADE or on_delete in _FORBID  # it does not matter which field refers
            key = (model, on_delete, "" if one_of_many else str(field.verbose_name))
            conditions[key] = conditions.get(key, Q()) | referring
            if on_delete is CASCADE and model not in seen:
                visit(model._base_manager.filter(referring), (*seen, model))

    visit(deleted, (deleted.model,))
    for (model, on_delete, field), condition in conditions.items():
        rows: QuerySet[Any] = model._base_manager.filter(condition)
        if model is deleted.model:
            rows = rows.exclude(pk__in=deleted.values("pk"))
        yield Affected(rows, on_delete, field)


def _listed(affected: Affected, count: int, site: AdminSite) -> Nested:
    """Return a line with the number of the rows, and below it the names of the first."""
    options = affected.rows.model._meta
    references: Any = [field.name for field in options.fields if field.many_to_one]
    rows = affected.rows.select_related(*references).order_by(*options.ordering or ("pk",))[:NAMED]
    names: Nested = [_named(row, site) for row in rows]
    further = [f"and {count - NAMED:,} more"] if count > NAMED else []
    return [f"{capfirst(affected.label)}: {count:,}", [*names, *further]]


def _named(row: Model, site: AdminSite) -> str:
    """Return the name of a row, as a link to its form if it has one."""
    options = row._meta
    if not site.is_registered(type(row)):
        return str(row)
    url = reverse(f"{site.name}:{options.app_label}_{options.model_name}_change", args=(quote(row.pk),))
    return format_html('{}: <a href="{}">{}</a>', capfirst(str(options.verbose_name)), url, row)


def _plural(model: type[Model]) -> str:
    return str(model._meta.verbose_name_plural)


def _reasons(request: HttpRequest, rows: QuerySet[Any]) -> list[str]:
    reasons = _GUARDS.get(rows.model)
    return reasons(request, rows) if reasons else []


def _permissions_needed(request: HttpRequest, model: type[Model], site: AdminSite) -> set[str]:
    """Return the model's name if it has an admin of its own in which the user may not delete."""
    if not site.is_registered(model) or site.get_model_admin(model).has_delete_permission(request):
        return set()
    return {str(model._meta.verbose_name)}
