"""A client that openapi-python-client generates from the schema, run against the service."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django.live_server_helper import LiveServer

from core.api.docs import document
from packages import badges
from packages.models import Package
from tests.clients.validation import operations_of

# It knows neither images nor feeds, which are texts.
TEXTS = ("image/svg+xml", "application/atom+xml", "application/rss+xml")
Call = Callable[..., Any]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("python")
    schema, settings = folder / "schema.json", folder / "settings.json"
    schema.write_text(json.dumps(document()), encoding="utf-8")
    options = {"post_hooks": [], "content_type_overrides": dict.fromkeys(TEXTS, "text/plain")}
    settings.write_text(json.dumps({**options, "package_name_override": "generated_client"}), encoding="utf-8")
    generator = Path(sys.executable).with_name("openapi-python-client")
    done = subprocess.run(
        [
            *(generator, "generate", "--fail-on-warning", "--meta=none"),
            *(f"--path={schema}", f"--output-path={folder / 'generated_client'}", f"--config={settings}"),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield importlib.import_module("generated_client")
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == "generated_client"]:
        del sys.modules[name]


@pytest.fixture
def call(generated: Any, live_server: LiveServer) -> Iterator[Call]:
    """Return the function that calls an operation by its name, and returns what the client makes of the response."""
    call_command("load_sample", verbosity=0)
    tags = {name: operation["tags"][0] for name, operation in operations_of(document()).items()}
    options = {"raise_on_unexpected_status": True, "follow_redirects": True}
    with generated.Client(base_url=live_server.url, **options) as client:

        def call(name: str, *arguments: Any, **parameters: Any) -> Any:
            module = importlib.import_module(f"generated_client.api.{tags[name]}.{name}")
            result = module.sync(*arguments, client=client, **parameters)
            assert type(result).__name__ not in {"Mistakes", "Error", "NoneType"}, (name, result)
            return result

        yield call


@pytest.mark.django_db(transaction=True)
def test_it_reads_the_catalogue(
    call: Call, generated: Any, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("root").packages == f"{live_server.url}/api/v4/packages/"
    read_documents(call, generated)
    walk(call)
    read_others(call)
    miss_a_key(call, monkeypatch)


def read_documents(call: Call, generated: Any) -> None:
    fields, expand = (
        importlib.import_module(f"generated_client.models.packages_retrieve_{name}_item")
        for name in ("fields", "expand")
    )
    for kind in ("packages", "grids", "categories"):
        page = call(f"{kind}_list", limit=1000)
        assert page.count == len(page.results) > 0
        for each in page.results[:10]:
            assert call(f"{kind}_retrieve", each.slug) == each
    full = call(
        "packages_retrieve",
        "djangorestframework",
        fields=[fields.PackagesRetrieveFieldsItem.ALL],
        expand=[*expand.PackagesRetrieveExpandItem],  # sent as two parameters
    )
    assert full.category.title == Package.objects.get(slug="djangorestframework").category.title
    assert full.grids[0].slug
    assert (full.category_slug, full.grid_slugs) == ("frameworks", ["rest-apis"])
    assert full.health.reasons[-1].holds
    assert full.health.reasons[0].value["pypi_status"] is not None
    assert call("packages_list", id_in=[2647, 3850]).count == 2


def walk(call: Call) -> None:
    """Walk through all packages by the cursors of `next`."""
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = call("packages_list", cursor=cursor, limit=30)
        found += [each.slug for each in page.results]
        cursor = page.next_.partition("cursor=")[2].partition("&")[0] if page.next_ else None
    assert found == list(Package.objects.order_by("-id").values_list("slug", flat=True))
    assert len(found) == 72


def read_others(call: Call) -> None:
    assert call("packages_releases_list", "djangorestframework").results[0].version
    assert call("packages_history_list", "djangorestframework").results[0].stars == 29500
    assert call("packages_commits_chart", "djangorestframework").startswith("<svg")
    assert call("feed_grid", "rest-apis", "atom").startswith("<?xml")
    assert call("features_list").results[0].cells[0].sign is not None
    assert call("search", q="rest framework")[0].slug == "djangorestframework"
    assert call("changes").results[0].number >= 1
    assert call("trending_list").results[0].stars_30d > 0
    assert call("readiness").django[0].named.packages >= 0
    for comparison in (
        call("compare", packages="django-filter,ralph"),
        call("grids_comparison", "asset-management", columns=["health", "feature-12"]),
    ):
        assert [len(row.values) for row in comparison.rows] == [len(comparison.columns)] * len(comparison.rows)
        assert next(value.verdict for row in comparison.rows for value in row.values if hasattr(value, "verdict"))


def miss_a_key(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a key was renamed by hand."""
    assert call("packages_badge_endpoint", "ralph").color
    original = badges.endpoint

    def renamed(verdict: Any) -> dict[str, Any]:
        badge = dict(original(verdict))
        return {"colour": badge.pop("color"), **badge}

    monkeypatch.setattr(badges, "endpoint", renamed)
    with pytest.raises(KeyError, match="color"):
        call("packages_badge_endpoint", "ralph")
