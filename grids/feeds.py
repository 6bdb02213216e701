"""The feeds of new grids, and of the new releases of a grid's packages.

The latter has releases and not new members, since nothing that is kept says when a package came into a grid.
"""

from django.db.models import QuerySet

from core.caching.dependencies import on
from core.feeds import NEWEST, CatalogueFeed, DocumentFeed
from core.kinds import Kind
from grids.models import Grid, GridPackage
from packages.feeds import ReleaseFeed
from packages.models import Release


class GridFeed(CatalogueFeed):
    depends_on = on(Kind.GRID)
    kind = Kind.GRID
    title = "Package Grids: new grids"
    description = "The grids that were added most recently."

    def items(self) -> QuerySet[Grid]:
        return Grid.objects.only("id", "title", "description", "created").order_by("-id")[:NEWEST]

    def description_of(self, item: Grid) -> str:
        return item.description


class GridReleaseFeed(DocumentFeed, ReleaseFeed):
    depends_on = on(Kind.PACKAGE, Kind.GRID)
    documents = Grid.objects
    words = "new releases in"
    example = "rest-apis"
    description = "The versions of the grid's packages that were uploaded to PyPI most recently."

    def releases(self) -> QuerySet[Release]:
        members = GridPackage.objects.filter(grid=self.document).values("package")
        return super().releases().filter(package__in=members)
