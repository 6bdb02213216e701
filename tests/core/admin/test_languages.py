"""Admin in the language of the browser, and everything else in one language."""

from datetime import date
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone, translation

from packages.models import Package
from tests.core.admin.editors import change_url, errors_of, open_form, send
from tests.factories import CellFactory, GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db
GERMAN, ARABIC = {"accept-language": "de"}, {"accept-language": "ar"}


def language_of(response: Any) -> str:
    return str(response.headers.get("Content-Language"))


def test_admin_is_in_the_language_of_the_browser(client: Client, admin_client: Client) -> None:
    login = client.get("/admin/login/", headers=GERMAN)
    assert "Anmelden" in login.content.decode()
    none: dict[str, str] = {}
    cases = ((GERMAN, "Abmelden", "ltr"), (ARABIC, "تسجيل الخروج", "rtl"), (none, "Log out", "ltr"))
    for headers, word, direction in cases:
        response = admin_client.get("/admin/", headers=headers)
        page = response.content.decode()
        assert word in page
        assert f'dir="{direction}"' in page
        assert "Accept-Language" in response.headers["Vary"]
    assert language_of(admin_client.get("/admin/", headers={"accept-language": "xx"})) == "en"


def test_our_own_words_stay_english(admin_client: Client) -> None:
    PackageFactory.create()
    page = admin_client.get("/admin/packages/package/", headers=GERMAN).content.decode()
    assert "Decide about reused repository names" in page
    assert "Searches as the API does" in page


@pytest.mark.parametrize("headers", [GERMAN, ARABIC])
def test_every_page_works(admin_client: Client, headers: dict[str, str]) -> None:
    cell = CellFactory.create()
    member = cell.membership
    for row in (member.package, member.grid, member.package.category, cell, cell.feature):
        url = change_url(row)
        listed = url.partition(f"/{row.pk}/")[0] + "/"
        for path in (listed, url, url.replace("change/", "history/"), f"{listed}add/"):
            assert admin_client.get(path, headers=headers).status_code == 200, path
    assert admin_client.get("/admin/jsi18n/", headers=headers).status_code == 200


@pytest.mark.parametrize("language", ["de", "ar"])
def test_a_day_that_nobody_changed_is_no_change(admin_client: Client, language: str) -> None:
    """Its input is written as the language writes days, and so is what the form had shown."""
    package = PackageFactory.create(reply_kind="finished", reply_until=date(2027, 1, 31))
    admin_client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    form = open_form(admin_client, package)
    if language == "de":
        assert form["reply_until"] == ["31.01.2027"]
    Package.objects.update(title="Theirs")
    assert errors_of(send(admin_client, package, form, slug="mine")) == []
    package.refresh_from_db()
    assert (package.title, package.slug, package.reply_until) == ("Theirs", "mine", date(2027, 1, 31))
    form = open_form(admin_client, package)
    Package.objects.update(reply_until=date(2028, 2, 1))
    [question] = errors_of(send(admin_client, package, form, reply_until="2029-03-04"))
    assert "<td>2029-03-04</td>" in question
    assert "<td>2028-02-01</td>" in question


PATHS = (
    *("/api/v4/", "/api/v4/packages/?format=json", "/api/v4/packages/1/", "/api/v4/grids/?format=csv"),
    *("/api/v4/grids/1/comparison/", "/api/v4/changes/", "/api/v3/packages/1/", "/api/v4/packages/?nonsense=1"),
    *("/api/v4/feeds/packages.atom", "/nothing/", "/robots.txt", "/api/v4/packages/1/history/"),
)


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_no_response_of_the_api_depends_on_a_language(admin_client: Client, accept: str) -> None:
    """Admin in German and the API, in turns, in one thread."""
    now = timezone.now()
    package = PackageFactory.create(
        pk=1, repo_watchers=1_234_567, pypi_downloads=7_654_321, last_updated=now, last_fetched=now
    )
    MembershipFactory.create(package=package, grid=GridFactory.create(pk=1))

    def bodies(headers: dict[str, str]) -> dict[str, bytes]:
        found = {}
        for path in PATHS:
            if headers:
                assert language_of(admin_client.get("/admin/", headers=headers)) == headers["accept-language"]
                assert translation.get_language() == headers["accept-language"]
            response = admin_client.get(path, headers={"accept": accept, **headers})
            assert "Accept-Language" not in response.headers.get("Vary", "")
            assert not response.has_header("Content-Language")
            found[path] = response.content
        return found

    alone = bodies({})
    assert bodies(GERMAN) == alone
    assert bodies(ARABIC) == alone
