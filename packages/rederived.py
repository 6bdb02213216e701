"""Columns that follow from addresses, derived anew: SQL by hand and other settings leave them behind."""

from collections.abc import Collection

from packages.identity import derived
from packages.models import FACTS, Package
from packages.settling import settled

BATCH = 2_000
DERIVED_COLUMNS = ("repo_host", "repo_key", "pypi_name")


def rederive(slugs: Collection[str] = ()) -> int:
    """Derive the keys of all packages, or of those with these slugs, and forget facts that are of other addresses.

    Return the number of packages that had such facts. Each batch is a transaction of its own.
    """
    columns = ("repo_url", "pypi_url", *DERIVED_COLUMNS, *(facts.of for facts in FACTS.values()))
    packages = (Package.objects.filter(slug__in=slugs) if slugs else Package.objects.all()).order_by("pk")
    after = forgotten = 0
    while batch := list(packages.filter(pk__gt=after).only(*columns)[:BATCH]):
        after = batch[-1].pk
        if stale := [package.pk for package in batch if _is_stale(package)]:
            forgotten += _rederive(stale)
    return forgotten


def _rederive(stale: list[int]) -> int:
    with settled():
        packages = list(Package.objects.select_for_update().filter(pk__in=stale).order_by("pk"))
        for package in packages:
            package.derive()
        Package._base_manager.bulk_update(packages, DERIVED_COLUMNS)  # this manager forgets nothing by itself
        return Package.objects.filter(pk__in=stale).forget_other_addresses()


def _is_stale(package: Package) -> bool:
    keys = derived("repo_url", package.repo_url) | derived("pypi_url", package.pypi_url)
    is_derived = all(getattr(package, column) == value for column, value in keys.items())
    return not is_derived or any(getattr(package, facts.of) != keys[facts.key] for facts in FACTS.values())
