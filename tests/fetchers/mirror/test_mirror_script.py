"""README's mirror, run as it stands there: from a dump, through thousands of edits, it is the catalogue."""

import json
import random
import re
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import responses
from django.db import transaction
from django.test import Client
from django.utils import timezone

from categories.models import Category
from changes.models import Change
from core import dumps
from fetchers.mirror.dump import dump_catalogue
from grids.models import Cell, Feature, Grid, GridPackage
from packages.models import Package, PackageAdvisory, Pin, Release
from tests.servers import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
API = "http://testserver/api/v4/"
EDITS = 3_600
# Columns of a dump that the API has no key for, and those of rows that it does not number
NOT_SERVED = {"repo_host", "repo_key", "pypi_name", "weeks_end", "position", "membership_id", "id"}


def script() -> str:
    found = re.search(r"^    # mirror\.py: .*\n(?:    .*\n|\n)+", README, re.MULTILINE)
    assert found
    return re.sub("^    ", "", found[0], flags=re.MULTILINE)


@pytest.fixture
def wire(client: Client, tmp_path: Path) -> Iterator[responses.RequestsMock]:
    """The site as the script reaches it: the API, and the files of dumps."""

    def api(request: Any) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(request.url)
        if parts.path.startswith("/api/v4/dumps/latest/"):
            [newest, *_] = dumps.names(tmp_path)
            return 200, {}, (tmp_path / newest / parts.path.rpartition("/")[2]).read_bytes()
        response = client.get(f"{parts.path}?{parts.query}")
        return response.status_code, dict(response.headers), response.content

    with responses.RequestsMock() as wire:
        wire.add_callback(responses.GET, re.compile(re.escape(API)), api)
        yield wire


