"""Texts of strangers: printable, bounded, in one line; and answers that are cut to their length."""

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.mcp_server.texts import LEAST_ROWS, MOST_TOKENS, day, fitted, number, slug, text, texts, tokens, url

ANYTHING = st.text(
    st.characters(codec="utf-8") | st.sampled_from("\x00\x1b\u202e\u2028\ufe0f\U000e0041 \n\t"), max_size=80
)
VALUES: st.SearchStrategy[object] = (
    st.none() | st.booleans() | st.integers() | st.floats() | ANYTHING | st.lists(st.integers()) | st.just({})
)


@given(ANYTHING, st.integers(2, 60))
def test_a_text_is_one_printable_line_of_bounded_length(value: str, most: int) -> None:
    line = text(value, most)
    assert line is not None
    assert len(line) <= most
    assert all(unicodedata.category(each)[0] != "C" for each in line)
    assert line == " ".join(line.split())


@given(VALUES)
def test_values_of_another_type_become_nothing(value: Any) -> None:
    assert isinstance(text(value), str) == isinstance(value, str)
    assert all(isinstance(each, str) for each in texts([value, value], 2))
    assert texts(value, 1) == [] or isinstance(value, list)
    assert number(value) is None or not isinstance(value, bool)
    assert day(value) is None or isinstance(value, str)
    assert url(value) is None or isinstance(value, str)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://example.org/a?b=c", "https://example.org/a?b=c"),
        ("HTTP://example.org", "HTTP://example.org"),
        ("javascript:alert(1)", None),
        ("https://example.org/ a", None),
        ("https://example.org/" + "a" * 200, None),
        ("example.org", None),
        ("http://[", None),
        ("", None),
    ],
)
def test_urls(value: str, expected: str | None) -> None:
    assert url(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("maps", "maps"), (12, "12"), ("größe_1", "größe_1"), ("a b", None), ("../x", None), ("", None), (None, "None")],
)
def test_slugs(value: Any, expected: str | None) -> None:
    assert slug(value) == expected


@pytest.mark.parametrize(
    ("answer", "least"),
    [
        ("A simple way to attach tags to any model.", 9),  # words
        ("1234567", 3),  # digits by threes
        ('{"a":[1,2]}', 10),  # signs
        ("aGVsbG8gd29ybGQhIFRoaXMgaXM", 14),  # what is no word
        ("日本語", 9),  # bytes
        ("", 0),
    ],
)
def test_tokens_are_counted_rather_too_many(answer: str, least: int) -> None:
    assert least <= tokens(answer) <= 2 * least


@given(st.lists(ANYTHING, max_size=60), st.lists(ANYTHING, max_size=60))
def test_an_answer_fits_and_says_what_is_cut(first: list[str], second: list[str]) -> None:
    rows = {"first": [text(each * 5) for each in first], "second": [text(each * 5) for each in second]}
    written = fitted(rows, "first", "second", more=lambda shown: f"offset={shown}")
    assert tokens(written) <= MOST_TOKENS
    answer = json.loads(written)
    for name, whole in rows.items():
        shown = answer[name]
        for seen, full in zip(shown, whole, strict=False):
            assert full is not None
            assert full.startswith(seen.rstrip("…")) if seen.endswith("…") else seen == full
        assert (len(shown) < len(whole)) == (name in answer.get("cut", {}))
    if len(answer["first"]) < len(first):
        assert answer["second"] == []
        assert answer["cut"]["first"] == f"{len(answer['first'])} of {len(first)} shown"
        assert answer["cut"]["more"] == f"offset={len(answer['first'])}"


def test_what_can_not_be_cut_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="too long"):
        fitted({"numbers": list(range(5_000))}, more=lambda _: "")


def test_a_long_answer_has_shorter_texts_rather_than_no_rows() -> None:
    long = "🧨漢字" * 60
    answer = {"columns": [long] * 30, "rows": [["slug", "https://example.org/a", long]] * 9, "best": {long: ["slug"]}}
    written = fitted(answer, "rows", spare="best", more=lambda shown: f"offset={shown}")
    assert tokens(written) <= MOST_TOKENS
    shown = json.loads(written)
    assert (len(shown["columns"]), shown["cut"]["more"]) == (30, f"offset={len(shown['rows'])}")
    assert len(shown["rows"]) >= LEAST_ROWS
    assert all(row[:2] == ["slug", "https://example.org/a"] for row in shown["rows"])
    assert all(long.startswith(text.rstrip("…")) and text.endswith("…") for text in shown["columns"])
    assert shown["best"] == "left out, as this answer has 2000 tokens at most"
    assert json.loads(fitted({"text": long, "hint": long[:9]}, more=lambda _: ""))["hint"] == long[:9]


def test_half_a_slug_is_none() -> None:
    answer = {"slug": "x" * 100, "no_slug": "x" * 400, "text": "word " * 5_000}
    shown = json.loads(fitted(answer, more=lambda _: ""))
    assert (shown["slug"], shown["no_slug"], shown["text"][:10]) == ("x" * 100, None, "word word ")
