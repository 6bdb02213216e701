"""The pages of admin in Chromium, as an editor has them: none does what its policy forbids (make test-browser)."""

from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait

from tests.browsers import chromium, console_errors
from tests.servers import Site, sample_site

pytestmark = pytest.mark.browser
PASSWORD = "a password of an editor"
REUSED = (
    "from django.utils.timezone import now; from packages.models import ANOTHER_REPOSITORY, FetchState, Package;"
    "p = Package.objects.get(slug='ralph');"
    "FetchState.objects.filter(package=p, source='repo').update(outcome='invalid', next_due=now(),"
    " validators={ANOTHER_REPOSITORY: 'Another repository has this name.'})"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with sample_site(tmp_path_factory.mktemp("browser")) as site:
        site.environment["DJANGO_SUPERUSER_PASSWORD"] = PASSWORD
        site.manage("createsuperuser", "--no-input", "--username=anna", "--email=anna@example.org")
        site.manage("shell", "--command", REUSED)
        yield site


@pytest.fixture(scope="module")
def admin_url(site: Site) -> str:
    return f"{site.url}/admin/"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, admin_url: str) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        browser.get(admin_url)
        browser.find_element(By.NAME, "username").send_keys("anna")
        browser.find_element(By.NAME, "password").send_keys(PASSWORD, Keys.ENTER)
        WebDriverWait(browser, 20).until(expected_conditions.title_is("Catalogue | Package Grids"))
        assert console_errors(browser) == []
        yield browser


def links(browser: webdriver.Chrome, selector: str) -> list[str]:
    return [str(each.get_property("href")) for each in browser.find_elements(By.CSS_SELECTOR, selector)]


def choose(browser: webdriver.Chrome, action: str, title: str) -> None:
    """Send an action on the first document of a list, and wait for the page with this in its title."""
    browser.find_element(By.CLASS_NAME, "action-select").click()
    browser.find_element(By.CSS_SELECTOR, f"select[name=action] option[value={action}]").click()
    browser.find_element(By.CSS_SELECTOR, ".actions button[name=index]").click()
    WebDriverWait(browser, 20).until(expected_conditions.title_contains(title))


