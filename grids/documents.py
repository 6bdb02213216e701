"""The columns of grids and of features, and the keys of their documents, in the order of the contract."""

from typing import Any

import orjson

from core.documents import CREATED, ID, MODIFIED, SLUG, TITLE, Column, Columns, Computed, Relation
from core.kinds import Kind


def member_ids(grid: Any) -> list[int]:
    """The ids of the packages of a grid that came from for_api(), by title without regard to letter case (folded
    here: the two databases fold differently), then by id."""
    members = orjson.loads(grid.members or "{}")
    return [pk for _, pk in sorted([(title.casefold(), int(pk)) for pk, title in members.items()])]


def member_slugs(grid: Any) -> list[str]:
    """The slugs of the same packages, in the same order; the row came from for_api() with them."""
    slugs = orjson.loads(grid.slugs_of_members or "{}")
    return [slugs[str(pk)] for pk in member_ids(grid)]


GRID_COLUMNS = Columns(
    Kind.GRID,
    ID,
    TITLE,
    SLUG,
    Column("description", means='"" if there is none.', v4=True, edited=True),
    Column("is_locked", means="True if only moderators can change it.", v4=True, edited=True),
    Relation(
        "packages",
        means="Its packages, by title without regard to letter case; [] if it is empty.",
        kind=Kind.PACKAGE,
        v4=True,
        ids=member_ids,
    ),
    Column("header", means="True for the main grids, which the front page shows.", v4=True, edited=True),
    CREATED,
    MODIFIED,
    # Added by `fields=`
    Computed(
        "package_count",
        means="The number of its packages.",
        extended=True,
        reason="Memberships are logged as themselves.",
    ),
    Computed(
        "package_slugs",
        means="The slugs of its packages, in the order of the links; [] if it is empty.",
        extended=True,
        shows=((Kind.PACKAGE, "title"), (Kind.PACKAGE, "slug")),
        reason="A new slug is a change of the package; memberships are logged as themselves.",
    ),
)

FEATURE_COLUMNS = Columns(
    Kind.FEATURE,
    ID,
    Relation(
        "grid",
        means="The grid whose packages are compared by it.",
        kind=Kind.GRID,
        foreign_key="grid_id",
        v4=True,
        edited=True,
        expandable=False,
    ),
    TITLE,
    Column("description", means='"" if there is none.', v4=True, edited=True),
    Column("position", means="Features of a grid stand in this order.", v4=True, edited=True),
    Computed(
        "cells",
        means="A cell for each package that something is known of, in the order in which the packages came into the"
        " grid.",
        v4=True,
        reason="Cells are logged as themselves.",
    ),
    CREATED,
    MODIFIED,
)
