"""The columns of a package and the keys of its document, in the order of the contract.

A fetched column is a fact of the repository, unless its `source` says otherwise: a fact of the project on PyPI, a word
about the fetches of the source that decides ("deciding"), or the key that facts are of.

A new column needs its field in packages.models with a migration, and one line here: from that follow the document and
its schema, the log of changes, what a fetch writes, admin, export and import.
"""

from typing import Any

from core.documents import ID, Column, Columns, Computed, Relation
from core.kinds import Kind


def grid_ids(package: Any) -> list[int]:
    """The ids of the grids of a package that came from for_api(), in membership order."""
    return package.grid_ids or []


_COUNTED_DAILY = "It moves from day to day though the number itself, which is logged, does not."

PACKAGE_COLUMNS = Columns(
    Kind.PACKAGE,
    # Always shown
    Relation("category", kind=Kind.CATEGORY, v4=True, foreign_key="category_id", select_related=True, edited=True),
    Relation("grids", kind=Kind.GRID, v4=True, ids=grid_ids, help_text="In membership order."),
    ID,
    Column("title", v4=True, edited=True),
    Column("slug", v4=True, edited=True),
    Column("last_updated", v4=True, fetched=True),
    Column(
        "last_fetched",
        v4=True,
        fetched=True,
        source="deciding",
        logged=False,
        reason="Every fetch moves it, though it found no change.",
    ),
    Column("repo_url", v4=True, edited=True),
    Column("pypi_version", v4=True, fetched=True, source="pypi"),
    Column("created", v4=True, edited=True),
    Column("modified", v4=True, edited=True),
    Column("repo_forks", v4=True, fetched=True),
    Column("repo_description", v4=True, fetched=True),
    Column("pypi_url", v4=True, edited=True),
    Column("documentation_url", v4=True, edited=True),
    Column("repo_watchers", v4=True, fetched=True),
    Column("commits_over_52", v4=True, fetched=True, preserialized=True),
    Column("participants", v4=True, fetched=True, preserialized=True),
    # Added by `fields=`
    Computed(
        "score",
        extended=True,
        columns=("repo_watchers", "last_updated", "classifiers", "requires_python"),
        ages=60,  # it falls with every quarter of a year without a commit
    ),
    Column("licence", extended=True, fetched=True, source="pypi"),
    Column("requires_python", extended=True, fetched=True, source="pypi"),
    Column("requires_django", extended=True, fetched=True, source="pypi"),
    Computed("python_versions", extended=True, columns=("classifiers", "requires_python")),
    Computed("django_versions", extended=True, columns=("classifiers",)),
    Column("classifiers", extended=True, fetched=True, source="pypi"),
    Column("pypi_downloads", extended=True, fetched=True, source="pypi"),
    Column("stars_30d", extended=True, fetched=True, logged=False, reason=_COUNTED_DAILY),
    Column("stars_90d", extended=True, fetched=True, logged=False, reason=_COUNTED_DAILY),
    Column("downloads_30d", extended=True, fetched=True, source="pypi", logged=False, reason=_COUNTED_DAILY),
    Column("released", extended=True, fetched=True, source="pypi"),
    Column("pypi_status", extended=True, fetched=True, source="pypi"),
    Column("pypi_status_reason", extended=True, fetched=True, source="pypi"),
    Column("archived", extended=True, fetched=True),
    Column("deprecated", extended=True, edited=True),
    Relation(
        "replaced_by",
        kind=Kind.PACKAGE,
        extended=True,
        foreign_key="replaced_by_id",
        null=True,
        expandable=False,
        edited=True,
        help_text="The package to use instead.",
    ),
    Computed("gone", extended=True, columns=("gone_since",)),
    Computed("freshness", extended=True, columns=("repo_key", "pypi_name")),
    Computed("health", extended=True, columns=("verdict_rank",)),
    # Not shown as they are
    Column("gone_since", fetched=True, source="deciding"),
    Column("gone_reason", fetched=True, source="deciding"),
    Column("repo_host"),
    Column("repo_key", logged=False, reason="It follows from repo_url."),
    Column("pypi_name", logged=False, reason="It follows from pypi_url."),
    Column("repo_id", fetched=True),
    # The key that the facts of each source are of: written with them
    Column("repo_facts_of", fetched=True, source="key"),
    Column("pypi_facts_of", fetched=True, source="key"),
    Column("weeks_end", fetched=True),
    Column("stars_trend", fetched=True),
    Column("downloads_trend", fetched=True, source="pypi"),
    Column("last_human_commit", fetched=True),
    Column("pypi_repo_url", fetched=True, source="pypi"),
    Column("finished_until", edited=True),
    Column("verdict_rank"),
)
