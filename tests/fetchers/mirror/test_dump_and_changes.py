"""A dump and the changes after its number are the live catalogue, whoever writes while it is taken."""

import random
from collections import defaultdict
from operator import itemgetter
from pathlib import Path
from typing import Any

from django.db import OperationalError, transaction
from django.test import Client
from django.utils import timezone

from categories.models import Category
from core.dumps import TABLES
from core.models import Revision
from fetchers.mirror.dump import dump_catalogue
from fetchers.mirror.dump.snapshot import snapshot
from grids.models import Cell, Feature, Grid, GridPackage
from packages.models import Package, PackageAdvisory, Pin, Release
from tests.dumps import json_rows, manifest_of
from tests.factories import CategoryFactory
from tests.threads import in_background

WRITERS, ROUNDS, LEAST_DUMPS = 4, 200, 3
Tables = dict[str, dict[Any, dict[str, Any]]]
# The tables that a change of each kind is about
OF_KINDS = {"category": "categories", "package": "packages", "grid": "grids", "feature": "features"}


class Writer:
    """Edits documents of its own, of which others are made and deleted, and one category that all writers edit."""

    def __init__(self, number: int, category: Category) -> None:
        self.number, self.category, self.chance = number, category, random.Random(number)
        self.edits = (
            *(self.new_package, self.new_grid, self.package, self.package, self.rename, self.member, self.member),
            *(self.place, self.feature, self.feature, self.cell, self.cell, self.cell, self.release, self.grid),
            *(self.shared, self.delete, self.leave, self.pin, self.advise),
        )

    def write(self) -> None:
        done = 0
        while done < ROUNDS:
            try:
                with transaction.atomic():
                    for edit in self.chance.choices(self.edits, k=self.chance.randint(1, 2)):
                        edit(f"{self.number}-{done}")
                done += 1
            except OperationalError as error:  # two that wait for each other, on PostgreSQL
                if "deadlock" not in str(error):
                    raise

    def one(self, rows: Any) -> Any:
        """Return one of the rows at random; None if there is none."""
        ids = list(rows.order_by("pk").values_list("pk", flat=True))
        return rows.get(pk=self.chance.choice(ids)) if ids else None

    @property
    def packages(self) -> Any:
        return Package.objects.filter(slug__startswith=f"p{self.number}-")

    @property
    def grids(self) -> Any:
        return Grid.objects.filter(slug__startswith=f"g{self.number}-")

    def new_package(self, name: str) -> None:
        if not self.packages.filter(slug=f"p{name}").exists():
            Package.objects.create(title=f"P {name}", slug=f"p{name}", category=self.category)

    def new_grid(self, name: str) -> None:
        if not self.grids.filter(slug=f"g{name}").exists():
            Grid.objects.create(title=f"G {name}", slug=f"g{name}")

    def package(self, name: str) -> None:
        if package := self.one(self.packages):
            self.packages.filter(pk=package.pk).update(repo_watchers=self.chance.randrange(99), title=f"T {name}")

    def rename(self, name: str) -> None:
        if package := self.one(self.packages):
            self.packages.filter(pk=package.pk).update(slug=f"p{name}-{package.pk}")

    def member(self, _name: str) -> None:
        package, grid = self.one(self.packages), self.one(self.grids)
        if package and grid:
            GridPackage.objects.get_or_create(grid=grid, package=package)

    def place(self, _name: str) -> None:
        if member := self.one(GridPackage.objects.filter(grid__in=self.grids)):
            GridPackage.objects.filter(pk=member.pk).update(position=self.chance.randrange(9))

    def leave(self, _name: str) -> None:
        if member := self.one(GridPackage.objects.filter(grid__in=self.grids)):
            member.delete()

    def feature(self, name: str) -> None:
        if grid := self.one(self.grids):
            Feature.objects.create(grid=grid, title=f"F {name}", position=self.chance.randrange(9))

    def cell(self, name: str) -> None:
        if member := self.one(GridPackage.objects.filter(grid__features__isnull=False, grid__in=self.grids).distinct()):
            feature = self.one(Feature.objects.filter(grid=member.grid))
            Cell.objects.update_or_create(feature=feature, membership=member, defaults={"text": f"yes {name}"})

    def release(self, name: str) -> None:
        if package := self.one(self.packages):
            Release.objects.get_or_create(package=package, version=name)  # which is a change of its package

    def pin(self, name: str) -> None:
        if package := self.one(self.packages):
            columns = {"pinned": name, "reason": name, "since": timezone.now()}
            Pin.objects.update_or_create(package=package, column="licence", defaults=columns)

    def advise(self, name: str) -> None:
        if package := self.one(self.packages):
            told = {"summary": name, "modified": timezone.now()}
            PackageAdvisory.objects.update_or_create(package=package, osv_id="X-1", defaults=told)

    def grid(self, name: str) -> None:
        if grid := self.one(self.grids):
            self.grids.filter(pk=grid.pk).update(description=name)

    def shared(self, name: str) -> None:
        Category.objects.filter(pk=self.category.pk).update(description=name)

    def delete(self, _name: str) -> None:
        if row := self.one(
            self.chance.choice([self.packages, self.grids, Feature.objects.filter(grid__in=self.grids)])
        ):
            row.delete()


