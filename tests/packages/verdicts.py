"""Stored verdicts, compared with those that follow from the facts now."""

from django.utils import timezone

from packages.advisories.ranges import affects
from packages.health import health
from packages.models import Advisory, Package, PackageHealth, UnsettledPackage
from packages.settling.reading import facts_of


def due() -> list[int]:
    """Return the ids of the packages that wait to be settled."""
    expired = PackageHealth.objects.filter(valid_until__lte=timezone.now())
    return sorted(
        {*UnsettledPackage.objects.values_list("package_id", flat=True), *expired.values_list("pk", flat=True)}
    )


def forget_marks() -> None:
    """Leave the packages of a test unsettled: on PostgreSQL they are of one transaction with what it requests, and
    would be settled with that."""
    UnsettledPackage.objects.all().delete()


def _is_vulnerable(package: Package) -> bool:
    version = package.pypi_version
    if not version or not package.pypi_name or package.pypi_facts_of != package.pypi_name:
        return False
    advisories = Advisory.objects.filter(pypi_name=package.pypi_name)
    return any(affects(version, each.ranges, each.versions) for each in advisories)


def assert_settled() -> None:
    """Check that no package is due, and that every verdict is the one that follows from the facts."""
    assert due() == []
    now = timezone.now()
    vulnerable = {package.pk for package in Package.objects.all() if _is_vulnerable(package)}
    assert vulnerable == set(Package.objects.filter(vulnerable=True).values_list("pk", flat=True))
    for package, facts in facts_of(list(Package.objects.order_by("pk")), vulnerable):
        stored, expected = PackageHealth.objects.get(pk=package.pk), health(facts, now)
        shown = (package.verdict, tuple(stored.warnings), stored.valid_until)
        assert shown == (expected.verdict, expected.warnings, expected.valid_until)
        assert [reason["rule"] for reason in stored.reasons] == [reason.rule for reason in expected.reasons]
