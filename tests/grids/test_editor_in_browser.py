"""The grid editor in Chromium: typing, pasting, features and members, and two editors at once (make test-browser)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.browsers import chromium, console_errors
from tests.servers import Site, sample_site

pytestmark = pytest.mark.browser
PASSWORD = "a password of an editor"
MEMBERS, FEATURES = 10, 8
GRIDS = (
    *("typed", "moved", "pasted", "beyond", "long", "features", "members", "both", "gone", "session", "draft", "axe"),
    *("own", "slow", "saved", "kept"),
)
FILL = f"""
from categories.models import Category
from grids.models import Cell, Feature, Grid, GridPackage
from packages.models import Package
packages = [Package(title=f"Shop {{n}}", slug=f"shop-{{n}}", category=Category.objects.first(), pypi_url=f"shop-{{n}}",
                    pypi_name=f"shop-{{n}}") for n in range({MEMBERS})]
Package.objects.bulk_create(packages)
for slug in {GRIDS}:
    grid = Grid.objects.create(title=slug, slug=slug)
    members = GridPackage.objects.bulk_create(GridPackage(grid=grid, package=each) for each in packages)
    number = {FEATURES} if slug == "pasted" else 3
    features = Feature.objects.bulk_create(Feature(grid=grid, title=f"F{{n}}", position=n) for n in range(number))
    Cell.objects.bulk_create(Cell(feature=features[0], membership=each, text="yes") for each in members)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with sample_site(tmp_path_factory.mktemp("editor")) as site:
        site.environment["DJANGO_SUPERUSER_PASSWORD"] = PASSWORD
        for name in ("anna", "bob"):
            site.manage("createsuperuser", "--no-input", f"--username={name}", f"--email={name}@example.org")
        site.manage("shell", "--command", FILL)
        yield site


