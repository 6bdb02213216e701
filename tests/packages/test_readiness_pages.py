"""The pages of readiness: counts and shares with bars, and the ways to the lists."""

import re
from datetime import UTC, datetime

import pytest
from pytest_django import DjangoAssertNumQueries

from packages.compatibility import DJANGO
from packages.readiness.counts import count_readiness
from tests.conftest import Get
from tests.factories import CategoryFactory, PackageFactory
from tests.page_checks import page, words

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 28, 3, 15, tzinfo=UTC)
LISTS = "(/api/v4/packages/?readiness=django-5.2"


@pytest.fixture
def _counted() -> None:
    category = CategoryFactory.create()
    for named, requires, downloads in (
        (["5.2"], None, 700),
        (["5.2"], "<5", 200),
        (["4.2"], None, 99),
        ([], ">=4.2", None),
        ([], None, 10**6),
    ):
        PackageFactory.create(
            category=category,
            classifiers=[DJANGO + each for each in named],
            requires_django=requires,
            pypi_downloads=downloads,
        )
    count_readiness(NOW)


@pytest.mark.usefixtures("_counted")
def test_all_versions(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    html = page(get, "readiness/")
    said = words(html)
    assert said.startswith("Readiness Counts of the packages that are ready")
    assert "What the metadata of 4 packages says, counted" in said
    assert "Of [1 more](/api/v4/packages/?readiness=unknown) no metadata is known." in said
    row = (
        "[Django 5.2](/api/v4/readiness/django/5.2/) 30 April 2028"
        f" [1]{LISTS}-named) · 25.0 % 70.1 % of downloads [1]{LISTS}-refused) · 25.0 % 20.0 % of downloads"
        f" [1]{LISTS}-others) · 25.0 % 9.9 % of downloads [1]{LISTS}-silent) · 25.0 % 0.0 % of downloads"
    )
    assert row in said
    assert '<meter min="0" max="100" value="25.0" aria-label="refuse it"></meter>' in html
    assert re.search(r"\[Django 6\.2\]\(\S+\) not known yet", said)
    assert "[Python 3.14](/api/v4/readiness/python/3.14/) 31 October 2030" in said
    with django_assert_num_queries(2):  # the revisions, and the counts
        get("readiness/", accept="text/html")


@pytest.mark.usefixtures("_counted")
def test_a_version(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    html = page(get, "readiness/django/5.2/")
    said = words(html)
    assert said.startswith("Readiness for Django 5.2 Counts of")
    assert '<li><a href="/api/v4/readiness/"><bdi>Readiness</bdi></a></li>' in html
    assert "It is supported until 30 April 2028." in said
    for row in (
        f"[work with it]{LISTS}-named) 1 25.0 % 70.1 % of downloads",
        f"[refuse it]{LISTS}-refused) 1 25.0 % 20.0 % of downloads",
        f"[name other versions only]{LISTS}-others) 1 25.0 % 9.9 % of downloads",
        f"[say nothing]{LISTS}-silent) 1 25.0 % 0.0 % of downloads",
    ):
        assert row in said
    assert html.count("<meter ") == 7, "none for a share of nothing"
    with django_assert_num_queries(2):
        get("readiness/django/5.2/", accept="text/html")
    assert "It is supported until" not in words(page(get, "readiness/django/6.2/"))


def test_before_the_first_count(get: Get) -> None:
    html = page(get, "readiness/")
    assert "Nothing was counted yet" in words(html)
    assert "<table" not in html
    assert get("readiness/django/5.2/", accept="text/html").status_code == 404


def test_an_empty_catalogue_has_no_shares(get: Get) -> None:
    count_readiness(NOW)
    assert "What the metadata of 0 packages says" in words(page(get, "readiness/"))
    assert f"[work with it]{LISTS}-named) 0 – – [refuse it]" in words(page(get, "readiness/django/5.2/"))  # noqa: RUF001
