"""A client of the types that openapi-typescript generates from the schema: compiled strictly, and run against the
service."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django.live_server_helper import LiveServer

from core.api.docs import document
from packages import badges
from packages.models import Package
from tests.clients.node import MODULES, run

pytestmark = pytest.mark.more
WALK = Path(__file__).with_name("walk.ts")
OPTIONS = {
    "compilerOptions": {
        "strict": True,
        "target": "es2022",
        "module": "nodenext",
        "moduleResolution": "nodenext",
        "lib": ["es2022", "dom", "dom.iterable"],
        "types": [],
        "outDir": "built",
    },
    "files": ["walk.ts"],
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the client, which is compiled."""
    folder = tmp_path_factory.mktemp("typescript")
    (folder / "node_modules").symlink_to(MODULES)
    (folder / "schema.json").write_text(json.dumps(document()), encoding="utf-8")
    (folder / "package.json").write_text(json.dumps({"type": "module"}), encoding="utf-8")
    (folder / "tsconfig.json").write_text(json.dumps(OPTIONS), encoding="utf-8")
    (folder / "walk.ts").write_text(WALK.read_text(encoding="utf-8"), encoding="utf-8")
    run(folder, "openapi-typescript", "schema.json", "--output", "api.d.ts")
    run(folder, "tsc", "--project", ".")
    return folder


def read(folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    command = ["node", "built/walk.js", url]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, timeout=120)


@pytest.mark.django_db(transaction=True)
def test_it_reads_the_catalogue(compiled: Path, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    call_command("load_sample", verbosity=0)
    done = read(compiled, live_server.url)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("slugs") == list(Package.objects.order_by("-id").values_list("slug", flat=True))
    assert found == {
        "category": "frameworks",
        "verdict": "thriving",
        "value": {"not_found_since": None, "pypi_status": "active"},
        "hit": "djangorestframework",
        "compared": found["compared"],
        "missing": "No Grid matches the given query.",
        "wrong": ["Must be a whole number from 1 to 1000."],
        "color": len("brightgreen"),
    }
    assert len(found["compared"]) == 4
    assert set(found["compared"]) <= {"good", "fair", "poor", "none", "string", "object"}

    original = badges.endpoint

    def renamed(verdict: Any) -> dict[str, Any]:
        badge = dict(original(verdict))
        return {"colour": badge.pop("color"), **badge}

    monkeypatch.setattr(badges, "endpoint", renamed)
    done = read(compiled, live_server.url)
    assert done.returncode != 0
    assert "TypeError" in done.stderr


def test_a_key_that_is_renamed_in_the_schema_does_not_compile(compiled: Path) -> None:
    types = compiled / "api.d.ts"
    original = types.read_text(encoding="utf-8")
    assert " slug: string;" in original
    types.write_text(original.replace(" slug: string;", " slugs: string;"), encoding="utf-8")
    try:
        with pytest.raises(AssertionError, match="Property 'slug' does not exist"):
            run(compiled, "tsc", "--project", ".", "--noEmit")
    finally:
        types.write_text(original, encoding="utf-8")
