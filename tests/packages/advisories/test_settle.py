"""Vulnerabilities of packages: what several advisories come to, and that they are kept true whoever writes what."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from packages.advisories import write
from packages.advisories.models import Advisory
from packages.advisories.settle import Told, vulnerabilities
from packages.models import Package, PackageAdvisory, PackageHealth, Release, UnsettledPackage
from packages.results import save_results
from packages.settling import settled
from packages.settling.update import update_health
from tests.changes.log import moved
from tests.packages.advisories.advisories import THEN, document, events, is_vulnerable, package, save, withdrawn
from tests.packages.test_results import PYPI, attempt, fetched
from tests.packages.verdicts import assert_settled

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def told(osv_id: str, *aliases: str, **changes: Any) -> Told:
    values: dict[str, Any] = {
        "summary": "",
        "severity": "unknown",
        "published": None,
        "modified": THEN,
        "ranges": [events(fixed="2.0")],
        "versions": [],
    }
    return Told(osv_id, aliases, **(values | changes))


# Several advisories on one vulnerability


def test_aliases_are_one_vulnerability() -> None:
    rows = [
        told("PYSEC-1", "CVE-1", summary="Of PyPI.", severity="moderate", published=THEN, ranges=[events(fixed="3.0")]),
        told("GHSA-1", "CVE-1", summary="", severity="low", published=THEN - DAY, modified=THEN + DAY),
        told("X-1", "CVE-2"),
        told("Y-1", "PYSEC-1", severity="critical"),
    ]
    one, other = vulnerabilities(rows, "2.5")
    assert (one.osv_id, one.aliases, one.summary) == ("GHSA-1", ("CVE-1", "PYSEC-1", "Y-1"), "Of PyPI.")
    assert (one.severity, one.fixed, one.affects_latest) == ("critical", ("2.0", "3.0"), True)
    assert (one.published, one.modified) == (THEN - DAY, THEN + DAY)
    assert (other.osv_id, other.aliases, other.affects_latest) == ("X-1", ("CVE-2",), False)
    assert one.url == "https://osv.dev/vulnerability/GHSA-1"


def test_aliases_by_way_of_others_in_any_order() -> None:
    rows = [told("A", "B"), told("C", "D"), told("E", "D", "B"), told("F")]
    for turned in (rows, rows[::-1], rows[2:] + rows[:2]):
        assert [(each.osv_id, each.aliases) for each in vulnerabilities(turned, None)] == [
            ("A", ("B", "C", "D", "E")),
            ("F", ()),
        ]


def test_what_affects_the_latest_version_comes_first_then_the_worst_then_the_newest() -> None:
    rows = [
        told("A", severity="critical"),
        told("B", ranges=[events()], severity="low"),
        told("C", severity="high", modified=THEN - DAY),
        told("D", severity="high"),
        told("E"),
    ]
    assert [each.osv_id for each in vulnerabilities(rows, "2.0")] == ["B", "A", "D", "C", "E"]
    assert [each.osv_id for each in vulnerabilities(rows, None)] == ["A", "D", "C", "B", "E"]
    assert not any(each.affects_latest for each in vulnerabilities(rows, None))


def test_there_is_a_limit() -> None:
    assert len(vulnerabilities([told(f"A-{number}") for number in range(600)], "1.0")) == 500


# Whoever writes what


def test_an_advisory_on_a_package() -> None:
    one, other = package(), package("other")
    save()
    assert is_vulnerable(one)
    assert not is_vulnerable(other)
    [row] = PackageAdvisory.objects.all()
    assert (row.package, row.osv_id, row.fixed, row.severity) == (one, "PYSEC-2026-1", ["2.0"], "high")
    assert_settled()


def test_a_package_that_is_added_later_has_its_advisories_at_once() -> None:
    save()
    assert is_vulnerable(package())


def test_several_packages_of_a_project_and_several_projects_of_an_advisory() -> None:
    packages = [package(), package("twin", pypi_url="Shelf"), package("board")]
    save(document("GHSA-1", "shelf", "board"))
    assert all(map(is_vulnerable, packages))
    save(document("GHSA-1", "board", modified=THEN + DAY))
    assert list(map(is_vulnerable, packages)) == [False, False, True]
    assert PackageAdvisory.objects.count() == Advisory.objects.count() == 1


def test_a_new_version_of_the_advisory() -> None:
    shelf = package()
    save()
    save(document(modified=THEN + DAY, ranges=(events(fixed="0.9"),)))
    assert not is_vulnerable(shelf)
    assert PackageAdvisory.objects.get().fixed == ["0.9"]


@pytest.mark.parametrize("vanish", [lambda: save(withdrawn()), lambda: write.forget(["PYSEC-2026-1"])])
def test_what_is_withdrawn_or_gone_vanishes(vanish: Callable[[], object]) -> None:
    shelf = package()
    save()
    vanish()
    assert not is_vulnerable(shelf)
    assert not PackageAdvisory.objects.exists()


def test_the_version_decides_as_it_is_fetched() -> None:
    shelf = package(version=None)
    save(document(ranges=(events("1.9", "2.1"),)))
    assert not is_vulnerable(shelf)
    save_results([attempt(shelf, fetched(PYPI), "pypi")])
    assert Package.objects.get(pk=shelf.pk).pypi_version == "2.0"
    assert is_vulnerable(shelf)


def change_version(shelf: Package) -> None:
    with settled():
        Package.objects.filter(pk=shelf.pk).update(pypi_version="2.0")


def save_version(shelf: Package) -> None:
    with settled():
        shelf.pypi_version = "2.0"
        shelf.save()


def change_project(shelf: Package) -> None:
    with settled():
        shelf.pypi_url = "another"
        shelf.save()


def by_sql(statement: str) -> Callable[[Package], None]:
    def write(_: Package) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)
        update_health()

    return write


@pytest.mark.parametrize(
    "change",
    [
        change_version,
        save_version,
        change_project,
        by_sql("UPDATE packages_package SET pypi_version = '2.0'"),
        by_sql("UPDATE packages_package SET pypi_name = 'another', pypi_url = 'another'"),
        by_sql("DELETE FROM packages_advisory"),
        by_sql("UPDATE packages_advisory SET pypi_name = 'another'"),
        by_sql("""UPDATE packages_advisory SET ranges = '[[["introduced", "3"]]]'"""),
    ],
)
def test_whoever_writes_otherwise(change: Callable[[Package], None]) -> None:
    shelf = package()
    save()
    assert is_vulnerable(shelf)
    change(shelf)
    assert not is_vulnerable(shelf)
    assert_settled()


def test_facts_of_another_project_say_nothing() -> None:
    """The version is that of the former project, until the present one is fetched."""
    shelf = package("other")
    save()
    with settled():
        shelf.pypi_url = "shelf"
        shelf.save()
    assert not is_vulnerable(shelf)
    assert [each.affects_latest for each in shelf.advisories.all()] == [False]


def test_advisories_on_others_mark_nobody() -> None:
    package()
    save(document("X-1", "unknown"))
    assert not UnsettledPackage.objects.exists()
    Advisory.objects.update(summary="New.")
    Advisory.objects.all().delete()
    assert not UnsettledPackage.objects.exists()


def test_the_verdict_stays() -> None:
    shelf = package()
    before = Package.objects.get(pk=shelf.pk).verdict_rank
    save()
    assert Package.objects.get(pk=shelf.pk).verdict_rank == before
    assert PackageHealth.objects.get(pk=shelf.pk).warnings == ["vulnerable"]


# The log of changes


def test_a_change_is_one_of_its_package_alone() -> None:
    shelf = package()
    package("other")
    change = {("package", "changed", shelf.pk)}
    for writes, expected in (
        (save, change),
        (lambda: save(document("X-1", "unknown")), set()),
        (save, set()),
        (lambda: save(document(modified=THEN + DAY)), change),
        (lambda: write.forget(["PYSEC-2026-1"]), change),
    ):
        changes, kinds = moved(writes)
        assert (set(changes), kinds) == (expected, {"packages"} if expected else set())


# Bounds


def test_queries_do_not_grow_with_the_number(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(5):
        package(f"p{number}")
    documents = [document(f"X-{number}", f"p{number % 5}") for number in range(20)]
    save(document("X-99", "p0"))
    with django_assert_num_queries(QUERIES):
        write.save(documents)
    with django_assert_num_queries(UNCHANGED):
        write.save(documents)


QUERIES, UNCHANGED = (14, 4) if connection.vendor == "postgresql" else (15, 5)


@pytest.mark.parametrize("columns", [{"severity": "awful"}, {"aliases": {}}, {"ranges": 1}, {"versions": "x"}])
def test_constraints(columns: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Advisory(osv_id="X-1", pypi_name="x", modified=THEN, **columns).full_clean()


def test_deleted_with_its_package() -> None:
    shelf = package()
    save()
    Release.objects.create(package=shelf, version="1.0")
    shelf.delete()
    assert not PackageAdvisory.objects.exists()
    assert Advisory.objects.count() == 1


def test_admin_shows_the_warning(admin_client: Client) -> None:
    shelf = package()
    save()
    page = admin_client.get(f"/admin/packages/package/{shelf.pk}/why/")
    assert "Its latest version has a known vulnerability." in page.content.decode()
