"""Triggers: the ones that each app needs, compared with those of the database, and installed where they differ.

An app with triggers registers a TriggerSet when it is ready. `migrate` installs what is missing or differs when its
migrations are done, `manage.py install_triggers` at any time, and `manage.py check --database default` reports it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, NamedTuple

from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from core.database.introspection import StoredTrigger, stored_functions, stored_triggers
from core.database.locks import locked

MISSING, DIFFERENT, SURPLUS = "is missing", "is defined otherwise", "is no longer used"
OTHER_BODY, DISABLED = "has another body", "is disabled for some sessions"  # on PostgreSQL


@dataclass(frozen=True)
class Function:
    """A function of PostgreSQL, which stores its body as it was written."""

    name: str
    body: str
    parameters: str = ""
    returns: str = "trigger"
    language: str = "plpgsql"

    @property
    def statement(self) -> str:
        head = f"CREATE OR REPLACE FUNCTION {self.name}({self.parameters}) RETURNS {self.returns}"
        return f"{head} LANGUAGE {self.language} AS $${self.body}$$"


@dataclass(frozen=True)
class Trigger:
    """A trigger, and on PostgreSQL the function that it calls.

    `statement` creates it. On PostgreSQL it is in the form in which pg_get_triggerdef() returns it, and without a
    condition (WHEN), which PostgreSQL would rewrite: conditions are in the function.
    """

    table: str
    name: str
    statement: str
    function: Function | None = None

    def state(self, stored: StoredTrigger | None) -> str:
        """Return how the stored one deviates, "" if it does not."""
        if stored is None:
            return MISSING
        if stored.statement != self.statement:
            return DIFFERENT
        if self.function and stored.body != self.function.body:
            return OTHER_BODY
        return "" if stored.enabled else DISABLED


_ROWS = {
    "insert": "REFERENCING NEW TABLE AS new_rows ",
    "update": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows ",
    "delete": "REFERENCING OLD TABLE AS old_rows ",
    "truncate": "",
}


def statement_trigger(label: str, table: str, event: str, body: str) -> Trigger:
    """Return a trigger of PostgreSQL that runs once for each statement; its body sees `old_rows` and `new_rows`."""
    function = Function(f"{label}_{table}_{event}", f"\nBEGIN\n{body}\nRETURN NULL;\nEND ")
    name, when = f"{label}_{event}", "BEFORE" if event == "truncate" else "AFTER"
    statement = (
        f"CREATE TRIGGER {name} {when} {event.upper()} ON {table} {_ROWS[event]}"
        f"FOR EACH STATEMENT EXECUTE FUNCTION {function.name}()"
    )
    return Trigger(table, name, statement, function)


def row_trigger(name: str, event: str, table: str, body: str, when: str = "") -> Trigger:
    """Return a trigger of SQLite, which runs for each row: of an event like "AFTER UPDATE", and of rows `when`."""
    condition = f"WHEN {when} " if when else ""
    return Trigger(table, name, f"CREATE TRIGGER {name} {event} ON {table} {condition}BEGIN {body} END")


class Deviation(NamedTuple):
    """A trigger, or a function (without a table), that is not as its app needs it."""

    table: str
    name: str
    state: str

    def __str__(self) -> str:
        return f"{self.name} on {self.table} {self.state}" if self.table else f"{self.name}() {self.state}"


class TriggerSet(ABC):
    """The triggers of an app. Their names, and those of their functions, begin with its label."""

    label: ClassVar[str]
    tables: ClassVar[tuple[str, ...]]  # of the app itself: nothing is installed until they exist
    consequence: ClassVar[str]  # of writing without the triggers, for those who run the site
    aftermath: ClassVar[str]  # what is left to do or to know when they are installed again
    # On PostgreSQL: what the functions of triggers call, and the tables that they use besides, with their statements.
    functions: ClassVar[Sequence[Function]] = ()
    work_tables: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def triggers(self, connection: BaseDatabaseWrapper) -> Sequence[Trigger]:
        """Return the triggers of those tables that exist by now."""

    @abstractmethod
    def counted_on(self) -> Sequence[str]:
        """Return the tables that nobody may write to during catch_up()."""

    @abstractmethod
    def catch_up(self, connection: BaseDatabaseWrapper) -> None:
        """Make good what was written without the triggers, or with other ones."""

    def is_migrated(self, connection: BaseDatabaseWrapper) -> bool:
        return set(self.tables) <= set(connection.introspection.table_names())

    def deviations(self, connection: BaseDatabaseWrapper) -> list[Deviation]:
        """Compare the triggers, and the functions, with those in the system tables of the database."""
        stored = self._stored(connection)
        triggers = self.triggers(connection)
        states = {(each.table, each.name): each.state(stored.get((each.table, each.name))) for each in triggers}
        states |= dict.fromkeys(stored.keys() - states.keys(), SURPLUS)
        found = self._states_of_functions(connection) | states
        return [Deviation(*key, state) for key, state in found.items() if state]

    def has_any(self, connection: BaseDatabaseWrapper) -> bool:
        """Tell whether one of the triggers is there, however it is defined."""
        return bool(self._stored(connection))

    def mend(self, connection: BaseDatabaseWrapper, everything: bool = False) -> list[Deviation]:
        """Install what is missing or differs (or `everything`), catch up, and return what was missing or differed.

        LockedError if other sessions do not release a table.
        """
        deviations = self.deviations(connection)
        if not (deviations or everything):
            return []
        chosen = self._everything(connection) if everything else deviations
        with locked(connection, self._tables(connection, chosen), readers_too=any(_drops(each) for each in chosen)):
            # Another process may have been faster; what is new meanwhile needs other locks, and is for the next run.
            deviations = [each for each in self.deviations(connection) if everything or each in chosen]
            if deviations or everything:
                self._install(connection, chosen if everything else deviations)
                self.catch_up(connection)
        return deviations

    def install(self, connection: BaseDatabaseWrapper) -> None:
        """Install all triggers, those in place too, and wait for locks as long as it takes: for migrations."""
        with transaction.atomic(connection.alias):
            self._install(connection, self._everything(connection))

    def uninstall(self, connection: BaseDatabaseWrapper) -> None:
        """Drop the triggers and all that belongs to them. LockedError if other sessions do not release a table."""
        stored = self._stored(connection)
        functions = {each.function for each in stored.values()} | self._names_of_functions(connection)
        tables = sorted({table for table, _ in stored})
        with locked(connection, tables, readers_too=True), connection.cursor() as cursor:
            for table, name in stored:
                cursor.execute(_drop(connection, table, name))
            for name in sorted(functions):
                if name.startswith(self._prefix):
                    cursor.execute(f"DROP FUNCTION IF EXISTS {name}")
            for table in self._work_tables(connection):
                cursor.execute(f"DROP TABLE IF EXISTS {table}")

    @property
    def _prefix(self) -> str:
        return f"{self.label}_"

    def _stored(self, connection: BaseDatabaseWrapper) -> dict[tuple[str, str], StoredTrigger]:
        """Return the triggers that are there. Other programs may use the database too, and names like ours: only those
        on tables of ours count, and on PostgreSQL only those with a function of ours."""
        stored = stored_triggers(connection, self._prefix)
        ours = {*_tables_of_ours(), *self.work_tables}
        on_ours = {key: trigger for key, trigger in stored.items() if key[0] in ours}
        if connection.vendor != "postgresql":
            return on_ours
        return {key: trigger for key, trigger in on_ours.items() if trigger.function.startswith(self._prefix)}

    def _functions(self, connection: BaseDatabaseWrapper) -> Sequence[Function]:
        return self.functions if connection.vendor == "postgresql" else ()

    def _work_tables(self, connection: BaseDatabaseWrapper) -> Mapping[str, str]:
        return self.work_tables if connection.vendor == "postgresql" else {}

    def _names_of_functions(self, connection: BaseDatabaseWrapper) -> set[str]:
        called = {trigger.function.name for trigger in self.triggers(connection) if trigger.function}
        return called | {function.name for function in self._functions(connection)}

    def _states_of_functions(self, connection: BaseDatabaseWrapper) -> dict[tuple[str, str], str]:
        bodies = {function.name: function.body for function in self._functions(connection)}
        stored = stored_functions(connection, bodies) if bodies else {}
        changed = {
            name: OTHER_BODY if name in stored else MISSING for name in bodies if stored.get(name) != bodies[name]
        }
        return {("", name): state for name, state in changed.items()}

    def _everything(self, connection: BaseDatabaseWrapper) -> list[Deviation]:
        wanted = [("", function.name) for function in self._functions(connection)]
        wanted += [(trigger.table, trigger.name) for trigger in self.triggers(connection)]
        surplus = self._stored(connection).keys() - set(wanted)
        states = dict.fromkeys(wanted, DIFFERENT) | dict.fromkeys(surplus, SURPLUS)
        return [Deviation(*key, state) for key, state in states.items()]

    def _tables(self, connection: BaseDatabaseWrapper, chosen: Iterable[Deviation]) -> list[str]:
        names = {*self.counted_on(), *(each.table for each in chosen)}
        return sorted(names & set(connection.introspection.table_names()))

    def _install(self, connection: BaseDatabaseWrapper, chosen: Iterable[Deviation]) -> None:
        states = {(each.table, each.name): each.state for each in chosen}
        with connection.cursor() as cursor:
            for statement in self._statements(connection, states):
                cursor.execute(statement)

    def _statements(self, connection: BaseDatabaseWrapper, states: Mapping[tuple[str, str], str]) -> Iterator[str]:
        yield from self._work_tables(connection).values()
        yield from (each.statement for each in self._functions(connection) if ("", each.name) in states)
        yield from self._surplus(connection, [key for key, state in states.items() if state == SURPLUS])
        for trigger in self.triggers(connection):
            if state := states.get((trigger.table, trigger.name)):
                yield from _creation(connection, trigger, state)

    def _surplus(self, connection: BaseDatabaseWrapper, keys: Iterable[tuple[str, str]]) -> Iterator[str]:
        stored = self._stored(connection)
        wanted = self._names_of_functions(connection)
        for table, name in keys:
            yield _drop(connection, table, name)
            function = stored[table, name].function
            if function.startswith(self._prefix) and function not in wanted:
                yield f"DROP FUNCTION IF EXISTS {function}"


@cache
def _tables_of_ours() -> frozenset[str]:
    """Return the tables of the models that are in this project's folder."""
    configs = [each for each in apps.get_app_configs() if Path(each.path).parent == settings.BASE_DIR]
    return frozenset(model._meta.db_table for config in configs for model in config.get_models())


def _drops(deviation: Deviation) -> bool:
    """Tell whether a trigger is dropped, which stops readers of its table too; creating one stops writers alone."""
    return bool(deviation.table) and deviation.state in {DIFFERENT, SURPLUS}


def _drop(connection: BaseDatabaseWrapper, table: str, name: str) -> str:
    where = f" ON {table}" if connection.vendor == "postgresql" else ""
    return f"DROP TRIGGER IF EXISTS {name}{where}"


def _creation(connection: BaseDatabaseWrapper, trigger: Trigger, state: str) -> Iterator[str]:
    if trigger.function:
        yield trigger.function.statement
    if state == DIFFERENT:
        yield _drop(connection, trigger.table, trigger.name)
    if state in {DIFFERENT, MISSING}:
        yield trigger.statement
    if connection.vendor == "postgresql":
        # Restores and replication switch ordinary triggers off in their sessions, and write all the same.
        yield f"ALTER TABLE {trigger.table} ENABLE ALWAYS TRIGGER {trigger.name}"


REGISTERED: list[TriggerSet] = []


def register(triggers: TriggerSet) -> None:
    """Have the triggers checked, and installed after migrations."""
    REGISTERED.append(triggers)
