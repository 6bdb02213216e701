#!/usr/bin/env python
"""Django's command line for Package Grids."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415 (settings come first)
    from django.db import OperationalError  # noqa: PLC0415

    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        # The database is away or not migrated: an operator's problem, told in one line, not as a traceback.
        sys.exit(f"Database: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
