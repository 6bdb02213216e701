"""The headers that keep a browser from harm: on every page of the site and of admin, and on all other answers."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from config import urls
from core.headers import PAGE_POLICY, PERMISSIONS
from tests.browser import catalogues
from tests.browser.pages import PAGES as PAGES_OF_API
from tests.browser.pages import paths
from tests.editing.test_roles import PAGES
from tests.editing.world import build, url_of

pytestmark = pytest.mark.django_db
BROWSER = {"accept": "text/html"}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def check(response: Any, path: str) -> None:
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS, path
    assert "Strict-Transport-Security" not in response.headers, path
    assert not re.search(r"gunicorn/|Django/|Python/|\d+\.\d+\.\d+", str(response.headers.get("Server"))), path
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    assert response.headers.get("Permissions-Policy") == (PERMISSIONS if is_page else None), path
    if is_page:
        assert response.headers["Content-Security-Policy"] == PAGE_POLICY, path


def test_every_page_of_the_api(client: Client, settings: Settings) -> None:
    settings.CACHE_URL = "locmem://"
    catalogues.one()
    seen = set()
    for path in paths("one"):
        for _ in ("built", "cached"):
            response = client.get(f"/api/v4/{path}", headers=BROWSER)
            assert response["Content-Type"].startswith("text/html"), path
            check(response, path)
        seen.add(path)
        again = client.get(f"/api/v4/{path}", headers=BROWSER | {"if-none-match": response.headers.get("ETag", "x")})
        assert again.status_code in {304, response.status_code}
        check(again, path)
    assert len(seen) >= len(PAGES_OF_API)


def test_every_page_of_admin() -> None:
    world = build()
    pages = 0
    for name in PAGES:
        for who in ("nobody", "superuser"):
            for send in (world.clients[who].get, world.clients[who].post) if name != "logout" else ():
                if (who, send.__name__) == ("nobody", "post"):  # the same page of the login
                    continue
                response: Any = send(url_of(name, world))
                check(response, name)
                pages += response.headers.get("Content-Type", "").startswith("text/html")
                if who != "nobody" and name != "jsi18n" and response.status_code == 200:
                    assert "no-store" in response.headers.get("Cache-Control", ""), name
    assert pages > len(PAGES)


OTHERS = (
    *("/", "/api/", "/api/v4", "/api/v4/packages/?format=json", "/api/v4/packages/?format=csv", "/api/v4/schema/"),
    *("/api/v4/feeds/packages.atom", "/api/v4/nope/", "/api/v4/packages/?x=1", "/api/v3/", "/api/v3/packages/"),
    *(
        "/robots.txt",
        "/llms.txt",
        "/sitemap.xml",
        "/.well-known/security.txt",
        "/nope",
        "/admin",
        "/healthz",
        "/readyz",
    ),
    *("/packages/p/x/", "/static/nope.css", "/favicon.ico"),
)


@pytest.mark.parametrize("path", OTHERS)
def test_every_other_answer(client: Client, path: str) -> None:
    for headers in ({}, BROWSER, {"host": "elsewhere.example"}, {"origin": "https://elsewhere.example"}):
        for send in (client.get, client.head, client.post, client.options, client.delete):
            check(send(path, headers=headers), path)


def test_preflight_images_and_static_files(client: Client, settings: Settings, tmp_path: Path) -> None:
    catalogues.one()
    preflight = {"origin": "https://else.example", "access-control-request-method": "GET"}
    check(client.options("/api/v4/packages/", headers=preflight), "preflight")
    for image in ("badge.svg", "commits.svg"):
        response = client.get(f"/api/v4/packages/one-more/{image}")
        assert response["Content-Security-Policy"] != PAGE_POLICY
        check(response, image)
    (tmp_path / "x.css").write_text("a {}")
    settings.STATIC_ROOT = tmp_path
    settings.MIDDLEWARE = [*settings.MIDDLEWARE]
    if "whitenoise.middleware.WhiteNoiseMiddleware" not in settings.MIDDLEWARE:
        settings.MIDDLEWARE.insert(-7, "whitenoise.middleware.WhiteNoiseMiddleware")
    served: Any = Client().get("/static/x.css")
    assert b"".join(served.streaming_content) == b"a {}"  # which closes the file, and no connection
    check(served, "static")


def test_a_failure_of_the_program(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.raise_request_exception = False
    monkeypatch.setattr("django.contrib.auth.views.LoginView.get", None)
    monkeypatch.setattr("config.urls.RootView.get", None)
    for path in ("/admin/login/", "/api/v4/"):
        for headers in ({}, BROWSER):
            response = client.get(path, headers=headers)
            assert response.status_code == 500
            check(response, path)
            assert not re.search(r"Traceback|\.py|site-packages|\d+\.\d+\.\d+", response.content.decode()), path


def test_https_is_told_over_https_alone(client: Client, settings: Settings) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.CACHE_URL = "locmem://"
    settings.SITE_URL = "https://packages.example.org"
    for path in ("/api/v4/packages/", "/admin/login/", "/nope", "/healthz"):
        for _ in range(2):
            assert client.get(path, secure=True)["Strict-Transport-Security"] == "max-age=31536000", path
            assert "Strict-Transport-Security" not in client.get(path), path


def test_no_page_names_the_programs_that_made_it(client: Client) -> None:
    """The versions that have holes are public; the one that a site runs need not be."""
    for path in ("/", "/admin/login/", "/nope", "/api/v4/", "/api/v4/nope/", "/robots.txt", "/healthz", "/readyz"):
        for headers in ({}, BROWSER):
            text = client.get(path, headers=headers, follow=True).content.decode()
            assert not re.search(r"(?i)(django|python|gunicorn|postgresql|sqlite|whitenoise)[ /]v?\d+\.\d", text), path
    assert urls.urlpatterns
