"""JSON or a page: the choice between them, and a page with hostile text."""

from html.parser import HTMLParser

import pytest
from django.test import Client

from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
LISTS = ("packages/", "grids/", "categories/")
PATHS = ("", *LISTS, "packages/x/", "grids/x/", "categories/x/")


@pytest.fixture(autouse=True)
def _one_of_each() -> None:
    package = PackageFactory.create(slug="x", title="The package", category=CategoryFactory.create(slug="x"))
    MembershipFactory.create(package=package, grid=GridFactory.create(slug="x"))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "accept",
    [None, "", " ", ",", " , ", "*/*", "application/json", "application/*", "application/json, text/html;q=0.1"],
)
def test_json(get: Get, path: str, accept: str | None) -> None:
    """An empty Accept is as good as none (RFC 9110, 12.5.1)."""
    response = get(path) if accept is None else get(path, accept=accept)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert "Accept" in response["Vary"].split(", ")
    assert response.json()


@pytest.mark.parametrize("path", PATHS)
def test_a_page(get: Get, path: str) -> None:
    for response in (get(path, accept="text/html"), get(path, accept=BROWSER), get(f"{path}?format=api")):
        assert response.status_code == 200
        assert response["Content-Type"] == "text/html; charset=utf-8"
        assert "Accept" in response["Vary"].split(", ")
        assert "Package Grids" in response.content.decode()
        assert 'method="post"' not in response.content.decode().lower(), "the API is read-only"


def test_the_title_of_a_page_is_that_of_its_document(get: Get) -> None:
    html = get("packages/x/?format=api").content.decode()
    assert "<title>The package – Package Grids</title>" in html  # noqa: RUF001 (a dash)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("wrong", ["xml", "", "JSON", "html", "x" * 1000])
def test_an_unknown_format(get: Get, path: str, wrong: str) -> None:
    response = get(f"{path}?format={wrong}")
    assert response.status_code == 404
    assert response["Content-Type"] == "application/json"
    detail = response.json()["detail"]
    known = "format=json or format=api" + (" or format=csv or format=jsonl" if path in LISTS else "")
    assert detail == f"There is no format “{wrong[:50]}” here; use {known}."


@pytest.mark.parametrize("path", PATHS)
def test_format_overrides_the_accept_header_of_a_browser(get: Get, path: str) -> None:
    response = get(f"{path}?format=json", accept=BROWSER)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize(("chosen", "accept"), [("json", "text/html"), ("api", "application/json")])
def test_format_overrides_accept(get: Get, chosen: str, accept: str) -> None:
    assert get(f"packages/?format={chosen}", accept=accept).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("accept", ["application/xml", "text/plain", "image/*"])
def test_nothing_acceptable(get: Get, path: str, accept: str) -> None:
    response = get(path, accept=accept)
    assert response.status_code == 406
    assert response["Content-Type"] == "application/json"
    table = ", text/csv, application/x-ndjson" if path in {"packages/", "grids/", "categories/"} else ""
    types = f"application/json, text/html{table}"
    assert response.json() == {"detail": f"Could not satisfy the request Accept header; there are: {types}."}


class Page(HTMLParser):
    """The tags, attributes and links of a page, as a browser parses them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value or "" for name, value in attrs if name in {"href", "src", "action", "formaction"}}


HOSTILE = (
    "<script>alert(1)</script>",
    "javascript:alert(1)",
    "JAVASCRIPT:alert(1)//https://example.org",
    '"><img src=x onerror=alert(1)>',
    "</pre></body><script>alert(1)</script>",
    "data:text/html,<script>alert(1)</script>",
    "'onmouseover='alert(1)",
    "{{ settings.SECRET_KEY }}{% debug %}",
    "vbscript:x file:///etc/passwd ftp://example.org/x",
)


@pytest.mark.parametrize("path", ["packages/{}/", "packages/", "grids/{}/", "grids/", "categories/{}/", "categories/"])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(get: Get, path: str, text: str) -> None:
    """The page has the same scripts and attributes as one with harmless text, and no links that a browser would run."""
    harmless, hostile = (
        Page(get(path.format(slug), accept="text/html").content.decode())
        for slug in _harmless_and_hostile(path.split("/", maxsplit=1)[0], text)
    )
    assert hostile.tags.count("script") == harmless.tags.count("script")
    assert hostile.attributes == harmless.attributes
    assert not [name for name in hostile.attributes if name.startswith("on")]
    assert not [link for link in hostile.links if link and not link.startswith(("http://", "https://", "/", "#"))]


def _harmless_and_hostile(kind: str, text: str) -> tuple[str, str]:
    """Create two documents, the second with `text` in each column that takes it, and return their slugs."""
    if kind == "packages":
        PackageFactory.create(slug="harmless", pypi_version="1")
        PackageFactory.create(slug="hostile", title=text, repo_description=text, pypi_version=text, participants=[text])
    elif kind == "grids":
        GridFactory.create(slug="harmless")
        GridFactory.create(slug="hostile", title=text, description=text)
    else:
        CategoryFactory.create(slug="harmless")
        CategoryFactory.create(slug="hostile", title=text, description=text, title_plural=text)
    return "harmless", "hostile"


def test_only_http_urls_become_links(get: Get) -> None:
    text = "See https://example.org/good and http://example.org/plain or javascript:alert(2) ftp://x.org/"
    category = CategoryFactory.create(slug="links", description=text)
    PackageFactory.create(
        slug="links",
        category=category,
        repo_url="ssh://git@example.org/a",
        pypi_url="javascript",
        documentation_url='https://example.org/"onmouseover="alert(1)',
        repo_description=text,
    )
    of_category = Page(get("categories/links/", accept="text/html").content.decode())
    assert {link for link in of_category.links if "example.org" in link} == {
        "https://example.org/good",
        "http://example.org/plain",
    }
    page = Page(get("packages/links/", accept="text/html").content.decode())
    assert {link for link in page.links if "example.org" in link} == {
        "https://example.org/a",  # what ssh is for a browser
        'https://example.org/"onmouseover="alert(1)',
    }
    assert not [link for link in page.links if link and not link.startswith(("http://", "https://", "/", "#"))]
    assert "onmouseover" not in page.attributes


def test_hostile_text_in_a_url_stays_text(client: Client) -> None:
    for path in (
        "/api/v4/packages/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/api/v4/packages/%3Cscript%3Ealert(1)/",
        "/api/v4/packages/?format=%3Cscript%3Ealert(1)",
        "/api/v4/packages/?format=%22%3E%3Cscript%3Ealert(1)",
        "/api/v4/packages/?x=%22%3E%3Cscript%3Ealert(1)",
        "/api/v4/packages/?limit=%22%3E%3Cscript%3Ealert(1)",
    ):
        response = client.get(path, headers={"accept": "text/html"})
        assert response["Content-Type"].startswith("text/html")
        assert "<script>alert" not in response.content.decode()
