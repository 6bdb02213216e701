"""The columns of grids and of features, and the keys of their documents, in the order of the contract."""

from typing import Any

import orjson

from core.documents import ID, Column, Columns, Computed, Relation
from core.kinds import Kind


def member_ids(grid: Any) -> list[int]:
    """The ids of the packages of a grid that came from for_api(), by title without regard to letter case (folded
    here: the two databases fold differently), then by id."""
    members = orjson.loads(grid.members or "{}")
    return [pk for _, pk in sorted([(title.casefold(), int(pk)) for pk, title in members.items()])]


GRID_COLUMNS = Columns(
    Kind.GRID,
    ID,
    Column("title", v4=True, edited=True),
    Column("slug", v4=True, edited=True),
    Column("description", v4=True, edited=True),
    Column("is_locked", v4=True, edited=True),
    Relation(
        "packages",
        kind=Kind.PACKAGE,
        v4=True,
        ids=member_ids,
        help_text="By title without regard to letter case.",
    ),
    Column("header", v4=True, edited=True),
    Column("created", v4=True, edited=True),
    Column("modified", v4=True, edited=True),
)

FEATURE_COLUMNS = Columns(
    Kind.FEATURE,
    ID,
    Relation("grid", kind=Kind.GRID, foreign_key="grid_id", v4=True, edited=True, expandable=False),
    Column("title", v4=True, edited=True),
    Column("description", v4=True, edited=True),
    Column("position", v4=True, edited=True),
    Computed("cells", v4=True, columns=()),
    Column("created", v4=True, edited=True),
    Column("modified", v4=True, edited=True),
)
