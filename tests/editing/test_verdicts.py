"""Since when a verdict is so, after an edit that changed it was undone."""

from typing import Any

import pytest

from core import hooks
from editing.models import Edit
from editing.undo import undo
from packages.models import Package, PackageHealth
from packages.settling import settled
from tests.factories import PackageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def package() -> Package:
    with settled():
        return PackageFactory.create()


def standing() -> Any:
    return PackageHealth.objects.values_list("package__verdict_rank", "since", "before").get()


def deprecate() -> Any:
    with hooks.recording("anna") as recorded:
        Package.objects.update(deprecated=True)
    return recorded.batch  # type: ignore[attr-defined]


def test_it_comes_back_with_the_verdict_and_goes_again(package: Package) -> None:
    first = standing()
    batch = deprecate()
    second = standing()
    assert second[2] == package.verdict
    for expected in (first, second, first):
        done = undo(batch, "bob")
        assert standing() == expected
        assert done.batch
        assert set(done.batch.tally) == {"packages_package"}, "an editor writes no verdicts"
        batch = done.batch


def test_one_that_was_settled_otherwise_since_is_a_new_one(package: Package) -> None:
    first = standing()
    batch = deprecate()
    with settled():
        Package.objects.update(deprecated=False)
    with settled():
        Package.objects.update(deprecated=True)
    undo(batch, "bob")
    assert standing()[0] == first[0]
    assert standing()[1] > first[1]


def test_an_edit_that_changes_no_verdict_has_no_row_of_it(package: Package) -> None:
    with hooks.recording("anna"):
        Package.objects.update(title="Other")
    assert list(Edit.objects.values_list("table_name", flat=True)) == ["packages_package"]
