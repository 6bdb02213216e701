"""The meaning that the advisories on its project have for a package: settled with its verdict.

Databases describe one vulnerability in several advisories, which name each other as aliases: they are one here. It
affects a version if one of them says so.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db.models import OuterRef

from core.database.functions import JSONList
from packages.advisories.facts import Range, worst
from packages.advisories.listed import Listed, json_of, time_of
from packages.advisories.models import Advisory, PackageAdvisory
from packages.advisories.ranges import affects, fixed_in, in_order

MOST = 500  # vulnerabilities of a package that are listed
MOST_ALIASES, MOST_FIXED = 20, 20
_FIRST = ("GHSA-", "PYSEC-")  # whose ids and words come first: GitHub reviews its advisories
_PLAIN = ("osv_id", "summary", "severity", "published", "modified")
_LISTS = ("aliases", "ranges", "versions")
_WRITTEN = ("aliases", "summary", "severity", "fixed", "affects_latest", "published", "modified")


@dataclass(frozen=True, slots=True)
class Told:
    """An advisory on a project, as it is stored."""

    osv_id: str
    aliases: Sequence[str]
    summary: str
    severity: str
    published: datetime | None
    modified: datetime
    ranges: Sequence[Range]
    versions: Sequence[str]

    @property
    def order(self) -> tuple[int, str]:
        return next((n for n, each in enumerate(_FIRST) if self.osv_id.startswith(each)), len(_FIRST)), self.osv_id


def of_project() -> JSONList:
    """The column with the advisories on a package's project, which told() reads; null where there are none."""
    rows = Advisory.objects.filter(pypi_name=OuterRef("pypi_name")).exclude(pypi_name="").order_by("osv_id")
    return JSONList(rows.values(value=json_of(_PLAIN, _LISTS)))


def told(rows: Iterable[Mapping[str, Any]] | None) -> list[Told]:
    """Return what of_project() read."""
    return [
        Told(
            row["osv_id"],
            orjson.loads(row["aliases"]),
            row["summary"],
            row["severity"],
            row["published"] and time_of(row["published"]),
            time_of(row["modified"]),
            orjson.loads(row["ranges"]),
            orjson.loads(row["versions"]),
        )
        for row in rows or ()
    ]


def vulnerabilities(advisories: Collection[Told], latest: str | None) -> list[Listed]:
    """Return the vulnerabilities that these advisories on a project describe, those that affect its `latest` version
    first; MOST of them at most."""
    found = [_listed(sorted(group, key=lambda each: each.order), latest) for group in _of_one(advisories)]
    return sorted(found, key=lambda each: each.order)[:MOST]


def _of_one(advisories: Collection[Told]) -> Iterable[list[Told]]:
    """Group the advisories that are aliases of each other, also by way of others."""
    parents: dict[str, str] = {}

    def root(name: str) -> str:
        while (parent := parents.setdefault(name, name)) != name:
            name = parents[name] = parents[parent]
        return name

    for each in advisories:
        for alias in each.aliases:
            parents[root(alias)] = root(each.osv_id)
    groups: dict[str, list[Told]] = {}
    for each in advisories:
        groups.setdefault(root(each.osv_id), []).append(each)
    return groups.values()


def _listed(group: Sequence[Told], latest: str | None) -> Listed:
    first = group[0]
    names = {name for each in group for name in (each.osv_id, *each.aliases)} - {first.osv_id}
    fixed = [version for each in group for version in fixed_in(each.ranges)]
    return Listed(
        first.osv_id,
        tuple(sorted(names)[:MOST_ALIASES]),
        next((each.summary for each in group if each.summary), ""),
        worst([each.severity for each in group]),
        tuple(in_order(fixed)[-MOST_FIXED:]),
        latest is not None and any(affects(latest, each.ranges, each.versions) for each in group),
        min((each.published for each in group if each.published), default=None),
        max(each.modified for each in group),
    )


def save(wanted: Mapping[int, Sequence[Listed]], stored: Mapping[int, Mapping[Listed, int]]) -> None:
    """Write the vulnerabilities of packages, by their ids, where they differ from the stored ones (with their rows)."""
    gone: list[int] = []
    rows = []
    for pk, listed in wanted.items():
        ids = {each.osv_id for each in listed}
        gone += [row for each, row in stored[pk].items() if each.osv_id not in ids]
        rows += [_row(pk, each) for each in listed if each not in stored[pk]]
    if gone:
        PackageAdvisory.objects.filter(pk__in=gone).delete()
    PackageAdvisory.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["package", "osv_id"], update_fields=_WRITTEN, batch_size=500
    )


def _row(package: int, listed: Listed) -> PackageAdvisory:
    return PackageAdvisory(
        package_id=package,
        osv_id=listed.osv_id,
        aliases=list(listed.aliases),
        summary=listed.summary,
        severity=listed.severity,
        fixed=list(listed.fixed),
        affects_latest=listed.affects_latest,
        published=listed.published,
        modified=listed.modified,
    )
