"""manage.py check_search: compares the search index with the catalogue, row by row."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection, transaction

from search import triggers

SHOWN = 10


class Command(BaseCommand):
    help = "Compare the search index with the catalogue. If it is wrong, print the differences; the exit code is 1."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rebuild", action="store_true", help="rebuild the index first")

    def handle(self, *args: Any, **options: Any) -> None:
        if tables := list(dict.fromkeys(each.table for each in triggers.SEARCH_TRIGGERS.deviations(connection))):
            raise CommandError(
                f"The triggers of {', '.join(tables)} are missing or differ; run: manage.py install_triggers"
            )
        with transaction.atomic():
            if options["rebuild"]:
                triggers.rebuild(connection)
            wrong = differences()
        for kind, object_id in wrong[:SHOWN]:
            self.stderr.write(f"{kind} {object_id}: its entry is missing, outdated or superfluous")
        if wrong:
            raise CommandError(f"{len(wrong)} entries are wrong; run: manage.py check_search --rebuild")
        if connection.vendor == "sqlite":
            check_fts()
        if options["verbosity"]:
            self.stdout.write("The search index is right.")


def differences() -> list[tuple[str, int]]:
    """Return the kinds and ids of the documents whose entries differ from the catalogue."""
    columns = ", ".join(triggers.COLUMNS)
    stored = f"SELECT {columns} FROM search_entry"
    wanted = f"SELECT * FROM ({triggers.entries(connection)}) AS wanted"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT * FROM ({wanted} EXCEPT {stored}) AS one UNION ALL SELECT * FROM ({stored} EXCEPT {wanted}) AS two"
        )
        return sorted({(row[0], row[1]) for row in cursor.fetchall()})


def check_fts() -> None:
    """Have FTS5 compare its index with the entries; CommandError if they differ."""
    with connection.cursor() as cursor:
        for index in triggers.FTS:
            try:
                cursor.execute(f"INSERT INTO {index}({index}, rank) VALUES ('integrity-check', 1)")
            except DatabaseError as error:
                raise CommandError(f"{index}: {error}; run: manage.py check_search --rebuild") from error
