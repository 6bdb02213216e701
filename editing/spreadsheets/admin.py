"""Exports and imports in admin: actions of the lists, and a page beside each."""

from core import hooks
from editing.spreadsheets.export import export_as_csv, export_cells_as_csv
from editing.spreadsheets.pages import pages


def add_to_admin() -> None:
    for label in ("packages.Package", "grids.Grid", "grids.Cell"):
        hooks.added_actions[label].append(export_as_csv)
        hooks.added_pages[label].append(pages)
    hooks.added_actions["grids.Grid"].append(export_cells_as_csv)
