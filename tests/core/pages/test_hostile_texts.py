"""Texts in every column that would break a page which trusts them, on every kind of page."""

import re
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.utils import timezone

from packages.models import Package, RepositoryAlias
from packages.settling import settled
from tests.browser import catalogues
from tests.browser.pages import NAMES, paths

pytestmark = pytest.mark.django_db

# Elements that close themselves
VOID = {"br", "hr", "img", "input", "link", "meta", "path", "rect", "line"}
# Elements whose text has no neighbours that a direction could spread to, or that cannot hold a <bdi>
ISOLATED = {"bdi", "title", "option", "pre", "code", "textarea", "button"}
KNOWN = {
    *("html", "head", "body", "header", "main", "footer", "nav", "section", "article", "aside", "div", "span", "p"),
    *("h1", "h2", "h3", "h4", "ul", "ol", "li", "dl", "dt", "dd", "table", "caption", "thead", "tbody", "tfoot", "tr"),
    *(
        "th",
        "td",
        "a",
        "b",
        "strong",
        "em",
        "small",
        "sup",
        "code",
        "pre",
        "bdi",
        "time",
        "meter",
        "details",
        "summary",
    ),
    *("form", "label", "input", "select", "textarea", "option", "optgroup", "button", "fieldset", "legend", "datalist"),
    "script",
    "summary",
    *("img", "svg", "g", "path", "rect", "line", "polyline", "title", "text", "link", "meta", "br", "hr", "noscript"),
    *("abbr", "figure", "figcaption", "blockquote", "output", "search", "colgroup", "col", "desc"),
}


class Looked(HTMLParser):
    """Collect what a page that trusts its texts would have."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.marked = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in KNOWN:
            self.faults.append(f"an element {tag}")
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.faults.append(f"{tag} with {name}={value}")
            if name in {"href", "src", "action"} and not re.match(r"https?://|[/?#]", value or ""):
                self.faults.append(f"{tag} leads to {value}")
        if tag == "script" and not dict(attrs).get("src"):
            self.faults.append("a script in the page")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if re.search("\u202e|W{30}|tada|&lt;b|owned|right to left", data):
            self.marked += 1
            if not ISOLATED & set(self.open):
                self.faults.append(f"not isolated in {' > '.join(self.open[-3:])}: {data.strip()[:60]}")


def looked(client: Client, path: str) -> Looked:
    response = client.get(f"/api/v4/{path}", headers={"accept": "text/html"})
    assert response.status_code in {200, 400, 404}
    return Looked(response.content.decode())


@pytest.fixture
def _hostile() -> None:
    with settled():
        catalogues.hostile()
        package = Package.objects.get(slug="package-0")
        Package.objects.filter(pk=package.pk).update(documentation_url="http://[x")
        for number, text in enumerate(catalogues.HOSTILE):
            RepositoryAlias.objects.create(
                package=package,
                repo_url=f"https://github.com/a/{number}{text[:40]}",
                repo_key=f"github.com/a/{number}",
                until=timezone.now(),
            )


@pytest.mark.usefixtures("_hostile")
def test_no_text_is_more_than_text(client: Client) -> None:
    """In one test: the catalogue takes longer than the pages."""
    pages = {path: looked(client, path) for path in paths("hostile") if not path.startswith("docs")}
    assert {path: page.faults for path, page in pages.items() if page.faults} == {}
    # It has looked at the texts
    for kind, reference in (("packages", "p"), ("grids", "g"), ("categories", "c")):
        assert pages[f"{kind}/{NAMES['hostile'][reference]}/"].marked >= 2
    for text in catalogues.HOSTILE:
        for parameters in ({"q": text}, {"category": text}, {text[:50]: "1"}, {"ordering": text}):
            for path in ("search/", "packages/", "grids/1/comparison/", "changes/"):
                response = client.get(f"/api/v4/{path}", parameters, headers={"accept": "text/html"})
                assert [each for each in Looked(response.content.decode()).faults if "not isolated" not in each] == []
