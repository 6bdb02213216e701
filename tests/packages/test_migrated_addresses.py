"""The migrations of packages, with rows as the version before left them."""

from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

pytestmark = pytest.mark.django_db(transaction=True)
NOW = timezone.now()


def test_addresses_lose_their_credentials_and_facts_get_their_keys() -> None:
    call_command("migrate", "packages", "0006", verbosity=0)
    try:
        apps = MigrationExecutor(connection).loader.project_state([("packages", "0006_fetch_target")]).apps
        packages: Any = apps.get_model("packages", "Package").objects
        states: Any = apps.get_model("packages", "FetchState").objects
        snapshots: Any = apps.get_model("packages", "Snapshot").objects
        category = apps.get_model("categories", "Category").objects.create(title="C", slug="c")

        def create(slug: str, **columns: Any) -> int:
            row = packages.create(title=slug, slug=slug, category=category, **columns)
            snapshots.create(package=row, day=NOW.date(), stars=1)
            return int(row.pk)

        secret = create(
            "secret",
            repo_url="https://user:pw@git.example.org/x?private_token=abc",
            repo_host="git.example.org",
            repo_key="git.example.org/x?private_token=abc",
            pypi_url="https://me:pw@pypi.org/project/x/",
            documentation_url="https://a.test/?utm_source=b",
        )
        plain = create("plain", repo_url="https://github.com/a/b", repo_host="github.com", repo_key="github.com/a/b")
        # Edited since the last fetch: what is stored is of the old address.
        edited = create("edited", repo_url="https://github.com/c/d", repo_host="github.com", repo_key="github.com/c/d")
        for pk, target in ((plain, "github.com/a/b"), (edited, "github.com/old/one")):
            states.create(package_id=pk, source="repo", target=target, outcome="ok", next_due=NOW)
        call_command("migrate", "packages", "0011", verbosity=0)
        columns = (
            "repo_url",
            "repo_key",
            "repo_facts_of",
            "pypi_url",
            "pypi_name",
            "pypi_facts_of",
            "documentation_url",
        )
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(columns)} FROM packages_package ORDER BY id")
            assert [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()] == [
                {
                    "repo_url": "https://git.example.org/x",
                    "repo_key": "git.example.org/x",
                    "repo_facts_of": "git.example.org/x",
                    "pypi_url": "https://pypi.org/project/x/",
                    "pypi_name": "x",
                    "pypi_facts_of": "x",
                    "documentation_url": "https://a.test/",
                },
                {
                    "repo_url": "https://github.com/a/b",
                    "repo_key": "github.com/a/b",
                    "repo_facts_of": "github.com/a/b",
                    "pypi_url": "",
                    "pypi_name": "",
                    "pypi_facts_of": "",
                    "documentation_url": "",
                },
                {
                    "repo_url": "https://github.com/c/d",
                    "repo_key": "github.com/c/d",
                    "repo_facts_of": "github.com/old/one",
                    "pypi_url": "",
                    "pypi_name": "",
                    "pypi_facts_of": "",
                    "documentation_url": "",
                },
            ]
            cursor.execute("SELECT package_id, repo_key, pypi_name FROM packages_snapshot ORDER BY package_id")
            assert cursor.fetchall() == [
                (secret, "git.example.org/x", "x"),
                (plain, "github.com/a/b", ""),
                (edited, "github.com/old/one", ""),
            ]
    finally:
        call_command("migrate", verbosity=0)
