"""Facts that a verdict follows from, and how fresh they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Upload:
    """A release on PyPI; `at` is None where the time of the upload is not known."""

    version: str
    at: datetime | None
    yanked: bool = False


@dataclass(frozen=True, slots=True)
class SourceState:
    """The fetches of one source. `is_asked`: the package has an address there that can be fetched.

    `last_success`: the time of the newest success (of an imported package without fetch states: its last_fetched).
    `asked_since`: the time since when it is asked about; a source that never had a success is stale 90 days later.
    """

    is_asked: bool = False
    last_success: datetime | None = None
    asked_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a verdict follows from. Defaults are those of a package of which nothing is known."""

    # Of the repository
    repo: SourceState = SourceState()
    last_commit: datetime | None = None
    last_human_commit: datetime | None = None
    weeks: Sequence[int] = ()  # 52 numbers of commits, oldest first, or none
    participants: Sequence[str] = ()
    archived: bool | None = None
    is_shared: bool = False  # another package, neither deprecated nor gone, is in it
    names_folder: bool = False  # the URL names a folder of the repository
    name_reused: bool = False  # its address is another repository now
    # Of PyPI
    pypi: SourceState = SourceState()
    uploads: Sequence[Upload] = ()
    latest_version: str | None = None
    classifiers: Sequence[str] = ()
    requires_python: str = ""
    pypi_status: str = ""  # PEP 792: active, archived, quarantined, deprecated; "" if unknown
    downloads: int | None = None  # a month
    vulnerable: bool = False  # an advisory affects the latest version
    # Of editors, and of us
    deprecated: bool = False
    has_successor: bool = False
    finished_until: date | None = None
    gone_since: datetime | None = None
