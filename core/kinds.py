"""The kinds of things that the catalogue is made of, and what each is called in addresses, tables and the log."""

from enum import StrEnum


class Kind(StrEnum):
    """A kind of document, or a membership, which joins two. The value is its name in the log of changes.

    `plural` is its name in the paths of API v4, in files of documents and among the revisions; `table` has its rows.
    """

    plural: str
    table: str

    CATEGORY = "category"
    PACKAGE = "package"
    GRID = "grid"
    MEMBERSHIP = "membership"


for _kind, _plural, _table in (
    (Kind.CATEGORY, "categories", "categories_category"),
    (Kind.PACKAGE, "packages", "packages_package"),
    (Kind.GRID, "grids", "grids_grid"),
    (Kind.MEMBERSHIP, "", "grids_gridpackage"),  # it has no document, so it is in no path
):
    _kind.plural, _kind.table = _plural, _table

# Those that have documents, in an order in which each can be stored after those that it refers to.
DOCUMENTS = (Kind.CATEGORY, Kind.GRID, Kind.PACKAGE)
