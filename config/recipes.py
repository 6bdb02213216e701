"""Questions that analysts ask, each answered from a dump and by the API: for the page for clients, README and tests."""

from typing import NamedTuple


class Recipe(NamedTuple):
    """A question, a statement of DuckDB over the files of a dump, and the request that answers it too. `{year_ago}`
    stands for the day a year ago."""

    question: str
    statement: str
    request: str


RECIPES = (
    Recipe(
        "The ten most starred packages that work with Django 5.2 and were released in the last year",
        "SELECT slug, repo_watchers FROM 'packages.jsonl.gz' WHERE list_contains(django_versions::JSON::VARCHAR[],"
        " '5.2') AND released >= current_date - 365 ORDER BY repo_watchers DESC LIMIT 10",
        "packages/?django=5.2&released__gte={year_ago}&ordering=-repo_watchers&limit=10&fields=slug,repo_watchers",
    ),
    Recipe(
        "The grids without a package whose level is good or fair",
        "SELECT slug FROM 'grids.jsonl.gz' WHERE id NOT IN (SELECT grid_id FROM 'memberships.jsonl.gz' JOIN"
        " 'packages.jsonl.gz' AS package ON package.id = package_id WHERE level IN ('good', 'fair')) ORDER BY slug",
        "grids/?without_level=good,fair&limit=1000&fields=slug",
    ),
    Recipe(
        "The median age of the last commit, by category",
        "SELECT category.slug, current_date - quantile_disc(package.last_updated, 0.5)::DATE AS days FROM"
        " 'packages.jsonl.gz' AS package JOIN 'categories.jsonl.gz' AS category ON category.id = category_id GROUP BY"
        " category.slug ORDER BY days",
        "categories/?limit=1000&fields=slug,last_updated_median",
    ),
)
