"""Cells stay in their grid, whoever writes."""

from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from grids.models import Cell, Feature, GridPackage
from grids.triggers import ELSEWHERE, FEATURE_STAYS, MEMBERSHIP_STAYS
from tests.factories import CellFactory, FeatureFactory, GridFactory, MembershipFactory, PackageFactory
from tests.threads import in_background

pytestmark = pytest.mark.django_db


def assert_refused(write: Callable[[], object], message: str) -> None:
    with pytest.raises(IntegrityError) as raised, transaction.atomic():
        write()
    assert message in str(raised.value)


def test_a_cell_of_two_grids_is_refused() -> None:
    cell = CellFactory.create()
    elsewhere, member = FeatureFactory.create(), MembershipFactory.create()
    assert_refused(lambda: Cell.objects.create(feature=elsewhere, membership=cell.membership), ELSEWHERE)
    assert_refused(lambda: Cell.objects.update(feature=elsewhere), ELSEWHERE)
    assert_refused(lambda: Cell.objects.update(membership=member), ELSEWHERE)
    cells = [
        Cell(feature=cell.feature, membership=MembershipFactory.create(grid=cell.feature.grid)),
        Cell(feature=cell.feature, membership=member),
    ]
    assert_refused(lambda: Cell.objects.bulk_create(cells), ELSEWHERE)
    assert Cell.objects.get() == cell
    with pytest.raises(ValidationError, match="must be of the same grid"):
        cells[1].full_clean()


def test_a_cell_may_move_inside_its_grid() -> None:
    cell = CellFactory.create()
    grid = cell.feature.grid
    other, member = FeatureFactory.create(grid=grid), MembershipFactory.create(grid=grid)
    Cell.objects.update(feature=other, membership=member, text="no")
    assert Cell.objects.filter(feature=other, membership=member, text="no").exists()


def test_a_feature_stays_in_its_grid() -> None:
    feature, grid = FeatureFactory.create(), GridFactory.create()
    assert_refused(lambda: Feature.objects.update(grid=grid), FEATURE_STAYS)
    assert Feature.objects.update(grid=feature.grid, title="Other") == 1


def test_a_membership_with_cells_keeps_its_grid_and_its_package() -> None:
    cell, free = CellFactory.create(), MembershipFactory.create()
    package, grid = PackageFactory.create(), GridFactory.create()
    cell_member = GridPackage.objects.filter(pk=cell.membership_id)
    assert_refused(lambda: cell_member.update(package=package), MEMBERSHIP_STAYS)
    assert_refused(lambda: cell_member.update(grid=grid), MEMBERSHIP_STAYS)
    assert cell_member.update(position=3) == 1
    assert GridPackage.objects.filter(pk=free.pk).update(grid=grid, package=package) == 1


def test_a_feature_has_one_cell_of_a_member() -> None:
    cell = CellFactory.create()
    with pytest.raises(IntegrityError), transaction.atomic():
        CellFactory.create(feature=cell.feature, membership=cell.membership)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_a_membership_cannot_move_while_a_cell_of_it_is_written() -> None:
    member, grid = MembershipFactory.create(), GridFactory.create()
    feature = FeatureFactory.create(grid=member.grid)
    refused: list[str] = []

    def move() -> None:
        try:
            GridPackage.objects.filter(pk=member.pk).update(grid=grid)
        except IntegrityError as error:
            refused.append(str(error))

    with transaction.atomic():
        CellFactory.create(feature=feature, membership=member)
        moving = in_background(move)
        moving.join(0.5)
        assert moving.is_alive(), "it waits for the cell"
    moving.result()
    assert [MEMBERSHIP_STAYS in each for each in refused] == [True]


def test_what_goes_with_a_member_and_with_a_feature() -> None:
    cell = CellFactory.create()
    other = CellFactory.create(feature=cell.feature)
    cell.membership.delete()
    assert Cell.objects.get() == other
    cell.feature.delete()
    assert not Cell.objects.exists()
    assert GridPackage.objects.get() == other.membership
