"""The feed of new grids."""

from django.db.models import QuerySet

from core.caching.dependencies import on
from core.feeds import NEWEST, CatalogueFeed
from core.kinds import Kind
from grids.models import Grid


class GridFeed(CatalogueFeed):
    depends_on = on(Kind.GRID)
    kind = Kind.GRID
    title = "Package Grids: new grids"
    description = "The grids that were added most recently."

    def items(self) -> QuerySet[Grid]:
        return Grid.objects.only("id", "title", "description", "created").order_by("-id")[:NEWEST]

    def description_of(self, item: Grid) -> str:
        return item.description
