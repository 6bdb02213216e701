"""Rows that the database itself refuses, and the columns that follow from others."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F, ProtectedError, Value
from django.db.models.fields.json import JSONField
from factory.django import DjangoModelFactory

from categories.models import Category
from grids.models import Grid, GridPackage
from packages.identity import DERIVED
from packages.models import Package, Release
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db

WEEKS = list(range(52))
FACTORIES: tuple[type[DjangoModelFactory[Any]], ...] = (CategoryFactory, PackageFactory, GridFactory)
each_kind = pytest.mark.parametrize("factory", FACTORIES)


def assert_refused(write: Callable[[], object], constraint: str) -> None:
    """Assert that `write` breaks a constraint whose message, on either database, matches `constraint`."""
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        write()


def update(package: Package, **columns: Any) -> None:
    """Write without Python's validation, as another client of the database would."""
    Package.objects.filter(pk=package.pk).update(**columns)


@each_kind
@pytest.mark.parametrize("column", ["title", "slug"])
def test_title_and_slug_are_not_empty(factory: type[DjangoModelFactory[Any]], column: str) -> None:
    kind = factory._meta.model._meta.model_name
    assert_refused(lambda: factory.create(**{column: ""}), f"{kind}_{column}_not_empty")


@each_kind
def test_slug_is_unique(factory: type[DjangoModelFactory[Any]]) -> None:
    factory.create(slug="same")
    assert_refused(lambda: factory.create(slug="same"), "slug")
    factory.create(slug="Same")


@pytest.mark.parametrize("column", ["repo_watchers", "repo_forks"])
def test_counts_are_not_negative(column: str) -> None:
    package = PackageFactory.create()
    update(package, **{column: 0})
    assert_refused(lambda: update(package, **{column: -1}), column)
    assert_refused(lambda: PackageFactory.create(**{column: -1}), column)


@pytest.mark.parametrize("weeks", [[], WEEKS, [0] * 52, [10**12] * 52])
def test_weeks_are_52_counts_or_none(weeks: list[int]) -> None:
    package = PackageFactory.create(commits_over_52=weeks)
    package.refresh_from_db()
    assert package.commits_over_52 == weeks


@pytest.mark.parametrize(
    "weeks",
    [
        WEEKS[:51],
        [*WEEKS, 52],
        [1],
        [*WEEKS[:51], -1],
        [*WEEKS[:51], "5"],
        [*WEEKS[:51], ""],
        [*WEEKS[:51], 1.5],
        [*WEEKS[:51], None],
        [*WEEKS[:51], True],
        [*WEEKS[:51], []],
        [*WEEKS[:51], [1]],
        [*WEEKS[:51], {}],
        [WEEKS],
        [[week] for week in WEEKS],
        {},
        {str(week): week for week in WEEKS},
        "",
        "[]",
        0,
        52,
        True,
    ],
    ids=str,
)
def test_other_weeks_are_refused(weeks: Any) -> None:
    package = PackageFactory.create()
    assert_refused(lambda: update(package, commits_over_52=weeks), "package_commits_52_or_none")


def test_a_whole_float_is_no_count() -> None:
    """SQLite cannot tell it from a fraction, and the API's documents hold integers."""
    package = PackageFactory.create()
    assert_refused(lambda: update(package, commits_over_52=[*WEEKS[:51], 1.0]), "package_commits_52_or_none")


@pytest.mark.parametrize("participants", [[], ["anna"], ["anna", "dependabot[bot]", "é"]])
def test_participants_are_a_list(participants: list[str]) -> None:
    package = PackageFactory.create(participants=participants)
    package.refresh_from_db()
    assert package.participants == participants


@pytest.mark.parametrize("participants", [{}, {"anna": 1}, "anna", "anna,ben", "", 0, True], ids=str)
def test_other_participants_are_refused(participants: Any) -> None:
    package = PackageFactory.create()
    assert_refused(lambda: update(package, participants=participants), "package_participants_list")


@pytest.mark.parametrize("column", ["commits_over_52", "participants"])
@pytest.mark.parametrize("null", [None, Value(None, JSONField())], ids=["null of SQL", "null of JSON"])
def test_lists_are_not_null(column: str, null: Any) -> None:
    package = PackageFactory.create()
    assert_refused(lambda: update(package, **{column: null}), column.split("_", maxsplit=1)[0])


@pytest.mark.parametrize("column", ["repo_url", "pypi_url", "documentation_url"])
@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "javascript://github.com/%0Aalert(1)",
        "javascript:alert('https://example.org')",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
    ],
)
def test_urls_that_a_browser_would_run_are_refused(column: str, url: str) -> None:
    package = PackageFactory.create()
    assert_refused(lambda: update(package, **{column: url}), f"package_{column}_")
    assert_refused(lambda: PackageFactory.create(**{column: url}), f"package_{column}_")


