"""The catalogue that `make bench` requests: everything in it follows from the number of a row, on one fixed day."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg2

ROOT = Path(__file__).resolve().parents[2]
# Packages, grids, memberships: as many members a grid at both sizes.
SCALES = {"5k": (5_300, 375, 14_000), "1m": (1_000_000, 50_000, 1_866_000)}
SCALE = os.environ.get("SCALE", "5k")
if SCALE not in SCALES:
    sys.exit(f"SCALE: Must be one of {', '.join(SCALES)}")
PACKAGES, GRIDS, MEMBERSHIPS = SCALES[SCALE]
# Grids with features, for their comparisons: the first ones, then the next ones; with members and features of each.
COMPARED = ((60, 40, 8), (10, 200, 30))
SERVER = os.environ.get("BENCH_DATABASE_URL", "postgresql://postgres@127.0.0.1:5432")

_WORDS = (
    "'{admin,api,auth,cache,form,field,image,search,queue,task,tree,"
    "tag,rest,json,model,view,storage,mail,test}'::text[]"
)
_DAY = "timestamptz '2026-11-01 00:00:00+00'"
CATALOGUE = f"""
INSERT INTO categories_category (id, title, slug, description, title_plural, show_pypi, created, modified)
SELECT i, 'Category ' || i, 'category-' || i, 'Reusable pieces.', 'Categories', true, {_DAY}, {_DAY}
FROM generate_series(1, 5) i;
INSERT INTO packages_package (id, title, slug, category_id, repo_url, repo_host, repo_key, pypi_url, pypi_name,
    documentation_url, deprecated, repo_description, repo_watchers, repo_forks, commits_over_52, participants,
    last_updated, pypi_version, last_fetched, created, modified, repo_id, requires_python, classifiers, licence,
    released, pypi_status, pypi_downloads, gone_reason, repo_facts_of, pypi_facts_of, verdict_rank, stars_30d,
    stars_90d, downloads_30d, stars_trend, downloads_trend)
SELECT i, 'django-' || w[1 + i % 19] || '-' || w[1 + i / 19 % 19] || '-' || i, 'package-' || i, 1 + i % 5,
    'https://github.com/owner' || i % 9001 || '/package-' || i, 'github.com',
    'github.com/owner' || i % 9001 || '/package-' || i, 'https://pypi.org/project/package-' || i, 'package-' || i, '',
    i % 50 = 0, 'The ' || w[1 + i * 7 % 19] || ' for every ' || w[1 + i * 11 % 19] || ' with ' || w[1 + i * 13 % 19],
    (power(hashint4(i)::bigint & 1023, 3) / 20000)::int, hashint4(i) & 255, weeks.list,
    (SELECT jsonb_agg('user' || ((hashint4(i * 31 + n) & 65535))) FROM generate_series(1, 1 + i % 25) n),
    {_DAY} - (i % 3000) * interval '1 day', '1.' || i % 10, {_DAY}, {_DAY} - (i % 4000) * interval '1 day', {_DAY},
    i::text, '>=3.' || 8 + i % 5, ('["Framework :: Django :: ' || 3 + i % 3 || '.2"]')::jsonb,
    (ARRAY['MIT', 'BSD-3-Clause', 'Apache-2.0', ''])[1 + i % 4], {_DAY} - (i % 1500) * interval '1 day', 'active',
    CASE WHEN i % 3 = 0 THEN NULL ELSE hashint4(i) & 1048575 END, '',
    'github.com/owner' || i % 9001 || '/package-' || i, 'package-' || i,
    -- An eighth of the packages has each verdict.
    NULLIF(1 + (hashint4(i * 5) & 7), 8), hashint4(i * 17) & 127, hashint4(i * 19) & 511,
    CASE WHEN i % 3 = 0 THEN NULL ELSE (hashint4(i * 23) & 4095) - 1024 END,
    CASE WHEN i % 90 = 0 THEN (hashint4(i * 29) & 1023) / 1024.0 END,
    CASE WHEN i % 70 = 0 THEN (hashint4(i * 31) & 1023) / 1024.0 END
FROM generate_series(1, {PACKAGES}) i, (SELECT {_WORDS} AS w) words,
    (SELECT jsonb_agg(n % 9) AS list FROM generate_series(1, 52) n) weeks;
