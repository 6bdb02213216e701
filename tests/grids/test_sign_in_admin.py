"""GET /admin/grids/cell/sign/?text=…: the sign of a cell while it is typed, and the forms that ask for it."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.core.admin.editors import change_url
from tests.factories import CellFactory

pytestmark = pytest.mark.django_db
URL = "/admin/grids/cell/sign/"
ASKS = f'data-sign="{URL}"'


def sign_of(client: Client, text: str) -> Any:
    return client.get(URL, {"text": text})


def staff(client: Client, *permissions: str) -> Client:
    user = User.objects.create_user("staff", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("text", "sign", "words"),
    [
        ("+++ fast & “small”", 3, "+3: good"),
        ("+17", 3, "+3: good"),
        ("++", 2, "+2: good"),
        ("Yes, since 2.0", 1, "+1: good"),
        ("yes/no", 0, "0: neither good nor bad"),
        ("- one\n- two", 0, "0: neither good nor bad"),
        ("no problems", -1, "-1: bad"),
        ("-2 slow", -2, "-2: bad"),
        ("-----", -3, "-3: bad"),
        ("N/A", None, "none: unknown, or not applicable"),
        ("", None, "none: unknown, or not applicable"),
        ("é\x00日" + "x" * 997, 0, "0: neither good nor bad"),
    ],
)
def test_the_sign_of_a_text(admin_client: Client, text: str, sign: int | None, words: str) -> None:
    response = sign_of(admin_client, text)
    assert (response.status_code, response.json()) == (200, {"sign": sign, "words": words})
    assert response["Content-Type"] == "application/json"
    assert "no-store" in response["Cache-Control"]


def test_what_is_no_text_of_a_cell(admin_client: Client) -> None:
    response = sign_of(admin_client, "é" * 1001)
    assert (response.status_code, response.json()) == (400, {"text": ["Too long: at most 1,000 characters."]})
    response = admin_client.get(URL)
    assert (response.status_code, response.json()) == (400, {"text": ["Required: the text of a cell."]})
    for method in (admin_client.post, admin_client.put, admin_client.delete, admin_client.head):
        refused: Any = method(f"{URL}?text=yes")
        assert (refused.status_code, refused["Allow"]) == (405, "GET")


def test_it_is_asked_for_without_a_query_for_cells(admin_client: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        sign_of(admin_client, "yes")
    assert [query["sql"] for query in queries if "grids_" in query["sql"]] == []
    assert len(queries) == 2, "the session and its user"


@pytest.mark.parametrize("permission", ["view_cell", "change_cell"])
def test_who_may_view_cells_may_ask(client: Client, permission: str) -> None:
    assert sign_of(staff(client, permission), "yes").json()["sign"] == 1


def test_others_may_not(client: Client) -> None:
    assert sign_of(client, "yes").status_code == 302, "to the login"
    client.force_login(User.objects.create_user("reader", password="x"))
    assert sign_of(client, "yes").status_code == 302
    response = sign_of(staff(client, "add_cell", "view_feature"), "yes")
    assert (response.status_code, response.json()) == (403, {"detail": "You may not view cells."})
    page = client.get("/admin/grids/cell/add/").content.decode()
    assert 'name="text"' in page
    assert ASKS not in page


def test_the_forms_of_cells_ask(editor: Client) -> None:
    cell = CellFactory.create(text="no")
    for url in ("/admin/grids/cell/add/", change_url(cell)):
        page = editor.get(url).content.decode()
        assert page.count(ASKS) == 1
        assert page.count("grids/sign.js") == 1
        assert '<script src="/static/grids/sign.js" defer></script>' in page


def test_a_cell_of_a_locked_grid_can_be_looked_at(editor: Client) -> None:
    page = editor.get(change_url(CellFactory.create(text="++ <b>", feature__grid__is_locked=True)))
    assert page.status_code == 200
    assert '<div class="readonly">++ &lt;b&gt;</div>' in page.content.decode()
    assert ASKS not in page.content.decode()
