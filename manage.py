#!/usr/bin/env python
"""Django's command line for Package Grids."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415 (settings come first)
    from django.db import OperationalError, ProgrammingError  # noqa: PLC0415

    from core.requests import name_process  # noqa: PLC0415

    name_process()
    try:
        execute_from_command_line(sys.argv)
    except (OperationalError, ProgrammingError) as error:
        # The database is unreachable or not migrated: an operator reads one line, not a traceback.
        reason = " ".join(str(error).split())
        if "no such table" in reason or ("relation" in reason and "does not exist" in reason):
            sys.exit("Database: its tables are missing or of another version; run: manage.py migrate")
        if isinstance(error, ProgrammingError):
            raise
        sys.exit(f"Database: {reason}")


if __name__ == "__main__":
    main()
