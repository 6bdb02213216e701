"""The rows of a comparison: their order, what is hidden and what is best, by tables."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from packages.comparison.columns import COLUMNS, Column, known, of_each
from packages.comparison.parameters import (
    EVERY_LEVEL,
    NOT_POOR,
    chosen_columns,
    chosen_levels,
    chosen_orders,
)
from packages.comparison.table import MAX_BEST, Hidden, Order, best, newest_success, ordered, split, values

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
BY_KEY = {column.key: column for column in COLUMNS}
EMPTY: dict[str, Any] = {
    "repo_description": "",
    "category_title": "Apps",
    "verdict_rank": None,
    "health_warnings": None,
    "repo_watchers": 0,
    "repo_forks": 0,
    "pypi_downloads": None,
    "commits_over_52": [],
    "last_updated": None,
    "pypi_version": None,
    "released": None,
    "classifier_text": "[]",
    "requires_python": "",
    "licence": "",
    "repo_url": "",
    "repo_key": "",
    "repo_id": "",
    "pypi_url": "",
    "pypi_name": "",
    "documentation_url": None,
    "newest_success": None,
    "last_fetched": None,
    "fits": True,
}


def row(title: str = "a", pk: int = 1, **columns: Any) -> Any:
    return SimpleNamespace(**{**EMPTY, "id": pk, "title": title, "slug": title, **columns})


def rows_of(column: str, *stored: Any) -> list[Any]:
    """Return rows with these values of a stored column, titled by their places."""
    return [row(str(number), number, **{column: value}) for number, value in enumerate(stored)]


@pytest.mark.parametrize(
    ("key", "stored", "value"),
    [
        ("description", {"repo_description": "Maps."}, "Maps."),
        ("description", {}, None),
        ("category", {}, "Apps"),
        (
            "health",
            {"verdict_rank": 2, "health_warnings": ["stale"]},
            {"verdict": "maintained", "level": "good", "warnings": ["stale"]},
        ),
        ("health", {"verdict_rank": 7}, {"verdict": "gone", "level": "poor", "warnings": []}),
        ("health", {}, {"verdict": "unknown", "level": "none", "warnings": []}),
        ("repo_watchers", {"repo_watchers": 7}, 7),
        ("repo_watchers", {}, None),
        ("repo_watchers", {"repo_id": "7"}, 0),
        ("repo_watchers", {"repo_forks": 2}, 0),
        ("repo_watchers", {"repo_key": "github.com/a/b"}, None),
        ("repo_watchers", {"repo_key": "github.com/a/b", "last_fetched": NOW}, 0),
        ("repo_watchers", {"repo_key": "code.test/a/b", "last_fetched": NOW}, None),  # fetched from PyPI
        ("repo_forks", {}, None),
        ("repo_forks", {"repo_watchers": 7}, 0),
        ("pypi_downloads", {}, None),
        ("commits_over_52", {"commits_over_52": [0] * 52}, [0] * 52),
        ("commits_over_52", {}, []),
        ("last_updated", {}, None),
        ("pypi_version", {"pypi_version": "1.0"}, "1.0"),
        ("pypi_version", {"pypi_version": ""}, None),
        ("django_versions", {"classifier_text": '["Framework :: Django :: 5.2"]'}, ["5.2"]),
        ("python_versions", {"requires_python": ">=3.14"}, ["3.14", "3.15"]),
        ("licence", {}, None),
        ("development_status", {}, None),
        (
            "development_status",
            {"classifier_text": '["Development Status :: 4 - Beta", "Development Status :: 5 - Production/Stable"]'},
            "5 - Production/Stable",
        ),
        ("repo_url", {"repo_url": "https://github.com/a/b", "repo_key": "github.com/x/y"}, "https://github.com/a/b"),
        ("repo_url", {"repo_url": "git@github.com:a/b", "repo_key": "github.com/a/b"}, "https://github.com/a/b"),
        ("repo_url", {"repo_url": "somewhere"}, None),
        ("pypi_url", {"pypi_url": "ralph", "pypi_name": "ralph"}, "https://pypi.org/project/ralph/"),
        ("pypi_url", {"pypi_url": "http://pypi.python.org/pypi/r", "pypi_name": "r"}, "http://pypi.python.org/pypi/r"),
        ("pypi_url", {}, None),
        ("documentation_url", {"documentation_url": "HTTPS://x.test/"}, "HTTPS://x.test/"),
        ("documentation_url", {"documentation_url": "javascript:alert(1)"}, None),
    ],
)
def test_the_value_of_a_column(key: str, stored: dict[str, Any], value: Any) -> None:
    assert values([row(**stored)], [BY_KEY[key]]) == [(value,)]


def test_times_are_in_the_zone_of_the_site() -> None:
    [(value,)] = values([row(released=NOW)], [BY_KEY["released"]])
    assert value.isoformat() == "2026-05-06T03:08:09-04:00"


def test_every_column_says_what_it_is() -> None:
    assert [column.key for column in COLUMNS] == [
        *("description", "category", "health", "repo_watchers", "repo_forks", "pypi_downloads", "commits_over_52"),
        *("last_updated", "pypi_version", "released", "django_versions", "python_versions", "licence"),
        *("development_status", "repo_url", "pypi_url", "documentation_url"),
    ]
    assert BY_KEY["pypi_downloads"].description == {
        "key": "pypi_downloads",
        "title": "Downloads",
        "kind": "count",
        "group": "use",
        "unit": "a month",
        "better": "more",
        "help": "Downloads from PyPI.",
    }
    assert all(bool(column.better) == bool(column.merits) for column in COLUMNS)


STATUS = '["Development Status :: {}"]'


@pytest.mark.parametrize(
    ("key", "stored", "in_order"),
    [
        # The values in ascending order; those behind None stay last in a descending one.
        ("description", "repo_description", ["_x", "alpha", "Beta", "Äb", None, ""]),
        ("category", "category_title", ["Apps", "Beta"]),
        ("health", "verdict_rank", [1, 2, 7, None, None]),
        ("repo_watchers", "repo_watchers", [7, 70, None, 0]),
        ("pypi_downloads", "pypi_downloads", [0, 7, None, None]),
        ("commits_over_52", "commits_over_52", [[0] * 52, [9, *[0] * 51], [1] * 52, None, []]),
        ("last_updated", "last_updated", [NOW, NOW + timedelta(seconds=1), None, None]),
        ("pypi_version", "pypi_version", ["0.9", "0.10rc1", "0.10", "10", None, "dev", "", None]),
        ("licence", "licence", ["BSD", "MIT", None, ""]),
        ("development_status", "classifier_text", [STATUS.format(n) for n in (1, 4, 6)] + [None, "[]"]),
        ("documentation_url", "documentation_url", ["http://x.test", "https://a.test", None, "ftp://a.test", None]),
    ],
)
def test_an_order(key: str, stored: str, in_order: list[Any]) -> None:
    split_at = in_order.index(None) if None in in_order else len(in_order)
    ascending, last = in_order[:split_at], in_order[split_at + 1 :]
    rows = rows_of(stored, *ascending, *last)
    column = BY_KEY[key]
    titles = [each.title for each in rows]
    known_ones, missing = titles[: len(ascending)], titles[len(ascending) :]
    assert [each.title for each in ordered(rows[::-1], [Order(column, False)])] == [*known_ones, *missing]
    assert [each.title for each in ordered(rows, [Order(column, True)])] == [*known_ones[::-1], *missing]


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        (["4.2"], ["5.0"]),
        (["4.2", "5.0"], ["5.1"]),
        (["5.2"], ["4.2", "5.2"]),
        (["4.1", "5.2"], ["4.2", "5.2"]),
        (["2.9"], ["2.10"]),
    ],
)
def test_versions_are_ordered_by_the_newest(lower: list[str], higher: list[str]) -> None:
    texts = ["[" + ",".join(f'"Framework :: Django :: {each}"' for each in listed) + "]" for listed in (higher, lower)]
    rows = rows_of("classifier_text", *texts, "[]")
    column = BY_KEY["django_versions"]
    assert [each.title for each in ordered(rows, [Order(column, False)])] == ["1", "0", "2"]
    assert [each.title for each in ordered(rows, [Order(column, True)])] == ["0", "1", "2"]


def test_ties_are_ordered_by_title_and_id_either_way() -> None:
    rows = [row(title, pk, pypi_downloads=0) for title, pk in (("b", 4), ("A", 3), ("a", 2))]
    rows.append(row("c", 1, pypi_downloads=7))
    column = BY_KEY["pypi_downloads"]
    assert [each.id for each in ordered(rows, [])] == [2, 3, 4, 1]
    assert [each.id for each in ordered(rows, [Order(column, False)])] == [2, 3, 4, 1]
    assert [each.id for each in ordered(rows, [Order(column, True)])] == [1, 2, 3, 4]
    assert [each.id for each in ordered(rows, [Order(None, True)])] == [1, 4, 2, 3]
    assert [each.id for each in ordered(rows, [Order(column, True), Order(None, True)])] == [1, 4, 2, 3]


@pytest.mark.parametrize(
    ("key", "stored", "merits", "places"),
    [
        ("repo_watchers", "repo_watchers", [1, 3, 2], [1]),
        ("repo_watchers", "repo_watchers", [3, 3, 2], [0, 1]),
        ("repo_watchers", "repo_watchers", [3, 3], []),
        ("repo_watchers", "repo_watchers", [3], []),
        ("repo_watchers", "repo_watchers", [0, 3], []),  # 0 is not known: nothing of a repository was fetched
        ("repo_watchers", "repo_watchers", [], []),
        ("pypi_downloads", "pypi_downloads", [None, 3], []),
        ("pypi_downloads", "pypi_downloads", [None, None], []),
        ("pypi_downloads", "pypi_downloads", [None, 3, 4], [2]),
        ("commits_over_52", "commits_over_52", [[9, *[0] * 51], [1] * 52, []], [1]),
        ("last_updated", "last_updated", [NOW, NOW + timedelta(seconds=1)], [1]),
        ("health", "verdict_rank", [2, 1, None], [1]),
        ("repo_watchers", "repo_watchers", [1, *[2] * MAX_BEST], list(range(1, MAX_BEST + 1))),
        ("repo_watchers", "repo_watchers", [1, *[2] * (MAX_BEST + 1)], []),
    ],
)
def test_the_best(key: str, stored: str, merits: list[Any], places: list[int]) -> None:
    assert best(rows_of(stored, *merits), [BY_KEY[key]]) == ({key: [str(each) for each in places]} if places else {})


def test_a_merit_that_is_too_little_is_not_the_best() -> None:
    def column(least: int | None) -> Column:
        merits = of_each(lambda row: row.repo_forks)
        options: Any = {"key": "x", "title": "X", "kind": "cell", "group": "", "help": "", "merits": merits}
        return Column(values=merits, place=lambda row: known(row.repo_forks), least=least, **options)

    rows = rows_of("repo_forks", -3, -1)
    assert best(rows, [column(0)]) == {}
    assert best(rows, [column(-1)]) == {}
    assert best(rows, [column(-2)]) == best(rows, [column(None)]) == {"x": ["1"]}
    assert best(rows, [BY_KEY["licence"]]) == {}


def test_what_is_hidden() -> None:
    rows = [
        row("good", verdict_rank=1),
        row("poor", verdict_rank=5),
        row("unknown"),
        row("unfit", verdict_rank=1, fits=False),
        row("both", verdict_rank=7, fits=False),
    ]
    shown, hidden = split(rows, NOT_POOR)
    assert ([each.title for each in shown], hidden) == (["good", "unknown"], Hidden(2, 1, 1))
    shown, hidden = split(rows, EVERY_LEVEL)
    assert ([each.title for each in shown], hidden) == (["good", "poor", "unknown"], Hidden(0, 2, 0))


@given(
    st.lists(st.tuples(st.none() | st.integers(1, 7), st.booleans())),
    st.frozensets(st.sampled_from(sorted(EVERY_LEVEL))),
)
def test_nothing_is_left_out_uncounted(members: list[tuple[int | None, bool]], levels: frozenset[Any]) -> None:
    rows = [row(verdict_rank=rank, fits=fits) for rank, fits in members]
    shown, hidden = split(rows, levels)
    assert len(shown) + hidden.by_level + hidden.by_filters == len(rows)
    assert hidden.by_both <= hidden.by_level


def test_the_newest_success() -> None:
    later = NOW + timedelta(seconds=1)
    assert newest_success([]) is newest_success([row()]) is None
    assert newest_success([row(newest_success=NOW), row(newest_success=later), row()]) == later
    assert newest_success([row(newest_success=NOW, last_fetched=later)]) == later, "an import has no fetch states"


def test_what_a_request_chooses() -> None:
    assert chosen_columns({}, COLUMNS) == list(COLUMNS)
    assert chosen_columns({"columns": "licence, health"}, COLUMNS) == [BY_KEY["licence"], BY_KEY["health"]]
    assert chosen_orders({}, COLUMNS) == []
    assert chosen_orders({"ordering": "-licence, title"}, COLUMNS) == [
        Order(BY_KEY["licence"], True),
        Order(None, False),
    ]
    assert chosen_levels({}, NOT_POOR) == {"good", "fair", "none"}
    assert chosen_levels({"level": "poor, none"}, NOT_POOR) == {"poor", "none"}
    assert chosen_levels({"level": "all"}, NOT_POOR) == EVERY_LEVEL


@pytest.mark.parametrize(
    ("choose", "name", "text", "message"),
    [
        (chosen_columns, "columns", "helth", "There is no column “helth” here. Did you mean “health”? There are: "),
        (chosen_columns, "columns", "health,", "There is no column “” here. There are: "),
        (chosen_columns, "columns", "health,health", "The same name stands there twice."),
        (chosen_orders, "ordering", "-tittle", "There is no column “tittle” here. Did you mean “title”? There are: "),
        (chosen_orders, "ordering", "health,-health", "The same name stands there twice."),
    ],
)
def test_a_wrong_choice_is_refused(choose: Any, name: str, text: str, message: str) -> None:
    with pytest.raises(ValidationError) as error:
        choose({name: text}, COLUMNS)
    assert str(error.value.detail[name][0]).startswith(message)  # type: ignore[index,call-overload]


def test_a_wrong_level_is_refused() -> None:
    with pytest.raises(ValidationError) as error:
        chosen_levels({"level": "goood"}, NOT_POOR)
    assert error.value.detail == {
        "level": ["There is no level “goood” here. Did you mean “good”? There are: all, fair, good, none, poor."]
    }
