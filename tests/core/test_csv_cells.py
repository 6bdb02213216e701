"""Cells of CSV: no text is a formula, and every text can be told from every other one."""

import csv
import io
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.csv_cells import cell, guarded, line, unguarded

# Those that spreadsheet programs know, apostrophes in front of them, and all else.
TEXTS = st.text(st.sampled_from("=+-@\t\r\n'\"0159٣,;ä x") | st.characters(codec="utf-8"), max_size=8)


@pytest.mark.parametrize(
    "text",
    [
        *("=1+1", "+1 555", "-1+1", "@SUM(1)", "\t=1", "\r=1", "=", "+", "-", "@", "\t", "\r", "++", "--", "+-1"),
        *("-5.5", "+1e5", "-5 ", "-5\n", "-٣", "+1,000", "- slow", '=HYPERLINK("http://x")', "-5;6", "@user"),
        *("'=1", "''=1", "'-", "'@"),
    ],
)
def test_a_text_that_may_be_a_formula_gets_one_apostrophe(text: str) -> None:
    assert guarded(text) == f"'{text}"
    assert unguarded(f"'{text}") == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "5", "-5", "+3", "-0", "+" + "9" * 400, "a=1", " =1", "\n=1", "1.10", "; =1", "{=1}"),
        *("'", "''", "'tis", "'-5", "''+3", "' =1", "don't", '"=1'),
    ],
)
def test_every_other_text_stays_as_it_is(text: str) -> None:
    assert guarded(text) == text
    assert unguarded(text) == text


@given(TEXTS)
def test_a_guarded_text_is_no_formula_and_can_be_read_back(text: str) -> None:
    """So no two texts become the same cell."""
    assert re.fullmatch(r"[+-][0-9]+|(?![=+\-@\t\r])(?s:.*)", guarded(text))
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        ("", '""'),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-5, "-5"),
        (2**63, "9223372036854775808"),
        (1.5, "1.5"),
        (-0.25, "-0.25"),
        ("true", '"true"'),
        ("-5", '"-5"'),
        ("=1", '"\'=1"'),
        ('say "ä", then\r\nß', '"say ""ä"", then\r\nß"'),
        ("a\nb", '"a\nb"'),
        (" x ", '" x "'),
        (datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC), '"2026-05-06T07:08:09Z"'),
        (datetime(2026, 5, 6, 7, 8, 9, 10, tzinfo=UTC), '"2026-05-06T07:08:09.000010Z"'),
        (date(2026, 5, 6), '"2026-05-06"'),
        ([], '"[]"'),
        (["MIT"], '"[""MIT""]"'),
        (["anna", "bert; carl"], '"[""anna"",""bert; carl""]"'),
        (["=1", "-2"], '"[""=1"",""-2""]"'),
        ([0, 3, 12], '"[0,3,12]"'),
        ([-1, None], '"[-1,null]"'),
        ([datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)], '"[""2026-05-06T07:08:09Z""]"'),
        ({"a": [1, None], "b": "ü"}, '"{""a"":[1,null],""b"":""ü""}"'),
        ([{"text": "=1", "sign": 0}], '"[{""text"":""=1"",""sign"":0}]"'),
        ([[1], []], '"[[1],[]]"'),
    ],
)
def test_cells(value: Any, written: str) -> None:
    assert cell(value) == written


@given(st.lists(TEXTS | st.none() | st.integers() | st.booleans(), min_size=1, max_size=5))
def test_a_line_is_read_back(values: list[Any]) -> None:
    def text(value: Any) -> str:
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    written = line(values)
    assert written.endswith(b"\r\n")
    [read] = csv.reader(io.StringIO(written.decode(), newline=""), strict=True)
    assert [unguarded(each) for each in read] == list(map(text, values))
