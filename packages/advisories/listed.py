"""The vulnerabilities of a package, as its document and its page show them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict

import orjson
from django.db.models import F, OuterRef, TextField
from django.db.models.functions import Cast, JSONObject

from core.database.functions import JSONList
from packages.advisories.facts import place
from packages.advisories.models import PackageAdvisory

_PLAIN = ("id", "osv_id", "summary", "severity", "affects_latest", "published", "modified")
_LISTS = ("aliases", "fixed")
URL = "https://osv.dev/vulnerability/{}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A vulnerability of a package."""

    osv_id: str
    aliases: tuple[str, ...]
    summary: str
    severity: str
    fixed: tuple[str, ...]
    affects_latest: bool
    published: datetime | None
    modified: datetime

    @property
    def url(self) -> str:
        return URL.format(self.osv_id)

    @property
    def order(self) -> tuple[object, ...]:
        """Its place: what affects the latest version comes first, then the worst, then the newest."""
        return (not self.affects_latest, place(self.severity), -self.modified.timestamp(), self.osv_id)


class AdvisoryKeys(TypedDict):
    id: str
    aliases: list[str]
    summary: str
    severity: str
    fixed: list[str]
    affects_latest: bool
    published: datetime | None
    modified: datetime | None
    url: str


def of_package() -> JSONList:
    """The column with a package's vulnerabilities, which listed() reads; null where there are none."""
    rows = PackageAdvisory.objects.filter(package=OuterRef("pk")).order_by("osv_id")
    return JSONList(rows.values(value=json_of(_PLAIN, _LISTS)))


def json_of(plain: Iterable[str], lists: Iterable[str]) -> JSONObject:
    """Columns of a row as a JSON object; lists as their JSON, on both databases."""
    return JSONObject(**{name: F(name) for name in plain}, **{name: Cast(name, TextField()) for name in lists})


def listed(rows: Iterable[Mapping[str, Any]] | None) -> list[Listed]:
    """Return what of_package() read, in its order."""
    return sorted(stored(rows), key=lambda each: each.order)


def stored(rows: Iterable[Mapping[str, Any]] | None) -> dict[Listed, int]:
    """Return what of_package() read, with the ids of the rows."""
    return {_listed(row): row["id"] for row in rows or ()}


def _listed(row: Mapping[str, Any]) -> Listed:
    return Listed(
        row["osv_id"],
        tuple(orjson.loads(row["aliases"])),
        row["summary"],
        row["severity"],
        tuple(orjson.loads(row["fixed"])),
        bool(row["affects_latest"]),
        row["published"] and time_of(row["published"]),
        time_of(row["modified"]),
    )


def time_of(text: str) -> datetime:
    """Return a time that a database wrote into JSON, SQLite without its zone."""
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
