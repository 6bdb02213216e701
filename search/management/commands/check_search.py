"""manage.py check_search: proves that the index is what the catalogue says, row by row."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection, transaction

from search import triggers

SHOWN = 10


class Command(BaseCommand):
    help = "Compare the search index with the catalogue; exit code 1 and the differences if it is not right."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rebuild", action="store_true", help="make the index anew first")

    def handle(self, *args: Any, **options: Any) -> None:
        if missing := triggers.missing(connection):
            raise CommandError(
                f"The triggers of {', '.join(missing)} are missing; run: manage.py migrate search zero,"
                " then manage.py migrate"
            )
        with transaction.atomic():
            if options["rebuild"]:
                triggers.rebuild(connection)
            wrong = differences()
        for kind, object_id in wrong[:SHOWN]:
            self.stderr.write(f"{kind} {object_id}: its entry is missing, outdated or one too many")
        if wrong:
            raise CommandError(f"{len(wrong)} entries are wrong; run: manage.py check_search --rebuild")
        if connection.vendor == "sqlite":
            check_fts()
        if options["verbosity"]:
            self.stdout.write("The search index is right.")


def differences() -> list[tuple[str, int]]:
    """The documents whose entries are not what the catalogue says."""
    columns = ", ".join(triggers.COLUMNS)
    stored = f"SELECT {columns} FROM search_entry"
    wanted = f"SELECT * FROM ({triggers.entries(connection)}) AS wanted"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT * FROM ({wanted} EXCEPT {stored}) AS one UNION ALL SELECT * FROM ({stored} EXCEPT {wanted}) AS two"
        )
        return sorted({(row[0], row[1]) for row in cursor.fetchall()})


def check_fts() -> None:
    """FTS5's own comparison of its index with the entries; CommandError if they differ."""
    with connection.cursor() as cursor:
        for index in triggers.FTS:
            try:
                cursor.execute(f"INSERT INTO {index}({index}, rank) VALUES ('integrity-check', 1)")
            except DatabaseError as error:
                raise CommandError(f"{index}: {error}; run: manage.py check_search --rebuild") from error
