#!/usr/bin/env python
"""Django's command line for Package Grids."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from core.secrets import excepthook, redacted  # noqa: PLC0415

    sys.excepthook = excepthook
    from django.core.management import execute_from_command_line  # noqa: PLC0415 (settings come first)
    from django.db import DatabaseError, OperationalError, ProgrammingError  # noqa: PLC0415

    from core.database.sessions import is_unavailable  # noqa: PLC0415
    from core.requests import name_process  # noqa: PLC0415

    name_process()
    try:
        execute_from_command_line(sys.argv)
    except DatabaseError as error:
        # The database is unreachable, read-only or not migrated: an operator reads one line, not a traceback.
        reason = " ".join(str(error).split())
        if "no such table" in reason or ("relation" in reason and "does not exist" in reason):
            sys.exit("Database: its tables are missing or of another version; run: manage.py migrate")
        if isinstance(error, ProgrammingError) or not (isinstance(error, OperationalError) or is_unavailable(error)):
            raise
        sys.exit(redacted(f"Database: {reason}"))


if __name__ == "__main__":
    main()
