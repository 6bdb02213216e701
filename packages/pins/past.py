"""Writing past pins: what upstream says of a pinned column goes to its pin."""

from collections.abc import Container, Iterable
from typing import Any

from packages.models import Package, Pin
from packages.pins.columns import restored, stored


class Pins:
    """The pins of packages that the caller has locked; save() stores what upstream says past them.

    The caller writes what upstream says into these packages by put() alone.
    """

    def __init__(self, packages: Iterable[Package]) -> None:
        self._moved: dict[int, Pin] = {}
        self._pins: dict[tuple[int, str], Pin] = {}
        by_id = {package.pk: package for package in packages}
        for package in by_id.values():
            package.is_past_pins = True
        for pin in Pin.objects.filter(package__in=by_id) if by_id else ():
            self._pins[pin.package_id, pin.column] = pin

    def holds(self, package: Package, column: str) -> bool:
        """Tell whether a column of a package is pinned."""
        return (package.pk, column) in self._pins

    def upstream(self, package: Package, column: str) -> Any:
        """Return the value of a column without its pin."""
        pin = self._pins.get((package.pk, column))
        return restored(column, pin.upstream) if pin else getattr(package, column)

    def put(self, package: Package, column: str, value: Any) -> None:
        """Give a package the value that upstream says, or its pin, if the column is pinned."""
        pin = self._pins.get((package.pk, column))
        if pin is None:
            setattr(package, column, value)
        elif pin.upstream != (said := stored(value)):
            pin.upstream = said
            self._moved[pin.pk] = pin

    def read_again(self, packages: Iterable[int]) -> None:
        """Read the pins of packages again, whose facts were forgotten; what was put into them before is not."""
        edited = {pin.pk: pin.upstream for pin in self._moved.values()}
        for pin in Pin.objects.filter(package__in=list(packages)) if self._pins else ():
            pin.upstream = edited.get(pin.pk, pin.upstream)
            self._pins[pin.package_id, pin.column] = pin
            if pin.pk in edited:
                self._moved[pin.pk] = pin

    def save(self, packages: Container[int] | None = None) -> None:
        """Store what upstream says: of all packages, or of those with these ids."""
        moved = [pin for pin in self._moved.values() if packages is None or pin.package_id in packages]
        Pin.objects.bulk_update(moved, ["upstream"], batch_size=100)
