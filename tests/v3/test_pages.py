"""`limit` and `offset` of the lists of v3: nothing is wrong, and a walk by `next` reaches everything once."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.models import MAX_ID
from tests.factories import CategoryFactory, GridFactory, PackageFactory
from tests.v3.conftest import Get
from v3.pages import PageRequest


@pytest.mark.parametrize(
    ("text", "limit", "offset"),
    [
        ("5", 5, 5),
        ("0", 0, 0),
        ("007", 7, 7),
        ("1000", 1000, 1000),
        ("1001", 1000, 1001),
        ("9223372036854775807", 1000, MAX_ID),
        ("9223372036854775808", 1000, MAX_ID),
        ("9" * 5000, 1000, MAX_ID),
        ("0" * 5000 + "3", 3, 3),
        # Whatever is no whole number
        *(
            (text, 20, 0)
            for text in ("", " ", "x", "-1", "+5", " 5", "5 ", "5\n", "1.5", "1e3", "0x10", "٣", "³", "\x00")
        ),
        *((text, 20, 0) for text in ("None", "5,6", "\ud800", "\ufffd", "NaN", "--1")),
    ],
)
def test_the_value_of_a_parameter(text: str, limit: int, offset: int) -> None:
    wanted = PageRequest.of({"limit": text, "offset": text}, takes_category=False)
    assert wanted == (limit, offset, "")


@given(
    parameters=st.dictionaries(
        st.sampled_from(["limit", "offset", "category", "x"]), st.text(max_size=12) | st.integers().map(str)
    ),
    takes_category=st.booleans(),
)
def test_the_canonical_parameters_say_the_same(parameters: dict[str, str], takes_category: bool) -> None:
    wanted = PageRequest.of(parameters, takes_category=takes_category)
    assert PageRequest.of(dict(wanted.parameters), takes_category=takes_category) == wanted
    assert urlencode(wanted.parameters).isascii()
    assert 0 <= wanted.limit <= 1000
    assert 0 <= wanted.offset <= MAX_ID


LISTS = ("packages/", "grids/", "grids/g/packages/", "categories/")


@pytest.fixture
def _eleven() -> None:
    """Store eleven documents of each kind, with twice as many different titles as needed to hide none."""
    category = CategoryFactory.create(title="the first of eleven")
    CategoryFactory.create_batch(10)
    grid = GridFactory.create(slug="g")
    GridFactory.create_batch(10, title="the same title")
    grid.packages.set(PackageFactory.create_batch(11, category=category, title="the same title"))


def follow(get: Get, path: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the slugs of a walk by `next`, and what each page says of itself."""
    slugs: list[str] = []
    metas = []
    url: str | None = path
    while url:
        body = get(url.removeprefix("/api/v3/")).json()
        slugs += [each["slug"] for each in body["objects"]]
        metas.append(body["meta"])
        assert len(metas) < 50
        url = body["meta"]["next"]
        assert url is None or url.startswith(f"/api/v3/{path.partition('?')[0]}?limit=")
    return slugs, metas


@pytest.mark.django_db
@pytest.mark.usefixtures("_eleven")
@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", [1, 2, 4, 11, 12, 1000, 4000])
def test_a_walk_reaches_everything_once(get: Get, path: str, limit: int) -> None:
    slugs, metas = follow(get, f"{path}?limit={limit}&offset=0")
    assert len(slugs) == len(set(slugs)) == 11
    assert {meta["total_count"] for meta in metas} == {11}
    assert {meta["limit"] for meta in metas} == {min(limit, 1000)}
    assert [meta["offset"] for meta in metas] == list(range(0, 11, min(limit, 1000)))
    previous = [meta["previous"] for meta in metas]
    assert previous == [
        None,
        *(f"/api/v3/{path}?limit={limit}&offset={meta['offset'] - limit}" for meta in metas[1:]),
    ]


@pytest.mark.django_db
@pytest.mark.usefixtures("_eleven")
@pytest.mark.parametrize("path", LISTS)
def test_the_page_of_limit_0(get: Get, path: str) -> None:
    for offset in (0, 3):
        body = get(f"{path}?limit=0&offset={offset}").json()
        meta = {"limit": 0, "next": None, "offset": offset, "previous": None, "total_count": 11}
        assert (body["meta"], body["objects"]) == (meta, [])


@pytest.mark.django_db
@pytest.mark.usefixtures("_eleven")
@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("offset", [11, 12, 10_000_000, MAX_ID])
def test_an_offset_past_the_end_is_an_empty_page(get: Get, path: str, offset: int) -> None:
    body = get(f"{path}?limit=5&offset={offset}").json()
    assert body["objects"] == []
    previous = f"/api/v3/{path}?limit=5&offset={offset - 5}"
    meta = {"limit": 5, "next": None, "offset": offset, "previous": previous, "total_count": 11}
    assert body["meta"] == meta


@pytest.mark.django_db
@pytest.mark.usefixtures("_eleven")
@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query", ["limit=x&offset=-1", "nonsense=1", "limit=&offset=", "limit=3&limit=20", "&&=&%FF=%FF"]
)
def test_nothing_is_wrong(get: Get, path: str, query: str) -> None:
    response = get(f"{path}?{query}")
    assert response.status_code == 200
    assert response.json() == get(path).json()


@pytest.mark.django_db
@pytest.mark.usefixtures("_eleven")
@pytest.mark.parametrize("path", LISTS)
def test_a_limit_over_1000_becomes_1000(get: Get, path: str) -> None:
    assert get(f"{path}?limit=1001").json()["meta"]["limit"] == 1000
    next_of_all = PageRequest.of({"limit": "5000"}, takes_category=True).meta("/l/", 1001)["next"]
    assert next_of_all == "/l/?limit=1000&offset=1000"


@pytest.mark.django_db
def test_lists_of_nothing(get: Get) -> None:
    for path in ("packages/", "grids/", "categories/"):
        body = get(path).json()
        meta = {"limit": 20, "next": None, "offset": 0, "previous": None, "total_count": 0}
        assert (body["meta"], body["objects"]) == (meta, [])