@pytest.mark.parametrize(
    ("column", "url"),
    [
        ("repo_url", ""),
        ("repo_url", "https://github.com/a/b"),
        ("repo_url", "HTTP://github.com/a/b"),
        ("repo_url", "git://github.com/a/b.git"),
        ("repo_url", "ssh://git@github.com/a/b.git"),
        ("repo_url", "git+https://github.com/a/b.git@main"),
        ("repo_url", "git@github.com:a/b.git"),
        ("repo_url", "github.com/a/b"),
        ("repo_url", "nonsense"),
        ("pypi_url", ""),
        ("pypi_url", "ralph"),
        ("pypi_url", "http://pypi.python.org/pypi/ralph"),
        ("pypi_url", "HTTPS://pypi.org/project/ralph/"),
        ("documentation_url", None),
        ("documentation_url", ""),
        ("documentation_url", "https://example.org/"),
        ("documentation_url", "HTTP://example.org/"),
    ],
)
def test_urls_stay_as_typed(column: str, url: str | None) -> None:
    package = PackageFactory.create(**{column: url})
    package.refresh_from_db()
    assert getattr(package, column) == url


@pytest.mark.parametrize("url", ["ralph", "//example.org", "ftp://example.org", " https://example.org"])
def test_documentation_is_on_the_web(url: str) -> None:
    assert_refused(lambda: PackageFactory.create(documentation_url=url), "package_documentation_url_http")


def test_packages_may_have_the_very_same_repo_url() -> None:
    """The form asks about it; the database allows it."""
    packages = PackageFactory.create_batch(2, repo_url="https://github.com/a/b")
    assert [package.repo_key for package in packages] == ["github.com/a/b"] * 2


def test_a_package_is_not_replaced_by_itself() -> None:
    package, other = PackageFactory.create_batch(2)
    update(package, replaced_by=other)
    assert_refused(lambda: update(package, replaced_by=package), "package_not_replaced_by_itself")
    other.delete()
    package.refresh_from_db()
    assert package.replaced_by is None


def test_a_category_with_packages_is_protected() -> None:
    package = PackageFactory.create()
    with pytest.raises(ProtectedError):
        package.category.delete()
    package.delete()
    package.category.delete()
    assert not Category.objects.exists()


def test_a_package_has_a_version_once() -> None:
    package, other = PackageFactory.create_batch(2)
    Release.objects.create(package=package, version="1.0")
    Release.objects.create(package=other, version="1.0")
    assert_refused(lambda: Release.objects.create(package=package, version="1.0"), "version")
    package.delete()
    assert list(Release.objects.values_list("package", flat=True)) == [other.pk]


def test_a_package_is_in_a_grid_once() -> None:
    member = MembershipFactory.create()
    MembershipFactory.create(grid=member.grid)
    MembershipFactory.create(package=member.package)
    assert_refused(lambda: MembershipFactory.create(grid=member.grid, package=member.package), "package")


def test_positions_are_not_negative() -> None:
    member = MembershipFactory.create()
    assert_refused(lambda: GridPackage.objects.filter(pk=member.pk).update(position=-1), "position")


def test_memberships_go_with_either_side() -> None:
    members = MembershipFactory.create_batch(2)
    members[0].grid.delete()
    members[1].package.delete()
    assert not GridPackage.objects.exists()
    assert Grid.objects.get() == members[1].grid
    assert Package.objects.get() == members[0].package


def test_a_new_membership_goes_last_among_the_grids_of_its_package() -> None:
    package = PackageFactory.create()
    placed = [MembershipFactory.create(package=package, position=position) for position in (1, 0)]
    first, second, third = GridFactory.create_batch(3)
    first.packages.add(package)
    GridPackage.objects.create(grid=second, package=package)
    GridPackage.objects.bulk_create([GridPackage(grid=third, package=package)])
    grids = [membership.grid for membership in package.memberships.all()]
    assert grids == [placed[1].grid, placed[0].grid, first, second, third]


def test_memberships_of_one_position_are_in_order_of_creation() -> None:
    package = PackageFactory.create()
    members = [MembershipFactory.create(package=package, position=5) for _ in range(3)]
    assert list(package.memberships.all()) == members


def derived_in_database(package: Package) -> tuple[str, str, str]:
    return Package.objects.values_list("repo_host", "repo_key", "pypi_name").get(pk=package.pk)


HERE = {"repo_url": "https://GitHub.com/A/b.git", "pypi_url": "https://pypi.org/project/My_Name/"}
DERIVED_HERE = ("github.com", "github.com/a/b", "my-name")
NONE = ("", "", "")


def test_save_derives() -> None:
    package = PackageFactory.create(**HERE)
    assert derived_in_database(package) == DERIVED_HERE
    package.repo_url = package.pypi_url = ""
    package.save()
    assert derived_in_database(package) == NONE


