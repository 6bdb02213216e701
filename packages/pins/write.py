"""Pinning columns of packages, changing and lifting pins. The caller has locked the packages, and records an edit."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from packages.models import Package, Pin
from packages.pins.columns import PINNABLE, restored, stored

Values = Mapping[int, Mapping[str, Any]]  # of columns, by the ids of their packages


def lock(packages: Collection[int]) -> None:
    """Lock packages, in the order in which all others do."""
    rows = Package.objects.filter(pk__in=packages).order_by("pk").select_for_update(no_key=True)
    list(rows.values_list("pk"))


def pin(package: Package, column: str, value: Any, reason: str, by: str) -> Pin:
    """Pin a column to a value, as the column has it."""
    now = Package.objects.values_list(column, flat=True).get(pk=package.pk)
    upstream = stored(now)
    write_columns({package.pk: {column: value}})  # first: a new address forgets facts, not what the pin is of
    return Pin.objects.create(
        package=package,
        column=column,
        pinned=stored(value),
        upstream=upstream,
        upstream_then=upstream,
        reason=reason,
        since=timezone.now(),
        by=by,
    )


def change(pin: Pin, value: Any, reason: str, by: str) -> None:
    """Change a pin. Its editor has seen what upstream says by now."""
    pin.pinned, pin.reason, pin.since, pin.by = stored(value), reason, timezone.now(), by
    pin.upstream_then, pin.is_elsewhere = pin.upstream, False
    pin.save()
    write_columns({pin.package_id: {pin.column: value}})


def keep(pins: Iterable[Pin]) -> None:
    """Note of pins that an editor has seen what upstream says by now, and leaves them as they are."""
    pins = list(pins)
    for each in pins:
        each.upstream_then, each.is_elsewhere = each.upstream, False
    Pin.objects.bulk_update(pins, ["upstream_then", "is_elsewhere"], batch_size=100)


def lift(pins: Iterable[Pin]) -> None:
    """Delete pins: their columns take what upstream says, or nothing where it has said nothing."""
    pins = list(pins)
    Pin.objects.filter(pk__in=[each.pk for each in pins]).delete()
    let_go(pins)
    Package.objects.filter(pk__in={each.package_id for each in pins}).update(modified=timezone.now())


def let_go(pins: Iterable[Pin]) -> None:
    """Give the columns of pins, which are deleted, what upstream says."""
    values: dict[int, dict[str, Any]] = {}
    for each in pins:
        values.setdefault(each.package_id, {})[each.column] = restored(each.column, each.upstream)
    write_columns(values)


def agree(pins: QuerySet[Pin], came_back: Collection[tuple[int, str]]) -> None:
    """Make pins, which were stored as they once were, and the columns of their packages agree again.

    A fetched column takes the pin's value, and the pins of the packages and columns in `came_back`, which were not
    there while upstream went on, take what stood in it. The pin of a column that editors type takes the column's value.
    """
    values: dict[int, dict[str, Any]] = {}
    moved: list[Pin] = []
    for each in pins.select_related("package"):
        now = stored(getattr(each.package, each.column))
        if PINNABLE[each.column].edited:
            if each.pinned != now:
                each.pinned = now
                moved.append(each)
            continue
        if (each.package_id, each.column) in came_back:
            each.upstream = now
            moved.append(each)
        values.setdefault(each.package_id, {})[each.column] = restored(each.column, each.pinned)
    Pin.objects.bulk_update(moved, ["pinned", "upstream"], batch_size=100)
    write_columns(values)


def write_columns(values: Values) -> None:
    """Write columns of packages, pinned or not, as far as the packages are there."""
    packages = Package._base_manager.in_bulk(list(values)) if values else {}
    written: set[str] = set()
    changed: dict[int, Package] = {}
    for pk, package in packages.items():
        for column, value in values[pk].items():
            if stored(getattr(package, column)) != stored(value):
                setattr(package, column, value)
                written.add(column)
                changed[pk] = package
    if fetched := sorted(column for column in written if not PINNABLE[column].edited):
        Package._base_manager.bulk_update(changed.values(), fetched, batch_size=100)
    if edited := sorted(written.difference(fetched)):
        Package.objects.bulk_update(changed.values(), edited, batch_size=100)
