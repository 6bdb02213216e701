"""The pages in Chromium, served by gunicorn as in production (make test-browser)."""

from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait

from tests.servers import sample_site

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sample_site(tmp_path_factory.mktemp("browser")) as site:
        yield site.url


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        f"user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver")) as browser:
        yield browser


def console_errors(browser: webdriver.Chrome) -> list[str]:
    """Return the messages in the page's console, such as a missing style sheet or a broken script."""
    entries: list[dict[str, str]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in entries if "favicon" not in entry["message"]]


def test_from_the_front_page_to_a_package(browser: webdriver.Chrome, site_url: str) -> None:
    browser.get(site_url)
    assert browser.current_url == f"{site_url}/api/v4/"
    browser.find_element(By.PARTIAL_LINK_TEXT, "/api/v4/packages/").click()
    assert browser.find_element(By.TAG_NAME, "h1").text == "Packages"
    browser.get(f"{site_url}/api/v4/packages/ralph/")
    assert browser.find_element(By.TAG_NAME, "h1").text == "ralph"
    assert browser.title == "ralph | Package Grids"
    assert "2,496 watchers" in browser.find_element(By.ID, "content").text
    chart = browser.find_element(By.CSS_SELECTOR, "img[src$='/commits.svg']")
    WebDriverWait(browser, 10).until(lambda _: chart.get_property("naturalWidth") == 432)
    assert "navbar" in browser.page_source
    colour = browser.find_element(By.CLASS_NAME, "navbar").value_of_css_property("background-color")
    assert colour == "rgba(44, 44, 44, 1)", "the style sheet was not loaded"
    browser.find_element(By.PARTIAL_LINK_TEXT, "/api/v4/grids/263/").click()
    assert browser.find_element(By.TAG_NAME, "h1").text == "Asset management"
    assert console_errors(browser) == []


@pytest.mark.parametrize(("scheme", "colour"), [("light", "rgb(9, 105, 218)"), ("dark", "rgb(68, 147, 248)")])
def test_a_chart_opened_by_itself(browser: webdriver.Chrome, site_url: str, scheme: str, colour: str) -> None:
    """Its policy allows its style, which follows the reader's preference."""
    preference = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", preference)
    browser.get(f"{site_url}/api/v4/packages/ralph/commits.svg")
    bars = browser.find_elements(By.CSS_SELECTOR, "rect.area")
    assert len(bars) == 52
    assert bars[0].value_of_css_property("fill") == colour
    assert console_errors(browser) == []
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_form_of_filters(browser: webdriver.Chrome, site_url: str) -> None:
    browser.get(f"{site_url}/api/v4/packages/")
    browser.find_element(By.XPATH, "//button[contains(., 'Filters')]").click()
    field = WebDriverWait(browser, 10).until(
        expected_conditions.element_to_be_clickable((By.CSS_SELECTOR, "#filtersModal input[name=q]"))
    )
    field.send_keys("wagtail")
    field.submit()
    assert browser.current_url == f"{site_url}/api/v4/packages/?q=wagtail", "without the fields that were left empty"
    assert "Wagtail" in browser.find_element(By.ID, "content").text
    assert console_errors(browser) == []


def test_the_form_of_search(browser: webdriver.Chrome, site_url: str) -> None:
    browser.get(f"{site_url}/api/v4/search/")
    field = browser.find_element(By.CSS_SELECTOR, "form[role=search] input[name=q]")
    field.send_keys("djagno filter")
    field.submit()
    assert browser.current_url == f"{site_url}/api/v4/search/?q=djagno+filter"
    browser.find_element(By.PARTIAL_LINK_TEXT, "/api/v4/packages/").click()
    assert browser.find_element(By.TAG_NAME, "h1").text == "django-filter"
    assert console_errors(browser) == []


@pytest.mark.parametrize(
    ("page", "element"), [("docs/", ".opblock-summary-path"), ("docs/redoc/", "[data-section-id], .menu-content li")]
)
def test_the_documentation_is_rendered(browser: webdriver.Chrome, site_url: str, page: str, element: str) -> None:
    browser.get(f"{site_url}/api/v4/{page}")
    WebDriverWait(browser, 20).until(lambda _: len(browser.find_elements(By.CSS_SELECTOR, element)) >= 10)
    assert "search" in browser.find_element(By.TAG_NAME, "body").text.lower()
    # Nothing is fetched from another host, not even the logo that Redoc would load.
    assert all("logo" in error and "Content Security Policy" in error for error in console_errors(browser))


def test_admin_has_its_styles(browser: webdriver.Chrome, site_url: str) -> None:
    browser.get(f"{site_url}/admin/")
    assert browser.title == "Log in | Package Grids"
    rules = browser.execute_script("return [...document.styleSheets].map(sheet => sheet.cssRules.length)")
    assert len(rules) >= 2
    assert all(rules)
    assert console_errors(browser) == []


def test_an_unknown_url_shows_a_page(browser: webdriver.Chrome, site_url: str) -> None:
    browser.get(f"{site_url}/api/v4/nope/")
    assert browser.find_element(By.TAG_NAME, "h1").text == "Not found"
    assert "There is nothing at this address" in browser.page_source
    assert len(console_errors(browser)) == 1  # the 404 itself
