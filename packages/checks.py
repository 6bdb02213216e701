"""The check of the table of ends of support, which grows old with the program."""

from datetime import timedelta
from typing import Any

from django.core import checks
from django.utils import timezone

from packages import support

OLD_AFTER = timedelta(days=365)


def check_ends_of_support(**_: Any) -> list[checks.CheckMessage]:
    """Warn if the table is over a year old: a version that came since has no end in it."""
    if timezone.now().date() - support.TABLE_DAY <= OLD_AFTER:
        return []
    return [
        checks.Warning(
            f"The ends of support of Django and Python, by which packages are judged, are of {support.TABLE_DAY}.",
            hint="Install a newer release of this program, or bring packages/support.py up to date: it names its"
            " sources. Then run: manage.py update_health",
            id="packages.W001",
        )
    ]
