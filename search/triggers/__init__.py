from search.triggers.entry import (
    COLUMNS,
    FTS,
    POSTGRESQL_INDEX,
    POSTGRESQL_INDEX_AWAY,
    SQLITE_INDEX,
    SQLITE_INDEX_AWAY,
    create_extension,
    entries,
    install,
    missing,
    rebuild,
    uninstall,
)

__all__ = (
    "COLUMNS",
    "FTS",
    "POSTGRESQL_INDEX",
    "POSTGRESQL_INDEX_AWAY",
    "SQLITE_INDEX",
    "SQLITE_INDEX_AWAY",
    "create_extension",
    "entries",
    "install",
    "missing",
    "rebuild",
    "uninstall",
)
