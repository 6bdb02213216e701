"""A form in admin that is sent after the session has ended, or with the CSRF token of an earlier one."""

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from core.admin.site import LOGGED_OUT
from tests.core.admin.editors import change_url, errors_of, messages_of, open_form, send
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory
from tests.pages import Fields, fields_of

pytestmark = pytest.mark.django_db
ORIGIN = {"origin": "http://testserver"}
LOGIN = {"username": ["admin"], "password": ["password"]}


@pytest.fixture
def browser(admin_user: User) -> Client:
    """A client that checks CSRF tokens, logged in."""
    client = Client(enforce_csrf_checks=True, headers=ORIGIN)
    log_in(client)
    return client


def log_in(client: Client) -> None:
    page = client.get("/admin/login/")
    response = client.post("/admin/login/", fields_of(page, "login-form") | LOGIN)
    assert response.status_code == 302


def end_session(client: Client) -> None:
    del client.cookies[settings.SESSION_COOKIE_NAME]


def typed_form(browser: Client, document: Any) -> Fields:
    return open_form(browser, document) | {"title": ["Typed"], "description": ["Two\r\nlines & <b>"]}


@pytest.mark.parametrize("factory", [CategoryFactory, PackageFactory, GridFactory])
def test_after_a_login_the_form_comes_back_with_what_was_typed(browser: Client, factory: Any) -> None:
    document = factory.create(title="Before")
    form = typed_form(browser, document)
    end_session(browser)
    login = browser.post(change_url(document), form)
    assert login.status_code == 200
    assert "What you typed is not lost" in login.content.decode()
    assert "?" not in login.wsgi_request.get_full_path()
    carried = fields_of(login, "login-form")
    assert {name: carried[name] for name in form if name != "csrfmiddlewaretoken"} == {
        name: form[name] for name in form if name != "csrfmiddlewaretoken"
    }

    back = browser.post(change_url(document), carried | LOGIN)
    assert errors_of(back) == [LOGGED_OUT]
    document.refresh_from_db()
    assert document.title == "Before"
    again = fields_of(back, f"{document._meta.model_name}_form")
    assert "password" not in again
    assert errors_of(browser.post(change_url(document), again)) == []
    document.refresh_from_db()
    assert document.title == "Typed"


def test_a_wrong_password_keeps_what_was_typed(browser: Client) -> None:
    grid = GridFactory.create()
    form = typed_form(browser, grid)
    end_session(browser)
    carried = fields_of(browser.post(change_url(grid), form), "login-form")
    wrong = browser.post(change_url(grid), carried | LOGIN | {"password": ["wrong"]})
    assert "Please enter the correct username and password" in wrong.content.decode()
    back = browser.post(change_url(grid), fields_of(wrong, "login-form") | LOGIN)
    assert errors_of(back) == [LOGGED_OUT]
    assert fields_of(back, "grid_form")["description"] == ["Two\r\nlines & <b>"]


def test_a_new_document_and_its_rows_come_back(browser: Client) -> None:
    package = PackageFactory.create()
    url = "/admin/grids/grid/add/"
    form = fields_of(browser.get(url), "grid_form") | {"title": ["Typed"], "memberships-0-package": [str(package.pk)]}
    end_session(browser)
    carried = fields_of(browser.post(url, form), "login-form")
    back = fields_of(browser.post(url, carried | LOGIN), "grid_form")
    assert (back["title"], back["memberships-0-package"]) == (["Typed"], [str(package.pk)])


def test_what_others_changed_before_the_login_is_told(browser: Client) -> None:
    member = MembershipFactory.create(package__title="Gone")
    form = typed_form(browser, member.grid)
    end_session(browser)
    carried = fields_of(browser.post(change_url(member.grid), form), "login-form")
    type(member.grid).objects.update(title="Theirs")
    member.delete()
    back = browser.post(change_url(member.grid), carried | LOGIN)
    assert "Theirs" in back.content.decode()
    assert any("“Gone”" in message for message in messages_of(back))


def test_a_login_in_another_tab_gives_the_form_back(browser: Client) -> None:
    grid = GridFactory.create(title="Before")
    form = typed_form(browser, grid)
    end_session(browser)
    log_in(browser)  # the token in the form is that of the earlier session now
    back = browser.post(change_url(grid), form)
    assert back.status_code == 403
    assert back.context["adminform"].form.non_field_errors() == [LOGGED_OUT]
    grid.refresh_from_db()
    assert grid.title == "Before"
    assert errors_of(browser.post(change_url(grid), fields_of(back, "grid_form"))) == []
    grid.refresh_from_db()
    assert grid.title == "Typed"


def test_without_any_cookie_the_form_comes_back_after_a_login(browser: Client) -> None:
    grid = GridFactory.create()
    form = typed_form(browser, grid)
    browser.cookies.clear()
    login = browser.post(change_url(grid), form)
    assert login.status_code == 403
    back = browser.post(change_url(grid), fields_of(login, "login-form") | LOGIN)
    assert errors_of(back) == [LOGGED_OUT]
    assert fields_of(back, "grid_form")["title"] == ["Typed"]


def test_an_old_token_logs_nobody_in(browser: Client) -> None:
    grid = GridFactory.create()
    form = typed_form(browser, grid)
    browser.cookies.clear()
    assert browser.post(change_url(grid), form | LOGIN).status_code == 403
    assert settings.SESSION_COOKIE_NAME not in browser.cookies


@pytest.mark.parametrize("headers", [{"origin": "https://other.test"}, {"origin": "null"}, {}])
def test_a_form_of_another_site_is_refused_as_ever(admin_user: User, headers: dict[str, str]) -> None:
    client = Client(enforce_csrf_checks=True, headers=headers)
    client.force_login(admin_user)
    response = client.post(change_url(GridFactory.create()), {"title": "Theirs"})
    assert (response.status_code, "Nothing was saved." in response.content.decode()) == (403, True)
    assert "Theirs" not in response.content.decode()


@pytest.mark.parametrize("path", ["/admin/packages/package/", "/admin/grids/grid/1/delete/", "/admin/auth/user/add/"])
def test_other_forms_go_to_the_login_as_ever(client: Client, path: str) -> None:
    response = client.post(path, {"password1": "secret"})
    assert (response.status_code, response.headers["Location"]) == (302, f"/admin/login/?next={path}")


def test_another_user_who_may_not_change_it_is_refused(browser: Client) -> None:
    grid = GridFactory.create(title="Before")
    User.objects.create_user("other", password="password", is_staff=True)
    form = typed_form(browser, grid)
    end_session(browser)
    carried = fields_of(browser.post(change_url(grid), form), "login-form")
    refused = browser.post(change_url(grid), carried | LOGIN | {"username": ["other"]})
    assert (refused.status_code, "<dd>Typed</dd>" in refused.content.decode()) == (403, True)
    grid.refresh_from_db()
    assert grid.title == "Before"


def test_a_session_that_lasts_needs_no_login(browser: Client) -> None:
    grid = GridFactory.create()
    assert errors_of(send(browser, grid, typed_form(browser, grid))) == []
