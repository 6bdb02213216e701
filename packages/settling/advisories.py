"""The advisories on the projects of the packages that are settled together."""

from collections.abc import Mapping, Sequence
from typing import Any

from packages.advisories.listed import stored
from packages.advisories.settle import save, told, vulnerabilities
from packages.models import Package
from packages.settling.reading import are_present


class Advisories:
    """The meaning of the rows of advisories, by the ids of the packages, for these."""

    def __init__(self, packages: Sequence[Package], told_of: Mapping[int, Any], listed: Mapping[int, Any]) -> None:
        self._was = {package.pk: package.vulnerable for package in packages}
        self._stored = {package.pk: stored(listed.get(package.pk)) for package in packages}
        self._wanted = {
            package.pk: vulnerabilities(told(told_of.get(package.pk)), _latest(package)) for package in packages
        }
        self.vulnerable = {pk for pk, found in self._wanted.items() if any(each.affects_latest for each in found)}

    def save(self) -> None:
        """Write what differs."""
        save(self._wanted, self._stored)
        for flag in (True, False):
            moved = [pk for pk, was in self._was.items() if was is not flag and (pk in self.vulnerable) is flag]
            if moved:
                Package.objects.filter(pk__in=moved).update(vulnerable=flag)


def _latest(package: Package) -> str | None:
    """Return the latest version, as far as it is one of the package's present project."""
    return package.pypi_version if are_present(package, "pypi") else None
