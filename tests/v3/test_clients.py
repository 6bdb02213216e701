"""Clients of v3 against a live server: walks as public scripts make them, and what mcp-django 0.14 requests and reads.

`test_mcp_django.py` runs that program itself.
"""

from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from django.core.management import call_command
from pytest_django.live_server_helper import LiveServer

from grids.models import Grid
from packages.models import Package

pytestmark = pytest.mark.django_db(transaction=True)
# The keys that mcp-django reads of each document, with the types that it takes
READ_OF_A_PACKAGE: dict[str, tuple[type, ...]] = {
    "category": (str,),
    "slug": (str,),
    "title": (str,),
    "documentation_url": (str, type(None)),
    "grids": (list,),
    "modified": (str,),
    "participants": (str,),
    "pypi_url": (str,),
    "pypi_version": (str, type(None)),
    "repo_description": (str,),
    "repo_forks": (int,),
    "repo_url": (str,),
    "repo_watchers": (int,),
}
READ_OF_A_GRID: dict[str, tuple[type, ...]] = {
    "title": (str,),
    "slug": (str,),
    "description": (str,),
    "packages": (list,),
}


def test_public_clients(live_server: LiveServer) -> None:
    call_command("load_sample", verbosity=0)
    with requests.Session() as session:

        def get(path: str, **parameters: str | int) -> Any:
            url = urljoin(live_server.url, path)
            # mcp-django follows no redirect.
            response = session.get(url, params=parameters, timeout=10, allow_redirects=False)
            assert response.status_code == 200, response.text
            return response.json()

        every_slug = set(Package.objects.values_list("slug", flat=True))
        assert walk_by_next(get) == every_slug
        assert walk_by_offset(get) == every_slug
        count = get("/api/v3/packages/", limit=0)
        assert (count["meta"]["total_count"], count["objects"]) == (len(every_slug), [])
        read_as_mcp_django(get)


def walk_by_next(get: Any) -> set[str]:
    slugs = []
    path = "/api/v3/packages/?limit=100&offset=0"
    while path:
        body = get(path)
        slugs += [document["slug"] for document in body["objects"]]
        path = body["meta"]["next"]
    assert len(slugs) == len(set(slugs))
    return set(slugs)


def walk_by_offset(get: Any) -> set[str]:
    """Return the slugs of a walk that counts by itself, until there is no next page, with a parameter of an older
    version."""
    slugs: set[str] = set()
    for offset in range(0, 1000, 7):
        body = get("/api/v3/packages/", format="json", limit=7, offset=offset)
        slugs |= {document["slug"] for document in body["objects"]}
        if body["meta"]["next"] is None:
            break
    assert get("/api/v3/packages/", format="json", limit=7, offset=offset + 7)["objects"] == []
    return slugs


def read_as_mcp_django(get: Any) -> None:
    hits = get("/api/v4/search/", q="rest framework")
    assert {hit["item_type"] for hit in hits} <= {"package", "grid"}
    package = get(f"/api/v3/packages/{hits[0]['slug']}/")
    assert {
        key: type(package[key]) for key, types in READ_OF_A_PACKAGE.items() if type(package[key]) not in types
    } == {}
    assert [url.rstrip("/").split("/")[-1] for url in package["grids"]] == ["rest-apis"]
    grid = get(f"/api/v3/grids/{package['grids'][0].rstrip('/').split('/')[-1]}/")
    assert {key: type(grid[key]) for key, types in READ_OF_A_GRID.items() if type(grid[key]) not in types} == {}
    slugs = [url.rstrip("/").split("/")[-1] for url in grid["packages"]]
    assert set(slugs) == set(Grid.objects.get(slug="rest-apis").packages.values_list("slug", flat=True))
    assert [get(url)["resource_uri"] for url in grid["packages"]] == grid["packages"]
