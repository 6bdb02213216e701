"""The grid editor as axe-core judges it (.ci/run more)."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.walk import violations
from tests.grids.test_editor_in_browser import Editor, anna, bob, site  # noqa: F401 (fixtures)

pytestmark = pytest.mark.more  # axe-core comes from npm


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_editor_can_be_used_by_everyone(anna: Editor, bob: Editor, theme: str) -> None:  # noqa: F811
    """Its table, a cell that is open, a dialog, the list of members and what two have changed."""
    for each in (anna, bob):
        each.open("axe")
    anna.browser.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
    found = {"table": judged(anna)}
    bob.cell(1, 1).click()
    bob.keys(f"bob's {theme}", Keys.ENTER)
    bob.save()
    anna.cell(1, 1).click()
    anna.keys("++ typed")
    found["typing"] = judged(anna)
    anna.keys(Keys.ENTER)
    anna.find("[role=grid] thead .more").click()
    anna.find(".grid-dialog summary").click()
    found["dialog"] = judged(anna)
    anna.click("Close")
    anna.click("Save")
    anna.says("Nothing is saved.")
    anna.click("Add members")
    anna.find("#editor-list").send_keys("shop-77")
    anna.click("Look up and add")
    anna.wait_for(lambda: anna.browser.find_elements(By.CSS_SELECTOR, "#editor-unknown li"))
    found["questions"] = judged(anna)
    anna.click("Take all of theirs")
    assert {name: each for name, each in found.items() if each} == {}


def judged(editor: Editor) -> list[str]:
    return violations(editor.browser, "#content-main")
