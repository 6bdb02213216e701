"""The kinds of things that the catalogue is made of, and what each is called in addresses, tables and the log."""

from enum import StrEnum


class Kind(StrEnum):
    """A kind of document, or a membership, which joins two. The value is its name in the log of changes."""

    CATEGORY = "category"
    PACKAGE = "package"
    GRID = "grid"
    MEMBERSHIP = "membership"

    @property
    def plural(self) -> str:
        """Its name in the paths of API v4, in files of documents and among the revisions."""
        return _PLURALS[self]

    @property
    def table(self) -> str:
        """The table of its rows."""
        return _TABLES[self]


# A membership has no document, so it is in no path.
_PLURALS = {Kind.CATEGORY: "categories", Kind.PACKAGE: "packages", Kind.GRID: "grids", Kind.MEMBERSHIP: ""}
_TABLES = {
    Kind.CATEGORY: "categories_category",
    Kind.PACKAGE: "packages_package",
    Kind.GRID: "grids_grid",
    Kind.MEMBERSHIP: "grids_gridpackage",
}
# Those that have documents, in an order in which each can be stored after those that it refers to.
DOCUMENTS = (Kind.CATEGORY, Kind.GRID, Kind.PACKAGE)
