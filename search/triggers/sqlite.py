"""The triggers on SQLite, once for each row, and its index: FTS5."""

from collections.abc import Iterable, Iterator

from core.database.triggers import Trigger, row_trigger
from search.triggers.entry import INSERT, OVERWRITE, SQLITE, Indexed, Part

FTS = {
    "search_words": "names, body, content='search_entry', content_rowid='id',"
    " tokenize='porter unicode61 remove_diacritics 2', prefix='2 3 4'",
    "search_trigrams": "names, content='search_entry', content_rowid='id', tokenize='trigram'",
}
INDEX = "".join(f"CREATE VIRTUAL TABLE {name} USING fts5({options});\n" for name, options in FTS.items())
DROP_INDEX = "".join(f"DROP TABLE IF EXISTS {name};\n" for name in FTS)


def triggers(indexed: Iterable[Indexed]) -> Iterator[Trigger]:
    for each in indexed:
        table = each.kind.table
        # "WHERE true": without it SQLite would read the conflict clause as a join's.
        write = f"{INSERT} SELECT {each.entry(SQLITE, 'NEW.')} WHERE true {OVERWRITE};"
        delete = f"DELETE FROM search_entry WHERE kind = '{each.kind}' AND object_id = OLD.id;"
        differ = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in each.columns)
        yield row_trigger(f"search_{table}_insert", "AFTER INSERT", table, write)
        yield row_trigger(f"search_{table}_delete", "AFTER DELETE", table, delete)
        yield row_trigger(f"search_{table}_update_id", "AFTER UPDATE", table, delete, when="OLD.id <> NEW.id")
        yield row_trigger(f"search_{table}_update", "AFTER UPDATE", table, write, when=differ)
        for part in each.parts:
            yield from _of_part(each, part)
    yield from _of_entries()


def _of_part(indexed: Indexed, part: Part) -> Iterator[Trigger]:
    """The triggers that write the entries of a part's owners anew."""
    table, differ = part.kind.table, " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in part.columns)
    entries = f"{INSERT} SELECT {indexed.entry(SQLITE, 'stored.')} FROM {indexed.kind.table} AS stored WHERE stored.id"
    of_old, of_new = f"OLD.{part.owner}", f"NEW.{part.owner}"
    for event, owners, when in (
        ("insert", of_new, ""),
        ("delete", of_old, ""),
        ("update", f"{of_old}, {of_new}", differ),
    ):
        rewritten = f"{entries} IN ({owners}) {OVERWRITE};"
        yield row_trigger(f"search_{table}_{event}", f"AFTER {event.upper()}", table, rewritten, when=when)


def _of_entries() -> Iterator[Trigger]:
    """The triggers that keep FTS5's tables in step with the entries: FTS5 needs the old texts to delete them."""
    put = (
        "INSERT INTO search_words(rowid, names, body) VALUES (NEW.id, NEW.names, NEW.body);"
        "INSERT INTO search_trigrams(rowid, names) VALUES (NEW.id, NEW.names);"
    )
    forget = (
        "INSERT INTO search_words(search_words, rowid, names, body) VALUES ('delete', OLD.id, OLD.names, OLD.body);"
        "INSERT INTO search_trigrams(search_trigrams, rowid, names) VALUES ('delete', OLD.id, OLD.names);"
    )
    differ = "OLD.id <> NEW.id OR OLD.names <> NEW.names OR OLD.body <> NEW.body"
    yield row_trigger("search_entry_insert", "AFTER INSERT", "search_entry", put)
    yield row_trigger("search_entry_delete", "AFTER DELETE", "search_entry", forget)
    yield row_trigger("search_entry_update", "AFTER UPDATE", "search_entry", f"{forget} {put}", when=differ)
