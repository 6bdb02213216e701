"""import_catalogue from a folder: what goes in, what is refused, what a later run brings."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import Model
from django.utils.dateparse import parse_datetime

from categories.models import Category
from fetchers.mirror.importer import Report, import_catalogue
from fetchers.mirror.sources import Folder
from grids.models import Grid, GridPackage
from packages.models import Package
from tests.documents import MADE, catalogue, category, grid, link, package, write_folder

pytestmark = pytest.mark.django_db

NEWER = "2026-11-01T00:00:00+00:00"


class Told(Report):
    """A report that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        super().__init__(lambda level, line: self.lines.append(f"{level}: {line}"))


def run(folder: Path, documents: dict[str, list[Any]], *, prune: bool = False, dry_run: bool = False) -> Told:
    told = Told()
    import_catalogue(Folder(write_folder(folder, documents)), told, prune=prune, dry_run=dry_run)
    return told


def everything() -> list[list[dict[str, Any]]]:
    models: tuple[type[Model], ...] = (Category, Grid, Package, GridPackage)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


def served(client: Any, pk: int) -> Any:
    return client.get(f"/api/v4/packages/{pk}/").json()


def test_documents_come_out_as_they_went_in(client: Any, tmp_path: Path) -> None:
    first = package(100, grids=[9, 7], documentation_url="")
    second = package(101, repo_url="", last_updated=None, last_fetched=None, commits_over_52=[], participants=[])
    told = run(tmp_path / "c", catalogue([category()], [grid(7, [100]), grid(9, [100])], [first, second]))
    assert (told.exit_code, told.lines) == (0, [])
    for document in (first, second):
        got = client.get(f"/api/v4/packages/{document['id']}/").content.decode()
        assert list(client.get(f"/api/v4/packages/{document['id']}/").json()) == list(document)
        assert client.get(f"/api/v4/packages/{document['id']}/").json() == {
            **document,
            "category": "http://testserver/api/v4/categories/1/",
            "grids": [f"http://testserver/api/v4/grids/{pk}/" for pk in ((9, 7) if document is first else ())],
        }, got
    assert client.get("/api/v4/categories/1/").json() == category()
    assert client.get("/api/v4/grids/7/").json() == grid(7) | {"packages": ["http://testserver/api/v4/packages/100/"]}


