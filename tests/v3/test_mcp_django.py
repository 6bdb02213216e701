"""The client of mcp-django 0.14, as PyPI has it, with its base URLs changed, against a live server.

`make test-more` installs it without what it depends on: of all that, its client needs httpx and pydantic, which are
here. Its folder is no package here, since importing that would start its server.
"""

import asyncio
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django.live_server_helper import LiveServer

from packages.models import Package

pytestmark = [pytest.mark.more, pytest.mark.django_db(transaction=True)]
CLIENT = Path(__file__).resolve().parents[2] / ".venv/mcp-django/mcp_django/packages/client.py"


@pytest.fixture
def client_class(live_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    assert CLIENT.is_file(), "mcp-django is not installed: make test-more installs it"
    spec = importlib.util.spec_from_file_location("mcp_django_client", CLIENT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # where pydantic looks for the names of its types
    spec.loader.exec_module(module)

    class Client(module.DjangoPackagesClient):  # type: ignore[misc, name-defined]  # known at run time alone
        BASE_URL_V3 = f"{live_server.url}/api/v3"
        BASE_URL_V4 = f"{live_server.url}/api/v4"

    return Client


def test_it_searches_and_reads_everything(client_class: Any) -> None:
    call_command("load_sample", verbosity=0)
    package = Package.objects.select_related("category").get(slug="djangorestframework")
    every = list(Package.objects.values_list("slug", flat=True))

    async def read() -> None:
        async with client_class() as client:
            hits = await client.search("rest framework")
            assert hits[0].slug == package.slug
            assert hits[0].repo_watchers == package.repo_watchers
            found = await client.get_package(package.slug)
            grid = await client.get_grid("rest-apis")
            for slug in every:
                assert (await client.get_package(slug)).slug == slug
        assert (found.title, found.category, found.grids) == (package.title, package.category.slug, ["rest-apis"])
        assert found.participants == len(package.participants)
        assert found.description == found.repo_description == package.repo_description
        assert found.last_updated == package.modified.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        assert (found.repo_watchers, found.repo_forks) == (package.repo_watchers, package.repo_forks)
        assert (found.pypi_url, found.pypi_version) == (package.pypi_url, package.pypi_version)
        assert (found.repo_url, found.documentation_url) == (package.repo_url, package.documentation_url)
        assert package.slug in grid.packages
        assert grid.description

    asyncio.run(read())


def test_what_is_missing_is_an_error_of_its_own(client_class: Any) -> None:
    async def read() -> Any:
        async with client_class() as client:
            with pytest.raises(Exception, match="404 Not Found") as caught:
                await client.get_package("nope")
            return caught.value

    assert asyncio.run(read()).response.json() == {"error": 404, "message": "No Package matches the given query."}
