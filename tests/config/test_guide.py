"""GET /api/v4/docs/clients/: the page for those who write clients; its recipes are run in test_recipes.py."""

from typing import Any

import pytest
from django.test import Client

from categories.documents import CATEGORY_COLUMNS
from config.recipes import RECIPES
from grids.documents import FEATURE_COLUMNS, GRID_COLUMNS
from packages.documents import PACKAGE_COLUMNS

pytestmark = pytest.mark.django_db


def guide(client: Client, **headers: str) -> str:
    response = client.get("/api/v4/docs/clients/", headers={"accept": "text/html", **headers})
    assert response.status_code == 200
    return response.content.decode()


def test_every_key_stands_there_with_its_meaning(client: Client) -> None:
    text = guide(client)
    for columns in (PACKAGE_COLUMNS, GRID_COLUMNS, CATEGORY_COLUMNS, FEATURE_COLUMNS):
        for key in columns.keys:
            if key.v4 or key.extended:
                name = f"<code>{key.name}</code>" + ("" if key.v4 else " <small>fields=</small>")
                assert f"{name}</th><td>{key.means.replace(chr(34), '&quot;')}</td>" in text, key.name


def test_recipes_are_links_to_requests(client: Client) -> None:
    text = guide(client)
    assert text.count('<a href="http://testserver/api/v4/') >= len(RECIPES)
    assert "{year_ago}" not in text
    for recipe in RECIPES:
        assert recipe.question in text


def test_the_licence_of_the_data(client: Client, settings: Any) -> None:
    assert "has not named a" in guide(client)
    settings.DATA_LICENCE = "CC0-1.0 <b>"
    assert "CC0-1.0 &lt;b&gt;" in guide(client)


def test_the_allowance_is_that_of_the_settings(client: Client, settings: Any) -> None:
    assert "One request a second needs no question" in guide(client)
    assert "RateLimit-Policy" not in guide(client)
    settings.RATE_LIMIT = 300
    text = " ".join(guide(client).split())
    assert "One request every 2 seconds needs no question" in text
    assert "Each address has 300 units a minute" in text
    assert "take 1; any other takes 2, and 4 more for each of these, up to 10:" in text


def test_a_mistake_is_told_as_everywhere(client: Client) -> None:
    response = client.get("/api/v4/docs/clients/?page=2", headers={"accept": "text/html"})
    assert (response.status_code, "There is no parameter" in response.content.decode()) == (400, True)
    assert client.get("/api/v4/docs/clients/", headers={"accept": "application/json"}).status_code == 406
