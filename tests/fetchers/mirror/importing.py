"""Helpers for tests that import documents: a report that records its lines, and the rows of all tables."""

from pathlib import Path
from typing import Any

from django.db.models import Model

from categories.models import Category
from fetchers.mirror.importer import Report, import_catalogue
from fetchers.mirror.sources import Folder
from grids.models import Grid, GridPackage
from packages.models import Package
from tests.documents import write_folder


class RecordedReport(Report):
    def __init__(self) -> None:
        self.lines: list[str] = []
        super().__init__(lambda level, line: self.lines.append(f"{level}: {line}"))


def import_documents(
    folder: Path, documents: dict[str, list[Any]], *, prune: bool = False, dry_run: bool = False
) -> RecordedReport:
    report = RecordedReport()
    import_catalogue(Folder(write_folder(folder, documents)), report, prune=prune, dry_run=dry_run)
    return report


def all_rows() -> list[list[dict[str, Any]]]:
    models: tuple[type[Model], ...] = (Category, Grid, Package, GridPackage)
    return [list(model._default_manager.order_by("pk").values()) for model in models]
