"""Requests that name a charset: their queries are UTF-8, and forms in another one are refused."""

from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.handlers.wsgi import WSGIRequest
from django.test import Client, RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from core.charsets import CHARSET, take_charset
from tests.factories import PackageFactory
from tests.servers import server

ODD = ("latin-1", "utf-7", "utf-16", "punycode", "idna", "undefined", "zlib", "hex", "rot13", "no-such-charset", "\0")
UTF8 = ("utf-8", "UTF8", "us-ascii", '"utf-8"', "")
PATHS = ("/", "/api/v4/packages/", "/api/v3/packages/", "/admin/login/", "/admin/packages/package/", "/nowhere/")


class ServedClient(Client):
    """A client whose requests lose their charset, as in the WSGI application that servers call."""

    def _base_environ(self, **request: Any) -> dict[str, Any]:
        environ: dict[str, Any] = super()._base_environ(**request)  # type: ignore[misc]  # the stubs lack it
        take_charset(environ)
        return environ


def send(client: Client, path: str, content_type: str, body: bytes) -> Any:
    """Send a form as it is; the client's own function would encode it by its charset."""
    return client.generic("POST", path, body, content_type=content_type)


@pytest.fixture
def served(admin_user: Any) -> Client:
    client = ServedClient()
    client.force_login(admin_user)
    return client


def test_a_server_responds_whatever_charset_is_named(tmp_path: Path) -> None:
    with server(DATABASE_URL=f"sqlite:///{tmp_path / 'none.sqlite3'}") as url:
        for charset in ("hex", "punycode", "no-such-charset"):
            headers = {"Content-Type": f"text/plain; charset={charset}"}
            assert requests.get(f"{url}/healthz?x=1", headers=headers, timeout=10).status_code == 200, charset


@pytest.mark.parametrize(
    ("path", "charset"), [*((path, "hex") for path in PATHS), *(("/admin/login/", each) for each in (*ODD, *UTF8))]
)
def test_a_query_is_read_as_utf8(served: Client, path: str, charset: str) -> None:
    """The client raises what a view raises."""
    query = "?q=%C3%A9t%C3%A9&next=/%C3%A9&_popup=1"
    plain = served.get(path + query)
    odd = served.get(path + query, headers={"Content-Type": f"text/plain; charset={charset}"})
    assert (odd.status_code, odd.headers.get("Location")) == (plain.status_code, plain.headers.get("Location"))


@pytest.mark.parametrize("charset", ["latin-1", "utf-16", "hex"])
def test_the_words_of_a_search_are_utf8(served: Client, charset: str) -> None:
    PackageFactory.create(title="été")
    PackageFactory.create(title="winter")
    headers = {"Content-Type": f"text/plain; charset={charset}"}
    assert served.get("/api/v4/packages/?q=%C3%A9t%C3%A9", headers=headers).json()["count"] == 1
    page = served.get("/admin/packages/package/?q=%C3%A9t%C3%A9", headers=headers)
    assert page.context["cl"].result_count == 1


def test_no_other_charset_hides_a_parameter(served: Client) -> None:
    path = "/api/v4/packages/?expand=+AGM-ategory"
    assert served.get(path, headers={"Content-Type": "text/plain; charset=utf-7"}).status_code == 400


@pytest.mark.parametrize("charset", ODD)
@pytest.mark.parametrize("form", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_form_in_another_charset_is_refused(served: Client, form: str, charset: str) -> None:
    response = send(served, "/admin/login/", f"{form}; charset={charset}", b"username=%E9")
    assert response.status_code == 400
    assert f"The charset {charset} is not read here: send the form in UTF-8." in response.content.decode()
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("charset", UTF8)
def test_a_form_in_utf8_is_read(db: None, charset: str) -> None:
    form = f"application/x-www-form-urlencoded; charset={charset}"
    response = send(ServedClient(), "/admin/login/", form, b"username=%C3%A9&password=x")
    assert response.status_code == 200
    assert response.context["form"].data["username"] == "é"


@pytest.mark.parametrize("content_type", ["text/html; x*=no-such''a", "text/html; charset*=no-such''a; x=1"])
def test_a_content_type_that_cannot_be_read_is_none(served: Client, content_type: str) -> None:
    assert served.get("/api/v4/packages/", headers={"Content-Type": content_type}).status_code == 200
    response = send(served, "/admin/login/", content_type, b"username=a")
    assert response.status_code == 400


def test_the_api_says_so_in_json(served: Client) -> None:
    response = send(served, "/api/v4/packages/", "application/json; charset=utf-16", b"{}")
    assert response.status_code == 400
    assert response.json() == {"detail": "The charset utf-16 is not read here: send the form in UTF-8."}


@pytest.mark.parametrize(
    ("content_type", "expected", "charset"),
    [
        ("text/html", "text/html", None),
        ("multipart/form-data; boundary=aB1", "multipart/form-data; boundary=aB1", None),
        ('multipart/form-data; charset=hex; boundary="a b"', 'multipart/form-data; boundary="a b"', "hex"),
        ("text/html; CHARSET=UTF-8", "text/html", "UTF-8"),
        ("text/html; charset*=utf-8''utf%2d16", "text/html", "utf-16"),
        ("text/html; charset*=no-such''hex", "text/html", "hex"),
        ("text/html; charset", "text/html", ""),
        ("text/html; x*=no-such''a", "", "of this Content-Type"),
    ],
)
def test_the_rest_of_a_content_type_stays(content_type: str, expected: str, charset: str | None) -> None:
    environ = {"CONTENT_TYPE": content_type}
    take_charset(environ)
    assert (environ["CONTENT_TYPE"], environ.get(CHARSET)) == (expected, charset)


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n")))
def test_no_content_type_is_too_much(content_type: str) -> None:
    """A header is latin-1 without line breaks. Django makes a request of it, and reads the query, without a charset."""
    for each in (content_type, f"text/html; {content_type}", f"text/html; charset={content_type}"):
        environ = RequestFactory().get("/?q=%C3%A9").environ | {"CONTENT_TYPE": each}
        take_charset(environ)
        request = WSGIRequest(environ)
        assert (request.encoding, request.GET["q"]) == (None, "é")
