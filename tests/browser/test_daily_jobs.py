"""Ten jobs that an editor has every day, in Chromium, with their clicks, keystrokes, pages and queries counted.

README has the table of what they cost. The bounds here are what the jobs may cost at most.
"""

from datetime import timedelta
from functools import partial

import pytest
from django.core.management import call_command
from django.utils import timezone
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from core import hooks
from editing.models import EditBatch
from grids.models import Cell, Grid
from packages.models import FetchState, Package
from tests.browser.jobs import Cost, Editor
from tests.editing.upstream import publish, world
from tests.factories import CategoryFactory, CellFactory, FeatureFactory, GridFactory, MembershipFactory, PackageFactory
from tests.upstream import World

__all__ = ["world"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PACKAGES = "/admin/packages/package/"


def select(editor: Editor, *packages: Package) -> None:
    """Tick packages in their list."""
    for package in packages:
        editor.click(f"input.action-select[value='{package.pk}']")


def begin(editor: Editor, action: str) -> None:
    """Choose an action of the list of packages."""
    editor.choose("select[name=action]", action)
    editor.click(".actions button")


def check(cost: Cost, **bounds: int) -> None:
    """Fail if something was done more often than it may."""
    for name, most in bounds.items():
        assert getattr(cost, name) <= most, f"{name}: {cost}"


def test_add_a_package_by_its_address(editor: Editor, world: World) -> None:
    publish(world, "django-shelf")
    apps = CategoryFactory.create(title="Apps")
    for number in range(6):
        PackageFactory.create(title=f"shelf of tools {number}", category=apps)
    editor.open(f"{PACKAGES}add/by-address/")
    with editor.job() as cost:
        editor.paste("input[name=address]", "https://github.com/acme/django-shelf/issues/1")
        editor.click("input[value='Look up']")
        editor.click("input[name=_save]")
        editor.says("was added successfully")
    package = Package.objects.latest("pk")
    assert package.category == apps
    assert (package.repo_url, package.pypi_name) == ("https://github.com/acme/django-shelf", "django-shelf")
    assert package.repo_watchers
    check(cost, pastes=1, clicks=2, keys=0, pages=3)


def test_correct_a_description_that_the_next_refresh_leaves(editor: Editor, world: World) -> None:
    publish(world, "shelf", project=False)
    package = PackageFactory.create(repo_url="https://github.com/acme/shelf", pypi_url="")
    call_command("refresh_packages", verbosity=0)
    editor.open(f"{PACKAGES}{package.pk}/change/")
    with editor.job() as cost:
        editor.click("#pins-group .add-row a")
        editor.choose("select[name=pins-0-column]", "description")
        editor.paste("textarea[name=pins-0-pinned]", "Shelves for libraries.")
        editor.type("input[name=pins-0-reason]", "vague")
        editor.click("input[name=_save]")
        editor.says("was changed successfully")
    FetchState.objects.update(next_due=timezone.now(), validators={})
    call_command("refresh_packages", "--force", verbosity=0)
    package.refresh_from_db()
    assert package.repo_description == "Shelves for libraries."
    assert package.pins.get().upstream not in {None, package.repo_description}
    check(cost, pastes=1, clicks=4, keys=5, pages=2)


def test_move_fifty_packages_to_another_category(editor: Editor) -> None:
    apps, tools = CategoryFactory.create(title="Apps"), CategoryFactory.create(title="Tools")
    for _ in range(50):
        PackageFactory.create(category=apps)
    call_command("update_health")
    editor.open(PACKAGES)
    with editor.job() as cost:
        editor.click("#action-toggle")
        begin(editor, "Change category")
        editor.click(f"input[name=category][value='{tools.pk}']")
        editor.click(".submit-row input[type=submit]")
        editor.says("Moved 50 packages to the category “Tools”")
    assert Package.objects.filter(category=tools).count() == 50
    check(cost, clicks=6, keys=0, pages=3)


def test_a_new_grid_of_ten_from_a_pasted_list(editor: Editor) -> None:
    packages = [PackageFactory.create() for _ in range(10)]
    editor.open("/admin/grids/grid/add/")
    with editor.job() as cost:
        editor.type("input[name=title]", "Shelves")
        editor.click("input[value='Save and open the editor']")
        editor.paste("#editor-list", "\n".join(package.slug for package in packages))
        editor.click(button(editor, "Look up and add"))
        editor.says("Added 10 members")
        editor.click(button(editor, "Save"))
        editor.says("Saved: 10 members added.")
    assert set(Grid.objects.get().packages.all()) == set(packages)
    check(cost, pastes=1, clicks=5, pages=2)


def test_fill_ten_by_eight_cells_by_one_paste(editor: Editor) -> None:
    grid = GridFactory.create()
    for position in range(8):
        FeatureFactory.create(grid=grid, position=position)
    for _ in range(10):
        MembershipFactory.create(grid=grid)
    block = [[f"+ row {row} column {column}" for column in range(8)] for row in range(10)]
    editor.open(f"/admin/grids/grid/{grid.pk}/editor/")
    with editor.job() as cost:
        editor.click("[role=grid] tbody tr:first-child [role=gridcell]")
        editor.paste(editor.browser.switch_to.active_element, "\n".join("\t".join(row) for row in block))
        editor.says("Pasted, not saved yet: 80 new")
        editor.click(button(editor, "Save"))
        editor.says("Saved: 80 cells")
    assert sorted(Cell.objects.values_list("text", flat=True)) == sorted(text for row in block for text in row)
    check(cost, pastes=1, clicks=2, keys=0, pages=0)


def test_merge_two_packages_and_undo_it(editor: Editor) -> None:
    grid = GridFactory.create()
    feature = FeatureFactory.create(grid=grid)
    one, other = PackageFactory.create(title="Shelf", pypi_downloads=9), PackageFactory.create(title="Shelf again")
    for package, text in ((one, "yes"), (other, "no")):
        CellFactory.create(feature=feature, membership=MembershipFactory.create(grid=grid, package=package), text=text)
    editor.open(PACKAGES)
    with editor.job() as cost:
        select(editor, one, other)
        begin(editor, "Merge")
        editor.click(next(each for each in editor.browser.find_elements(By.XPATH, "//label[normalize-space()='yes']")))
        editor.click("#merge_form .submit-row input")
        editor.says("Undo it")
        assert Package.objects.count() == 1
        editor.click(editor.browser.find_element(By.LINK_TEXT, "Undo it"))
        editor.click(".submit-row input")
        editor.says("Undone: ")
    assert set(Package.objects.values_list("pk", "slug")) == {(one.pk, one.slug), (other.pk, other.slug)}
    assert dict(Cell.objects.values_list("membership__package__title", "text")) == {"Shelf": "yes", "Shelf again": "no"}
    check(cost, clicks=9, keys=0, pages=7)


def test_deprecate_a_package_with_a_successor(editor: Editor) -> None:
    old, new = PackageFactory.create(title="Old shelf"), PackageFactory.create(title="New shelf")
    editor.open(PACKAGES)
    with editor.job() as cost:
        select(editor, old)
        begin(editor, "Deprecate")
        editor.click(".field-successor .select2-selection, .select2-selection")
        editor.type(".select2-search__field", "new")
        editor.chooses("New shelf")
        editor.press(Keys.ENTER)
        editor.click(".submit-row input[type=submit]")
        if "What will change" in editor.text():
            editor.click(".submit-row input[type=submit]")
        editor.says("Undo")
    old.refresh_from_db()
    assert (old.deprecated, old.replaced_by) == (True, new)
    check(cost, clicks=7, keys=4, pages=4)


def test_retry_what_has_failed(editor: Editor) -> None:
    packages = [PackageFactory.create() for _ in range(20)]
    later = timezone.now() + timedelta(days=9)
    FetchState.objects.bulk_create(
        FetchState(
            package=package,
            source="repo",
            target=package.repo_key,
            outcome="timeout",
            failures=5,
            next_due=later,
            error="slow",
        )
        for package in packages
    )
    editor.open(f"{PACKAGES}?fetch_states__outcome=timeout")
    with editor.job() as cost:
        editor.click("#action-toggle")
        begin(editor, "Retry failed")
        editor.click(".submit-row input[type=submit]")
        editor.says("Due at the next refresh: 20 packages that failed")
    assert not FetchState.objects.filter(next_due__gt=timezone.now()).exists()
    check(cost, clicks=5, keys=0, pages=3)


def test_settle_ten_items_of_the_desk(editor: Editor) -> None:
    for number in range(10):
        GridFactory.create(title=f"Empty {number}", slug=f"empty-{number}")
    editor.open("/admin/desk/empty-grid/")
    number = EditBatch.objects.count()
    with editor.job() as cost:
        for left in range(10, 0, -1):
            editor.wait(partial(has_items, left))
            editor.press("1")
        editor.says("Nothing to do here.")
    assert EditBatch.objects.count() == number + 10
    check(cost, clicks=0, keys=20)


def has_items(number: int, browser: webdriver.Chrome) -> bool:
    return len(browser.find_elements(By.CLASS_NAME, "desk-item")) == number


def button(editor: Editor, words: str) -> webdriver.remote.webelement.WebElement:
    """Return the button with these words."""
    found = editor.browser.find_elements(By.XPATH, f"//button[normalize-space()='{words}']")
    return next(each for each in found if each.is_displayed())


def test_restore_yesterdays_cell(editor: Editor) -> None:
    cell = CellFactory.create(text="yes: since 2.0")
    grid = cell.membership.grid
    with hooks.recording("bert", "Changed cells"):
        Cell.objects.update(text="no")
    editor.open(f"/admin/grids/grid/{grid.pk}/change/")
    with editor.job() as cost:
        editor.click(".historylink")
        editor.click(editor.browser.find_element(By.PARTIAL_LINK_TEXT, "Undo this row alone"))
        editor.click(".submit-row input")
        editor.says("Undone: 1 row.")
    assert Cell.objects.get().text == "yes: since 2.0"
    check(cost, clicks=3, keys=0, pages=4)
