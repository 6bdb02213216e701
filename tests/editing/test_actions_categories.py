"""Changing the category of selected packages."""

import pytest
from django.test import Client

from packages.models import Package
from tests.core.admin.editors import messages_of
from tests.editing.acting import begin, send
from tests.factories import PackageFactory

pytestmark = pytest.mark.django_db


def test_packages_move_but_for_those_that_are_there(editor: Client) -> None:
    packages = [PackageFactory.create(category__title=title, title=title) for title in ("Apps", "Tools", "Other")]
    category = packages[0].category
    page = begin(editor, "change_category", packages)
    assert "Now: 1 in “Apps”, 1 in “Other”, 1 in “Tools”." in page.content.decode()
    moved, left = messages_of(send(editor, page, category=category.pk))
    assert moved.startswith("Moved 2 packages to the category “Apps”. <a href=")
    assert left == "Left as they are, in the category “Apps” already: “Apps”."
    assert set(Package.objects.values_list("category", flat=True)) == {category.pk}
