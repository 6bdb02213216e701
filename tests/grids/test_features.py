"""Features and cells in API v4: their documents, and what the log has of them."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from core.kinds import Kind
from core.models import Revision
from grids.models import Cell, Feature, Grid, GridPackage
from packages.models import Package
from tests.changes.log import last, moved, sql
from tests.changes.mirror import Mirror, catalogue
from tests.conftest import Get
from tests.factories import CellFactory, FeatureFactory, GridFactory, MembershipFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
V4 = "http://testserver/api/v4/"


def titles(get: Get, path: str) -> list[str]:
    response = get(path)
    assert response.status_code == 200, response.content
    return [document["title"] for document in response.json()["results"]]


def test_the_document(get: Get) -> None:
    grid = GridFactory.create(slug="maps")
    members = [MembershipFactory.create(grid=grid, package__title=title) for title in ("Zebra", "Atlas", "Globe")]
    feature = FeatureFactory.create(
        grid=grid, title="Tiles", description="Are there *tiles*?", position=3, created=NOW, modified=NOW
    )
    for member, text in ((members[2], "?"), (members[0], "Yes, since 2.0"), (members[1], "")):
        CellFactory.create(feature=feature, membership=member, text=text)
    CellFactory.create(feature__grid=grid, membership=members[0], text="of another feature")
    document = {
        "id": feature.pk,
        "grid": f"{V4}grids/{grid.pk}/",
        "title": "Tiles",
        "description": "Are there *tiles*?",
        "position": 3,
        "cells": [
            {"package": f"{V4}packages/{members[0].package.pk}/", "text": "Yes, since 2.0", "sign": 1},
            {"package": f"{V4}packages/{members[1].package.pk}/", "text": "", "sign": None},
            {"package": f"{V4}packages/{members[2].package.pk}/", "text": "?", "sign": None},
        ],
        "created": "2026-05-06T03:08:09-04:00",
        "modified": "2026-05-06T03:08:09-04:00",
    }
    response = get(f"features/{feature.pk}/")
    assert response.json() == document
    assert list(response.json()) == list(document)
    assert get("features/").json()["results"][1] == document
    assert document in get("grids/maps/features/").json()["results"]
    assert get(f"features/{feature.pk}/?fields=title").json() == {"title": "Tiles"}
    linked = get(f"features/{feature.pk}/?format=json").json()["cells"][0]["package"]
    assert linked == f"{V4}packages/{members[0].package.pk}/?format=json"
    assert FeatureFactory.create() is not None
    assert get(f"features/{Feature.objects.latest('pk').pk}/").json()["cells"] == []


def test_the_features_of_a_grid_are_in_its_order(get: Get) -> None:
    grid = GridFactory.create(slug="maps")
    for title, position in (("c", 2), ("d", 2), ("a", 0), ("b", 1)):
        FeatureFactory.create(grid=grid, title=title, position=position)
    FeatureFactory.create(title="elsewhere")
    assert titles(get, "grids/maps/features/") == titles(get, f"grids/{grid.pk}/features/") == ["a", "b", "c", "d"]
    page = get("grids/maps/features/?limit=2&offset=1").json()
    assert ([each["title"] for each in page["results"]], page["count"]) == (["b", "c"], 4)
    assert page["next"] == f"{V4}grids/maps/features/?limit=2&offset=3"
    assert get("grids/none/features/").json() == {"detail": "No Grid matches the given query."}


def test_lists(get: Get) -> None:
    maps, charts = GridFactory.create(slug="maps"), GridFactory.create(slug="charts")
    rows = [FeatureFactory.create(grid=grid, title=title) for grid, title in ((maps, "a"), (charts, "b"), (maps, "c"))]
    assert titles(get, "features/") == titles(get, "features/?cursor=") == ["c", "b", "a"]
    assert titles(get, "features/?grid=maps") == titles(get, f"features/?grid={maps.pk}") == ["c", "a"]
    assert titles(get, f"features/?grid=maps,{charts.pk}") == ["c", "b", "a"]
    assert titles(get, f"features/?id__in={rows[0].pk},{rows[1].pk},999999") == ["b", "a"]
    assert titles(get, "features/?grid=none") == []
    first = get("features/?cursor=&limit=2").json()
    assert titles(get, first["next"].removeprefix(V4)) == ["a"]
    assert get("features/?limit=101").json() == {"limit": ["Must be a whole number from 1 to 100."]}
    assert get("features/?title=a").json() == {
        "title": [
            "There is no parameter “title” here. There are: bom, cursor, fields, format, grid, id__in, limit, offset."
        ]
    }
    assert get("features/?grid=a+b").json() == {"grid": ["“a b” is neither an id nor a slug, like asset-management."]}


@pytest.mark.parametrize("reference", ["a-slug", "999999", "0", "01", "9" * 20])
def test_a_feature_has_no_slug(get: Get, reference: str) -> None:
    response = get(f"features/{reference}/")
    assert (response.status_code, response.json()) == (404, {"detail": "No Feature matches the given query."})


def test_queries_do_not_grow_with_the_page(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    grid = GridFactory.create(slug="maps")
    members = MembershipFactory.create_batch(3, grid=grid)
    for number in (1, 8):
        for feature in FeatureFactory.create_batch(number, grid=grid):
            for member in members:
                CellFactory.create(feature=feature, membership=member)
        for path, queries in (("features/?limit=9", 2), ("grids/maps/features/", 4), ("features/?grid=maps", 3)):
            with django_assert_num_queries(queries):
                get(path)
    assert len(get("features/?limit=9").json()["results"][8]["cells"]) == 3


def test_documents_of_v4_do_not_change(get: Get) -> None:
    cell = CellFactory.create()
    assert list(get(f"grids/{cell.feature.grid.pk}/").json()) == [
        *("id", "title", "slug", "description", "is_locked", "packages", "header", "created", "modified"),
    ]


def test_a_page_links_to_http_alone(get: Get) -> None:
    cell = CellFactory.create(
        text="https://example.org/x javascript:alert(1) <b>bold</b> data:text/html,x ftp://a.test/"
    )
    page = get(f"features/{cell.feature.pk}/", accept="text/html").content.decode()
    links = re.findall(r'href="([^"]*)"', page)
    assert "https://example.org/x" in links
    assert not [each for each in links if not re.match(r"https?://|/|#|\?", each)]
    assert "<b>bold" not in page


@pytest.mark.django_db(transaction=True)
def test_what_the_log_has_of_features_and_cells() -> None:
    cell = CellFactory.create()
    feature = cell.feature
    one, part = ("feature", "changed", feature.pk), ("cell", "changed", feature.pk)
    features = {"features"}
    assert moved(lambda: Feature.objects.update(title="Tiles")) == ([one], features)
    assert moved(lambda: Feature.objects.update(position=7)) == ([one], features)
    assert moved(lambda: Feature.objects.update(position=7)) == ([], set()), "nothing moved"
    assert moved(lambda: Cell.objects.update(text="no")) == ([part], features)
    assert moved(lambda: Cell.objects.update(modified=NOW)) == ([], features), "no document shows it"
    other = FeatureFactory.create(grid=feature.grid)
    assert moved(lambda: Cell.objects.update(feature=other)) == (
        [("cell", "deleted", feature.pk), ("cell", "created", other.pk)],
        features,
    )
    assert moved(lambda: sql("DELETE FROM grids_cell")) == ([("cell", "deleted", other.pk)], features)
    assert moved(lambda: FeatureFactory.create(id=77, grid=feature.grid)) == ([("feature", "created", 77)], features)
    assert moved(lambda: sql("DELETE FROM grids_feature WHERE id = 77"))[0] == [("feature", "deleted", 77)]
    member = MembershipFactory.create(grid=feature.grid)
    CellFactory.create(feature=feature, membership=member)
    removed = ("membership", "deleted", member.pk)
    assert moved(member.delete)[0] == [("cell", "deleted", feature.pk), removed]
    assert dict(Revision.objects.values_list("kind", "rows"))[Kind.FEATURE.plural] == 2


@pytest.mark.django_db(transaction=True)
def test_changes_of_features_and_cells(get: Get) -> None:
    grid = GridFactory.create()
    member = MembershipFactory.create(grid=grid)
    since = last()
    feature = FeatureFactory.create(grid=grid)
    CellFactory.create(feature=feature, membership=member)
    Cell.objects.update(text="no")
    pk = feature.pk
    feature.delete()
    none = {"slug": "", "old_slug": ""}
    url, of_grid, package = f"{V4}features/{pk}/", f"{V4}grids/{grid.pk}/", f"{V4}packages/{member.package.pk}/"
    of_feature: dict[str, Any] = {"kind": "feature", "id": pk, **none, "grid": of_grid, "package": None}
    of_cell = {"kind": "cell", "id": pk, **none, "url": url, "grid": of_grid, "package": package}
    assert [
        {name: value for name, value in result.items() if name not in {"number", "at", "documents"}}
        for result in get(f"changes/?since={since}").json()["results"]
    ] == [
        of_feature | {"action": "created", "url": url},
        of_cell | {"action": "created"},
        of_cell | {"action": "changed"},
        of_cell | {"action": "deleted"},
        of_feature | {"action": "deleted", "url": None},
    ]


@pytest.mark.django_db(transaction=True)
def test_a_reader_of_changes_sees_every_change_of_a_cell(client: Client) -> None:
    mirror = Mirror(client)

    def assert_followed() -> None:
        mirror.follow()
        assert (mirror.documents, mirror.memberships) == catalogue(client)

    cells = CellFactory.create_batch(4)
    feature = cells[0].feature
    CellFactory.create_batch(2, feature=feature)
    assert_followed()
    assert mirror.documents["feature", feature.pk]["cells"][0]["text"] == "yes"
    Cell.objects.filter(pk=cells[0].pk).update(text="no, but planned")
    assert_followed()
    assert mirror.documents["feature", feature.pk]["cells"][0]["sign"] == -1
    cells[1].delete()
    cells[2].membership.package.delete()
    Feature.objects.filter(pk=cells[3].feature_id).update(title="Other")
    assert_followed()
    Cell.objects.filter(pk=cells[3].pk).update(feature=FeatureFactory.create(grid=cells[3].feature.grid))
    sql("DELETE FROM grids_cell WHERE feature_id = " + str(feature.pk))
    assert_followed()
    for model in (GridPackage, Grid, Package):
        model._default_manager.all()[0].delete()
    assert_followed()
    assert {kind for kind, _ in mirror.documents} == {"category", "feature", "grid", "package"}