def test_twice_changes_nothing(tmp_path: Path) -> None:
    documents = catalogue([category()], [grid(7, [100]), grid(9, [100])], [package(100, grids=[9, 7]), package(101)])
    run(tmp_path / "c", documents)
    before = everything()
    told = run(tmp_path / "c", documents)
    assert everything() == before
    assert told.lines == []
    assert {kind: counts["unchanged"] for kind, counts in told.counts.items()} == {
        "category": 1,
        "grid": 2,
        "package": 2,
    }


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"title": "x" * 500}, "title: String should have at most 100 characters"),
        ({"title": ""}, "title: String should have at least 1 character"),
        ({"title": "a\0b"}, "title: holds a NUL character"),
        ({"repo_description": "a\0b"}, "repo_description: holds a NUL character"),
        ({"title": "a\ud800b"}, "title: "),
        ({"participants": ["\udfff"]}, "participants.0: "),
        ({"participants": "anna,bert"}, "participants: Input should be a valid list"),
        ({"repo_forks": 2**40}, "repo_forks: Input should be less than or equal to 2147483647"),
        ({"repo_forks": -1}, "repo_forks: Input should be greater than or equal to 0"),
        ({"repo_watchers": True}, "repo_watchers: Input should be a valid integer"),
        ({"repo_watchers": 1.0}, "repo_watchers: Input should be a valid integer"),
        ({"repo_watchers": float("nan")}, "repo_watchers: Input should be a valid integer"),
        ({"commits_over_52": [0] * 51}, "commits_over_52: must be 52 weekly counts or none, not 51"),
        ({"commits_over_52": [0] * 51 + [-1]}, "commits_over_52.51: Input should be greater than or equal to 0"),
        ({"slug": "Not a slug"}, "slug: must be of ASCII letters"),
        ({"slug": "é"}, "slug: must be of ASCII letters"),
        ({"documentation_url": "javascript:alert(1)"}, "documentation_url: must begin with http"),
        ({"repo_url": "javascript:alert(1)"}, "repo_url: must begin with http"),
        ({"pypi_url": "javascript:alert(1)"}, "pypi_url: must begin with http"),
        ({"created": "yesterday"}, "created: must be an ISO 8601 time"),
        ({"created": "2026-01-01T00:00:00"}, "created: must say its offset"),
        ({"created": "0001-01-01T00:00:00+14:00"}, "created: must be between 1900 and 3000"),
        ({"created": None}, "created: must be an ISO 8601 time"),
        ({"category": 1}, "category: must link to …/categories/<id>/"),
        ({"category": link("grids", 7)}, "category: must link to …/categories/<id>/"),
        ({"category": "http://[broken"}, "category: must link to …/categories/<id>/"),
        ({"category": link("categories", 99)}, "refers to category 99, which is absent"),
        ({"grids": [link("grids", 99)]}, "refers to grid 99, which is absent"),
        ({"grids": [link("grids", 7)] * 2}, "grids: names the same document twice"),
    ],
)
def test_a_document_that_breaks_a_rule_is_reported_and_its_neighbours_go_in(
    tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    documents = catalogue([category()], [grid(7)], [package(100), package(101) | changes, package(102)])
    told = run(tmp_path / "c", documents)
    assert told.exit_code == 1
    assert len(told.lines) == 1
    assert told.lines[0].startswith("skipped: package 101")
    assert why in told.lines[0]
    assert list(Package.objects.order_by("pk").values_list("pk", flat=True)) == [100, 102]


@pytest.mark.parametrize("pk", [0, -1, 2**63, "5", None, True])
def test_an_id_that_no_row_can_have(tmp_path: Path, pk: Any) -> None:
    told = run(tmp_path / "c", catalogue([category()], [], [package(100), package(101) | {"id": pk}]))
    assert told.lines[0].startswith("skipped: package without an id (package-101): id: ")
    assert Package.objects.get().pk == 100


@pytest.mark.parametrize("raw", [None, [], "text", 5, {}])
def test_what_is_no_document_at_all(tmp_path: Path, raw: Any) -> None:
    told = run(tmp_path / "c", catalogue([category()], [], [raw, package(100)]))
    assert told.exit_code == 1
    assert told.lines[0].startswith("skipped: package without an id: ")
    assert Package.objects.get().pk == 100


def test_a_document_without_its_keys_says_which(tmp_path: Path) -> None:
    short = package(100)
    del short["repo_url"]
    assert run(tmp_path / "c", catalogue([category()], [], [short])).lines == [
        "skipped: package 100 (package-100): repo_url: Field required"
    ]


def test_the_same_document_twice_is_taken_once_without_complaint(tmp_path: Path) -> None:
    told = run(tmp_path / "c", catalogue([category(), category()], [], [package(100), package(101), package(100)]))
    assert (told.exit_code, told.lines) == (0, [])
    assert Package.objects.count() == 2


def test_another_document_with_the_same_id_or_slug_is_reported(tmp_path: Path) -> None:
    packages = [
        package(100),
        package(100, title="Another"),
        package(101, slug="package-100"),
        package(102, repo_url="https://github.com/someone/package-100"),
    ]
    told = run(tmp_path / "c", catalogue([category()], [], packages))
    assert told.lines == [
        "skipped: package 100 (package-100): repeats the id of another document that says otherwise",
        "skipped: package 101 (package-100): repeats the slug of another document that says otherwise",
        "skipped: package 102 (package-102): repo_url 'https://github.com/someone/package-100' is that of package 100",
    ]
    assert Package.objects.get().title == "Package 100"


def test_packages_of_one_repository_are_taken_and_noted(tmp_path: Path) -> None:
    packages = [package(100), package(101, repo_url="http://www.github.com/Someone/package-100.git/")]
    documents = catalogue([category()], [], packages)
    told = run(tmp_path / "c", documents)
    assert told.exit_code == 0
    assert told.lines == [
        "note: package 100 (package-100) shares its repository with package 101",
        "note: package 101 (package-101) shares its repository with package 100",
    ]
    assert Package.objects.count() == 2
    assert run(tmp_path / "c", documents).lines == []


def test_an_all_digit_slug_is_reachable_by_id(client: Any, tmp_path: Path) -> None:
    run(tmp_path / "c", catalogue([category()], [], [package(100, slug="12345")]))
    assert served(client, 100)["slug"] == "12345"
    assert client.get("/api/v4/packages/12345/").status_code == 404


def test_editors_columns_follow_modified_and_facts_follow_last_fetched(tmp_path: Path) -> None:
    run(tmp_path / "c", catalogue([category()], [], [package(100)]))
    changed = {"title": "New", "repo_url": "https://codeberg.org/a/b", "repo_watchers": 99, "participants": ["zoe"]}

    run(tmp_path / "c", catalogue([category(title="New")], [], [package(100) | changed]))
    row = Package.objects.get()
    assert (row.title, row.repo_watchers, Category.objects.get().title) == ("Package 100", 24, "Category 1")

    run(tmp_path / "c", catalogue([category()], [], [package(100) | changed | {"modified": NEWER}]))
    row = Package.objects.get()
    assert (row.title, row.repo_key, row.repo_watchers) == ("New", "codeberg.org/a/b", 24)
    assert row.modified == parse_datetime(NEWER)

    run(tmp_path / "c", catalogue([category()], [], [package(100) | changed | {"last_fetched": NEWER}]))
    row = Package.objects.get()
    assert (row.title, row.repo_watchers, row.participants) == ("New", 99, ["zoe"])

    run(tmp_path / "c", catalogue([category()], [], [package(100) | {"last_fetched": None}]))
    assert Package.objects.get().repo_watchers == 99


def test_what_the_source_no_longer_has_stays_unless_pruned(tmp_path: Path) -> None:
    run(
        tmp_path / "c",
        catalogue([category(1), category(2)], [grid(7), grid(9)], [package(100), package(101, grids=[9])]),
    )
    fewer = catalogue([category(1)], [grid(7)], [package(100)])
    run(tmp_path / "c", fewer)
    assert (Category.objects.count(), Grid.objects.count(), Package.objects.count()) == (2, 2, 2)
    told = run(tmp_path / "c", fewer, prune=True)
    assert (Category.objects.get().pk, Grid.objects.get().pk, Package.objects.get().pk) == (1, 7, 100)
    assert {kind: counts["deleted"] for kind, counts in told.counts.items()} == dict.fromkeys(told.counts, 1)


def test_pruning_never_empties_a_kind_nor_trusts_a_source_that_hides_ids(tmp_path: Path) -> None:
    run(tmp_path / "c", catalogue([category()], [grid(7)], [package(100), package(101)]))
    told = run(tmp_path / "c", catalogue([category()], [], [package(100), package(101) | {"id": "?"}]), prune=True)
    assert Package.objects.count() == 2
    assert Grid.objects.count() == 1
    assert told.exit_code == 1
    assert "packages: not pruned, since some documents came without a readable id" in told.lines[1]
    assert "grids: not pruned, since the source has none at all" in told.lines[2]


def test_pruning_leaves_a_document_that_was_refused(tmp_path: Path) -> None:
    run(tmp_path / "c", catalogue([category()], [], [package(100), package(101)]))
    run(tmp_path / "c", catalogue([category()], [], [package(100), package(101, title="")]), prune=True)
    assert Package.objects.count() == 2


def test_a_slug_passes_from_a_pruned_package_to_a_new_one_in_one_run(tmp_path: Path) -> None:
    run(tmp_path / "c", catalogue([category()], [], [package(100, slug="x"), package(101)]))
    documents = catalogue([category()], [], [package(102, slug="x"), package(101)])
    told = run(tmp_path / "c", documents)
    assert told.lines == ["skipped: package 102 (x): slug 'x' is that of package 100"]
    assert run(tmp_path / "c", documents, prune=True).exit_code == 0
    assert dict(Package.objects.values_list("pk", "slug")) == {101: "package-101", 102: "x"}


def test_packages_trade_slugs_and_repositories(tmp_path: Path) -> None:
    a, b = package(100, modified=NEWER), package(101, modified=NEWER)
    run(tmp_path / "c", catalogue([category()], [], [package(100), package(101)]))
    for key in ("slug", "repo_url"):
        a[key], b[key] = b[key], a[key]
    told = run(tmp_path / "c", catalogue([category()], [], [a, b]))
    assert (told.exit_code, Package.objects.get(pk=100).slug, Package.objects.get(pk=101).slug) == (
        0,
        "package-101",
        "package-100",
    )
    assert Package.objects.get(pk=100).repo_key == "github.com/someone/package-101"


def memberships(pk: int) -> list[int]:
    return list(GridPackage.objects.filter(package=pk).order_by("position", "id").values_list("grid", flat=True))


def test_memberships_follow_the_source_in_its_order(tmp_path: Path) -> None:
    grids = [grid(7), grid(8), grid(9)]
    run(tmp_path / "c", catalogue([category()], grids, [package(100, grids=[9, 7])]))
    assert memberships(100) == [9, 7]
    local = Grid.objects.create(title="Ours", slug="ours")
    GridPackage.objects.create(grid=local, package_id=100)
    run(tmp_path / "c", catalogue([category()], grids, [package(100, grids=[8, 9])]))
    assert memberships(100) == [8, 9, local.pk]


def test_where_package_and_grid_disagree_the_package_decides(tmp_path: Path) -> None:
    documents = catalogue([category()], [grid(7, [100]), grid(9)], [package(100, grids=[9])])
    told = run(tmp_path / "c", documents)
    assert memberships(100) == [9]
    assert told.exit_code == 0
    assert told.lines == [
        "note: grid 7 lists package 100, whose own document says otherwise and decides",
        "note: grid 9 does not list package 100, whose own document says otherwise and decides",
    ]


def test_a_grid_speaks_for_packages_that_the_source_does_not_have(tmp_path: Path) -> None:
    run(tmp_path / "c", catalogue([category()], [grid(7)], [package(100)]))
    told = run(tmp_path / "c", catalogue([category()], [grid(7, [100, 555])], []))
    assert memberships(100) == [7]
    assert told.lines == ["skipped: grid 7: lists package 555, which is absent"]
    assert told.exit_code == 1


def test_a_dry_run_says_the_same_and_writes_nothing(tmp_path: Path) -> None:
    documents = catalogue([category()], [grid(7, [100])], [package(100, grids=[7]), package(101, title="")])
    dry = run(tmp_path / "c", documents, dry_run=True)
    assert everything() == [[], [], [], []]
    wet = run(tmp_path / "c", documents)
    assert (dry.exit_code, dry.lines, dry.counts) == (wet.exit_code, wet.lines, wet.counts)
    assert dry.exit_code == 1


def test_the_next_package_gets_a_free_id(tmp_path: Path) -> None:
    run(tmp_path / "c", catalogue([category(40)], [grid(50)], [package(6000, category=link("categories", 40))]))
    new = Package.objects.create(title="New", slug="new", category_id=40)
    assert new.pk > 6000  # PostgreSQL's sequences keep what other tests took
    assert Category.objects.create(title="New", slug="new").pk > 40
    assert Grid.objects.create(title="New", slug="new").pk > 50
    # An id that was given away is never given again, even when a later run brings only lower ones.
    taken = new.pk
    new.delete()
    run(tmp_path / "c", catalogue([category(40)], [], [package(5000, category=link("categories", 40))]))
    assert Package.objects.create(title="New", slug="new", category_id=40).pk > taken


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not a JSON array, or is cut short"),
        ("{}", "is not a JSON array, or is cut short"),
        ("<html>", "is not a JSON array, or is cut short"),
        ('[{"id": 1', "is cut short, or has an element that is not JSON"),
        ('[{"id": 1} {"id": 2}]', "is not a JSON array, or is cut short"),
        ('[{"id": 1},]', "is not a JSON array, or is cut short"),
        ("[] []", "goes on after the end of its array"),
        ("[" * 100_000, "is cut short, or has an element that is not JSON"),
    ],
)
def test_a_file_that_is_no_array(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "categories.json").write_text(text)
    told = Told()
    import_catalogue(Folder(tmp_path), told)
    assert told.broke_off == f"{tmp_path / 'categories.json'} {why}"
    assert told.exit_code == (1 if told.read else 2)
    assert everything() == [[], [], [], []]


