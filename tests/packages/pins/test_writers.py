"""Every writer of packages writes past pins: the column stays, and the pin has what upstream says."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from editing.recorder import recording
from packages.facts import UNKNOWN, ReleaseFact
from packages.models import Package, Pin
from packages.pins.columns import PINNABLE, restored, stored
from packages.pins.write import change, keep, lift, pin
from packages.rederived import rederive
from packages.results import save_results
from packages.reuse import take_repository
from tests.documents import catalogue, category
from tests.documents import package as document
from tests.factories import PackageFactory
from tests.fetchers.mirror.importing import import_documents
from tests.packages.test_results import DAY, FACTS, NOW, PYPI, attempt, create, fetched

pytestmark = pytest.mark.django_db
# By column, what an editor pins, and what upstream says
VALUES: dict[str, tuple[Any, Any]] = {
    "repo_description": ("Mine.", "Does things."),
    "documentation_url": ("https://mine.example.org/", "https://b.example.org/"),
    "licence": ("BSD-3-Clause", "MIT"),
    "archived": (True, False),
    "pypi_url": ("mine", "theirs"),
    "pypi_version": ("1.9", "2.0"),
    "released": (NOW - 99 * DAY, NOW - 2 * DAY),
    "participants": (["mine"], ["anna", "bert"]),
}
FETCHED = [column for column, each in PINNABLE.items() if not each.edited]


def pinned(package: Package, column: str, value: Any) -> Pin:
    with recording("anna"):
        return pin(package, column, value, "It is wrong.", "anna")


def fetch(package: Package, at: datetime = NOW, **facts: Any) -> None:
    package.refresh_from_db()
    repo = {name: facts[name] for name in facts if hasattr(FACTS, name)}
    pypi = {name: facts[name] for name in facts if hasattr(PYPI, name)}
    save_results([attempt(package, fetched(replace(FACTS, **repo)), at=at)])
    save_results([attempt(package, fetched(replace(PYPI, **pypi)), source="pypi", at=at)])


def column_and_upstream(package: Package, column: str) -> tuple[Any, Any]:
    row = Package.objects.get(pk=package.pk)
    return getattr(row, column), restored(column, Pin.objects.get(package=package, column=column).upstream)


def test_every_column_has_a_field_and_a_value_here() -> None:
    assert VALUES.keys() == PINNABLE.keys()
    for column, each in PINNABLE.items():
        assert each.label == Package._meta.get_field(column).verbose_name  # type: ignore[union-attr]
        assert each.edited == Package._meta.get_field(column).editable


@pytest.mark.parametrize("column", FETCHED)
def test_a_refresh(column: str) -> None:
    package = create()
    mine, theirs = VALUES[column]
    row = pinned(package, column, mine)
    assert (row.upstream, row.upstream_then, row.by) == (None, None, "anna")
    assert not Pin.objects.moved().exists()
    fetch(package)
    assert column_and_upstream(package, column) == (mine, theirs)
    assert [each.column for each in Pin.objects.moved()] == [column]
    fetch(package, NOW + DAY)
    assert column_and_upstream(package, column) == (mine, theirs)


@pytest.mark.parametrize("column", FETCHED)
def test_a_refresh_after_a_refresh(column: str) -> None:
    package = create()
    mine, theirs = VALUES[column]
    fetch(package)
    pinned(package, column, mine)
    fetch(package, NOW + DAY)
    assert column_and_upstream(package, column) == (mine, theirs)
    assert not Pin.objects.moved().exists()


@pytest.mark.parametrize("column", FETCHED)
def test_an_emptied_value_is_a_pin_too(column: str) -> None:
    package = create()
    fetch(package)
    pinned(package, column, PINNABLE[column].empty)
    fetch(package, NOW + DAY)
    assert column_and_upstream(package, column) == (PINNABLE[column].empty, VALUES[column][1])


@pytest.mark.parametrize("column", FETCHED)
def test_upstream_comes_to_agree(column: str) -> None:
    package = create()
    fetch(package)
    pinned(package, column, VALUES[column][1])
    Pin.objects.update(upstream=stored(VALUES[column][0]), upstream_then=stored(VALUES[column][0]))
    fetch(package, NOW + DAY)
    assert column_and_upstream(package, column) == (VALUES[column][1],) * 2
    assert Pin.objects.moved().exists()


@pytest.mark.parametrize("column", FETCHED)
def test_what_a_refresh_does_not_tell_stays_as_upstream_said_it(column: str) -> None:
    package = create()
    fetch(package)
    pinned(package, column, VALUES[column][0])
    repo = replace(FACTS, description=UNKNOWN, archived=UNKNOWN, participants=UNKNOWN, commits_over_52=UNKNOWN)
    pypi = replace(PYPI, version=UNKNOWN, licence=UNKNOWN, releases=UNKNOWN, documentation_url=UNKNOWN)
    save_results([attempt(package, fetched(repo), at=NOW + DAY)])
    save_results([attempt(package, fetched(pypi), source="pypi", at=NOW + DAY)])
    assert column_and_upstream(package, column) == VALUES[column]


def test_the_date_of_upstreams_version_is_upstreams() -> None:
    package = create()
    fetch(package)
    pinned(package, "pypi_version", "1.0")
    fetch(package, NOW + DAY)
    package.refresh_from_db()
    assert (package.pypi_version, package.released) == ("1.0", NOW - 2 * DAY)
    pinned(package, "released", None)
    newer = (*PYPI.releases, ReleaseFact("3.0", NOW, yanked=False, requires_python=""))  # type: ignore[misc]
    fetch(package, NOW + 2 * DAY, version="3.0", releases=newer)
    assert column_and_upstream(package, "pypi_version") == ("1.0", "3.0")
    assert column_and_upstream(package, "released") == (None, NOW)


@pytest.mark.parametrize("value", ["https://mine.example.org/", ""])
def test_a_refresh_and_a_documentation_url(value: str) -> None:
    package = create()
    pinned(package, "documentation_url", value)
    fetch(package)
    assert column_and_upstream(package, "documentation_url") == (value, "https://b.example.org/")
    fetch(package, NOW + DAY, documentation_url="https://c.example.org/")
    assert column_and_upstream(package, "documentation_url") == (value, "https://c.example.org/")


def imported(folder: Path, package: Package, day: int, **facts: Any) -> None:
    later = (NOW + day * DAY).isoformat()
    columns: dict[str, Any] = {"slug": package.slug, "repo_url": "https://github.com/a/b", "pypi_url": "b"}
    columns |= {"modified": later, "last_fetched": later} | facts
    documents = catalogue(categories=[category(package.category_id)], packages=[document(package.pk, **columns)])
    documents["packages"][0]["category"] = f"/api/v4/categories/{package.category_id}/"
    import_documents(folder / str(day), documents)


OF_DOCUMENTS = [column for column in PINNABLE if column not in {"licence", "archived", "released"}]


@pytest.mark.parametrize("column", OF_DOCUMENTS)
def test_an_import(column: str, tmp_path: Path) -> None:
    package = create(modified=NOW - DAY)
    mine, theirs = VALUES[column]
    pinned(package, column, mine)
    said = stored(column_and_upstream(package, column)[1])
    imported(tmp_path, package, 1, **{column: theirs})
    package.refresh_from_db()
    assert package.repo_url == "https://github.com/a/b"
    assert column_and_upstream(package, column) == (mine, theirs)
    assert [each.upstream_then for each in Pin.objects.moved()] == [said]
    imported(tmp_path, package, 2, **{column: theirs}, title="Other")
    assert column_and_upstream(package, column) == (mine, theirs)
    assert Package.objects.get().title == "Other"


@pytest.mark.parametrize("column", ["repo_description", "pypi_version"])
def test_an_import_of_another_address(column: str, tmp_path: Path) -> None:
    package = create(modified=NOW - DAY)
    fetch(package)
    pinned(package, column, VALUES[column][0])
    imported(tmp_path, package, 1, repo_url="https://github.com/c/d", pypi_url="d", **{column: "Other"})
    assert Package.objects.get().repo_key == "github.com/c/d"
    assert column_and_upstream(package, column) == (VALUES[column][0], "Other")
    assert Pin.objects.get().is_elsewhere


def save(package: Package, column: str, value: Any) -> None:
    setattr(package, column, value)
    package.save()


def save_one_column(package: Package, column: str, value: Any) -> None:
    setattr(package, column, value)
    package.save(update_fields=[column])


def bulk_update(package: Package, column: str, value: Any) -> None:
    setattr(package, column, value)
    Package.objects.bulk_update([package], [column, "title"])


def upsert(package: Package, column: str, value: Any) -> None:
    setattr(package, column, value)
    Package.objects.bulk_create(
        [package], update_conflicts=True, unique_fields=["id"], update_fields=[column, "repo_watchers"]
    )


def update(package: Package, column: str, value: Any) -> None:
    assert Package.objects.filter(pk__gte=package.pk).update(**{column: value}) == Package.objects.count()


def update_more(package: Package, column: str, value: Any) -> None:
    assert Package.objects.filter(pk=package.pk).update(**{column: value}, title="Other") == 1
    assert Package.objects.get(pk=package.pk).title == "Other"


WRITERS: list[Callable[[Package, str, Any], None]] = [
    save,
    save_one_column,
    bulk_update,
    upsert,
    update,
    update_more,
]


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("column", VALUES)
def test_who_knows_nothing_of_pins(column: str, writer: Callable[[Package, str, Any], None]) -> None:
    package, other = create(), PackageFactory.create()
    mine, theirs = VALUES[column]
    pinned(package, column, mine)
    package.refresh_from_db()
    writer(package, column, theirs)
    assert column_and_upstream(package, column) == (mine, theirs)
    assert getattr(package, column) == mine
    other.refresh_from_db()
    assert (getattr(other, column) == theirs) == (writer is update)
    row = Package.objects.get(pk=package.pk)
    row.title = "New"
    row.save()
    assert column_and_upstream(package, column) == (mine, theirs), "writing the pinned value back says nothing"


def test_an_expression_is_refused_where_it_meets_a_pin() -> None:
    package = create()
    Package.objects.update(licence=F("slug"))
    pinned(package, "licence", "MIT")
    with pytest.raises(ValueError, match="update licence to a value: it is pinned"):
        Package.objects.update(licence=F("slug"))


@pytest.mark.parametrize("column", ["documentation_url", "pypi_url"])
@pytest.mark.parametrize("writer", WRITERS)
def test_an_editor_who_types_a_pinned_column_changes_the_pin(column: str, writer: Any) -> None:
    package = create()
    pinned(package, column, VALUES[column][0])
    package.refresh_from_db()
    with recording("bob"):
        writer(package, column, "https://pypi.org/project/bob/")
    row = Pin.objects.get()
    assert getattr(Package.objects.get(pk=package.pk), column) == row.pinned == "https://pypi.org/project/bob/"
    assert row.upstream == row.upstream_then


@pytest.mark.parametrize("column", FETCHED)
def test_another_address(column: str) -> None:
    package = create()
    fetch(package)
    pinned(package, column, VALUES[column][0])
    with recording("bob"):
        package = Package.objects.get()
        package.repo_url, package.pypi_url = "https://github.com/c/d", "d"
        package.save()
    assert column_and_upstream(package, column) == (VALUES[column][0], PINNABLE[column].empty)
    [row] = Pin.objects.moved()
    assert (row.upstream, row.is_elsewhere) == (None, True)
    keep([row])
    assert bool(Pin.objects.moved()) is False
    fetch(package, NOW + DAY, url="https://github.com/c/d", repo_id="6")
    assert column_and_upstream(package, column) == VALUES[column]


def test_other_ways_of_forgetting() -> None:
    package = create()
    fetch(package)
    pinned(package, "repo_description", "Mine.")
    take_repository(Package.objects.all())
    assert column_and_upstream(package, "repo_description") == ("Mine.", "")
    fetch(package, NOW + DAY)
    Package._base_manager.update(repo_key="elsewhere", repo_facts_of="elsewhere")
    assert rederive() == 1
    assert column_and_upstream(package, "repo_description") == ("Mine.", "")
    assert Pin.objects.get().is_elsewhere


def test_a_moved_repository_keeps_its_pins() -> None:
    package = create()
    fetch(package)
    pinned(package, "archived", value=True)
    fetch(package, NOW + DAY, url="https://github.com/c/d")
    row = Package.objects.get()
    assert (row.repo_key, row.archived) == ("github.com/c/d", True)
    assert not Pin.objects.moved().exists()


@pytest.mark.parametrize("column", VALUES)
def test_lifting(column: str) -> None:
    package = create(modified=NOW, **{column: VALUES[column][1]})
    mine, theirs = VALUES[column]
    row = pinned(package, column, mine)
    assert row.upstream == stored(theirs)
    change(row, PINNABLE[column].empty, "None.", "bob")
    assert column_and_upstream(package, column) == (PINNABLE[column].empty, theirs)
    with recording("anna"):
        lift(Pin.objects.all())
    package.refresh_from_db()
    assert getattr(package, column) == theirs
    assert package.modified > NOW + timedelta(days=-1)
    assert not Pin.objects.exists()


def test_lifting_where_upstream_says_nothing() -> None:
    package = create()
    pinned(package, "licence", "MIT")
    lift(Pin.objects.all())
    package.refresh_from_db()
    assert package.licence == ""
    assert datetime.now(UTC) - package.modified < DAY


def test_the_queries_of_an_update_do_not_grow_with_pinned_packages() -> None:
    numbers = []
    for number in (1, 5):
        packages = [PackageFactory.create(repo_description="theirs", licence="MIT") for _ in range(number)]
        for package in packages:
            pinned(package, "repo_description", "mine")
        PackageFactory.create()
        with CaptureQueriesContext(connection) as queries:
            written = Package.objects.filter(pk__gte=packages[0].pk).update(repo_description="new", licence="BSD")
        assert written == number + 1
        rows = Package.objects.filter(pk__gte=packages[0].pk).order_by("pk").values_list("repo_description", "licence")
        assert list(rows) == [("mine", "BSD")] * number + [("new", "BSD")]
        numbers.append(len(queries))
    assert numbers[0] == numbers[1]
    assert numbers[0] <= 10
