"""import_catalogue: documents stored, skipped, updated and pruned, whatever source they come from."""

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils.dateparse import parse_datetime

from categories.models import Category
from core.kinds import Kind
from grids.models import Grid, GridPackage
from packages.models import FetchState, Package, ReadinessCount, RepositoryAlias
from tests.documents import catalogue, category, grid, link, package
from tests.fetchers.mirror.importing import all_rows, import_documents

pytestmark = pytest.mark.django_db

NEWER = "2026-11-01T00:00:00+00:00"


def served(client: Any, pk: int) -> Any:
    return client.get(f"/api/v4/packages/{pk}/").json()


def test_imported_documents_are_served_unchanged(client: Any, tmp_path: Path) -> None:
    first = package(100, grids=[9, 7], documentation_url="")
    second = package(101, repo_url="", last_updated=None, last_fetched=None, commits_over_52=[], participants=[])
    report = import_documents(tmp_path, catalogue([category()], [grid(7, [100]), grid(9, [100])], [first, second]))
    assert (report.exit_code, report.lines) == (0, [])
    for document in (first, second):
        response = served(client, document["id"])
        assert list(response) == list(document)
        assert response == document | {
            "category": "http://testserver/api/v4/categories/1/",
            "grids": [f"http://testserver/api/v4/grids/{pk}/" for pk in ((9, 7) if document is first else ())],
        }
    assert client.get("/api/v4/categories/1/").json() == category()
    assert client.get("/api/v4/grids/7/").json() == grid(7) | {"packages": ["http://testserver/api/v4/packages/100/"]}


def test_a_second_import_changes_nothing(tmp_path: Path) -> None:
    documents = catalogue([category()], [grid(7, [100]), grid(9, [100])], [package(100, grids=[9, 7]), package(101)])
    import_documents(tmp_path, documents)
    before = all_rows()
    report = import_documents(tmp_path, documents)
    assert all_rows() == before
    assert report.lines == []
    assert {kind: counts["unchanged"] for kind, counts in report.counts.items()} == {
        "category": 1,
        "grid": 2,
        "package": 2,
    }


def test_a_repeated_document_is_stored_once_without_a_message(tmp_path: Path) -> None:
    report = import_documents(
        tmp_path, catalogue([category(), category()], [], [package(100), package(101), package(100)])
    )
    assert (report.exit_code, report.lines) == (0, [])
    assert Package.objects.count() == 2


def test_a_different_document_with_the_same_id_or_slug_is_skipped(tmp_path: Path) -> None:
    packages = [
        package(100),
        package(100, title="Another"),
        package(101, slug="package-100"),
    ]
    report = import_documents(tmp_path, catalogue([category()], [], packages))
    assert report.lines == [
        "skipped: package 100 (package-100): has the same id as an earlier, different document",
        "skipped: package 101 (package-100): has the same slug as an earlier, different document",
    ]
    assert Package.objects.get().title == "Package 100"


def test_packages_that_share_a_repository_or_a_project_are_stored_with_a_note(tmp_path: Path) -> None:
    packages = [
        package(100),
        package(101, repo_url="http://www.github.com/Someone/package-100.git/"),
        package(102, repo_url="https://github.com/someone/package-100", pypi_url="Package_101"),
    ]
    documents = catalogue([category()], [], packages)
    report = import_documents(tmp_path, documents)
    assert report.exit_code == 0
    assert report.lines == [
        "note: package 100 (package-100) shares its repository with package 101, 102",
        "note: package 101 (package-101) shares its repository with package 100, 102",
        "note: package 102 (package-102) shares its repository with package 100, 101",
        "note: package 101 (package-101) shares its PyPI project with package 102",
        "note: package 102 (package-102) shares its PyPI project with package 101",
    ]
    assert Package.objects.count() == 3
    assert import_documents(tmp_path, documents).lines == []


