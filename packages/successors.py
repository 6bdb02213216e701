"""Chains of successors: a package that is replaced by another one, which may be replaced in its turn."""

from collections.abc import Iterable, Mapping
from zlib import crc32

from django.db import connection

from packages.models import Package

# UNION, not UNION ALL, ends the walk in a cycle too.
_LAST_LINK = """
    WITH RECURSIVE chain (id) AS (
        SELECT CAST(%s AS bigint)
        UNION
        SELECT package.replaced_by_id FROM packages_package AS package JOIN chain USING (id)
    )
    SELECT package.id, package.title FROM packages_package AS package JOIN chain USING (id)
    WHERE package.replaced_by_id = %s LIMIT 1
"""
_CHAIN = """
    WITH RECURSIVE chain (id) AS (
        SELECT replaced_by_id FROM packages_package WHERE id = %s
        UNION
        SELECT package.replaced_by_id FROM packages_package AS package JOIN chain USING (id)
    )
    SELECT package.id, package.title FROM packages_package AS package JOIN chain USING (id)
"""
_LOCK = crc32(b"package-grids:successors")


def last_link(successor: Package, package: Package) -> Package | None:
    """Return the package in the chain from `successor` on that `package` replaces: with one, `successor` would close a
    cycle.

    Inside a transaction, others who ask wait for its end: two of them would not see each other's half of a cycle.
    """
    lock_chains()
    return next(iter(Package.objects.raw(_LAST_LINK, [successor.pk, package.pk])), None)


def followers(package: Package) -> dict[int, str]:
    """Return the titles of the packages that replace a package, directly or by others, by their ids. Others wait, as
    above."""
    lock_chains()
    return {each.pk: each.title for each in Package.objects.raw(_CHAIN, [package.pk])}


def lock_chains() -> None:
    """Wait until no other transaction that has called this is open."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def in_cycles(links: Mapping[int, int | None], packages: Iterable[int]) -> set[int]:
    """Return those of the packages that come after themselves; `links` has the successors of all that have one."""
    found = set()
    for package in packages:
        seen, link = set[int](), links.get(package)
        while link is not None and link != package and link not in seen:
            seen.add(link)
            link = links.get(link)
        if link == package:
            found.add(package)
    return found