def test_a_file_that_breaks_off_leaves_what_came_before(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "c", catalogue([category()], [], [package(100), package(101)]))
    whole = (folder / "packages.json").read_text()
    (folder / "packages.json").write_text(whole[:-20])
    told = Told()
    import_catalogue(Folder(folder), told)
    assert told.exit_code == 1
    assert Package.objects.get().pk == 100


def test_documents_larger_than_the_window_are_read_whole(tmp_path: Path) -> None:
    people = [f"person-{number}" for number in range(4_000)]
    documents = catalogue([category()], [], [package(pk, participants=people) for pk in range(100, 110)])
    assert run(tmp_path / "c", documents).exit_code == 0
    assert Package.objects.get(pk=109).participants == people


def test_more_documents_than_one_batch(tmp_path: Path, django_assert_max_num_queries: Any) -> None:
    documents = catalogue([category()], [grid(7)], [package(pk, grids=[7]) for pk in range(1, 1_202)])
    with django_assert_max_num_queries(120):
        assert run(tmp_path / "c", documents).exit_code == 0
    assert GridPackage.objects.count() == 1_201


def test_command_exit_codes(tmp_path: Path, capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("import_catalogue", str(tmp_path / "nowhere"))
    assert ended.value.code == 2
    assert "nowhere/categories.json: No such file or directory" in capsys.readouterr().err

    folder = str(write_folder(tmp_path / "c", catalogue([category()], [], [package(100), package(101, title="")])))
    with pytest.raises(SystemExit) as ended:
        call_command("import_catalogue", folder)
    assert ended.value.code == 1
    shown = capsys.readouterr()
    assert "packages: 2 read, 1 created, 0 unchanged" in shown.out
    assert shown.err.startswith("skipped: package 101 (package-101): title: ")

    write_folder(tmp_path / "c", catalogue([category()], [], [package(100)]))
    call_command("import_catalogue", folder)
    assert capsys.readouterr().out.endswith("0 skipped, 0 notes\n")


def test_a_rule_that_only_the_database_knows_blames_one_document(tmp_path: Path) -> None:
    """A row that appears between the check and the write: here, a trigger that refuses one package."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE packages_package ADD CONSTRAINT no_101 CHECK (id <> 101)")
        else:
            cursor.execute(
                "CREATE TRIGGER no_101 BEFORE INSERT ON packages_package WHEN NEW.id = 101"
                " BEGIN SELECT RAISE(ABORT, 'no_101'); END"
            )
    told = run(tmp_path / "c", catalogue([category()], [], [package(pk) for pk in (100, 101, 102)]))
    assert sorted(Package.objects.values_list("pk", flat=True)) == [100, 102]
    assert told.exit_code == 1
    assert len(told.lines) == 1
    assert told.lines[0].startswith("skipped: package 101 (package-101): the database refuses it: ")


def test_times_keep_their_microseconds(tmp_path: Path) -> None:
    run(tmp_path / "c", catalogue([category()], [], [package(100)]))
    made = parse_datetime(MADE)
    assert made is not None
    assert Package.objects.get().created - made == timedelta()
