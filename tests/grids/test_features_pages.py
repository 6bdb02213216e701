"""The pages of features: of all, of a grid, and of one, whose cells say in words what their signs are."""

import re

import pytest
from pytest_django import DjangoAssertNumQueries

from grids.models import Cell
from grids.pages import features
from tests.conftest import Get
from tests.factories import CellFactory, FeatureFactory, GridFactory, MembershipFactory
from tests.page_checks import page, words

pytestmark = pytest.mark.django_db
# What is typed, and what a page makes of it.
CELLS = (
    ("yes", "✓ yes", "plus", ""),
    ("Good, mostly", "✓ yes", "plus", "Good, mostly"),
    ("+++", "✓ yes (+3)", "plus", ""),
    ("no", "✕ no", "minus", ""),
    ("-- slow", "✕ no (-2)", "minus", "slow"),
    ("<b>partly</b>", "~ other", "", "<b>partly</b>"),
    ("unknown", "? unknown", "", ""),
    ("", "? unknown", "", ""),
)


def feature_with(texts: list[str]) -> Cell:
    """Return the last of the cells of a feature with these texts."""
    feature = FeatureFactory.create(title="Tiles", description="See https://example.org/x", grid__slug="maps")
    members = MembershipFactory.create_batch(len(texts), grid=feature.grid)
    for number, (member, text) in enumerate(zip(members, texts, strict=True)):
        type(member.package).objects.filter(pk=member.package_id).update(title=f"P{number}", slug=f"p{number}")
        cell = CellFactory.create(feature=feature, membership=member, text=text)
    return cell


def test_a_feature(get: Get) -> None:
    cell = feature_with([text for text, *_ in CELLS])
    html = page(get, f"features/{cell.feature_id}/")
    said = words(html)
    grid = cell.feature.grid
    assert said.startswith(
        f"Tiles A feature of [{grid.title}](/api/v4/grids/maps/) · [all of its features](/api/v4/grids/maps/features/)"
        " See [https://example.org/x](https://example.org/x) Package Has it? In words [P0](/api/v4/packages/p0/)"
    )
    for number, (_, says, css_class, detail) in enumerate(CELLS):
        assert f"[P{number}](/api/v4/packages/p{number}/) {says} {detail or '–'}" in said  # noqa: RUF001
        assert re.search(rf'P{number}</bdi></a></th>\s*<td [^>]*class="nowrap {css_class}">{re.escape(says)}<', html)
    assert "<title>Tiles – Package Grids</title>" in page(get, f"features/{cell.feature_id}/?fields=id")  # noqa: RUF001


def test_lists(get: Get) -> None:
    cell = feature_with(["yes, https://example.org/y", *["no"] * 6])
    grid = cell.feature.grid
    rows = (
        f"[Tiles](/api/v4/features/{cell.feature_id}/) See https://example.org/x [{grid.title}](/api/v4/grids/maps/)"
        " [P0](/api/v4/packages/p0/): ✓ yes, https://example.org/y [P1](/api/v4/packages/p1/): ✕ no"
    )
    more = f"[P5](/api/v4/packages/p5/): ✕ no [1 more](/api/v4/features/{cell.feature_id}/)"
    of_grid = words(page(get, "grids/maps/features/"))
    assert of_grid.startswith(f"Features of {grid.title} What the packages of [{grid.title}](/api/v4/grids/maps/) are")
    every = words(page(get, "features/?fields=title"))
    assert every.startswith("Features What the packages of grids are compared by")
    for said in (of_grid, every):
        assert rows in said
        assert more in said
    filtered = page(get, "features/?grid=maps")
    assert re.search(r'<input type="text" name="grid" value="maps"', filtered)
    assert "✕ (remove)](/api/v4/features/)" in words(filtered)


def test_no_features_and_no_cells(get: Get) -> None:
    grid = GridFactory.create(slug="maps", title="Maps")
    for path in ("features/", "grids/maps/features/"):
        assert "There are no features." in words(page(get, path))
    assert f"[Maps](/api/v4/grids/{grid.pk}/)" in words(page(get, "grids/maps/features/"))
    feature = FeatureFactory.create(grid=grid)
    assert "Nothing is known yet" in words(page(get, f"features/{feature.pk}/"))
    assert "[Maps](/api/v4/grids/maps/) –" in words(page(get, "features/"))  # noqa: RUF001


def test_order_and_pager(get: Get) -> None:
    grid = GridFactory.create(slug="maps")
    for number in range(4):
        FeatureFactory.create(grid=grid, title=f"F{number}", position=9 - number)
    said = words(page(get, "grids/maps/features/?limit=2&offset=2"))
    assert re.findall(r"\[(F\d)\]", said) == ["F1", "F0"], "by their positions"
    assert "3–4 of 4" in said  # noqa: RUF001
    assert re.findall(r"\[(F\d)\]", words(page(get, "features/"))) == ["F3", "F2", "F1", "F0"], "newest first"


def test_cells_are_bounded(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "MOST_CELLS", 3)
    cell = feature_with(["yes"] * 5)
    said = words(page(get, f"features/{cell.feature_id}/"))
    assert "The first 3 of 5 packages." in said
    assert "[P3]" not in said


def test_what_is_gone_meanwhile(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = feature_with(["yes"])
    monkeypatch.setattr(features, "_rows", lambda *_: [])
    assert words(page(get, f"features/{cell.feature_id}/")) == "Feature"
    assert "Tiles" not in words(page(get, "features/"))


def test_queries_do_not_grow(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    cell = feature_with(["yes"])
    for number in (1, 8):
        for member in MembershipFactory.create_batch(number, grid=cell.feature.grid):
            feature = FeatureFactory.create(grid=cell.feature.grid)
            for of in (feature, cell.feature):
                CellFactory.create(feature=of, membership=member)
        # Each with the features and their cells once more than the document
        for path, queries in ((f"features/{feature.pk}/", 4), ("features/", 4), ("grids/maps/features/", 6)):
            with django_assert_num_queries(queries):
                get(path, accept="text/html")
