"""The costs of requests: a response that is there costs least, a dear form most."""

from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from core import costs
from core.downloads import SMALL
from tests.core.api.test_formats import BROWSER
from tests.core.limits.counting import Spent
from tests.dumps import write_dump
from tests.factories import GridFactory, MembershipFactory, PackageFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]


@pytest.fixture(autouse=True)
def _catalogue() -> None:
    for slug in ("p", "other"):
        MembershipFactory.create(package=PackageFactory.create(slug=slug), grid=GridFactory.create(slug=f"g-{slug}"))


@pytest.mark.parametrize(
    ("path", "built"),
    [
        ("", 2),
        ("packages/", 2),
        ("packages/p/", 2),
        ("packages/p/releases/", 2),
        ("packages/?limit=50", 2),
        ("packages/?limit=51", 6),
        ("packages/?limit=299", 6),
        ("packages/?limit=300", 10),
        ("packages/?cursor=&limit=1000&format=csv", 10),
        ("packages/?q=p&offset=999", 2),
        ("packages/?q=p&offset=1000", 6),
        ("packages/?ordering=-repo_watchers", 2),
        ("packages/?ordering=score", 6),
        ("packages/?ordering=score,title", 6),
        ("packages/?ordering=title,%20-score", 6),
        ("packages/?fields=title,%20all", 6),
        ("packages/?ordering=-score&limit=100", 10),
        ("packages/?ordering=-score&limit=100&expand=category&fields=all", 10),
        ("packages/?fields=title,score", 2),
        ("packages/?fields=all", 6),
        ("packages/p/?expand=category", 6),
        ("packages/p/badge.svg", 2),
        ("packages/?x=y", 2),
        ("packages/none/", 2),
        ("packages/?limit=100&x=y", 6),
        ("search/?q=p", 6),
        ("search/?q=p&limit=100", 10),
        ("compare/?packages=p,other", 6),
        ("grids/g-p/comparison/", 6),
        ("feeds/packages.atom", 2),
        ("packages/?format=api", 6),
        ("packages/?format=api&fields=all", 10),
        ("search/?q=p&format=api", 10),
        ("nothing/", 2),
        ("packages", 2),
    ],
)
def test_a_form_that_is_built_and_then_cached(spent: Spent, client: Client, path: str, built: int) -> None:
    response: Any = client.get(f"/api/v4/{path}")
    assert spent() == built
    client.head(f"/api/v4/{path}")
    if response.status_code != 200:
        assert spent() == built
        return
    assert spent() == 1, "it is cached"
    assert client.get(f"/api/v4/{path}", headers={"if-none-match": response["ETag"]}).status_code == 304
    assert spent() == 1


def test_a_page_for_a_browser(spent: Spent, client: Client) -> None:
    for units in (6, 1):
        assert client.get("/api/v4/packages/p/", headers={"accept": BROWSER}).status_code == 200
        assert spent() == units


def test_any_etag_is_no_way_around(spent: Spent, client: Client) -> None:
    """`*` is answered by 304 after the response was built."""
    for units in (6, 1):
        assert client.get("/api/v4/search/?q=p", headers={"if-none-match": "*"}).status_code == 304
        assert spent() == units


def test_without_a_cache_everything_is_built(spent: Spent, client: Client, settings: Settings) -> None:
    settings.CACHE_URL = "dummy://"
    for _ in range(2):
        client.get("/api/v4/search/?q=p")
        assert spent() == 6


@pytest.mark.parametrize(
    ("method", "path", "units"),
    [
        ("get", "/", 2),
        ("get", "/llms.txt", 2),
        ("get", "/nothing/", 2),
        ("get", "/sitemap-packages.xml", 10),
        ("get", "/api/v3/packages/", 2),
        ("get", "/packages/p/p/", 2),
        ("options", "/api/v4/packages/", 2),
        ("post", "/api/v4/packages/", 2),
    ],
)
def test_other_paths_and_methods(
    spent: Spent, client: Client, settings: Settings, method: str, path: str, units: int
) -> None:
    settings.INDEXED = True
    getattr(client, method)(path)
    assert spent() == units


@pytest.mark.parametrize("accel", ["", "/_dumps/"])
def test_the_files_of_a_dump(spent: Spent, client: Client, settings: Settings, tmp_path: Path, accel: str) -> None:
    settings.DUMP_ROOT, settings.DUMP_ACCEL = str(tmp_path), accel
    name = write_dump(tmp_path, timezone.now(), 81, packages__csv__gz=b"x" * (SMALL + 1))

    def get(file: str, **headers: str) -> Any:
        response = client.get(f"/api/v4/dumps/{name}/{file}", headers=headers)
        list(response)  # to its end, which closes it
        return response

    for file, units in (("packages.csv.gz", 10), ("manifest.json", 2)):
        etag = get(file).get("ETag")
        assert spent() == units
        if not accel:
            assert get(file, if_none_match=etag).status_code == 304
            assert spent() == 1


def test_what_nobody_has_marked() -> None:
    assert costs.units_of(HttpResponse()) == costs.BUILT
    assert costs.units_of(HttpResponse(status=304)) == costs.HIT
    assert costs.units_of(costs.mark(HttpResponse(status=304), 6)) == 6


@pytest.mark.parametrize("offset", ["", "-1", "٣٣٣٣", "9" * 30, "1e9"])
def test_a_wrong_offset_is_not_deep(offset: str) -> None:
    parameters = {"offset": offset}
    assert costs.of_form(parameters, "json", 0, is_expensive=False) in {costs.BUILT, costs.BUILT + costs.EXTRA}
