"""Facts are of the addresses that a package has: any way of changing one forgets those of the old one."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from packages.documents import PACKAGE_COLUMNS
from packages.models import FACTS, FetchState, Package, Release, RepositoryAlias, Snapshot
from packages.rederived import rederive
from tests.conftest import Get
from tests.factories import PackageFactory

pytestmark = pytest.mark.django_db
THEN, NOW = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)

REPOSITORY: dict[str, Any] = {
    "repo_description": "Does things.",
    "repo_watchers": 10,
    "repo_forks": 3,
    "commits_over_52": list(range(52)),
    "participants": ["anna"],
    "last_updated": THEN,
    "repo_id": "5",
    "archived": True,
    "weeks_end": date(2026, 11, 1),
    "last_human_commit": THEN,
    "stars_30d": 1,
    "stars_90d": -1,
    "stars_trend": 0.5,
}
PROJECT: dict[str, Any] = {
    "pypi_version": "1.0",
    "requires_python": ">=3.11",
    "classifiers": ["Framework :: Django"],
    "licence": "MIT",
    "released": THEN,
    "pypi_status": "active",
    "pypi_downloads": 77,
    "requires_django": ">=5",
    "pypi_status_reason": "No longer maintained.",
    "pypi_repo_url": "https://github.com/a/b",
    "downloads_30d": 7,
    "downloads_trend": 0.5,
}
NO_REPOSITORY: dict[str, Any] = {
    "repo_description": "",
    "repo_watchers": 0,
    "repo_forks": 0,
    "commits_over_52": [],
    "participants": [],
    "last_updated": None,
    "repo_id": "",
    "archived": None,
    "weeks_end": None,
    "last_human_commit": None,
    "stars_30d": None,
    "stars_90d": None,
    "stars_trend": None,
}
NO_PROJECT: dict[str, Any] = {
    "pypi_version": None,
    "requires_python": "",
    "classifiers": [],
    "licence": "",
    "released": None,
    "pypi_status": "",
    "pypi_downloads": None,
    "requires_django": None,
    "pypi_status_reason": "",
    "pypi_repo_url": "",
    "downloads_30d": None,
    "downloads_trend": None,
}


def known(**columns: Any) -> Package:
    """A package of which all is known."""
    addresses = {"repo_url": "https://github.com/a/b", "pypi_url": "b"}
    gone = {"gone_since": THEN, "gone_reason": "not found"}
    package = PackageFactory.create(**addresses | REPOSITORY | PROJECT | gone | {"last_fetched": NOW} | columns)
    for source, target, at in (("repo", package.repo_key, NOW), ("pypi", "b", THEN), ("downloads", "b", THEN)):
        FetchState.objects.create(
            package=package, source=source, target=target, outcome="ok", last_success=at, next_due=NOW
        )
    Release.objects.create(package=package, version="1.0")
    RepositoryAlias.objects.create(package=package, repo_url="x", repo_key="x", until=THEN)
    Snapshot.objects.create(package=package, day=THEN.date(), stars=9, downloads=70)
    return package


def assert_known(package: Package, facts: dict[str, Any]) -> None:
    row: dict[str, Any] = dict(Package.objects.values().get(pk=package.pk))
    assert {column: row[column] for column in facts} == facts


def rows(package: Package) -> tuple[set[str], int, int]:
    """The sources with a fetch state, and the numbers of releases and of old URLs."""
    states = set(FetchState.objects.filter(package=package).values_list("source", flat=True))
    return states, package.releases.count(), package.aliases.count()


def save(package: Package, **columns: Any) -> None:
    for column, value in columns.items():
        setattr(package, column, value)
    package.save()


def save_columns(package: Package, **columns: Any) -> None:
    for column, value in columns.items():
        setattr(package, column, value)
    package.save(update_fields=columns)


def save_stale_columns(package: Package, **columns: Any) -> None:
    """Save an instance that was loaded when the row had the new address, which it has had no more since."""
    stale = Package.objects.get(pk=package.pk)
    for column, value in columns.items():
        setattr(stale, column, value)
    stale.derive()
    stale.repo_facts_of, stale.pypi_facts_of = stale.repo_key, stale.pypi_name
    stale.save(update_fields=columns)


def update(package: Package, **columns: Any) -> None:
    Package.objects.filter(repo_url=package.repo_url).update(**columns)


def bulk_update(package: Package, **columns: Any) -> None:
    for column, value in columns.items():
        setattr(package, column, value)
    Package.objects.bulk_update([package], list(columns))


def bulk_create(package: Package, **columns: Any) -> None:
    new = PackageFactory.build(category=package.category, slug=package.slug, **columns)
    Package.objects.bulk_create([new], update_conflicts=True, unique_fields=["slug"], update_fields=list(columns))


def by_hand(package: Package, **columns: Any) -> None:
    with connection.cursor() as cursor:
        for column, value in columns.items():
            cursor.execute(f"UPDATE packages_package SET {column} = %s WHERE id = %s", [value, package.pk])
    assert rederive() == 1


WAYS = (save, save_columns, save_stale_columns, update, bulk_update, bulk_create, by_hand)
each_way = pytest.mark.parametrize("change", WAYS)
Change = Callable[..., None]


def test_every_fact_is_of_a_source() -> None:
    """A new column of the package is put here, among the facts that go with its address."""
    assert set(FACTS["repo"].columns) == set(NO_REPOSITORY)
    assert set(FACTS["pypi"].columns) == set(NO_PROJECT)
    others = {"last_fetched", "gone_since", "gone_reason", "repo_facts_of", "pypi_facts_of"}
    assert set(PACKAGE_COLUMNS.fetched) == {*NO_REPOSITORY, *NO_PROJECT, *others}


@each_way
def test_another_repository_forgets_the_old_one(change: Change) -> None:
    package, other = known(), known(repo_url="https://github.com/other/one", pypi_url="other")
    change(package, repo_url="https://github.com/c/d")
    assert_known(package, NO_REPOSITORY | PROJECT)
    assert_known(package, {"repo_key": "github.com/c/d", "repo_facts_of": "github.com/c/d", "pypi_facts_of": "b"})
    assert_known(package, {"last_fetched": None, "gone_since": None, "gone_reason": ""})
    assert rows(package) == ({"pypi", "downloads"}, 1, 0)
    assert_known(other, REPOSITORY | PROJECT | {"last_fetched": NOW, "gone_since": THEN})
    assert rows(other) == ({"repo", "pypi", "downloads"}, 1, 1)


@each_way
def test_without_a_repository_the_project_says_when_it_was_fetched(change: Change) -> None:
    package = known()
    change(package, repo_url="")
    assert_known(package, NO_REPOSITORY | PROJECT | {"repo_facts_of": "", "last_fetched": THEN, "gone_since": None})


def test_a_fetch_of_another_project_says_nothing() -> None:
    package = known()
    FetchState.objects.filter(source="pypi").update(target="earlier")
    update(package, repo_url="")
    assert_known(package, {"last_fetched": None})


@each_way
def test_another_project_forgets_the_old_one(change: Change) -> None:
    package = known()
    change(package, pypi_url="https://pypi.org/project/c/")
    assert_known(package, REPOSITORY | NO_PROJECT | {"pypi_facts_of": "c", "repo_facts_of": "github.com/a/b"})
    assert_known(package, {"last_fetched": NOW, "gone_since": THEN, "gone_reason": "not found"})
    assert rows(package) == ({"repo"}, 0, 1)


@each_way
def test_both_at_once(change: Change) -> None:
    package = known()
    change(package, repo_url="", pypi_url="")
    assert_known(package, NO_REPOSITORY | NO_PROJECT | {"last_fetched": None, "gone_since": None})
    assert rows(package) == (set(), 0, 0)


@each_way
def test_without_a_repository_another_project_forgets_all(change: Change) -> None:
    package = known(repo_url="http://code.google.com/p/x/")
    change(package, pypi_url="c")
    assert_known(package, NO_PROJECT | {"last_fetched": None, "gone_since": None})


@pytest.mark.parametrize("change", [way for way in WAYS if way is not by_hand])
def test_another_spelling_forgets_nothing(change: Change) -> None:
    package = known()
    change(package, repo_url="git@GitHub.com:A/B.git", pypi_url="https://pypi.org/project/B/")
    assert_known(package, REPOSITORY | PROJECT | {"last_fetched": NOW, "gone_since": THEN})
    assert rows(package) == ({"repo", "pypi", "downloads"}, 1, 1)


def test_an_instance_knows_what_its_save_forgot() -> None:
    package = known()
    save(package, repo_url="https://github.com/c/d")
    assert {column: getattr(package, column) for column in NO_REPOSITORY} == NO_REPOSITORY
    save(package, title="Other")
    assert_known(package, NO_REPOSITORY | PROJECT)


def test_facts_of_a_new_package_are_of_its_addresses() -> None:
    package = PackageFactory.create(repo_url="https://github.com/a/b", pypi_url="b", repo_watchers=5)
    (bulk,) = Package.objects.bulk_create([PackageFactory.build(category=package.category, repo_watchers=5)])
    assert (package.repo_facts_of, package.pypi_facts_of) == ("github.com/a/b", "b")
    assert bulk.repo_facts_of == bulk.repo_key != ""
    save(package, title="Other")
    assert_known(package, {"repo_watchers": 5})


def test_many_packages_lose_their_address_together() -> None:
    packages = [known(repo_url=f"https://github.com/a/{number}") for number in range(3)]
    Package.objects.update(repo_url="")
    for package in packages:
        assert_known(package, NO_REPOSITORY | PROJECT | {"last_fetched": THEN})


def test_a_key_by_hand_alone_is_mended() -> None:
    package = known()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE packages_package SET repo_key = 'github.com/x/y', pypi_name = 'z'")
    assert rederive() == 0
    assert_known(package, REPOSITORY | PROJECT | {"repo_key": "github.com/a/b", "pypi_name": "b"})


def test_a_host_that_is_read_from_now_on_keeps_what_is_known(settings: Any) -> None:
    package = known(repo_url="https://git.example.org/Some/Repo.git/")
    settings.FORGE_HOSTS = {"git.example.org": "forgejo"}
    assert rederive() == 0
    assert_known(package, REPOSITORY | {"repo_key": "git.example.org/some/repo"})
    assert_known(package, {"repo_facts_of": "git.example.org/some/repo"})
    assert set(Snapshot.objects.values_list("repo_key", flat=True)) == {"git.example.org/some/repo"}
    assert FetchState.objects.get(source="repo").target == "git.example.org/some/repo"


OURS = {"git.example.org": "forgejo"}
TYPED = "https://git.example.org/Some/Repo"


def restart(package: Package) -> None:  # of a refresh, which derives all keys anew
    assert rederive() == 0


def save_again(package: Package) -> None:
    package.title = "Other"
    package.save()
    assert package.repo_facts_of == package.repo_key


def type_again(package: Package) -> None:
    update(package, repo_url=package.repo_url)


@pytest.mark.parametrize("write", [restart, save_again, type_again])
@pytest.mark.parametrize(
    ("url", "kind", "key"),
    [
        (f"{TYPED}.git/", "forgejo", "git.example.org/some/repo"),
        (f"{TYPED}/src/branch/main/packages/a", "forgejo", "git.example.org/some/repo"),
        (f"{TYPED}/tree/main/packages/a", "github", "git.example.org/some/repo"),
        (f"{TYPED}/Nested/-/tree/main/a", "gitlab", "git.example.org/some/repo/nested"),
        (f"{TYPED}/issues", "gitlab", "git.example.org/some/repo"),
    ],
)
def test_a_host_that_comes_and_goes_keeps_what_is_known(
    settings: Any, write: Callable[[Package], None], url: str, kind: str, key: str
) -> None:
    package = known(repo_url=url)
    spelled = package.repo_key
    assert spelled != key
    for hosts, expected in (({"git.example.org": kind}, key), ({}, spelled)):
        settings.FORGE_HOSTS = hosts
        write(package)
        assert_known(package, REPOSITORY | PROJECT | {"repo_key": expected, "repo_facts_of": expected})
        assert_known(package, {"last_fetched": NOW, "gone_since": THEN, "gone_reason": "not found"})
        assert rows(package) == ({"repo", "pypi", "downloads"}, 1, 1)
        assert Snapshot.objects.get().repo_key == expected
        assert FetchState.objects.get(source="repo").target == expected


def test_packages_of_one_repository_get_each_its_own_key(settings: Any) -> None:
    settings.FORGE_HOSTS = OURS
    packages = [known(repo_url=f"{TYPED}{end}") for end in ("", ".git", "/src/branch/main/a")]
    settings.FORGE_HOSTS = {}
    assert rederive() == 0
    for package, end in zip(packages, ("", ".git", "/src/branch/main/a"), strict=True):
        key = f"git.example.org/Some/Repo{end}"
        assert_known(package, REPOSITORY | {"repo_key": key, "repo_facts_of": key})
        assert package.snapshots.get().repo_key == package.fetch_states.get(source="repo").target == key


@pytest.mark.parametrize(("url", "other"), [(TYPED, f"{TYPED}/other"), (TYPED, f"{TYPED}-2"), (f"{TYPED}/a", TYPED)])
@pytest.mark.parametrize("ours", [True, False])
def test_another_repository_of_such_a_host_is_another(settings: Any, ours: bool, url: str, other: str) -> None:
    settings.FORGE_HOSTS = {"git.example.org": "gitlab"} if ours else {}
    package = known(repo_url=url)
    update(package, repo_url=other)
    assert_known(package, NO_REPOSITORY | PROJECT)


def test_only_the_named_packages_are_derived_anew() -> None:
    packages = [known(repo_url=f"https://github.com/a/{number}") for number in range(2)]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE packages_package SET repo_url = 'https://github.com/c/d'")
    assert rederive([packages[0].slug]) == 1
    assert_known(packages[0], NO_REPOSITORY)
    assert_known(packages[1], REPOSITORY)
    assert rederive() == 1


def test_nothing_is_written_where_nothing_is_stale(django_assert_num_queries: Any) -> None:
    known()
    with django_assert_num_queries(2):  # a batch, and that there is no other
        assert rederive() == 0


def test_a_corrected_mistake_has_its_history_back(get: Get) -> None:
    package = known()

    def history() -> list[tuple[Any, Any]]:
        results = get(f"packages/{package.pk}/history/").json()["results"]
        return [(each["stars"], each["downloads"]) for each in results]

    assert history() == [(9, 70)]
    update(package, repo_url="https://github.com/mis/take")
    assert history() == [(None, 70)]
    Snapshot.objects.create(package=Package.objects.get(), day=NOW.date(), stars=1)
    assert history() == [(1, None), (None, 70)]
    Package.objects.update(repo_url="https://github.com/a/b")
    assert history() == [(9, 70)]
    Snapshot.objects.create(package=Package.objects.get(), day=NOW.date() + timedelta(days=1), downloads=71)
    assert history() == [(None, 71), (9, 70)]
    Package.objects.update(pypi_url="c")
    assert history() == [(9, None)]
    Package.objects.update(repo_url="")
    assert history() == []
    assert package.snapshots.count() == 3
