"""Advisories for tests."""

from datetime import UTC, datetime
from typing import Any

from packages.advisories import write
from packages.advisories.facts import AdvisoryDocument, AdvisoryFact, Event
from packages.models import Package
from packages.settling import settled
from tests.factories import PackageFactory

THEN = datetime(2026, 11, 1, 12, tzinfo=UTC)


def events(introduced: str = "0", fixed: str = "") -> tuple[Event, ...]:
    return (("introduced", introduced), *((("fixed", fixed),) if fixed else ()))


def fact(osv_id: str = "PYSEC-2026-1", pypi_name: str = "shelf", **changes: Any) -> AdvisoryFact:
    values: dict[str, Any] = {
        "aliases": (),
        "summary": "Shelves fall.",
        "severity": "high",
        "published": THEN,
        "ranges": (events(fixed="2.0"),),
        "versions": (),
    }
    return AdvisoryFact(osv_id, pypi_name, **(values | changes))


def document(osv_id: str = "PYSEC-2026-1", *names: str, modified: datetime = THEN, **changes: Any) -> AdvisoryDocument:
    facts = tuple(fact(osv_id, name, **changes) for name in names or ("shelf",))
    return AdvisoryDocument(osv_id, modified, facts)


def withdrawn(osv_id: str = "PYSEC-2026-1", modified: datetime = THEN) -> AdvisoryDocument:
    return AdvisoryDocument(osv_id, modified, ())


def save(*documents: AdvisoryDocument) -> None:
    write.save(documents or [document()])


def package(slug: str = "shelf", version: str | None = "1.0", **columns: Any) -> Package:
    """Return a package with a project and its latest version."""
    with settled():
        return PackageFactory.create(**{"slug": slug, "pypi_url": slug, "pypi_version": version} | columns)


def is_vulnerable(package: Package) -> bool:
    """Return what is stored, and check that nobody says anything else."""
    row = Package.objects.with_advisories().with_health().get(pk=package.pk)
    affecting = [each for each in row.advisories_listed or () if each["affects_latest"]]  # type: ignore[attr-defined]
    warnings: list[str] = row.health_warnings or []  # type: ignore[attr-defined]
    assert row.vulnerable == bool(affecting) == ("vulnerable" in warnings)
    return row.vulnerable
