"""The memberships of packages that an import stores.

About each membership decides who has edited the package or the grid last: this site, or the source.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from core.kinds import Kind
from fetchers.mirror.documents import PackageDocument
from fetchers.mirror.seen import SeenDocuments
from grids.models import GridPackage

ROWS = 500  # written by one statement


def update_memberships(
    documents: Sequence[PackageDocument], seen: SeenDocuments, edited: Mapping[int, datetime]
) -> None:
    """Give each package the grids of its document, in their order, but for those about which this site decides: grids
    that the source does not have, and what was edited here since. `edited` is when packages were, by id."""
    current: dict[int, dict[int, GridPackage]] = {document.id: {} for document in documents}
    for membership in GridPackage.objects.filter(package__in=current).order_by("position", "id"):
        current[membership.package_id][membership.grid_id] = membership
    ours = _Ours(documents, current, seen, edited)
    stale: list[int] = []
    moved: list[GridPackage] = []
    added: list[GridPackage] = []
    for document in documents:
        memberships = current[document.id]
        wanted = ours.wanted(document, list(memberships))
        stale += [m.pk for grid, m in memberships.items() if grid not in wanted]
        if wanted == list(memberships):
            continue
        for position, grid in enumerate(wanted):
            if grid not in memberships:
                added.append(GridPackage(grid_id=grid, package_id=document.id, position=position))
            elif memberships[grid].position != position:
                memberships[grid].position = position
                moved.append(memberships[grid])
    GridPackage.objects.filter(pk__in=stale).delete()
    GridPackage.objects.bulk_update(moved, ["position"], batch_size=ROWS)
    GridPackage.objects.bulk_create(added, batch_size=ROWS)


class _Ours:
    """The memberships about which this site decides."""

    def __init__(
        self,
        documents: Sequence[PackageDocument],
        current: Mapping[int, Mapping[int, GridPackage]],
        seen: SeenDocuments,
        edited: Mapping[int, datetime],
    ) -> None:
        grids = {grid for memberships in current.values() for grid in memberships}
        self.missing = seen.missing(Kind.GRID, grids)
        self.times = seen.times_of_grids(grids.union(*(document.grids for document in documents)))
        self.edited = edited

    def wanted(self, document: PackageDocument, present: Sequence[int]) -> list[int]:
        """Return the grids that a package is to have, of which some are present: in the order of the side that has
        edited the package last."""
        ours = [grid for grid in present if self._decides(document, grid)]
        theirs = [grid for grid in document.grids if not self._decides(document, grid)]
        first, second = (present, document.grids) if document.id in self.edited else (document.grids, present)
        return [grid for grid in dict.fromkeys([*first, *second]) if grid in ours or grid in theirs]

    def _decides(self, document: PackageDocument, grid: int) -> bool:
        if grid in self.missing:
            return True
        times = self.times.get(grid)
        here = [at for at in (self.edited.get(document.id), times and times.edited) if at]
        there = [at for at in (document.modified, times and times.document) if at]
        return bool(here) and max(here) > max(there)
