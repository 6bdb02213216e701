"""Hidden fields of forms, changed by who sends them: they are refused, or read as if nothing was there."""

import pytest

from tests.core.admin.editors import change_url, open_form
from tests.editing.world import World, build

SHOWN = {
    "deep": "[" * 50_000,
    "deep in an object": '{"1":' * 5_000,
    "half a character": '{"999999": "\\ud800"}',
    "NUL": '{"999999": "\\u0000"}',
    "a number beyond all ids": '{"999999999999999999999999": "x"}',
    "a list": "[1]",
    "a number": "7",
    "lists in place of titles": '{"999999": [[]]}',
}


@pytest.fixture
def world(db: None) -> World:
    return build()


@pytest.mark.parametrize("kind", ["package", "grid"])
@pytest.mark.parametrize("name", SHOWN)
def test_the_members_that_a_form_has_shown(world: World, kind: str, name: str) -> None:
    row = getattr(world, kind)
    fields = open_form(world.superuser, row)
    assert "memberships-shown" in fields
    sent = fields | {"memberships-shown": [SHOWN[name]], "memberships-999998-DELETE": ["on"]}
    response = world.superuser.post(change_url(row), sent, follow=True)
    assert response.status_code == 200
