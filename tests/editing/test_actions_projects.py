"""Clearing the PyPI projects of selected packages."""

import pytest
from django.test import Client

from packages.models import Release
from tests.core.admin.editors import messages_of
from tests.editing.acting import begin, send, text_of
from tests.factories import PackageFactory

pytestmark = pytest.mark.django_db


def test_a_project_goes_with_all_that_is_known_of_it(editor: Client) -> None:
    package = PackageFactory.create(title="Wrong", pypi_url="wrong", pypi_version="1.0", pypi_downloads=5)
    Release.objects.create(package=package, version="1.0")
    without = PackageFactory.create(title="Without")
    page = begin(editor, "clear_pypi_project", [package, without])
    assert "Wrong wrong, version 1.0, 1 release no PyPI project" in text_of(page)
    assert "Without their PyPI project: 1 package." in text_of(page)
    done, left = messages_of(send(editor, page))
    assert done.startswith("Cleared the PyPI project of 1 package. <a")
    assert left == "Left as they are, without a PyPI project: “Without”."
    package.refresh_from_db()
    assert (package.pypi_url, package.pypi_name, package.pypi_version, package.pypi_downloads) == ("", "", None, None)
    assert not Release.objects.exists()
