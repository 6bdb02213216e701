"""Examinations of the database: that it is there, of the right version, and that its role may do what the site does."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.utils import timezone

from config import probes
from core.database.sessions import waiting
from core.hooks import Finding, Level

REMEDIES = {
    "database": "See that PostgreSQL runs, and that DATABASE_URL has its host, role and password.",
    "migrations": "Run: manage.py migrate",
    "triggers": "Run: manage.py install_triggers",
    "cache": "See that Redis runs, and that CACHE_URL has its host and password.",
}
FAST, LATE = 2.0, 60.0  # seconds between two clocks: from the first on a warning, from the second on a problem
SPARE = 10  # connections besides those of the workers: commands, and people
_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")


def _is_postgresql() -> bool:
    return connections[DEFAULT_DB_ALIAS].vendor == "postgresql"


def _row(sql: str, *parameters: Any) -> tuple[object, ...]:
    with waiting(probes.DATABASE_SECONDS), connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(sql, parameters)
        found: tuple[object, ...] = cursor.fetchone()
    return found


def examine_serving() -> Iterator[Finding]:
    """Yield what the probe of /readyz finds. Without its cache the site is only slower."""
    for name, found in probes.findings():
        if found == probes.OK:
            yield Finding(name, "ok", "It is as the site needs it.")
            continue
        level: Level = "warning" if name == "cache" or found == probes.UNREAD else "problem"
        remedy = REMEDIES["database"] if found == probes.UNREAD else REMEDIES[name]
        yield Finding(name, level, f"{found[:1].upper()}{found[1:]}.", remedy)
        if name == "database":
            yield from _said()


def _said() -> Iterator[Finding]:
    """Yield what the database says itself, which the probe keeps from strangers."""
    try:
        with waiting(probes.DATABASE_SECONDS):
            connections[DEFAULT_DB_ALIAS].ensure_connection()
    except (DatabaseError, InterfaceError) as error:
        yield Finding("database", "problem", f"It says: {' '.join(str(error).split())}.", REMEDIES["database"])


def examine_version() -> Iterator[Finding]:
    connection = connections[DEFAULT_DB_ALIAS]
    connection.ensure_connection()
    version = ".".join(map(str, connection.get_database_version()))
    least = connection.features.minimum_database_version or ()
    if connection.get_database_version() < least:
        required = ".".join(map(str, least))
        sentence = f"{connection.display_name} is {version}, and {required} is required."
        yield Finding("database version", "problem", sentence, "Upgrade the database.")
    elif not _is_postgresql() and not settings.DEBUG:
        sentence = f"This is SQLite {version}: one writer at a time, and one machine."
        yield Finding(
            "database version", "warning", sentence, "Use PostgreSQL if editors wait for refreshes: set DATABASE_URL."
        )
    else:
        yield Finding("database version", "ok", f"{connection.display_name} {version}.")


def examine_role() -> Iterator[Finding]:
    if not _is_postgresql():
        return
    role, is_superuser = _row("SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user")
    if is_superuser:
        sentence = f"The role {role} is a superuser: a mistake of the site may cost the whole server."
        remedy = "Make a role of its own for the site, as in Deploy, and name it in DATABASE_URL."
        yield Finding("database role", "warning", sentence, remedy)
    else:
        yield Finding("database role", "ok", f"The role {role} is no superuser.")


def examine_rights() -> Iterator[Finding]:
    """Yield the tables of the site in which its role may not do all that the site does."""
    if not _is_postgresql():
        return
    tables = sorted({model._meta.db_table for model in apps.get_models(include_auto_created=True) if _is_ours(model)})
    lacks = " OR ".join(f"NOT has_table_privilege(c.oid, '{right}')" for right in _RIGHTS)
    sql = (
        "SELECT coalesce(string_agg(c.relname, ', ' ORDER BY c.relname), '') FROM pg_class c"  # noqa: S608 (ours)
        f" WHERE c.relname = ANY(%s) AND pg_table_is_visible(c.oid) AND ({lacks})"
    )
    (missing,) = _row(sql, tables)
    if missing:
        sentence = f"The role may not read and write {missing}."
        remedy = (
            "As the owner of the tables run: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO …"
        )
        yield Finding("database rights", "problem", sentence, remedy)
    else:
        yield Finding("database rights", "ok", "The role may read and write all tables.")


def _is_ours(model: object) -> bool:
    options = model._meta  # type: ignore[attr-defined]  # every model has it
    return bool(options.managed and not options.proxy)


def examine_extensions() -> Iterator[Finding]:
    if not _is_postgresql():
        return
    (is_there,) = _row("SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm')")
    if is_there:
        yield Finding("extensions", "ok", "pg_trgm is there.")
    else:
        sentence = "pg_trgm is missing: the search needs it."
        remedy = "As a superuser run in this database: CREATE EXTENSION pg_trgm"
        yield Finding("extensions", "problem", sentence, remedy)


def examine_connections() -> Iterator[Finding]:
    if not _is_postgresql():
        return
    sql = "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    most = int(str(_row(sql)[0]))
    needed = settings.WEB_CONCURRENCY * (2 + settings.DOWNLOADS) + SPARE
    if needed > most:
        sentence = f"The workers and commands may need {needed} connections, and PostgreSQL allows {most}."
        remedy = "Lower WEB_CONCURRENCY, or raise max_connections in postgresql.conf."
        yield Finding("connections", "warning", sentence, remedy)
    else:
        yield Finding("connections", "ok", f"PostgreSQL allows {most} connections, of which {needed} may be needed.")


def examine_vacuum() -> Iterator[Finding]:
    if not _is_postgresql():
        return
    (is_on,) = _row("SELECT current_setting('autovacuum')::bool AND current_setting('track_counts')::bool")
    if is_on:
        yield Finding("vacuum", "ok", "PostgreSQL vacuums and analyzes by itself.")
    else:
        sentence = "PostgreSQL does not vacuum and analyze by itself: tables grow, and queries become slow."
        remedy = "As a superuser run: ALTER SYSTEM SET autovacuum = on; ALTER SYSTEM SET track_counts = on;"
        yield Finding("vacuum", "problem", sentence, f"{remedy} SELECT pg_reload_conf()")


def examine_clock() -> Iterator[Finding]:
    if not _is_postgresql():
        return
    begin = timezone.now()
    (there,) = _row("SELECT clock_timestamp()")
    here = begin + (timezone.now() - begin) / 2
    apart = abs((there - here).total_seconds()) if isinstance(there, datetime) else 0.0
    if apart >= FAST:
        sentence = f"The clock of the database and the one here are {apart:.0f} seconds apart."
        remedy = "Let both machines follow a time server: timedatectl set-ntp true"
        yield Finding("clock", "problem" if apart >= LATE else "warning", sentence, remedy)
    else:
        yield Finding("clock", "ok", "The clock of the database is the one here.")


def examine_replica() -> Iterator[Finding]:
    if "replica" not in settings.DATABASES:
        return
    try:
        with waiting(probes.DATABASE_SECONDS), connections["replica"].cursor() as cursor:
            cursor.execute("SELECT pg_is_in_recovery()")
            (is_replica,) = cursor.fetchone()
    except (DatabaseError, InterfaceError) as error:
        sentence = f"The replica does not respond, so the API reads from the primary: {' '.join(str(error).split())}."
        yield Finding("replica", "warning", sentence, "See that it runs, and that DATABASE_REPLICA_URL names it.")
        return
    if is_replica:
        yield Finding("replica", "ok", "The replica responds.")
    else:
        sentence = "What DATABASE_REPLICA_URL names is no replica: what it shows may be of another database."
        yield Finding("replica", "problem", sentence, "Name a standby of DATABASE_URL there.")
