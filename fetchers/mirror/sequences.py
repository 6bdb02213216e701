"""The sequences of ids, which rows that come with ids of their own do not move."""

from django.db import connection
from django.db.models import Model


def advance_sequence(model: type[Model]) -> None:
    """Move PostgreSQL's sequence, which explicit ids do not, past the highest id; never back, to a deleted row's id."""
    if connection.vendor != "postgresql":
        return  # SQLite's AUTOINCREMENT takes explicit ids into account
    with connection.cursor() as cursor:
        table = connection.ops.quote_name(model._meta.db_table)
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [model._meta.db_table])
        (sequence,) = cursor.fetchone()
        cursor.execute(
            f"SELECT setval(%s, greatest((SELECT max(id) FROM {table}), (SELECT last_value FROM {sequence})))",  # noqa: S608 (names of our own)
            [sequence],
        )
