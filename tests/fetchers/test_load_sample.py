"""The sample catalogue that `make run` loads."""

import json
from typing import Any

import pytest
from django.core.management import call_command

from categories.models import Category
from fetchers.management.commands.load_sample import SAMPLE
from grids.models import Grid
from packages.models import Package

pytestmark = pytest.mark.django_db


def test_the_whole_sample_is_imported_into_an_empty_database_alone(client: Any, capsys: Any) -> None:
    call_command("load_sample")
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "0 skipped, 0 notes" in shown.out
    slugs = set(Category.objects.values_list("slug", flat=True))
    assert slugs == {"apps", "frameworks", "projects", "starter-projects", "other"}
    assert Package.objects.count() >= 60
    assert Grid.objects.count() >= 8
    counted = client.get("/api/v4/readiness/").json()
    assert counted["known"]["packages"] + counted["unknown"]["packages"] == Package.objects.count()
    call_command("load_sample")
    assert "already" in capsys.readouterr().out

    ralph = client.get("/api/v4/packages/ralph/").json()
    assert ralph["id"] == 2647
    assert ralph["category"] == "http://testserver/api/v4/categories/2/"
    assert ralph["grids"] == ["http://testserver/api/v4/grids/263/"]
    assert ralph["last_fetched"] == "2026-05-26T09:09:44.237594-04:00"
    assert (ralph["repo_watchers"], ralph["repo_forks"], len(ralph["participants"])) == (2496, 591, 51)


def test_packages_that_were_never_fetched_have_no_numbers() -> None:
    packages = json.loads((SAMPLE / "packages.json").read_text(encoding="utf-8"))
    for document in packages:
        assert document["last_fetched"] or (document["repo_watchers"], document["repo_forks"]) == (0, 0)
