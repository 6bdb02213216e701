"""The columns of a kind of document, and the keys of its document in API v4: one list for each kind.

Serializers, `fields=` and `expand=`, the log of changes, admin, fetching and the mirror follow from the lists, which
are in categories.documents, packages.documents and grids.documents. A list names columns and imports no model.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from core.kinds import Kind


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key of a document: one that v4 always shows (`v4`), one that `fields=` adds (`extended`), or a stored column
    that is no key (neither).

    `means` says to clients what the value is, in particular null, "" and []; the schema and the pages for clients show
    it. `ages` is the number of seconds after which the value may be another one although nothing was written; 0 if it
    never is.
    """

    name: str = field(kw_only=False)
    v4: bool = False
    extended: bool = False
    means: str = ""
    ages: int = 0

    def __post_init__(self) -> None:
        if (self.v4 or self.extended) != bool(self.means):
            raise ValueError(f"{self.name}: a key of a document says what it means, and nothing else does")


@dataclass(frozen=True, kw_only=True)
class Column(Key):
    """A stored column, and the key of the same name if it is `v4` or `extended`.

    `fetched`: a fetch writes it; `source` says from where, if not from the main source of the kind. `edited`: an editor
    writes it, or an import of a document that was edited later.
    `logged`: where a key shows the column, its move is a change in the log; `reason` says why it is none.
    `preserialized`: its JSON is sent as it is stored.
    """

    fetched: bool = False
    source: str = ""
    edited: bool = False
    logged: bool = True
    reason: str = ""
    preserialized: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.logged == bool(self.reason):
            raise ValueError(f"{self.name}: a column is logged, or there is a reason why it is not")

    @property
    def column(self) -> str:
        return self.name

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,) if self.column else ()


@dataclass(frozen=True, kw_only=True)
class Computed(Key):
    """A key whose value is computed from stored columns, or read from rows of other kinds.

    `shows` are the other kinds that a response with the key depends on, or single columns of theirs. `reason` says why
    a move of those is no change of this document, where no stored column has one logged.
    """

    columns: tuple[str, ...] = ()
    shows: tuple[Kind | tuple[Kind, str], ...] = ()
    reason: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.columns) == bool(self.reason):
            raise ValueError(f"{self.name}: it is made of stored columns, or there is a reason why no change is logged")


@dataclass(frozen=True, kw_only=True)
class Relation(Column):
    """A key that links to documents of `kind`: to one, by its `foreign_key`, or to many, whose ids `ids` reads from a
    row of for_api().

    `expand=` replaces the links of an `expandable` one by documents; for_api() can load them with `select_related`.
    """

    kind: Kind
    foreign_key: str = ""
    null: bool = False
    ids: Callable[[Any], list[int]] | None = None
    expandable: bool = True
    select_related: bool = False

    @property
    def column(self) -> str:
        return self.foreign_key

    @property
    def many(self) -> bool:
        return self.ids is not None

    def ids_of_each(self, rows: Iterable[Any]) -> list[list[int]]:
        """Return the ids of the documents that each row links to, in order."""
        if self.ids:
            return [self.ids(row) for row in rows]
        ids = [getattr(row, self.foreign_key) for row in rows]
        return [[] if pk is None else [pk] for pk in ids]


ID = Column(
    "id",
    v4=True,
    means="The number that stands for it in URLs; it stays when the slug changes.",
    logged=False,
    reason="A row with another id is logged as deleted and created.",
)
TITLE = Column("title", v4=True, means="As an editor typed it.", edited=True)
SLUG = Column(
    "slug", v4=True, means="Its name in URLs. When it changes, requests for the former one are redirected.", edited=True
)
CREATED = Column("created", v4=True, means="When it was added to the catalogue.", edited=True)
MODIFIED = Column("modified", v4=True, means="When an editor last saved it; no fetch moves this.", edited=True)


class Columns:
    """The columns and keys of one kind, in the order of the contract. Every stored column of its table is listed."""

    def __init__(self, kind: Kind, *keys: Column | Computed) -> None:
        self.kind = kind
        self.keys = keys
        self.v4 = tuple(key.name for key in keys if key.v4)
        self.extended = tuple(key.name for key in keys if key.extended)
        self.served = (*self.v4, *self.extended)
        self.by_name = {key.name: key for key in keys}
        self.relations = {key.name: key for key in keys if isinstance(key, Relation)}
        self.expandable = tuple(name for name, relation in self.relations.items() if relation.expandable)

    def stored(self, names: Iterable[str]) -> set[str]:
        """The stored columns that the keys with these names are made of."""
        return {column for name in names for column in self.by_name[name].columns}

    def shows(self, names: Iterable[str]) -> set[Kind | tuple[Kind, str]]:
        """The other kinds, and single columns of theirs, that these keys show. Names of no key are ignored."""
        keys = (key for name in names if isinstance(key := self.by_name.get(name), Computed))
        return {shown for key in keys for shown in key.shows}

    def ages(self, names: Iterable[str]) -> int:
        """The seconds after which one of these keys may change without a write; 0 if none does. Names of no key are
        ignored."""
        return min((key.ages for name in names if (key := self.by_name.get(name)) and key.ages), default=0)

    @cached_property
    def fetched(self) -> tuple[str, ...]:
        """The columns that a fetch writes."""
        return self._columns(lambda column: column.fetched)

    def fetched_from(self, source: str) -> tuple[str, ...]:
        """The fetched columns of that source; "" is the main one."""
        return self._columns(lambda column: column.fetched and column.source == source)

    @cached_property
    def edited(self) -> tuple[str, ...]:
        """The columns that an editor writes."""
        return self._columns(lambda column: column.edited)

    @cached_property
    def logged(self) -> tuple[str, ...]:
        """The columns whose move is a change in the log."""
        served = self.stored(self.served)
        return self._columns(lambda column: column.logged and column.column in served)

    @cached_property
    def not_logged(self) -> dict[str, str]:
        """The other columns that documents are made of, each with the reason why its move is no change."""
        served = self.stored(self.served)
        columns = [key for key in self.keys if isinstance(key, Column) and key.column in served]
        return {column.column: column.reason for column in columns if not column.logged}

    @cached_property
    def preserialized(self) -> tuple[str, ...]:
        """The columns whose JSON is sent as it is stored."""
        return self._columns(lambda column: column.preserialized)

    def _columns(self, chosen: Callable[[Column], bool]) -> tuple[str, ...]:
        return tuple(key.column for key in self.keys if isinstance(key, Column) and key.column and chosen(key))
