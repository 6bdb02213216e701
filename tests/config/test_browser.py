"""The pages in Chromium, served by gunicorn as in production (make test-browser)."""

from collections.abc import Iterator
from functools import partial

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait

from tests.browsers import chromium, console_errors
from tests.servers import Site, sample_site

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("browser")
    with sample_site(folder, DUMP_ROOT=str(folder / "dumps")) as site:
        yield site


@pytest.fixture
def site_url(site: Site) -> str:
    return site.url


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def main(browser: webdriver.Chrome) -> WebElement:
    return browser.find_element(By.TAG_NAME, "main")


def test_from_the_front_page_to_a_package(browser: webdriver.Chrome, site_url: str) -> None:
    browser.get(site_url)
    assert browser.current_url == f"{site_url}/api/v4/"
    field = main(browser).find_element(By.CSS_SELECTOR, "form[role=search] input[name=q]")
    field.send_keys("ralph")
    field.submit()
    assert browser.current_url == f"{site_url}/api/v4/search/?q=ralph"
    main(browser).find_element(By.LINK_TEXT, "ralph").click()
    assert browser.find_element(By.TAG_NAME, "h1").text == "ralph"
    assert browser.title == "ralph – Package Grids"  # noqa: RUF001 (a dash)
    assert "2,496" in main(browser).text
    chart = browser.find_element(By.CSS_SELECTOR, "img[src$='/commits.svg']")
    browser.execute_script("arguments[0].scrollIntoView()", chart)
    WebDriverWait(browser, 10).until(lambda _: chart.get_property("naturalWidth") == 432)
    search = browser.find_element(By.CSS_SELECTOR, "header form")
    assert search.value_of_css_property("display") == "flex", "the style sheet was not loaded"
    main(browser).find_element(By.LINK_TEXT, "Asset management").click()
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
    field = browser.find_element(By.CSS_SELECTOR, "form.filters input[name=q]")
    field.send_keys("wagtail")
    field.submit()
    assert browser.current_url == f"{site_url}/api/v4/packages/?q=wagtail", "without the fields that were left empty"
    assert "Wagtail" in main(browser).text
    assert console_errors(browser) == []


def test_the_documentation_tries_requests(browser: webdriver.Chrome, site_url: str) -> None:
    """Neither the page nor what it shows is forbidden by its policy, or is at another host."""
    wait = WebDriverWait(browser, 60)
    browser.get(f"{site_url}/api/v4/docs/#/packages/packages-list")
    operation = wait.until(
        expected_conditions.visibility_of_element_located((By.ID, "operations-packages-packages-list"))
    )
    wait.until(lambda _: operation.find_elements(By.CLASS_NAME, "try-out__btn"))[0].click()
    wait.until(lambda _: len(operation.find_elements(By.CSS_SELECTOR, ".parameters input:enabled")) > 20)
    inputs = operation.find_elements(By.CSS_SELECTOR, ".parameters input")
    filled = {each.get_property("value") for each in inputs}
    assert filled == {"", "20"}, "more than the default of limit is filled in"
    operation.find_element(By.CSS_SELECTOR, "tr[data-param-name=q] input").send_keys("wagtail")
    operation.find_element(By.CLASS_NAME, "execute").click()
    live = wait.until(lambda _: operation.find_elements(By.CLASS_NAME, "live-responses-table"))[0]
    url = operation.find_element(By.CLASS_NAME, "request-url").text
    assert f"{site_url}/api/v4/packages/?limit=20&q=wagtail" in url
    assert '"title": "Wagtail"' in live.text
    assert len(browser.find_elements(By.CSS_SELECTOR, ".opblock-summary-path")) >= 20
    hosts = browser.execute_script(
        "return [...new Set(performance.getEntriesByType('resource').map(each => new URL(each.name).origin))]"
    )
    assert hosts == [site_url]
    assert console_errors(browser) == []
    browser.find_element(By.LINK_TEXT, "Package Grids").click()
    assert browser.current_url == f"{site_url}/api/v4/"
    console_errors(browser)


