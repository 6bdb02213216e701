"""Parts of a package that are requested for themselves: the failure of one costs that part alone."""

from collections.abc import Callable
from typing import TypeVar

from fetchers.network.http import FetchError
from packages.facts import UNKNOWN, InvalidFactError, Odd, Unknown

T = TypeVar("T")


def attempt(odd: Odd, what: str, read: Callable[[], T], *passed: type[FetchError]) -> T | Unknown:
    """Return a part; UNKNOWN, and a note, if it is odd or its request fails for itself alone.

    The note is shown to everybody: of a failed request it tells the outcome, and no URL. What concerns the whole
    upstream is raised, and so are the errors `passed`.
    """
    try:
        return read()
    except InvalidFactError as error:
        odd.note(f"{what}: {error}")
    except FetchError as error:
        if error.upstream_wide or isinstance(error, passed):
            raise
        odd.note(f"{what}: {error.outcome}")
    return UNKNOWN
