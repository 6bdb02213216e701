"""Five journeys of people who choose a package, by clicks alone, with and without JavaScript."""

from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser import walk
from tests.browser.conftest import Sites

pytestmark = pytest.mark.browser


@pytest.fixture(params=["with script", "without script"])
def reader(request: pytest.FixtureRequest, browser: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    walk.set_width(browser, 1366)
    walk.set_script(browser, runs=request.param == "with script")
    yield browser
    walk.set_script(browser, runs=True)
    walk.set_width(browser, 1366)


def heading(reader: webdriver.Chrome) -> str:
    return reader.find_element(By.TAG_NAME, "h1").text


def main(reader: webdriver.Chrome) -> WebElement:
    return reader.find_element(By.TAG_NAME, "main")


def follow(reader: webdriver.Chrome, words: str) -> None:
    """Click the first link of the page's content with these words."""
    main(reader).find_element(By.PARTIAL_LINK_TEXT, words).click()


def titles(reader: webdriver.Chrome) -> list[str]:
    return [each.text.split("\n")[0] for each in reader.find_elements(By.CSS_SELECTOR, "main tbody th a")]


def test_from_the_front_page_over_a_category_and_a_package_to_a_rival(reader: webdriver.Chrome, site: Sites) -> None:
    reader.get(site("many"))
    follow(reader, "Category b")
    assert heading(reader) == "Category b"
    first = titles(reader)[0]
    follow(reader, first)
    assert heading(reader) == first
    rival = reader.find_element(By.CSS_SELECTOR, ".rivals a[href*='/packages/']")
    other = rival.text
    rival.click()
    assert heading(reader) == other != first


def test_a_search_with_a_typing_error_finds_the_package(reader: webdriver.Chrome, site: Sites) -> None:
    reader.get(site("many"))
    field = reader.find_element(By.CSS_SELECTOR, "form[role=search] input[name=q]")
    field.send_keys("pakcage 33", Keys.ENTER)
    assert "Did you mean" in main(reader).text
    follow(reader, "Package 33")
    assert heading(reader) == "Package 33"


def test_a_grid_of_two_hundred_shows_the_poor_hides_them_and_sorts(reader: webdriver.Chrome, site: Sites) -> None:
    reader.get(f"{site('many')}/api/v4/grids/two-hundred/")
    without = len(titles(reader))
    assert 0 < without < 200
    follow(reader, "show")
    assert len(titles(reader)) == 200
    follow(reader, "hide")
    assert len(titles(reader)) == without
    follow(reader, "Downloads")
    third = titles(reader)[2]
    reader.find_elements(By.CSS_SELECTOR, "main tbody th a")[2].click()
    assert heading(reader) == third


def test_a_list_is_filtered_and_a_filter_removed(reader: webdriver.Chrome, site: Sites) -> None:
    reader.get(f"{site('many')}/api/v4/packages/")
    for name, value in (("django", "5.2"), ("licence", "MIT")):
        reader.find_element(By.CSS_SELECTOR, f"form.filters [name={name}] option[value='{value}']").click()
        # Without script the form waits for its button.
        if f"{name}=" not in reader.current_url:
            continue
    if "licence=MIT" not in reader.current_url or "django=5.2" not in reader.current_url:
        reader.find_element(By.CSS_SELECTOR, "form.filters button").click()
    WebDriverWait(reader, 20).until(expected_conditions.url_contains("django=5.2"))
    assert "licence=MIT" in reader.current_url
    both = main(reader).find_element(By.CSS_SELECTOR, ".place").text
    reader.find_elements(By.CSS_SELECTOR, ".chips a")[0].click()
    assert ("django=5.2" in reader.current_url) != ("licence=MIT" in reader.current_url)
    assert main(reader).find_element(By.CSS_SELECTOR, ".place").text != both


def test_on_a_phone_from_a_grid_of_forty_over_a_package_to_its_repository(
    reader: webdriver.Chrome, site: Sites
) -> None:
    walk.set_width(reader, 390)
    reader.get(f"{site('many')}/api/v4/grids/forty/")
    assert walk.sideways(reader) <= 0
    link = reader.find_elements(By.CSS_SELECTOR, "main tbody th a")[3]
    title = link.text
    assert link.rect["x"] >= 0
    assert link.rect["x"] + link.rect["width"] <= 390
    link.click()
    assert heading(reader) == title
    assert walk.sideways(reader) <= 0
    repository = main(reader).find_element(By.LINK_TEXT, "Repository")
    assert repository.get_attribute("href") == f"https://github.com/someone/package-{title.removeprefix('Package ')}"


def test_the_keyboard_alone_reaches_everything(browser: webdriver.Chrome, site: Sites) -> None:
    """Tab goes through all links and fields in their order, each with a visible outline; the first leads past the
    head."""
    walk.set_width(browser, 1366)
    browser.get(f"{site('many')}/api/v4/grids/forty/")
    wanted = browser.execute_script(
        "return [...document.querySelectorAll('a[href], input:not([type=hidden]), select, button, summary,"
        ' [tabindex="0"]\')].filter(e => e.checkVisibility({visibilityProperty: true})).length'
    )
    seen: list[int] = []
    while True:
        browser.switch_to.active_element.send_keys(Keys.TAB)
        number, outline = browser.execute_script(
            "const e = document.activeElement; return [e === document.body ? -1 :"
            " [...document.querySelectorAll('*')].indexOf(e), getComputedStyle(e).outlineStyle]"
        )
        if number in {-1, *seen[:1]}:  # the end of the page, or its beginning again
            break
        if not seen:
            assert browser.switch_to.active_element.text == "Skip to the content"
        assert outline != "none"
        assert number not in seen, "it goes round"
        seen.append(number)
    assert len(seen) >= wanted
    browser.get(f"{site('many')}/api/v4/grids/forty/")
    browser.switch_to.active_element.send_keys(Keys.TAB)
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    browser.switch_to.active_element.send_keys(Keys.TAB)
    assert browser.execute_script("return document.activeElement.closest('main') !== null")
