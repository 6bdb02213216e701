"""SQL functions of our own, with the same result on both databases."""

import pytest

from categories.models import Category
from core.database.functions import PlaceIn

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("listed", [[], [7], [1250, 7, 99, 100, 12_345_678_901, 1]])
def test_the_place_of_an_id_in_a_list(listed: list[int]) -> None:
    """Also of ids that share a hundred, or are too great for 32 bits."""
    ids = [1, 7, 25, 99, 100, 125, 1250, 12_345_678_901]
    Category.objects.bulk_create(Category(pk=pk, title=str(pk), slug=f"s{pk}") for pk in ids)
    places = dict(Category.objects.annotate(place=PlaceIn("pk", listed)).values_list("pk", "place"))
    assert places == {pk: listed.index(pk) if pk in listed else None for pk in ids}
    by_place = Category.objects.order_by(PlaceIn("pk", listed).asc(nulls_last=True), "pk")
    assert list(by_place.values_list("pk", flat=True)) == [*listed, *(pk for pk in ids if pk not in listed)]