class Editor:
    """Edits at random: a batch of rows of a table at a time, in every way that the catalogue is written."""

    def __init__(self) -> None:
        self.chance, self.edits, self.name = random.Random(9), 0, 0
        self.ways = (
            *(self.facts, self.facts, self.rename, self.title, self.move, self.add_packages, self.delete_packages),
            *(self.add_members, self.add_members, self.remove_members, self.place, self.add_features, self.features),
            *(self.delete_features, self.add_cells, self.add_cells, self.cells, self.delete_cells, self.add_releases),
            *(self.yank, self.delete_releases, self.add_grid, self.grid, self.delete_grid, self.category),
            *(self.pin, self.lift, self.reply, self.advise, self.mend),
        )

    def work(self, edits: int) -> None:
        """Edit at least so many rows."""
        until = self.edits + edits
        while self.edits < until:
            with transaction.atomic():
                for _ in range(6):
                    self.edits += self.chance.choice(self.ways)()

    def some(self, rows: Any, most: int = 40) -> list[Any]:
        ids = list(rows.order_by("pk").values_list("pk", flat=True))
        chosen = self.chance.sample(ids, min(len(ids), self.chance.randint(1, most)))
        return list(rows.model.objects.filter(pk__in=chosen).order_by("pk"))

    def text(self) -> str:
        self.name += 1
        return f"{self.chance.choice('abcxyz')}-{self.name}"

    def change(self, rows: Sequence[Any], **columns: Any) -> int:
        """Give each row other values of these columns."""
        for row in rows:
            for column, value in columns.items():
                setattr(row, column, value())
        if rows:
            type(rows[0]).objects.bulk_update(rows, list(columns))
        return len(rows)

    def set(self, rows: Sequence[Any], **values: Any) -> int:
        """Give all these rows the same values, in one statement."""
        if rows:
            type(rows[0]).objects.filter(pk__in=[row.pk for row in rows]).update(**values)
        return len(rows)

    def delete(self, rows: Sequence[Any]) -> int:
        if rows:
            type(rows[0]).objects.filter(pk__in=[row.pk for row in rows]).delete()
        return len(rows)

    def number(self) -> int:
        return self.chance.randrange(10_000)

    def facts(self) -> int:
        lists = {"participants": [self.text()], "classifiers": ["A", self.text()]}
        facts = {"repo_watchers": self.number(), "licence": self.text(), "last_updated": timezone.now(), **lists}
        return self.set(self.some(Package.objects.all()), **facts)

    def pin(self) -> int:
        some = self.some(Package.objects.filter(pins__isnull=True), 5)
        now, reason = timezone.now(), self.text()
        pins = [Pin(package=each, column="licence", pinned=self.text(), reason=reason, since=now) for each in some]
        return len(Pin.objects.bulk_create(pins))

    def lift(self) -> int:
        return self.delete(self.some(Pin.objects.all(), 2))

    def advise(self) -> int:
        some, now = self.some(Package.objects.all(), 5), timezone.now()
        told = {"modified": now, "published": now - timedelta(days=1), "aliases": ["CVE-1"], "affects_latest": True}
        PackageAdvisory.objects.bulk_create(
            PackageAdvisory(package=each, osv_id=self.text(), summary=self.text(), severity="high", **told)
            for each in some
        )
        return len(some) + self.set(some, vulnerable=True)

    def mend(self) -> int:
        fixed = self.set(self.some(PackageAdvisory.objects.all(), 3), fixed=["1.0"], affects_latest=False)
        return fixed + self.delete(self.some(PackageAdvisory.objects.all(), 3))

    def reply(self) -> int:
        until = timezone.now().date() + timedelta(days=99)
        some = self.some(Package.objects.all(), 5)
        self.set(some[::2], reply_kind="", reply_note="", reply_until=None)
        return self.set(some, reply_kind="help_wanted", reply_note=self.text(), reply_until=until)

    def rename(self) -> int:
        return self.change(self.some(Package.objects.all(), 10), slug=self.text)

    def title(self) -> int:
        return self.change(self.some(Package.objects.all(), 10), title=self.text, modified=timezone.now)

    def move(self) -> int:
        some = self.some(Package.objects.all(), 10)
        self.set(some, category=self.chance.choice(list(Category.objects.all())))
        ids = {each.pk for each in some}
        successors = [None, *Package.objects.exclude(pk__in=ids).order_by("pk")]
        return self.set(some[::2], replaced_by=self.chance.choice(successors))

    def add_packages(self) -> int:
        category = self.chance.choice(list(Category.objects.all()))
        new = [
            Package(title=self.text(), slug=self.text(), category=category) for _ in range(self.chance.randint(1, 9))
        ]
        return len(Package.objects.bulk_create(new))

    def delete_packages(self) -> int:
        return self.delete(self.some(Package.objects.all(), 6))

    def add_members(self) -> int:
        grids, packages = self.some(Grid.objects.all(), 4), self.some(Package.objects.all(), 6)
        new = [GridPackage(grid=grid, package=package) for grid in grids for package in packages]
        before = GridPackage.objects.count()
        GridPackage.objects.bulk_create(new, ignore_conflicts=True)
        return GridPackage.objects.count() - before

    def remove_members(self) -> int:
        return self.delete(self.some(GridPackage.objects.all(), 8))

    def place(self) -> int:
        return self.set(self.some(GridPackage.objects.all(), 20), position=self.number())

    def add_features(self) -> int:
        grids = self.some(Grid.objects.all(), 6)
        return len(Feature.objects.bulk_create(Feature(grid=grid, title=self.text()) for grid in grids))

    def features(self) -> int:
        return self.set(self.some(Feature.objects.all(), 9), title=self.text(), position=self.number())

    def delete_features(self) -> int:
        return self.delete(self.some(Feature.objects.all(), 3))

    def add_cells(self) -> int:
        features = {feature.grid_id: feature for feature in self.some(Feature.objects.all())}
        members = [each for each in self.some(GridPackage.objects.all()) if each.grid_id in features]
        taken = set(Cell.objects.values_list("feature_id", "membership_id"))
        new = [Cell(feature=features[each.grid_id], membership=each, text=self.text()) for each in members]
        new = [cell for cell in new if (cell.feature_id, cell.membership_id) not in taken]
        return len(Cell.objects.bulk_create(new))

    def cells(self) -> int:
        text = self.chance.choice(("yes", "no", "+2", "it is slow"))
        return self.set(self.some(Cell.objects.all(), 20), text=text)

    def delete_cells(self) -> int:
        return self.delete(self.some(Cell.objects.all(), 6))

    def add_releases(self) -> int:
        packages = self.some(Package.objects.all(), 20)
        new = (Release(package=each, version=self.text(), uploaded_at=timezone.now()) for each in packages)
        return len(Release.objects.bulk_create(new))

    def yank(self) -> int:
        return self.set(self.some(Release.objects.all(), 9), yanked=self.chance.random() < 0.5)

    def delete_releases(self) -> int:
        return self.delete(self.some(Release.objects.all(), 9))

    def add_grid(self) -> int:
        Grid.objects.create(title=self.text(), slug=self.text())
        return 1

    def grid(self) -> int:
        return self.change(self.some(Grid.objects.all(), 3), slug=self.text, description=self.text)

    def delete_grid(self) -> int:
        return self.delete(self.some(Grid.objects.all(), 1)) if Grid.objects.count() > 5 else 0

    def category(self) -> int:
        Category.objects.create(title=self.text(), slug=self.text(), title_plural=self.text())
        unused = Category.objects.filter(packages=None)
        deleted = self.delete(self.some(unused, 1)) if Category.objects.count() > 5 else 0
        return 1 + deleted + self.change(self.some(Category.objects.all(), 2), title=self.text, slug=self.text)