def test_save_of_one_column_derives_what_follows_from_it() -> None:
    package = PackageFactory.create(repo_url="")
    package.repo_url, package.pypi_url = HERE["repo_url"], HERE["pypi_url"]
    package.save(update_fields=["title"])
    assert derived_in_database(package) == NONE
    package.save(update_fields=["repo_url"])
    assert derived_in_database(package) == ("github.com", "github.com/a/b", "")
    package.save(update_fields=("pypi_url", "title"))
    assert derived_in_database(package) == DERIVED_HERE


def test_save_of_no_column_writes_nothing() -> None:
    package = PackageFactory.create(title="Before")
    package.title = "After"
    package.save(update_fields=[])
    package.refresh_from_db()
    assert package.title == "Before"


def test_save_of_a_package_loaded_in_part_derives() -> None:
    package = Package.objects.only("title").get(pk=PackageFactory.create(**HERE).pk)
    package.save()
    assert derived_in_database(package) == DERIVED_HERE
    package.repo_url = "https://codeberg.org/c/d"
    package.save()
    assert derived_in_database(package) == ("codeberg.org", "codeberg.org/c/d", "my-name")


def test_update_derives() -> None:
    package = PackageFactory.create(repo_url="")
    update(package, **HERE)
    assert derived_in_database(package) == DERIVED_HERE
    update(package, repo_url="", title="Other")
    assert derived_in_database(package) == ("", "", "my-name")
    package.category.packages.update(pypi_url="ralph")
    assert derived_in_database(package) == ("", "", "ralph")


def test_update_or_create_derives() -> None:
    package = PackageFactory.create(repo_url="")
    Package.objects.update_or_create(slug=package.slug, defaults=HERE)
    assert derived_in_database(package) == DERIVED_HERE


@pytest.mark.parametrize("column", ["repo_url", "pypi_url"])
def test_update_to_an_expression_is_refused(column: str) -> None:
    package = PackageFactory.create()
    with pytest.raises(ValueError, match=column):
        update(package, **{column: F("slug")})
    with pytest.raises(ValueError, match=column):
        update(package, **{column: F("slug")}, **dict.fromkeys(DERIVED[column], "x"))


@pytest.mark.parametrize("column", ["repo_host", "repo_key", "pypi_name"])
def test_a_key_is_written_with_its_address_alone(column: str) -> None:
    package = PackageFactory.create(**HERE)
    with pytest.raises(ValueError, match=column):
        update(package, **{column: "x"})
    update(package, **HERE, **{column: "x"})
    assert derived_in_database(package) == DERIVED_HERE


def test_bulk_create_derives() -> None:
    category = CategoryFactory.create()
    packages = [PackageFactory.build(category=category, **HERE), PackageFactory.build(category=category, repo_url="")]
    here, nowhere = Package.objects.bulk_create(package for package in packages)
    assert derived_in_database(here) == DERIVED_HERE
    assert derived_in_database(nowhere) == NONE


def test_bulk_create_over_present_rows_derives() -> None:
    present = PackageFactory.create(repo_url="https://github.com/old/old")
    new = PackageFactory.build(category=present.category, slug=present.slug, **HERE)
    Package.objects.bulk_create(
        [new], update_conflicts=True, unique_fields=["slug"], update_fields=["repo_url", "pypi_url"]
    )
    assert derived_in_database(present) == DERIVED_HERE


def test_bulk_update_derives() -> None:
    packages = PackageFactory.create_batch(2, repo_url="")
    for package in packages:
        package.repo_url, package.pypi_url = f"{HERE['repo_url']}/src?{package.pk}", HERE["pypi_url"]
    Package.objects.bulk_update(packages, ["repo_url"])
    assert [derived_in_database(package) for package in packages] == [("github.com", "github.com/a/b", "")] * 2
    Package.objects.bulk_update((package for package in packages), ("pypi_url", "pypi_name"))
    assert [derived_in_database(package) for package in packages] == [DERIVED_HERE] * 2


def test_sharing_repository() -> None:
    package = PackageFactory.create(repo_url="https://github.com/A/b")
    same = [PackageFactory.create(repo_url=url) for url in ("git@github.com:a/b.git", "http://www.github.com/a/B/src")]
    PackageFactory.create(repo_url="https://github.com/a/bc")
    PackageFactory.create(repo_url="https://gitlab.com/a/b")
    assert list(Package.objects.sharing_repository(package).order_by("pk")) == same


def test_packages_without_a_repository_share_none() -> None:
    package = PackageFactory.create_batch(2, repo_url="")[0]
    PackageFactory.create_batch(2, repo_url="")
    assert not Package.objects.sharing_repository(package).exists()