def test_what_the_policy_forbids_is_an_error(browser: webdriver.Chrome, admin_url: str) -> None:
    """Otherwise the other tests would say nothing."""
    browser.get(admin_url)
    assert console_errors(browser) == []
    browser.execute_script("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">')")
    messages = console_errors(browser)
    assert messages
    assert all("Content Security Policy" in each for each in messages), messages


def test_every_page_keeps_its_policy(browser: webdriver.Chrome, admin_url: str) -> None:
    browser.get(admin_url)
    lists = links(browser, "#content-main th a")
    assert len(lists) == 14
    errors: dict[str, list[str]] = {}
    titles = set()

    def look(url: str) -> None:
        browser.get(url)
        titles.add(browser.title)
        errors[url] = console_errors(browser)

    for each in lists:
        look(each)
        forms = links(browser, ".object-tools a.addlink") + links(browser, "#result_list tbody th a")[:1]
        has_actions = bool(browser.find_elements(By.CLASS_NAME, "action-select"))
        for form in forms:
            look(form)
            for further in links(browser, ".object-tools a.historylink, a.deletelink, a[href$='/password/']"):
                look(further)
        if has_actions:
            browser.get(each)
            choose(browser, "delete_selected", "elete ")  # or that it cannot be deleted
            errors[f"{each}: delete"] = console_errors(browser)
    for path in ("password_change/", "packages/", "packages/package/?q=ralph"):
        look(admin_url + path)
    assert {url: found for url, found in errors.items() if found} == {}
    expected = ("Add package", "Change grid", "History: App", "Delete", "Cannot delete category", "Add user")
    assert all(any(word in title for title in titles) for word in expected), titles
    assert len(errors) >= 30


def test_the_fields_with_scripts_work(browser: webdriver.Chrome, admin_url: str) -> None:
    browser.get(f"{admin_url}packages/package/2647/change/")
    wait = WebDriverWait(browser, 20)
    browser.find_element(By.CSS_SELECTOR, ".field-replaced_by .select2-selection").click()
    browser.find_element(By.CLASS_NAME, "select2-search__field").send_keys("netbox")
    option = wait.until(
        expected_conditions.element_to_be_clickable(
            (By.XPATH, "//li[contains(@class, 'select2-results__option--highlighted') and contains(., 'NetBox')]")
        )
    )
    option.click()
    assert "NetBox" in browser.find_element(By.CSS_SELECTOR, ".field-replaced_by .select2-selection").text
    browser.find_element(By.CSS_SELECTOR, ".field-reply_until .datetimeshortcuts a[id^=calendarlink]").click()
    calendar = browser.find_element(By.CSS_SELECTOR, ".calendarbox")
    assert calendar.is_displayed()
    calendar.find_element(By.CSS_SELECTOR, "td:not(.nonday) a").click()
    assert browser.find_element(By.NAME, "reply_until").get_property("value")
    rows = len(browser.find_elements(By.CSS_SELECTOR, "#memberships-group .dynamic-memberships"))
    browser.find_element(By.CSS_SELECTOR, "#memberships-group .add-row a").click()
    assert len(browser.find_elements(By.CSS_SELECTOR, "#memberships-group .dynamic-memberships")) == rows + 1
    assert console_errors(browser) == []


def test_the_members_of_a_grid_scroll(browser: webdriver.Chrome, admin_url: str) -> None:
    browser.get(f"{admin_url}grids/grid/263/change/")
    assert browser.find_element(By.CLASS_NAME, "members").value_of_css_property("overflow-y") == "auto"
    assert console_errors(browser) == []


LONG = (
    "from django.utils.timezone import now; from grids.models import Grid;"
    "from packages.models import FetchState, Package;"
    "first, second, third, *_ = Package.objects.order_by('title').values_list('pk', flat=True);"
    "Package.objects.filter(pk=first).update(title='a-title-without-a-blank-' * 4, deprecated=True, gone_since=now(),"
    " archived=True, pypi_downloads=123_456_789, repo_watchers=123_456, pypi_version='2026.11.28.dev20261128+local.1');"
    "Package.objects.filter(pk=second).update(title='A title of many words ' * 4);"
    "FetchState.objects.filter(package=third, source='repo').update(failures=123, outcome='unauthorized');"
    "Grid.objects.filter(pk=263).update(title='a-title-without-a-blank-' * 4, slug='a-slug-without-a-blank-' * 4)"
)


@pytest.mark.parametrize(
    "path", ["packages/package/", "packages/package/?o=4.-5.6.8.9.1.2.3", "grids/grid/", "categories/category/"]
)
def test_lists_fit_into_1280_pixels(site: Site, browser: webdriver.Chrome, admin_url: str, path: str) -> None:
    site.manage("shell", "--command", LONG)
    size = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        browser.get(admin_url + path)
        widths = "const at = document.querySelector('.results'), page = document.documentElement;"
        widths += "return [page.scrollWidth - page.clientWidth, at.scrollWidth - at.clientWidth]"
        assert browser.execute_script(widths) == [0, 0]
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_file_is_imported_after_a_preview(
    browser: webdriver.Chrome, admin_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("csv") / "one.csv"
    file.write_text("slug,title\nralph,Renamed\n", encoding="utf-8")
    browser.get(f"{admin_url}packages/package/")
    browser.find_element(By.CSS_SELECTOR, ".object-tools a[href$='/import/']").click()
    wait = WebDriverWait(browser, 20)
    wait.until(expected_conditions.presence_of_element_located((By.NAME, "file"))).send_keys(str(file))
    browser.find_element(By.CSS_SELECTOR, "input[value='Show what differs']").click()
    wait.until(
        expected_conditions.presence_of_element_located((By.CSS_SELECTOR, "input[value='Change 1 row']"))
    ).click()
    wait.until(expected_conditions.title_contains("Imported packages from “one.csv”"))
    assert console_errors(browser) == []


def test_reused_names(browser: webdriver.Chrome, admin_url: str) -> None:
    browser.get(f"{admin_url}packages/package/?q=ralph")
    choose(browser, "decide_about_reused_names", "Reused repository names")
    assert "Another repository has this name." in browser.find_element(By.ID, "content").text
    assert console_errors(browser) == []


def test_a_login_in_between(browser: webdriver.Chrome, admin_url: str) -> None:
    """The session ends while a form is open: its page to log in, and the form that comes back."""
    browser.get(f"{admin_url}categories/category/1/change/")
    session = browser.get_cookie("sessionid")
    browser.delete_cookie("sessionid")
    browser.find_element(By.NAME, "_continue").click()
    assert "Your session has ended" in browser.find_element(By.CLASS_NAME, "errornote").text
    assert console_errors(browser) == []
    browser.add_cookie(session)


def test_a_form_without_its_token(browser: webdriver.Chrome, admin_url: str) -> None:
    browser.get(f"{admin_url}password_change/")
    browser.execute_script("document.querySelector('#content form').csrfmiddlewaretoken.remove()")
    browser.execute_script("document.querySelector('#content form').submit()")
    WebDriverWait(browser, 20).until(expected_conditions.title_is("Not accepted | Package Grids"))
    colour = browser.find_element(By.ID, "header").value_of_css_property("background-color")
    assert colour not in {"rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"}, "the style sheet was not loaded"
    [message] = console_errors(browser)
    assert "403" in message