@pytest.fixture
def editor(shared_database: str) -> Editor:
    """An editor, with a catalogue to edit."""
    editor = Editor()
    for _ in range(4):
        editor.category()
        editor.add_grid()
    for _ in range(20):
        editor.add_packages()
    return editor


def run(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["mirror.py", API, str(mirror)])
    exec(compile(script(), "mirror.py", "exec"), {"__name__": "__main__"})  # noqa: S102 (README's own)


def contents(database: Path) -> dict[str, Any]:
    """Return the rows of a catalogue in SQLite, but for what only a dump has."""
    found: dict[str, Any] = {}
    with closing(sqlite3.connect(database)) as stored:
        stored.row_factory = sqlite3.Row
        for table in dumps.TABLES:
            by = "package_id, position, id" if table == "memberships" else "rowid"
            rows = [dict(row) for row in stored.execute(f"SELECT * FROM {table} ORDER BY {by}")]
            names_rows = table in {"categories", "packages", "grids", "features"}
            unknown = NOT_SERVED - {"id", "position"} if names_rows else NOT_SERVED
            comparable = [{key: _parsed(value) for key, value in row.items() if key not in unknown} for row in rows]
            # The order of memberships is that of each package's grids
            found[table] = comparable if table == "memberships" else sorted(comparable, key=str)
    return found


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value[:1] in {"[", "{"} else value


def live(folder: Path) -> dict[str, Any]:
    """Return the catalogue as it is."""
    return contents(folder / dump_catalogue(folder).dump.name / dumps.DATABASE)


@pytest.mark.usefixtures("wire")
def test_the_mirror_is_the_catalogue(editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = tmp_path / "mirror.sqlite"
    editor.work(EDITS // 6)
    dump_catalogue(tmp_path)
    for share in (2, 3, 6):
        editor.work(EDITS // share)
        run(mirror, monkeypatch)
    assert editor.edits >= EDITS
    assert contents(mirror) == live(tmp_path)
    assert all(contents(mirror).values())
    run(mirror, monkeypatch)
    assert contents(mirror) == live(tmp_path), "nothing to do"
    Change.objects.all().delete()  # as pruning does, of a log that nobody has read for long
    editor.work(EDITS // 20)
    Change.objects.filter(number__lt=Change.objects.latest("number").number).delete()
    with pytest.raises(SystemExit, match="it starts afresh"):
        run(mirror, monkeypatch)
    dump_catalogue(tmp_path)
    run(mirror, monkeypatch)
    assert contents(mirror) == live(tmp_path)
