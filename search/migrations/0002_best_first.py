from django.db import migrations

from core.database.migrations import PostgresIndex
from search import triggers


class WithoutPostgresIndex(PostgresIndex):
    """The other way round: an index that goes."""

    database_forwards = PostgresIndex.database_backwards
    database_backwards = PostgresIndex.database_forwards

    def describe(self):
        return f"Drop index {self.name} on PostgreSQL"


def reinstall(apps, schema_editor):
    """SQLite's triggers come after all migrations (search/apps.py)."""
    if schema_editor.connection.vendor == "postgresql":
        triggers.install(schema_editor.connection)


class Migration(migrations.Migration):

    atomic = False  # indexes are made while others read and write

    dependencies = [
        ("search", "0001_initial"),
    ]

    operations = [
        # All that a page needs of names that begin with something, so that no entry is looked up for it; and the same of
        # grids, which are too few to be met among packages.
        *(
            PostgresIndex(
                f"entry_{name}_best",
                f"search_entry ({name}_key text_pattern_ops) INCLUDE (quality, kind, object_id)",
            )
            for name in ("title", "slug", "pypi")
        ),
        *(
            PostgresIndex(
                f"entry_{name}_best_grid",
                f"search_entry ({name}_key text_pattern_ops) INCLUDE (quality, kind, object_id) WHERE kind = 'grid'",
            )
            for name in ("title", "slug")
        ),
        *(
            WithoutPostgresIndex(f"entry_{name}_prefix", f"search_entry ({name}_key text_pattern_ops)")
            for name in ("title", "slug", "pypi")
        ),
        # The best entries in their order, of all kinds and of the grids.
        PostgresIndex(
            "entry_best",
            "search_entry (quality DESC, kind, object_id) INCLUDE (title_key, slug_key, pypi_key)",
        ),
        PostgresIndex(
            "entry_best_grid",
            "search_entry (quality DESC, object_id) INCLUDE (title_key, slug_key, pypi_key) WHERE kind = 'grid'",
        ),
        PostgresIndex("entry_words_grid", "search_entry USING gin (words) WHERE kind = 'grid'"),
        # The words of the names alone: a GIN index does not tell where a word stands.
        PostgresIndex("entry_named", "search_entry USING gin (ts_filter(words, '{a}'))"),
        migrations.RunPython(reinstall, migrations.RunPython.noop),
    ]
