"""The kinds of things that the catalogue is made of, and what each is called in addresses, tables and the log."""

from enum import StrEnum


class Kind(StrEnum):
    """A kind of document, or what joins two: a membership, a cell. The value is its name in the log of changes.

    `plural` is its name in the paths of API v4, in files of documents and among the revisions; `table` has its rows.
    """

    plural: str
    table: str

    CATEGORY = "category"
    PACKAGE = "package"
    GRID = "grid"
    MEMBERSHIP = "membership"
    FEATURE = "feature"
    CELL = "cell"


for _kind, _plural, _table in (
    (Kind.CATEGORY, "categories", "categories_category"),
    (Kind.PACKAGE, "packages", "packages_package"),
    (Kind.GRID, "grids", "grids_grid"),
    (Kind.MEMBERSHIP, "", "grids_gridpackage"),  # it has no document, so it is in no path
    (Kind.FEATURE, "features", "grids_feature"),
    (Kind.CELL, "", "grids_cell"),  # the document of its feature shows it
):
    _kind.plural, _kind.table = _plural, _table

# Those that v4 has documents of, in an order in which each can be stored after those that it refers to.
DOCUMENTS = (Kind.CATEGORY, Kind.GRID, Kind.PACKAGE)
