"""Chains of successors: a package that is replaced by another one, which may be replaced in its turn."""

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
_LOCK = crc32(b"package-grids:successors")


def last_link(successor: Package, package: Package) -> Package | None:
    """Return the package in the chain from `successor` on that `package` replaces: with one, `successor` would close a
    cycle.

    Inside a transaction, others who ask wait for its end: two of them would not see each other's half of a cycle.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    return next(iter(Package.objects.raw(_LAST_LINK, [successor.pk, package.pk])), None)