def _shown(operation: WebElement, selector: str, _browser: object) -> list[WebElement]:
    return operation.find_elements(By.CSS_SELECTOR, selector)


def test_every_operation_can_be_tried_as_it_stands(browser: webdriver.Chrome, site: Site) -> None:
    site.manage("dump_catalogue", site.environment["DUMP_ROOT"])
    wait = WebDriverWait(browser, 60, poll_frequency=0.05)
    browser.get(f"{site.url}/api/v4/docs/")
    names = [
        str(each.get_attribute("id"))
        for each in wait.until(lambda _: browser.find_elements(By.CSS_SELECTOR, ".opblock"))
    ]
    assert len(names) >= 30
    statuses = {}
    for name in names:
        operation = browser.find_element(By.ID, name)
        operation.find_element(By.CLASS_NAME, "opblock-summary-control").click()
        for button in (".try-out__btn", ".execute"):
            wait.until(partial(_shown, operation, button))[0].click()
        live = wait.until(partial(_shown, operation, ".live-responses-table .response"))
        statuses[name] = live[0].find_element(By.CLASS_NAME, "response-col_status").text.split()[0]
        operation.find_element(By.CLASS_NAME, "opblock-summary-control").click()
    assert {name: status for name, status in statuses.items() if status != "200"} == {}
    assert console_errors(browser) == []


def test_admin_has_its_styles(browser: webdriver.Chrome, site_url: str) -> None:
    browser.get(f"{site_url}/admin/")
    browser.delete_all_cookies()  # another test may have logged in
    browser.refresh()
    assert browser.title == "Log in | Package Grids"
    rules = browser.execute_script("return [...document.styleSheets].map(sheet => sheet.cssRules.length)")
    assert len(rules) >= 2
    assert all(rules)
    assert console_errors(browser) == []


MAKE_A_CELL = """
from django.contrib.auth.models import User
from grids.models import Cell, Feature, GridPackage
User.objects.create_superuser("editor", password="typed by hand")
member = GridPackage.objects.first()
Cell.objects.create(feature=Feature.objects.create(grid=member.grid, title="Maps"), membership=member, text="no")
"""


def test_the_sign_of_a_cell_is_shown_while_it_is_typed(browser: webdriver.Chrome, site: Site) -> None:
    site.manage("shell", "--no-imports", "-c", MAKE_A_CELL)
    browser.get(f"{site.url}/admin/login/?next=/admin/grids/cell/")
    for name, value in (("username", "editor"), ("password", "typed by hand")):
        browser.find_element(By.NAME, name).send_keys(value)
    browser.find_element(By.CSS_SELECTOR, "[type=submit]").click()
    browser.find_element(By.LINK_TEXT, "Maps").click()
    area = browser.find_element(By.NAME, "text")
    shown = expected_conditions.text_to_be_present_in_element
    output = (By.CSS_SELECTOR, "output[for=id_text][aria-live=polite]")
    WebDriverWait(browser, 10).until(shown(output, "-1: bad"))
    for typed, words in (
        ("\ue009a\ue000++ & fast", "+2: good"),  # Control and A select all
        ("\ue009a\ue000n/a", "none: unknown, or not applicable"),
        ("\ue003\ue003\ue003no, not yet", "-1: bad"),  # Backspace
    ):
        area.send_keys(typed)
        WebDriverWait(browser, 10).until(shown(output, f"The sign of this text: {words}"))
    assert console_errors(browser) == []


def test_an_unknown_url_shows_a_page(browser: webdriver.Chrome, site_url: str) -> None:
    browser.get(f"{site_url}/api/v4/nope/")
    assert browser.find_element(By.TAG_NAME, "h1").text == "Not found"
    assert "There is nothing at this address" in browser.page_source
    assert len(console_errors(browser)) == 1  # the 404 itself
