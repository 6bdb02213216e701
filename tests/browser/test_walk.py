"""Every kind of page, with nothing, one row, many rows and hostile texts on it: no page is wider than its window, none
asks another host for anything, none has an error in its console, and axe-core has nothing to say."""

from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from selenium import webdriver

from tests.browser import walk
from tests.browser.conftest import Sites
from tests.browser.pages import NAMES, PAGES, paths

pytestmark = pytest.mark.more  # axe-core comes from npm

# Routes that have no page of HTML
NO_PAGES = {"package-commits", "package-stars", "package-badge", "package-badge-endpoint", "dump-file", "schema"}
CASES = [pytest.param(catalogue, path, id=f"{catalogue}-{path}") for catalogue in NAMES for path in paths(catalogue)]


def _names(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from _names(each.url_patterns)
        elif each.name:
            yield each.name


def test_every_route_is_walked() -> None:
    """A new route has pages here, or is named as one without."""
    api = [each for each in get_resolver().url_patterns if str(each.pattern).lstrip("^").startswith("api/v4/")]
    names = {name for name in _names(api) if not name.startswith("feed-")}
    assert names <= PAGES.keys() | NO_PAGES
    assert names >= PAGES.keys()


@pytest.mark.parametrize(("catalogue", "path"), CASES)
def test_a_page(browser: webdriver.Chrome, site: Sites, catalogue: str, path: str) -> None:
    url = f"{site(catalogue)}/api/v4/{path}"
    walk.set_width(browser, walk.WIDTHS[0])
    walk.set_scheme(browser, "light")
    walk.forget(browser)
    browser.get(url)
    found = {"axe, light": _violations(browser, path)}
    for width in walk.WIDTHS:
        walk.set_width(browser, width)
        found[f"pixels too wide at {width}"] = walk.sideways(browser)  # type: ignore[assignment]
    walk.set_scheme(browser, "dark")
    found["axe, dark, on a phone"] = _violations(browser, path)
    found["console"] = [each for each in walk.console(browser) if not _is_of_the_page_itself(each, url)]
    found["of other hosts"] = walk.foreign_requests(browser, url)
    assert {what: each for what, each in found.items() if each} == {}
    assert browser.title != "owned"


@pytest.mark.parametrize(("catalogue", "path"), [case for case in CASES if "docs/" not in str(case.values[1])])
def test_a_page_without_script(browser: webdriver.Chrome, site: Sites, catalogue: str, path: str) -> None:
    walk.set_script(browser, runs=False)
    try:
        for width in (walk.WIDTHS[0], walk.WIDTHS[-1]):
            walk.set_width(browser, width)
            browser.get(f"{site(catalogue)}/api/v4/{path}")
            assert walk.sideways(browser) <= 0
    finally:
        walk.set_script(browser, runs=True)


def _violations(browser: webdriver.Chrome, path: str) -> list[str]:
    """Return what axe finds; of Swagger UI, which is not ours, the frame alone is judged."""
    return walk.violations(browser, "header" if path.startswith("docs/") else "html")


def _is_of_the_page_itself(message: str, url: str) -> bool:
    """Return whether a message only says that the page is an error, as it should be."""
    return message.startswith(url) and "Failed to load resource: the server responded with a status of 40" in message
