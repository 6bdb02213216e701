"""A client that openapi-python-client generates from the schema reads every list and every detail."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django.live_server_helper import LiveServer

from packages.models import Package, Release

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    schema, settings = tmp_path / "schema.json", tmp_path / "settings.json"
    call_command("spectacular", "--format=openapi-json", f"--file={schema}")
    # It knows no images; an SVG is a text.
    types = {"image/svg+xml": "text/plain"}
    options = {"post_hooks": [], "package_name_override": "generated_client", "content_type_overrides": types}
    settings.write_text(json.dumps(options), encoding="utf-8")
    generator = Path(sys.executable).with_name("openapi-python-client")
    done = subprocess.run(
        [
            *(generator, "generate", "--fail-on-warning", "--meta=none"),
            *(f"--path={schema}", f"--output-path={tmp_path / 'generated_client'}", f"--config={settings}"),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("generated_client")
    for name in [name for name in sys.modules if name.split(".")[0] == "generated_client"]:
        del sys.modules[name]


def test_the_generated_client_reads_everything(generated: Any, live_server: LiveServer) -> None:
    call_command("load_sample", verbosity=0)
    package = Package.objects.get(slug="djangorestframework")
    Release.objects.create(package=package, version="1.0")
    with generated.Client(base_url=live_server.url, raise_on_unexpected_status=True) as client:
        read_everything(client, live_server.url, package)


def read_everything(client: Any, site_url: str, package: Package) -> None:
    def call(tag: str, name: str, *arguments: Any, **parameters: Any) -> Any:
        module = importlib.import_module(f"generated_client.api.{tag}.{name}")
        result = module.sync(*arguments, client=client, **parameters)
        assert type(result).__name__ not in {"Mistakes", "Error", "NoneType"}, (name, result)
        return result

    assert call("root", "root").packages == f"{site_url}/api/v4/packages/"
    for kind in ("packages", "grids", "categories"):
        page = call(kind, f"{kind}_list", limit=1000)
        assert page.count == len(page.results) > 0
        for document in page.results[:10]:
            assert call(kind, f"{kind}_retrieve", document.slug) == document
    full = call("packages", "packages_retrieve", "djangorestframework", fields="all", expand="category,grids")
    assert full.category.title == package.category.title
    assert full.grids[0].slug
    assert full.score == 0
    assert call("grids", "grids_retrieve", "rest-apis", expand="packages").packages[0].slug
    assert call("packages", "packages_releases_list", "djangorestframework").results[0].version == "1.0"
    assert call("packages", "packages_history_list", "djangorestframework").results == []
    assert call("packages", "packages_commits_chart", "djangorestframework").startswith("<svg")
    assert call("features", "features_list").results == []
    assert call("search", "search", q="rest framework")[0].slug == "djangorestframework"
    assert call("changes", "changes").results[0].number >= 1
