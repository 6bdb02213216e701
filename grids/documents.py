"""The columns of a grid and the keys of its document, in the order of the contract."""

from typing import Any

import orjson

from core.documents import ID, Column, Columns, Relation
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
