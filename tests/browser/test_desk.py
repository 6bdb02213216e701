"""The desk in Chromium: its lists are settled by keys, and its pages have no serious faults."""

from datetime import timedelta

import pytest
from django.utils import timezone
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from editing.desk.lists import LISTS
from editing.models import DailyCount, Dismissal
from packages.models import Package, PackageHealth
from tests.browser.jobs import Editor
from tests.browser.walk import set_width, sideways
from tests.browsers import console_errors
from tests.editing.test_desk import MAKERS, items, no_project, no_successor, package

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def focused(editor: Editor) -> str:
    """Return the title of the item that has the focus."""
    return str(editor.browser.execute_script("return document.activeElement.querySelector('h2')?.innerText || ''"))


def test_ten_items_by_ten_keys(editor: Editor) -> None:
    for number in range(12):
        item = package(title=f"Flipped {number:02}")
        PackageHealth.objects.update_or_create(
            package=item, defaults={"since": timezone.now() - timedelta(days=number), "before": "thriving"}
        )
    editor.open("/admin/desk/flipped/")
    with editor.job() as cost:
        for left in reversed(range(2, 12)):
            editor.press("1")
            editor.says(f"{left} items")
    assert Dismissal.objects.count() == 10
    assert cost.keys <= 20
    assert cost.clicks == 0
    assert cost.queries <= 10 * 12, cost.statements
    editor.press("u")
    editor.says("3 items")
    assert Dismissal.objects.count() == 9


def test_keys_go_through_the_items(editor: Editor) -> None:
    for number in range(3):
        package(title=f"P{number}", pypi_url="", repo_url=f"https://github.com/a/p{number}")
    editor.open("/admin/desk/no-project/")
    editor.find(".desk-item")
    titles = [focused(editor)]
    for key in ("j", Keys.ARROW_DOWN, "j", "k", Keys.ARROW_UP, "k"):
        editor.press(key)
        titles.append(focused(editor))
    assert titles == ["P0", "P1", "P2", "P2", "P1", "P0", "P0"]
    editor.press("j", "1")
    assert editor.browser.execute_script("return document.activeElement.value") == "p1"
    editor.press("x", Keys.ESCAPE)
    assert focused(editor) == "P1"
    editor.press("1", Keys.ENTER)
    editor.says("Done: No PyPI project: its project is, “P1”")
    assert Package.objects.get(title="P1").pypi_url == "x", "a field that is entered anew is typed over"
    assert focused(editor) == "P2"
    editor.press("o")
    editor.wait(lambda browser: "/change/" in browser.current_url)
    assert console_errors(editor.browser) == []


def test_a_successor_by_keys(editor: Editor) -> None:
    no_successor()
    successor = package(title="The next one")
    editor.open("/admin/desk/no-successor/")
    editor.find(".desk-item")
    editor.press("1")
    editor.find(".select2-search__field").send_keys("The next")
    editor.chooses("The next one")
    editor.press(Keys.ENTER)
    editor.says("Nothing to do here.")
    assert Package.objects.get(deprecated=True).replaced_by == successor
    assert console_errors(editor.browser) == []


def test_every_list_with_the_mouse(editor: Editor) -> None:
    for make, name in MAKERS.items():
        make()
        [item] = items(name)
        editor.open(f"/admin/desk/{name}/")
        forms = editor.browser.find_elements(By.CSS_SELECTOR, f"#item-{item.pk} form")
        without = [form for form in forms if not form.find_elements(By.CSS_SELECTOR, "input[type=text], select")]
        editor.click(without[0].find_element(By.TAG_NAME, "button"))
        editor.says("Done: ")
        editor.click(".desk-done button")
        editor.says("Undone: ")
        assert len(items(name)) == 1
        type(item)._default_manager.all().delete()


def test_pages_at_two_widths(editor: Editor) -> None:
    for make in MAKERS:
        make()
    no_project()
    DailyCount.objects.create(day=timezone.localdate(), source="repo", fresh=9, due=1, failing=1, gone=1)
    why = f"/admin/packages/package/{Package.objects.earliest('pk').pk}/why/"
    for path in ("/admin/", *(f"/admin/desk/{kind.name}/" for kind in LISTS), why):
        for width in (1280, 390):
            set_width(editor.browser, width)
            editor.open(path)
            assert sideways(editor.browser) == 0, (path, width)
            assert console_errors(editor.browser) == [], path
