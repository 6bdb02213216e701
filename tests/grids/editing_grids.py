"""The grid editor as its page uses it: what the page shows, and what it sends."""

import json
from typing import Any

from django.test import Client

from grids.models import Cell, Feature, Grid, GridPackage
from tests.pages import data_of


def editor_url(grid: Grid, part: str = "") -> str:
    return f"/admin/grids/grid/{grid.pk}/editor/{part}"


def shown(client: Client, grid: Grid) -> Any:
    """Return the state that the page of the editor shows."""
    page = client.get(editor_url(grid)).content.decode()
    return data_of(page, "grid-state")


def post(client: Client, grid: Grid, part: str, body: Any) -> Any:
    data = body if isinstance(body, bytes | str) else json.dumps(body)
    return client.post(editor_url(grid, part), data, content_type="application/json")


def send(client: Client, grid: Grid, **edits: Any) -> Any:
    """Send edits as the user whose session the client has."""
    return post(client, grid, "save/", {"user": int(client.session["_auth_user_id"]), **edits})


def edit(cell: tuple[Feature | str, GridPackage], text: str, was: str = "") -> dict[str, Any]:
    feature, member = cell
    ref = feature if isinstance(feature, str) else feature.pk
    return {"feature": ref, "package": member.package_id, "text": text, "was": was}


def texts(grid: Grid) -> dict[tuple[str, str], str]:
    """Return the texts of a grid by the titles of features and packages."""
    cells = Cell.objects.filter(feature__grid=grid)
    rows = cells.values_list("feature__title", "membership__package__title", "text")
    return {(feature, package): text for feature, package, text in rows}