def test_secrets_and_line_breaks_never_enter_and_odd_addresses_are_noted(tmp_path: Path) -> None:
    packages = [
        package(
            100,
            repo_url="https://me:secret@github.com/o/r",
            pypi_url="https://pypi.org/project/x/?utm_source=a",
            documentation_url="https://a.test/?access_token=secret\r\nX: y",
        ),
        package(101, repo_url="https://github.com/owner", pypi_url="django-foo==1.0"),
        package(102, repo_url="not a url at all", pypi_url="https://github.com/o/r", documentation_url=""),
    ]
    report = import_documents(tmp_path, catalogue([category()], [], packages))
    assert list(Package.objects.order_by("pk").values_list("repo_url", "pypi_url", "documentation_url")) == [
        ("https://github.com/o/r", "https://pypi.org/project/x/", "https://a.test/"),
        ("https://github.com/owner", "django-foo==1.0", None),
        ("not a url at all", "https://github.com/o/r", ""),
    ]
    assert report.exit_code == 0
    assert report.lines == [
        "note: package 100 (package-100): its repo_url had a user name or password, which would be published: dropped",
        "note: package 100 (package-100): its pypi_url had a tracking parameter: dropped",
        "note: package 100 (package-100): its documentation_url had a line break and a token or password among its "
        "parameters, which would be published: dropped",
        "note: package 101 (package-101): repo_url 'https://github.com/owner': This names an owner at github.com, no "
        "repository.",
        "note: package 101 (package-101): pypi_url 'django-foo==1.0': This is more than the name of a project. Did you "
        "mean “django-foo”?",
        "note: package 102 (package-102): repo_url 'not a url at all': It has blanks in it.",
        "note: package 102 (package-102): pypi_url 'https://github.com/o/r': This is a repository URL, which belongs "
        "into the field “repository URL”.",
    ]
    again = import_documents(tmp_path, catalogue([category()], [], packages))
    assert (again.lines, again.counts[Kind.PACKAGE]["unchanged"]) == ([], 3)


FORGEJO = {"git.example.org": "forgejo"}
FETCHED_AFTER = "2026-11-02T00:00:00+00:00"
MOVED = {"repo_url": "https://codeberg.org/a/b", "modified": NEWER, "repo_watchers": 99, "pypi_version": "9"}


def facts(pk: int = 100) -> tuple[Any, ...]:
    row = Package.objects.get(pk=pk)
    return row.repo_watchers, row.participants, row.pypi_version, row.last_fetched


@pytest.mark.parametrize(
    ("fetched", "kept"),
    [
        # Not later than ours: what the document has may be of its old address.
        (package()["last_fetched"], (0, [], "2.3.1", None)),
        (None, (0, [], "2.3.1", None)),
        (FETCHED_AFTER, (99, ["anna", "dependabot[bot]"], "9", parse_datetime(FETCHED_AFTER))),
    ],
)
def test_facts_of_a_document_are_of_its_address(tmp_path: Path, fetched: str | None, kept: tuple[Any, ...]) -> None:
    import_documents(tmp_path, catalogue([category()], [], [package(100)]))
    Package.objects.update(repo_id="5", licence="MIT")
    RepositoryAlias.objects.create(package_id=100, repo_url="x", repo_key="x", until=NEWER)
    documents = catalogue([category()], [], [package(100) | MOVED | {"last_fetched": fetched}])
    for _ in range(2):
        import_documents(tmp_path, documents)
        assert facts() == kept
        row = Package.objects.get()
        assert (row.repo_facts_of, row.repo_id, row.licence) == ("codeberg.org/a/b", "", "MIT")
    assert not RepositoryAlias.objects.exists()


def test_facts_of_another_address_than_ours_are_not_taken(tmp_path: Path) -> None:
    import_documents(tmp_path, catalogue([category()], [], [package(100)]))
    ours = facts()
    Package.objects.update(repo_url="https://github.com/our/choice", modified=parse_datetime(NEWER))
    assert facts() == (0, [], "2.3.1", None)
    state = {"source": "repo", "target": "github.com/our/choice", "outcome": "timeout", "next_due": NEWER}
    FetchState.objects.create(package_id=100, **state)
    theirs = package(100, last_fetched=FETCHED_AFTER, repo_watchers=99, pypi_version="9")
    import_documents(tmp_path, catalogue([category()], [], [theirs]))
    assert facts() == (0, [], "9", None)
    assert FetchState.objects.exists()
    Package.objects.update(repo_url=theirs["repo_url"])
    import_documents(tmp_path, catalogue([category()], [], [theirs]))
    assert facts() == (99, ours[1], "9", parse_datetime(FETCHED_AFTER))


@pytest.mark.parametrize("fetched", [package()["last_fetched"], FETCHED_AFTER])
def test_a_host_that_comes_and_goes_keeps_what_is_known(tmp_path: Path, settings: Any, fetched: str) -> None:
    document = package(100, repo_url="https://git.example.org/Owner/Repo.git")
    import_documents(tmp_path, catalogue([category()], [], [document]))
    Package.objects.update(repo_id="5")
    FetchState.objects.create(
        package_id=100, source="repo", target="git.example.org/Owner/Repo.git", outcome="ok", next_due=NEWER
    )
    for hosts, key in ((FORGEJO, "git.example.org/owner/repo"), ({}, "git.example.org/Owner/Repo.git")):
        settings.FORGE_HOSTS = hosts
        import_documents(tmp_path, catalogue([category()], [], [document | {"last_fetched": fetched}]))
        row = Package.objects.get()
        assert (row.repo_key, row.repo_facts_of, row.repo_id) == (key, key, "5")
        assert facts() == (document["repo_watchers"], ["anna", "dependabot[bot]"], "2.3.1", parse_datetime(fetched))
        assert FetchState.objects.get().target == key