-- What is trending was counted in the last days.
INSERT INTO packages_snapshot (package_id, day, stars, forks, downloads, repo_key, pypi_name)
SELECT id, current_date, repo_watchers, repo_forks, coalesce(pypi_downloads, 0), repo_key, pypi_name
FROM packages_package WHERE stars_trend IS NOT NULL OR downloads_trend IS NOT NULL;
INSERT INTO grids_grid (id, title, slug, description, is_locked, header, created, modified)
SELECT i, 'Grid ' || i || ' of ' || w[1 + i % 19], 'grid-' || i, 'Side by side.', false, i % 20 = 0, {_DAY}, {_DAY}
FROM generate_series(1, {GRIDS}) i, (SELECT {_WORDS} AS w) words;
-- Each time that i has gone through all packages, they are shifted, or the same memberships would repeat.
INSERT INTO grids_gridpackage (grid_id, package_id, position)
SELECT DISTINCT ON (1, 2) 1 + (i::bigint % {GRIDS}), 1 + ((i::bigint * 7919 + i / {PACKAGES} * 7) % {PACKAGES}), i % 97
FROM generate_series(1, {MEMBERSHIPS}) i;
"""
_FEATURES = """
DELETE FROM grids_gridpackage WHERE grid_id BETWEEN {first} AND {last};
INSERT INTO grids_gridpackage (grid_id, package_id, position)
SELECT grid, 1 + (grid * 401 + n * 13) % {packages}, n
FROM generate_series({first}, {last}) grid, generate_series(1, {members}) n;
INSERT INTO grids_feature (grid_id, title, description, position, created, modified)
SELECT grid, 'Feature ' || n, 'Does it have this, and since when?', n, {day}, {day}
FROM generate_series({first}, {last}) grid, generate_series(1, {features}) n;
INSERT INTO grids_cell (feature_id, membership_id, text, created, modified)
SELECT f.id, m.id, (ARRAY['yes', 'no', '++', 'n/a', 'partly, with a plugin', 'yes, since 2.' || m.id % 50])
    [1 + (hashint8(f.id * 31 + m.id) & 1023) % 6], {day}, {day}
FROM grids_feature f JOIN grids_gridpackage m ON m.grid_id = f.grid_id WHERE f.grid_id BETWEEN {first} AND {last};
"""


def _comparisons() -> str:
    """Return the SQL that gives grids their features."""
    sql, first = "", 1
    for grids, members, features in COMPARED:
        sizes = {"packages": PACKAGES, "members": members, "features": features, "day": _DAY}
        sql += _FEATURES.format(first=first, last=first + grids - 1, **sizes)
        first += grids
    return sql


def database() -> str:
    """Return the URL of the catalogue's database; build the database if it does not exist yet."""
    name = f"package_grids_bench_{SCALE}"
    with_server = psycopg2.connect(f"{SERVER}/postgres")
    with_server.autocommit = True
    with with_server.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        is_new = cursor.fetchone() is None
        if is_new:
            cursor.execute(f"CREATE DATABASE {name}")
    with_server.close()
    url = f"{SERVER}/{name}"
    manage(url, "migrate", "--verbosity=0")
    if is_new:
        fill(url)
    return url


def fill(url: str) -> None:
    tables = (
        *("categories_category", "packages_package", "packages_snapshot", "grids_grid", "grids_gridpackage"),
        *("grids_feature", "grids_cell"),
    )
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        # Without triggers, those of foreign keys among them: they would take longer than all the rest. What ours would
        # write is built below, where they are installed again.
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        cursor.execute(CATALOGUE)
        cursor.execute(_comparisons())
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
    connection.close()
    rebuild = "from django.db import connection; from changes import triggers as log; from changes.models import *; "
    rebuild += "Change.objects.all().delete(); log.seed(connection); log.install(connection); "
    rebuild += "from search import triggers; triggers.install(connection)"
    manage(url, "shell", "--verbosity=0", "-c", rebuild)
    manage(url, "check_search", "--rebuild", "--verbosity=0")
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    connection.close()


def manage(url: str, *arguments: str) -> None:
    environment = {**os.environ, "DATABASE_URL": url, "DEBUG": "true"}
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, check=True)


def environment(url: str) -> dict[str, str]:
    """Return settings as in production, with none of the developer's own. WhiteNoise's warning that no static files
    are collected is silenced."""
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": url,
        "SECRET_KEY": "for the bench alone: as long a text as production needs",
        "ACCESS_LOG": "false",
        "RATE_LIMIT": "0",  # all of the load comes from one address
        "MALLOC_ARENA_MAX": "1",  # as make serve and the unit have it
        "PYTHONWARNINGS": "ignore:No directory at:UserWarning",
    }


def require_autovacuum() -> None:
    """End where PostgreSQL does not count the rows of tables that grow meanwhile: its plans would be those of empty
    ones, and a bench would measure them."""
    if query(f"{SERVER}/postgres", "SHOW autovacuum") != [("on",)]:
        sys.exit("PostgreSQL's autovacuum is off: ALTER SYSTEM SET autovacuum = on, and SELECT pg_reload_conf().")


def query(url: str, sql: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)
        rows = cursor.fetchall()
    connection.close()
    return rows


def describe_catalogue(url: str) -> str:
    """Return the size of the catalogue in words. Exit if it is incomplete, because its fill was interrupted."""
    counts = "(SELECT count(*) FROM packages_package), (SELECT count(*) FROM grids_grid)"
    counts += ", (SELECT count(*) FROM grids_gridpackage)"
    people = "(SELECT avg(jsonb_array_length(participants)) FROM packages_package WHERE id <= 5000)"
    [(packages, grids, memberships, participants)] = query(url, f"SELECT {counts}, {people}")
    if (packages, grids) != (PACKAGES, GRIDS):
        sys.exit(f"{url} holds {packages} packages and {grids} grids: drop it, or wait if it is being filled")
    return (
        f"{packages:,} packages, {grids:,} grids, {memberships:,} memberships, "
        f"{participants:.1f} participants a package"
    )
