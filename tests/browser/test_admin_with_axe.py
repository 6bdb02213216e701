"""The pages of admin that are ours, as axe-core judges them (.ci/run more)."""

import pytest
from django.core.management import call_command
from selenium.webdriver.common.by import By

from core import hooks
from editing.models import EditBatch
from packages.models import Package
from tests.browser.jobs import Editor
from tests.browser.test_daily_jobs import PACKAGES, begin, select
from tests.browser.walk import violations
from tests.editing.upstream import publish, world
from tests.upstream import World

__all__ = ["world"]
pytestmark = [pytest.mark.more, pytest.mark.django_db(transaction=True)]


def test_everyone_can_use_the_pages_of_editors(editor: Editor, world: World) -> None:
    publish(world, "django-shelf")
    call_command("load_sample", verbosity=0)
    with hooks.recording("bert", "Changed titles"):
        Package.objects.filter(slug="ralph").update(title="Ralph")
    ralph = Package.objects.get(slug="ralph")
    found: dict[str, list[str]] = {}

    def judge(name: str) -> None:
        editor.find("#content-main")
        # The field that completes what is typed is Django's own, without a name for its box.
        found[name] = [each for each in violations(editor.browser, "#content-main") if "select2" not in each]

    for path in (
        *("/admin/", "/admin/desk/no-project/", "/admin/desk/duplicates/", f"{PACKAGES}{ralph.pk}/why/"),
        *(f"{PACKAGES}add/by-address/", f"{PACKAGES}import/", "/admin/grids/cell/import/"),
        *(f"{PACKAGES}{ralph.pk}/history/", f"/admin/editing/editbatch/{EditBatch.objects.latest('pk').pk}/change/"),
    ):
        editor.open(path)
        judge(path)
    editor.open(f"{PACKAGES}add/by-address/")
    editor.paste("input[name=address]", "django-shelf")
    editor.click("input[value='Look up']")
    editor.find("input[name=_save]")
    judge("a package that was looked up")
    editor.open(f"{PACKAGES}add/by-address/")
    editor.paste("textarea", "django-shelf\nralph\n???")
    editor.click("input[value=Preview]")
    editor.wait(lambda browser: browser.find_elements(By.CSS_SELECTOR, "#content-main table"))
    judge("a pasted list")
    for action in ("Change category", "Add to grid", "Remove from grid", "Deprecate", "Fetch now", "Merge"):
        editor.open(PACKAGES)
        select(editor, *Package.objects.order_by("title")[:2])
        begin(editor, action)
        editor.find("#content-main form .submit-row")
        judge(action)
    assert len(found) >= 17
    assert [f"{name}: {each}" for name, all_of_it in found.items() for each in all_of_it] == []
