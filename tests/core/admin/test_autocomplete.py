"""The select boxes of admin's forms that complete what is typed."""

from typing import Any

import pytest
from django.test import Client

from tests.core.admin.editors import package_form
from tests.factories import CategoryFactory, GridFactory, PackageFactory

pytestmark = pytest.mark.django_db
NO_IDS = ["x", "-1", "9" * 40, "²", "1e3"]


@pytest.mark.parametrize("value", NO_IDS)
@pytest.mark.parametrize("page", ["add/", "add/by-address/"])
def test_what_is_no_id_is_an_error(editor: Client, page: str, value: str) -> None:
    form = package_form(CategoryFactory.create(), repo_url="", pypi_url="") | {"category": value, "save": "1"}
    response: Any = editor.post(f"/admin/packages/package/{page}", form)
    assert "category" in response.context_data["adminform"].form.errors


@pytest.mark.parametrize("value", NO_IDS)
def test_what_is_no_id_is_an_error_in_an_inline(editor: Client, value: str) -> None:
    package = PackageFactory.create()
    typed: dict[str, Any] = {"memberships-TOTAL_FORMS": 1, "memberships-0-grid": value}
    form = package_form(package.category, repo_url=package.repo_url, pypi_url="") | typed
    assert editor.post(f"/admin/packages/package/{package.pk}/change/", form).status_code == 200


@pytest.mark.parametrize("value", NO_IDS)
def test_what_is_no_id_is_an_error_of_a_cell(editor: Client, value: str) -> None:
    GridFactory.create()
    assert editor.post("/admin/grids/cell/add/", {"feature": value, "package": value, "text": "x"}).status_code == 200