class Editor:
    """A person with a browser of her own, and the table of the editor in it."""

    def __init__(self, browser: webdriver.Chrome, site: Site, name: str) -> None:
        self.browser, self.site, self.clicks = browser, site, 0
        browser.get(f"{site.url}/admin/")
        self.log_in(name)

    def log_in(self, name: str) -> None:
        self.find("[name=username]").send_keys(name)
        self.find("[name=password]").send_keys(PASSWORD, Keys.ENTER)
        self.wait_for(lambda: "Log in" not in self.browser.title)

    def wait_for(self, condition: Any) -> Any:
        return WebDriverWait(self.browser, 20).until(lambda _: condition())

    def find(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def click(self, words: str) -> None:
        """Click the button or link with these words."""
        found = self.browser.find_elements(By.XPATH, f"//*[self::button or self::a][normalize-space()='{words}']")
        inputs = self.browser.find_elements(By.CSS_SELECTOR, f"input[value='{words}']")
        [element] = [each for each in (*found, *inputs) if each.is_displayed()]
        self.clicks += 1
        element.click()

    def open(self, slug: str) -> None:
        pk = self.site_id(slug)
        self.browser.get(f"{self.site.url}/admin/grids/grid/{pk}/editor/")

    def site_id(self, slug: str) -> int:
        script = "return fetch(arguments[0]).then((r) => r.json()).then((grid) => grid.id)"
        pk: int = self.browser.execute_script(script, f"/api/v4/grids/{slug}/")
        return pk

    def keys(self, *keys: str) -> None:
        ActionChains(self.browser).send_keys(*keys).perform()

    def chord(self, modifier: str, key: str) -> None:
        ActionChains(self.browser).key_down(modifier).send_keys(key).key_up(modifier).perform()

    def cell(self, row: int, column: int) -> WebElement:
        return self.find(f"[role=grid] tr:nth-child({row}) > :nth-child({column + 1})[role=gridcell]")

    def texts(self) -> list[list[str]]:
        """Return the texts of the cells, as they are shown."""
        script = "return [...document.querySelectorAll('[role=grid] tbody tr')].map("
        script += "(row) => [...row.querySelectorAll('td > div')].map((each) => each.textContent))"
        found: list[list[str]] = self.browser.execute_script(script)
        return found

    def heads(self) -> list[str]:
        script = "return [...document.querySelectorAll('[role=grid] thead th > div')].map((each) => each.textContent)"
        found: list[str] = self.browser.execute_script(script)
        return found[1:]

    def members(self) -> list[str]:
        script = "return [...document.querySelectorAll('[role=grid] tbody th > div')].map((each) => each.textContent)"
        found: list[str] = self.browser.execute_script(script)
        return found

    def paste(self, text: str) -> None:
        script = "const data = new DataTransfer(); data.setData('text/plain', arguments[0]);"
        script += "document.activeElement.dispatchEvent(new ClipboardEvent('paste',"
        script += " { clipboardData: data, bubbles: true, cancelable: true }))"
        self.browser.execute_script(script, text)

    def status(self) -> str:
        return self.find("#editor-status").text

    def says(self, words: str) -> None:
        """Wait until the page says this."""
        self.wait_for(lambda: words in self.status())

    def save(self) -> None:
        self.click("Save")
        self.says("Saved:")


@pytest.fixture(scope="module")
def anna(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[Editor]:
    with chromium(tmp_path_factory.mktemp("anna")) as browser:
        yield Editor(browser, site, "anna")


@pytest.fixture(scope="module")
def bob(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[Editor]:
    with chromium(tmp_path_factory.mktemp("bob")) as browser:
        yield Editor(browser, site, "bob")


@pytest.fixture(autouse=True)
def _no_errors(anna: Editor) -> Iterator[None]:
    yield
    expected = ("409", "403", "400")
    errors = [each for each in console_errors(anna.browser) if not any(status in each for status in expected)]
    assert errors == []
    anna.browser.execute_script("localStorage.clear(); window.onbeforeunload = null")


def test_cells_are_typed_with_the_keyboard_alone(anna: Editor) -> None:
    anna.open("typed")
    anna.cell(1, 1).click()
    anna.keys("++ fast", Keys.ENTER)
    anna.keys(Keys.F2, " indeed", Keys.ESCAPE)
    anna.keys(Keys.ENTER, ", always", Keys.TAB)
    anna.keys("a", Keys.ESCAPE, "no", Keys.TAB, Keys.ARROW_UP)
    anna.keys("one")
    anna.chord(Keys.SHIFT, Keys.ENTER)
    anna.keys("two", Keys.ENTER)
    expected = [["++ fast", "", "one\ntwo"], ["yes, always", "no", ""]]
    assert anna.texts()[:2] == expected
    assert "Not saved: 4 cells." in anna.find("#editor-unsaved").text
    anna.wait_for(lambda: anna.cell(1, 1).get_attribute("data-sign") == "+2")
    assert anna.cell(2, 2).get_attribute("data-sign") == "-1"
    anna.chord(Keys.CONTROL, "z")
    assert anna.texts()[0][2] == ""
    anna.chord(Keys.CONTROL, "y")
    anna.chord(Keys.CONTROL, "s")
    anna.says("Saved: 4 cells changed.")
    anna.browser.refresh()
    assert anna.texts()[:2] == expected


def focused(anna: Editor) -> tuple[int, int]:
    script = "const each = document.activeElement; return [each.closest('tr').ariaRowIndex, each.cellIndex]"
    row, column = anna.browser.execute_script(script)
    return int(row) - 1, int(column)


def test_keys_that_move(anna: Editor) -> None:
    anna.open("moved")
    assert len(anna.browser.find_elements(By.CSS_SELECTOR, "[role=grid] [tabindex='0']")) == 1
    anna.cell(1, 1).click()
    places = []
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.END, Keys.TAB, Keys.HOME, Keys.ARROW_UP, Keys.PAGE_DOWN):
        anna.keys(key)
        places.append(focused(anna))
    assert places == [(1, 2), (2, 2), (2, 3), (3, 0), (3, 0), (2, 0), (10, 0)]
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_UP, Keys.END, Keys.HOME):
        anna.chord(Keys.CONTROL, key)
        places.append(focused(anna))
    assert places[-4:] == [(10, 3), (0, 3), (10, 3), (0, 0)]
    anna.chord(Keys.SHIFT, Keys.TAB)
    assert not anna.browser.execute_script("return document.activeElement.closest('[role=grid]') !== null")


def test_a_new_grid_of_a_pasted_list(anna: Editor, site: Site) -> None:
    anna.browser.get(f"{site.url}/admin/grids/grid/")
    anna.clicks = 0
    anna.find(".object-tools .addlink").click()
    anna.clicks += 1
    anna.find("#id_title").send_keys("Ten shops")
    anna.click("Save and open the editor")
    anna.wait_for(lambda: anna.browser.execute_script("return document.activeElement?.id") == "editor-list")
    lines = [f"shop-{n}" for n in range(5)] + [f"Shop {n}" for n in range(5, 9)] + ["https://pypi.org/project/shop-9/"]
    anna.find("#editor-list").send_keys("\n".join([*lines, "shop-77", "shop-1"]))
    anna.click("Look up and add")
    anna.says("Added 10 members")
    unknown = anna.find("#editor-unknown").text
    assert "shop-77: No package has this title" in unknown
    assert anna.find("#editor-list").get_property("value") == "shop-77"
    anna.click("Save")
    anna.says("Saved: 10 members added.")
    assert anna.clicks <= 5
    anna.browser.refresh()
    assert anna.members() == [f"Shop {n}" for n in range(10)]


def test_ten_by_eight_are_filled_by_one_paste(anna: Editor) -> None:
    anna.open("pasted")
    block = [[f"+{row} “{column}”" for column in range(FEATURES)] for row in range(MEMBERS)]
    block[3][2] = 'two\nlines with "quotes"'
    quoted = [['"two\nlines with ""quotes"""' if "\n" in cell else cell for cell in row] for row in block]
    anna.cell(1, 1).click()
    anna.clicks = 0
    anna.paste("\r\n".join("\t".join(row) for row in quoted) + "\r\n")
    anna.says("Pasted, not saved yet: 70 new, 10 changed.")
    assert anna.texts() == block
    assert "changed" in str(anna.cell(1, 1).get_attribute("class"))
    assert anna.cell(1, 1).get_attribute("title") == "was: yes"
    anna.chord(Keys.CONTROL, "z")
    assert anna.texts()[0] == ["yes", *[""] * 7]
    anna.chord(Keys.CONTROL, "y")
    anna.save()
    assert anna.clicks == 1
    anna.browser.refresh()
    assert anna.texts() == block


def test_a_block_that_is_larger_than_the_table(anna: Editor) -> None:
    anna.open("beyond")
    anna.cell(10, 3).click()
    anna.paste("yes\tx\n\nno\t\n")
    anna.says("There was no room for 2 texts, which went beyond the table")
    assert anna.texts()[9] == ["yes", "", "yes"]


def test_a_text_that_is_too_long_is_marked(anna: Editor) -> None:
    anna.open("long")
    anna.cell(1, 1).click()
    anna.paste("é" * 1001)
    anna.says("Pasted")
    assert anna.cell(1, 1).get_attribute("aria-invalid") == "true"
    anna.click("Save")
    anna.says("Nothing is saved: mend a text first.")
    assert "“Shop 0”, “F0”: It has 1,001 characters: at most 1,000." in anna.status()


def test_features(anna: Editor) -> None:
    anna.open("features")
    anna.click("Add feature")
    anna.find("#feature-title").send_keys("Price", Keys.ENTER)
    assert anna.heads() == ["F0", "F1", "F2", "Price"]
    for _ in range(3):
        anna.chord(Keys.ALT, Keys.ARROW_LEFT)
    assert anna.heads() == ["Price", "F0", "F1", "F2"]
    anna.keys(Keys.ARROW_DOWN, "+3", Keys.TAB, Keys.ARROW_UP, Keys.ARROW_RIGHT, Keys.ENTER)
    title = anna.find("#feature-title")
    title.clear()
    title.send_keys("Second", Keys.ENTER)
    anna.save()
    assert "1 feature added" in anna.status()
    assert anna.heads() == ["Price", "F0", "Second", "F2"]
    anna.browser.refresh()
    assert anna.heads() == ["Price", "F0", "Second", "F2"]
    assert anna.texts()[0] == ["+3", "yes", "", ""]
    anna.find("[role=grid] thead th:nth-child(3) .more").click()
    anna.find(".grid-dialog summary").click()
    assert "With it go 10 cells:" in anna.find(".grid-dialog").text
    assert "Shop 9: yes" in anna.find(".grid-dialog .going").text
    anna.click("Delete with 10 cells")
    assert "gone" in str(anna.find("[role=grid] thead th:nth-child(3)").get_attribute("class"))
    anna.save()
    assert anna.heads() == ["Price", "Second", "F2"]


def test_members(anna: Editor) -> None:
    anna.open("members")
    anna.click("Add members")
    anna.find("#editor-name").send_keys("ral")
    anna.wait_for(lambda: anna.browser.find_elements(By.CSS_SELECTOR, "#editor-names option[value=ralph]"))
    anna.find("#editor-name").send_keys("ph", Keys.ENTER)
    anna.says("Added 1 member")
    anna.find("[role=grid] tbody tr:first-child .more").click()
    anna.find(".grid-dialog summary").click()
    assert "Its package: shop-0" in anna.find(".grid-dialog").text
    anna.click("Remove with 1 cell")
    anna.save()
    assert anna.members() == ["ralph", *[f"Shop {n}" for n in range(1, 10)]]


def test_two_editors_of_one_cell(anna: Editor, bob: Editor) -> None:
    for each in (anna, bob):
        each.open("both")
    bob.cell(1, 1).click()
    bob.keys("bob's", Keys.ENTER, "bob's too", Keys.ENTER)
    bob.save()
    anna.cell(1, 1).click()
    anna.keys("anna's", Keys.ENTER, "anna's too", Keys.ENTER, "anna's alone", Keys.ENTER)
    anna.save()
    assert "1 cell changed" in anna.status()
    assert "2 things somebody else has changed meanwhile" in anna.status()
    rows = [each.text for each in anna.browser.find_elements(By.CSS_SELECTOR, "#editor-questions tbody tr")]
    assert ["“Shop 0”, “F0” anna's bob's (bob)" in " ".join(row.split()) for row in rows] == [True, False]
    buttons = anna.browser.find_elements(By.XPATH, "//tbody//button[text()='Keep mine']")
    buttons[0].click()
    focus = "return document.activeElement.textContent"
    assert anna.browser.execute_script(focus) == "Keep mine", "the next question has the focus"
    anna.click("Take all of theirs")
    assert anna.browser.execute_script(focus) == "Save"
    anna.says("All is decided")
    anna.save()
    bob.browser.refresh()
    assert [row[0] for row in bob.texts()[:3]] == ["anna's", "bob's too", "anna's alone"]


def test_a_feature_that_the_other_deletes(anna: Editor, bob: Editor) -> None:
    for each in (anna, bob):
        each.open("gone")
    anna.cell(2, 2).click()
    anna.keys("typed", Keys.ENTER)
    bob.find("[role=grid] thead th:nth-child(3) .more").click()
    bob.find(".grid-dialog summary").click()
    bob.click("Delete")
    bob.save()
    anna.click("Save")
    anna.says("Nothing is saved. 1 thing somebody else has changed meanwhile")
    question = anna.find("#editor-questions tbody").text
    assert "Feature “F1”" in question
    assert "Shop 1: typed" in question
    assert "(bob)" in question
    anna.find("#editor-questions tbody button").click()
    anna.save()
    assert anna.heads() == ["F0", "F2", "F1"]
    assert anna.texts()[1] == ["yes", "", "typed"]


def test_a_session_that_ends_loses_nothing(anna: Editor) -> None:
    anna.open("session")
    anna.cell(1, 2).click()
    anna.keys("typed", Keys.ENTER)
    session = anna.browser.get_cookie("sessionid")
    anna.browser.delete_cookie("sessionid")
    anna.click("Save")
    anna.says("Your session has ended. Nothing is lost")
    first = anna.browser.current_window_handle
    anna.click("Log in in another tab")
    [second] = set(anna.browser.window_handles) - {first}
    anna.browser.switch_to.window(second)
    anna.log_in("bob")
    anna.browser.close()
    anna.browser.switch_to.window(first)
    anna.click("Save")
    anna.says("You are logged in as “bob” by now.")
    anna.save()
    assert anna.texts()[0][1] == "typed"
    anna.browser.delete_cookie("sessionid")
    anna.browser.add_cookie(json.loads(json.dumps(session)))


def test_what_is_not_saved_is_not_lost_with_the_page(anna: Editor) -> None:
    anna.open("draft")
    anna.browser.execute_script("localStorage.clear()")
    anna.cell(1, 2).click()
    anna.keys("typed", Keys.ENTER)
    anna.wait_for(lambda: anna.browser.execute_script("return localStorage.length"))
    anna.browser.refresh()
    anna.click("Bring them back")
    assert anna.texts()[0][1] == "typed"
    anna.save()


def test_what_goes_by_the_own_hand_is_no_question(anna: Editor) -> None:
    anna.open("own")
    anna.cell(1, 1).click()
    anna.keys("typed", Keys.ENTER)
    for head in ("thead th:nth-child(2)", "tbody tr:nth-child(2)"):
        anna.find(f"[role=grid] {head} .more").click()
        anna.find(".grid-dialog summary").click()
        anna.find(".grid-dialog .danger").click()
    anna.find("[role=grid] thead th:nth-child(3) .more").click()
    title = anna.find("#feature-title")
    title.clear()
    title.send_keys("Two  blanks", Keys.ENTER)
    anna.save()
    assert anna.heads() == ["Two blanks", "F2"]
    assert anna.find("#editor-unsaved").text == ""
    assert not anna.find("#editor-questions").is_displayed()


DELAY = """const fetched = window.fetch;
window.fetch = (...each) => new Promise((done) => setTimeout(() => done(fetched(...each)), 2500));"""


def test_what_is_done_while_a_save_is_under_way(anna: Editor) -> None:
    anna.open("slow")
    anna.browser.execute_script(DELAY)
    anna.cell(1, 1).click()
    anna.keys("sent", Keys.ENTER, "sent too", Keys.ENTER)
    anna.click("Add feature")
    anna.find("#feature-title").send_keys("New", Keys.ENTER)
    anna.chord(Keys.CONTROL, "s")
    anna.keys(Keys.ARROW_DOWN, Keys.HOME, Keys.ARROW_RIGHT, "yes", Keys.ENTER)
    anna.chord(Keys.CONTROL, "z")
    anna.keys(Keys.ARROW_DOWN, Keys.END)
    anna.paste("pasted")  # into the column of a feature that has an id before the server has read this
    anna.says("Pasted")
    assert [row[0] for row in anna.texts()[:2]] == ["yes", "sent too"]
    assert anna.texts()[2][3] == "pasted"
    assert "2 cells" in anna.find("#editor-unsaved").text
    anna.save()
    anna.browser.refresh()
    assert [row[0] for row in anna.texts()[:2]] == ["yes", "sent too"]
    assert anna.texts()[2][3] == "pasted"


def test_what_is_saved_is_not_offered_again(anna: Editor) -> None:
    anna.open("saved")
    anna.cell(1, 2).click()
    anna.keys("typed", Keys.ENTER)
    anna.wait_for(lambda: anna.browser.execute_script("return localStorage.length"))
    anna.save()
    anna.browser.refresh()
    assert "Bring them back" not in anna.find("#editor").text


def test_a_draft_takes_the_place_of_nothing_that_is_typed(anna: Editor) -> None:
    anna.open("kept")
    anna.cell(1, 2).click()
    anna.keys("left", Keys.ENTER)
    anna.wait_for(lambda: anna.browser.execute_script("return localStorage.length"))
    anna.browser.refresh()
    anna.cell(1, 3).click()
    anna.keys("typed", Keys.ENTER)
    anna.click("Bring them back")
    anna.says("Save first what you have changed on this page")
    anna.save()
    anna.click("Bring them back")
    assert anna.texts()[0] == ["yes", "left", "typed"]
    anna.save()