def test_the_former_slug_of_another_document_is_noted(tmp_path: Path) -> None:
    import_documents(tmp_path, catalogue([category()], [grid(7)], [package(100)]))
    Package.objects.update(slug="renamed")
    Grid.objects.update(slug="renamed")
    documents = catalogue([category()], [grid(8, slug="grid-7")], [package(101, slug="package-100")])
    assert import_documents(tmp_path, documents).lines == [
        "note: grid 8 (grid-7) has a slug that grid 7 had before: links by it lead to another document now",
        "note: package 101 (package-100) has a slug that package 100 had before: links by it lead to another document "
        "now",
    ]
    assert import_documents(tmp_path, documents).lines == []


def test_an_all_digit_slug_is_reachable_by_id(client: Any, tmp_path: Path) -> None:
    import_documents(tmp_path, catalogue([category()], [], [package(100, slug="12345")]))
    assert served(client, 100)["slug"] == "12345"
    assert client.get("/api/v4/packages/12345/").status_code == 404


def test_editors_columns_follow_modified_and_fetched_ones_last_fetched(tmp_path: Path) -> None:
    import_documents(tmp_path, catalogue([category()], [], [package(100)]))
    changed = {"title": "New", "repo_url": "https://codeberg.org/a/b", "repo_watchers": 99, "participants": ["zoe"]}

    import_documents(tmp_path, catalogue([category(title="New")], [], [package(100) | changed]))
    row = Package.objects.get()
    assert (row.title, row.repo_watchers, Category.objects.get().title) == ("Package 100", 24, "Category 1")

    import_documents(tmp_path, catalogue([category()], [], [package(100) | changed | {"modified": NEWER}]))
    row = Package.objects.get()
    assert (row.title, row.repo_key, row.repo_watchers) == ("New", "codeberg.org/a/b", 0)
    assert row.modified == parse_datetime(NEWER)

    import_documents(tmp_path, catalogue([category()], [], [package(100) | changed | {"last_fetched": NEWER}]))
    row = Package.objects.get()
    assert (row.title, row.repo_watchers, row.participants) == ("New", 99, ["zoe"])

    import_documents(tmp_path, catalogue([category()], [], [package(100) | {"last_fetched": None}]))
    assert Package.objects.get().repo_watchers == 99


def test_rows_missing_from_the_source_stay_unless_pruned(tmp_path: Path) -> None:
    import_documents(
        tmp_path,
        catalogue([category(1), category(2)], [grid(7), grid(9)], [package(100), package(101, grids=[9])]),
    )
    fewer = catalogue([category(1)], [grid(7)], [package(100)])
    import_documents(tmp_path, fewer)
    assert (Category.objects.count(), Grid.objects.count(), Package.objects.count()) == (2, 2, 2)
    report = import_documents(tmp_path, fewer, prune=True)
    assert (Category.objects.get().pk, Grid.objects.get().pk, Package.objects.get().pk) == (1, 7, 100)
    assert {kind: counts["deleted"] for kind, counts in report.counts.items()} == dict.fromkeys(report.counts, 1)


def test_pruning_needs_readable_ids_and_at_least_one_document(tmp_path: Path) -> None:
    import_documents(tmp_path, catalogue([category()], [grid(7)], [package(100), package(101)]))
    report = import_documents(
        tmp_path, catalogue([category()], [], [package(100), package(101) | {"id": "?"}]), prune=True
    )
    assert Package.objects.count() == 2
    assert Grid.objects.count() == 1
    assert report.exit_code == 1
    assert "packages: not pruned, because some documents have no readable id" in report.lines[1]
    assert "grids: not pruned, because the source has none" in report.lines[2]


def test_pruning_keeps_the_row_of_a_skipped_document(tmp_path: Path) -> None:
    import_documents(tmp_path, catalogue([category()], [], [package(100), package(101)]))
    import_documents(tmp_path, catalogue([category()], [], [package(100), package(101, title="")]), prune=True)
    assert Package.objects.count() == 2


def test_a_new_package_takes_the_slug_of_a_pruned_one_in_the_same_import(tmp_path: Path) -> None:
    import_documents(tmp_path, catalogue([category()], [], [package(100, slug="x"), package(101)]))
    documents = catalogue([category()], [], [package(102, slug="x"), package(101)])
    report = import_documents(tmp_path, documents)
    assert report.lines == ["skipped: package 102 (x): slug 'x' belongs to package 100"]
    assert import_documents(tmp_path, documents, prune=True).exit_code == 0
    assert dict(Package.objects.values_list("pk", "slug")) == {101: "package-101", 102: "x"}