def tables_of(dump: Path) -> Tables:
    """Return the rows of each table by their ids, those of cells, pins and advisories by what they belong to."""
    keys = {"cells": ("feature_id", "package_id"), "pins": ("package_id", "column")}
    keys["advisories"] = ("package_id", "id")
    tables: Tables = {}
    for name in TABLES:
        key = itemgetter(*keys.get(name, ("id",)))
        tables[name] = {key(row): row for row in json_rows(dump, name)}
    return tables


def changed_since(client: Client, number: int) -> list[dict[str, Any]]:
    """Return the changes after a number, as a mirror reads them."""
    changes: list[dict[str, Any]] = []
    url = f"/api/v4/changes/?since={number}&limit=1000"
    while url:
        body = client.get(url).json()
        changes += body["results"]
        url = body["next"]
    return changes


def follow(tables: Tables, changes: list[dict[str, Any]], live: Tables) -> None:
    """Take over whatever a change is about, as it is by now: a row of the live catalogue, or none."""

    def take(name: str, key: Any) -> None:
        tables[name].pop(key, None)
        if row := live[name].get(key):
            tables[name][key] = row

    packages = {change["id"] for change in changes if change["kind"] == "package"}
    for change in changes:
        if change["kind"] == "cell":
            take("cells", (change["id"], int(change["package"].split("/")[-2])))
        else:
            take(OF_KINDS.get(change["kind"], "memberships"), change["id"])
    for name in ("releases", "pins", "advisories"):
        for key in {key for part in (tables, live) for key, row in part[name].items() if row["package_id"] in packages}:
            take(name, key)


def test_a_dump_and_the_changes_after_it_are_the_catalogue(
    client: Client, tmp_path: Path, shared_database: str
) -> None:
    root = tmp_path / "dumps"
    category = CategoryFactory.create()
    writers = [in_background(Writer(number, category).write) for number in range(WRITERS)]
    taken = []
    while any(writer.is_alive() for writer in writers):
        taken.append(dump_catalogue(root).dump)
    for writer in writers:
        writer.result()
    last = dump_catalogue(root).dump
    live = tables_of(root / last.name)
    assert len(taken) >= LEAST_DUMPS
    assert all(live.values())
    numbers = [dump.manifest.change for dump in taken]
    assert numbers == sorted(numbers)
    log = changed_since(client, 0)
    assert last.manifest.change == log[-1]["number"] == len(log)
    differed: dict[str, int] = defaultdict(int)
    for dump in taken:
        assert manifest_of(root / dump.name)["change"] == dump.manifest.change
        tables = tables_of(root / dump.name)
        for name in TABLES:
            differed[name] += tables[name] != live[name]
        follow(tables, log[dump.manifest.change :], live)
        for name in TABLES:
            assert tables[name] == live[name], (dump.name, name)
    assert all(differed.values()), "there was something to follow"


def test_a_dump_holds_up_no_writer(shared_database: str) -> None:
    CategoryFactory.create()
    before = Category.objects.get()
    with snapshot() as view:
        in_background(lambda: Category.objects.update(description="later")).result()
        assert Category.objects.get().description == before.description
    assert Category.objects.get().description == "later"
    assert Revision.objects.get(kind=Revision.LOG).number == view.change + 1
    with transaction.atomic():
        assert Category.objects.update(description="again") == 1
