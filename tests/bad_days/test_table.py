"""deploy/bad-days.md: each row names tests that are there, and each test of this folder stands in a row."""

import ast
import re

from tests.servers import ROOT

TABLE = ROOT / "deploy" / "bad-days.md"
HERE = "tests/bad_days"


def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def rows() -> list[list[str]]:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if row[0] not in {"day", "---"}]


def named() -> set[tuple[str, str]]:
    """Return the tests that the rows name: path and function."""
    found = re.findall(r"`([\w/]+\.py)::(test_\w+)`", " ".join(row[-1] for row in rows()))
    return {(path if "/" in path else f"{HERE}/{path}", name) for path, name in found}


def test_each_row_says_what_happens_and_names_tests() -> None:
    assert len(rows()) >= 30
    for row in rows():
        assert len(row) == 4, row
        assert all(row), row
        assert re.fullmatch(r"(`[\w/]+\.py::test_\w+`(, )?)+", row[-1]), row[0]


def test_the_tests_of_each_row_are_there() -> None:
    for path, name in sorted(named()):
        assert name in functions_of(path), f"{path}::{name}"


def test_each_test_has_its_row() -> None:
    files = [f"{HERE}/{file.name}" for file in (ROOT / HERE).glob("test_*.py") if file.name != "test_table.py"]
    assert files
    unnamed = {(path, name) for path in files for name in functions_of(path)} - named()
    assert not unnamed
