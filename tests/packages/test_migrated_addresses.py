"""The migrations of packages, with rows as the version before left them."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

pytestmark = pytest.mark.django_db(transaction=True)
NOW = timezone.now()


def create_rows() -> dict[str, int]:
    """Create packages as the version before stored them, and return their ids by their slugs."""
    apps = MigrationExecutor(connection).loader.project_state([("packages", "0006_fetch_target")]).apps
    packages: Any = apps.get_model("packages", "Package").objects
    states: Any = apps.get_model("packages", "FetchState").objects
    snapshots: Any = apps.get_model("packages", "Snapshot").objects
    category = apps.get_model("categories", "Category").objects.create(title="C", slug="c")
    addresses = {
        "secret": {
            "repo_url": "https://user:pw@git.example.org/x?private_token=abc",
            "repo_host": "git.example.org",
            "repo_key": "git.example.org/x?private_token=abc",
            "pypi_url": "https://me:pw@pypi.org/project/x/",
            "documentation_url": "https://a.test/?utm_source=b",
        },
        "plain": {"repo_url": "https://github.com/a/b", "repo_host": "github.com", "repo_key": "github.com/a/b"},
        # Edited since the last fetch: what is stored is of the old address.
        "edited": {"repo_url": "https://github.com/c/d", "repo_host": "github.com", "repo_key": "github.com/c/d"},
    }
    ids: dict[str, int] = {}
    for slug, columns in addresses.items():
        row = packages.create(title=slug, slug=slug, category=category, **columns)
        snapshots.create(package=row, day=NOW.date(), stars=1)
        ids[slug] = row.pk
    for slug, target in (("plain", "github.com/a/b"), ("edited", "github.com/old/one")):
        states.create(package_id=ids[slug], source="repo", target=target, outcome="ok", next_due=NOW)
    return ids


@pytest.fixture
def ids() -> Iterator[dict[str, int]]:
    """The ids of packages that were migrated, by their slugs."""
    call_command("migrate", "packages", "0006", verbosity=0)
    try:
        created = create_rows()
        call_command("migrate", "packages", "0011", verbosity=0)
        yield created
    finally:
        call_command("migrate", verbosity=0)


def rows(query: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


@pytest.mark.usefixtures("ids")
def test_addresses_lose_their_credentials_and_facts_get_their_keys() -> None:
    of_repository = rows("SELECT slug, repo_url, repo_key, repo_facts_of FROM packages_package ORDER BY id")
    assert of_repository == [
        ("secret", "https://git.example.org/x", "git.example.org/x", "git.example.org/x"),
        ("plain", "https://github.com/a/b", "github.com/a/b", "github.com/a/b"),
        ("edited", "https://github.com/c/d", "github.com/c/d", "github.com/old/one"),
    ]
    of_project = rows("SELECT slug, pypi_url, pypi_name, pypi_facts_of FROM packages_package ORDER BY id")
    assert of_project == [
        ("secret", "https://pypi.org/project/x/", "x", "x"),
        ("plain", "", "", ""),
        ("edited", "", "", ""),
    ]
    documentation = rows("SELECT slug, documentation_url FROM packages_package ORDER BY id")
    assert documentation == [("secret", "https://a.test/"), ("plain", ""), ("edited", "")]


def test_snapshots_get_the_keys_of_their_facts(ids: dict[str, int]) -> None:
    assert rows("SELECT package_id, repo_key, pypi_name FROM packages_snapshot ORDER BY package_id") == [
        (ids["secret"], "git.example.org/x", "x"),
        (ids["plain"], "github.com/a/b", ""),
        (ids["edited"], "github.com/old/one", ""),
    ]
