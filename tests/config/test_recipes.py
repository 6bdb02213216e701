"""The questions of analysts: the answer of a dump is that of the API, and README has the same recipes."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from config.recipes import RECIPES, Recipe
from fetchers.mirror.dump import dump_catalogue
from tests.conftest import Get
from tests.factories import GridFactory

README = (Path(__file__).parents[2] / "README.md").read_text()
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sample catalogue with an empty grid, as a dump, which is the current folder."""
    call_command("load_sample", verbosity=0)
    GridFactory.create(slug="nothing-yet")
    folder = tmp_path / dump_catalogue(tmp_path).dump.name
    monkeypatch.chdir(folder)
    return folder


def requested(get: Get, recipe: Recipe) -> list[dict[str, Any]]:
    path = recipe.request.format(year_ago=timezone.localdate() - timedelta(days=365))
    response = get(path)
    assert response.status_code == 200, response.json()
    assert response.json()["next"] is None or "limit=10&" in path
    documents: list[dict[str, Any]] = response.json()["results"]
    return documents


@pytest.mark.usefixtures("dump")
def test_a_dump_and_the_api_give_the_same_answers(get: Get) -> None:
    starred, empty, ages = (duckdb.execute(recipe.statement).fetchall() for recipe in RECIPES)
    of_api = [requested(get, recipe) for recipe in RECIPES]
    assert len(starred) == 10
    assert starred == [(each["slug"], each["repo_watchers"]) for each in of_api[0]]
    assert ("nothing-yet",) in empty
    assert empty == sorted((each["slug"],) for each in of_api[1])
    medians = {each["slug"]: date.fromisoformat(each["last_updated_median"][:10]) for each in of_api[2]}
    assert len(ages) == 5
    days = {slug: age.days if isinstance(age, timedelta) else age for slug, age in ages}
    (today,) = duckdb.execute("SELECT current_date").fetchone() or ()  # that of the time zone, not of UTC
    assert days == {slug: (today - day).days for slug, day in medians.items()}


@pytest.mark.usefixtures("dump")
def test_pandas_reads_lists_and_dumps(client: Client, tmp_path: Path) -> None:
    table = client.get("/api/v4/packages/?format=csv&limit=1000&fields=title,repo_watchers,health")
    file = tmp_path / "packages.csv"
    file.write_bytes(table.content)
    of_api, dumped = pd.read_csv(file), pd.read_json("packages.jsonl.gz", lines=True)
    assert len(of_api) == len(dumped) == 72
    stars = dict(zip(dumped["title"], dumped["repo_watchers"], strict=True))
    assert dict(zip(of_api["title"], of_api["repo_watchers"], strict=True)) == stars
    assert set(of_api["health.verdict"]) == set(dumped["verdict"])


@pytest.mark.parametrize("recipe", RECIPES, ids=["starred", "empty", "ages"])
def test_readme_has_the_recipes(recipe: Recipe) -> None:
    text = re.sub(r"\s+", " ", README)
    assert recipe.statement in text
    assert recipe.request.format(year_ago="$(date -d '1 year ago' +%F)") in text
