"""The importer of the site of Wagtail, which takes the grids of Wagtail and each of their packages from v4."""

from typing import Any

import pytest
import requests
from pytest_django.live_server_helper import LiveServer

from tests.factories import CategoryFactory, GridFactory, PackageFactory

# The keys that it reads, besides the ids
OF_A_GRID = ("title", "slug", "description")
OF_A_PACKAGE = (
    *("title", "slug", "repo_url", "pypi_version", "repo_forks", "repo_description", "pypi_url", "documentation_url"),
    *("repo_watchers", "participants"),
)


@pytest.mark.django_db(transaction=True)
def test_the_importer_of_wagtail(live_server: LiveServer) -> None:
    category = CategoryFactory.create()
    packages = PackageFactory.create_batch(5, category=category, repo_description="A package.", documentation_url=None)
    grids = [GridFactory.create(title=f"Wagtail {number}", description="About.") for number in range(22)]
    others = [GridFactory.create(title="Other", description="For wagtail too"), GridFactory.create(title="Forms")]
    for grid in (*grids, *others):
        grid.packages.set(packages[:2])
    grids[0].packages.set(packages)
    taken = take(f"{live_server.url}/api/v4/grids/?q=wagtail")
    assert {grid: len(members) for grid, members in taken.items()} == {
        grid.pk: 5 if grid == grids[0] else 2 for grid in grids
    }
    assert taken[grids[0].pk][packages[0].pk] == {
        "title": packages[0].title,
        "slug": packages[0].slug,
        "repo_url": packages[0].repo_url,
        "repo_forks": 0,
        "repo_description": "A package.",
        "pypi_url": "",
        "repo_watchers": 0,
        "participants": [],
    }


def take(url: str | None) -> dict[int, dict[int, dict[str, Any]]]:
    """Return the packages of the grids of Wagtail by their ids: a request for each page, then one for each member."""
    taken: dict[int, dict[int, dict[str, Any]]] = {}
    with requests.Session() as session:
        while url:
            page = session.get(url, timeout=10).json()
            for grid in page["results"]:
                if "wagtail" in grid["title"].lower():
                    assert all(isinstance(grid[key], str) for key in OF_A_GRID)
                    members = [session.get(each, timeout=10).json() for each in grid["packages"]]
                    taken[grid["id"]] = {
                        each["id"]: {key: each[key] for key in OF_A_PACKAGE if each[key] is not None}
                        for each in members
                    }
            url = page["next"]
    return taken