def test_packages_exchange_slugs_and_repositories(tmp_path: Path) -> None:
    a, b = package(100, modified=NEWER), package(101, modified=NEWER)
    import_documents(tmp_path, catalogue([category()], [], [package(100), package(101)]))
    for key in ("slug", "repo_url"):
        a[key], b[key] = b[key], a[key]
    report = import_documents(tmp_path, catalogue([category()], [], [a, b]))
    assert (report.exit_code, Package.objects.get(pk=100).slug, Package.objects.get(pk=101).slug) == (
        0,
        "package-101",
        "package-100",
    )
    assert Package.objects.get(pk=100).repo_key == "github.com/someone/package-101"


def memberships(pk: int) -> list[int]:
    return list(GridPackage.objects.filter(package=pk).order_by("position", "id").values_list("grid", flat=True))


def test_memberships_follow_the_source_in_its_order(tmp_path: Path) -> None:
    grids = [grid(7), grid(8), grid(9)]
    import_documents(tmp_path, catalogue([category()], grids, [package(100, grids=[9, 7])]))
    assert memberships(100) == [9, 7]
    local = Grid.objects.create(title="Ours", slug="ours")
    GridPackage.objects.create(grid=local, package_id=100)
    import_documents(tmp_path, catalogue([category()], grids, [package(100, grids=[8, 9])]))
    assert memberships(100) == [8, 9, local.pk]


def test_where_package_and_grid_disagree_the_package_decides(tmp_path: Path) -> None:
    documents = catalogue([category()], [grid(7, [100]), grid(9)], [package(100, grids=[9])])
    report = import_documents(tmp_path, documents)
    assert memberships(100) == [9]
    assert report.exit_code == 0
    assert report.lines == [
        "note: grid 7 lists package 100, but the package's document does not name the grid: the package decides",
        "note: grid 9 does not list package 100, but the package's document names the grid: the package decides",
    ]


def test_a_grid_decides_for_packages_missing_from_the_source(tmp_path: Path) -> None:
    import_documents(tmp_path, catalogue([category()], [grid(7)], [package(100)]))
    report = import_documents(tmp_path, catalogue([category()], [grid(7, [100, 555])], []))
    assert memberships(100) == [7]
    assert report.lines == ["skipped: grid 7: lists package 555, which does not exist"]
    assert report.exit_code == 1


def test_a_dry_run_reports_the_same_and_writes_nothing(tmp_path: Path) -> None:
    documents = catalogue([category()], [grid(7, [100])], [package(100, grids=[7]), package(101, title="")])
    dry = import_documents(tmp_path, documents, dry_run=True)
    assert all_rows() == [[], [], [], []]
    assert not ReadinessCount.objects.exists()
    wet = import_documents(tmp_path, documents)
    assert (dry.exit_code, dry.lines, dry.counts) == (wet.exit_code, wet.lines, wet.counts)
    assert dry.exit_code == 1


def test_the_next_package_gets_a_free_id(tmp_path: Path) -> None:
    import_documents(tmp_path, catalogue([category(40)], [grid(50)], [package(6000, category=link("categories", 40))]))
    new = Package.objects.create(title="New", slug="new", category_id=40)
    assert new.pk > 6000  # PostgreSQL's sequences may be further already, by other tests
    assert Category.objects.create(title="New", slug="new").pk > 40
    assert Grid.objects.create(title="New", slug="new").pk > 50
    # The id of a deleted row is never used again, even after an import that has only lower ids.
    used = new.pk
    new.delete()
    import_documents(tmp_path, catalogue([category(40)], [], [package(5000, category=link("categories", 40))]))
    assert Package.objects.create(title="New", slug="new", category_id=40).pk > used


def test_more_documents_than_one_batch(tmp_path: Path, django_assert_max_num_queries: Any) -> None:
    documents = catalogue([category()], [grid(7)], [package(pk, grids=[7]) for pk in range(1, 1_202)])
    with django_assert_max_num_queries(120):
        assert import_documents(tmp_path, documents).exit_code == 0
    assert GridPackage.objects.count() == 1_201


def test_only_the_document_that_the_database_rejects_is_skipped(tmp_path: Path) -> None:
    """A row that appears between the check and the write: here, a trigger that rejects one package."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE packages_package ADD CONSTRAINT no_101 CHECK (id <> 101)")
        else:
            cursor.execute(
                "CREATE TRIGGER no_101 BEFORE INSERT ON packages_package WHEN NEW.id = 101"
                " BEGIN SELECT RAISE(ABORT, 'no_101'); END"
            )
    report = import_documents(tmp_path, catalogue([category()], [], [package(pk) for pk in (100, 101, 102)]))
    assert sorted(Package.objects.values_list("pk", flat=True)) == [100, 102]
    assert report.exit_code == 1
    assert len(report.lines) == 1
    assert report.lines[0].startswith("skipped: package 101 (package-101): the database rejects it: ")
