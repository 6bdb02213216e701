"""`fields`: only the requested keys, in the contract's order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from packages.documents import PACKAGE_COLUMNS
from packages.health.verdicts import rank
from packages.models import FetchState, Package, PackageHealth
from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
REASONS = [{"rule": "gone", "holds": True, "value": {"pypi_status": ""}, "threshold": {"pypi_status": "quarantined"}}]
UNSETTLED = {"verdict": "unknown", "level": "none", "reasons": [], "warnings": []} | dict.fromkeys(
    ("since", "before", "valid_until")
)


def full_package() -> Package:
    package = PackageFactory.create(
        slug="p",
        repo_url="https://github.com/a/p",
        pypi_url="p",
        repo_watchers=1000,
        last_updated=timezone.now() - timedelta(days=190),
        licence="MIT",
        requires_python=">=3.13",
        requires_django=">=5",
        pypi_status="archived",
        pypi_status_reason="done",
        classifiers=["Framework :: Django :: 5"],
        pypi_downloads=9,
        stars_30d=5,
        stars_90d=-2,
        downloads_30d=3,
        released=NOW,
        archived=True,
        deprecated=True,
        replaced_by=PackageFactory.create(id=5_000_000),
        gone_since=NOW,
        verdict_rank=rank("gone"),
    )
    states: list[dict[str, Any]] = [
        {
            "source": "repo",
            "target": "github.com/a/p",
            "outcome": "timeout",
            "error": "http://forge.internal/token/x did not answer in time",
            "failures": 2,
            "last_attempt": NOW,
        },
        {"source": "pypi", "target": "another", "outcome": "ok"},
        {"source": "downloads", "target": "p", "outcome": "partial", "error": "data is odd", "last_success": NOW},
    ]
    for state in states:
        FetchState.objects.create(package=package, next_due=NOW, **state)
    PackageHealth.objects.create(
        package=package, since=NOW, before="quiet", reasons=REASONS, warnings=["stale"], valid_until=NOW
    )
    MembershipFactory.create(package=package, grid=GridFactory.create(slug="g"))
    return package


EXTENDED = {
    "score": 800,
    "licence": "MIT",
    "requires_python": ">=3.13",
    "requires_django": ">=5",
    "python_versions": ["3.13", "3.14", "3.15"],
    "django_versions": ["5.0", "5.1", "5.2"],
    "classifiers": ["Framework :: Django :: 5"],
    "pypi_downloads": 9,
    "stars_30d": 5,
    "stars_90d": -2,
    "downloads_30d": 3,
    "released": "2026-05-06T03:08:09-04:00",
    "pypi_status": "archived",
    "pypi_status_reason": "done",
    "archived": True,
    "deprecated": True,
    "replaced_by": "http://testserver/api/v4/packages/5000000/",
    "gone": True,
    "freshness": {
        "repo": {
            "last_success": None,
            "last_attempt": "2026-05-06T03:08:09-04:00",
            "outcome": "timeout",
            "error": "",
            "failures": 2,
            "next_due": "2026-05-06T03:08:09-04:00",
        },
        "pypi": None,
        "downloads": {
            "last_success": "2026-05-06T03:08:09-04:00",
            "last_attempt": None,
            "outcome": "partial",
            "error": "data is odd",
            "failures": 0,
            "next_due": "2026-05-06T03:08:09-04:00",
        },
    },
    "health": {
        "verdict": "gone",
        "level": "poor",
        "since": "2026-05-06T03:08:09-04:00",
        "before": "quiet",
        "reasons": REASONS,
        "warnings": ["stale"],
        "valid_until": "2026-05-06T03:08:09-04:00",
    },
}


def test_all(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    full_package()
    with django_assert_num_queries(2):
        full = get("packages/p/?fields=all").json()
    assert list(full) == list(PACKAGE_COLUMNS.served)
    plain = get("packages/p/").json()
    assert {key: full[key] for key in PACKAGE_COLUMNS.v4} == plain
    assert {key: full[key] for key in PACKAGE_COLUMNS.extended} == EXTENDED
    with django_assert_num_queries(3):
        listed = get("packages/?fields=all&slug__in=p").json()["results"]
    assert listed == [full]


def test_a_package_that_was_never_fetched(get: Get) -> None:
    PackageFactory.create(slug="p")
    full = get("packages/p/?fields=all").json()
    unfetched = {"score": 0, "licence": "", "requires_python": "", "python_versions": [], "django_versions": []}
    unfetched |= {"classifiers": [], "deprecated": False, "gone": False, "pypi_status": "", "pypi_status_reason": ""}
    unfetched |= dict.fromkeys(("requires_django", "pypi_downloads", "released", "archived", "replaced_by"))
    unfetched |= dict.fromkeys(("stars_30d", "stars_90d", "downloads_30d"))
    unfetched |= {"freshness": {"repo": None, "pypi": None, "downloads": None}}
    unfetched |= {"health": UNSETTLED}
    assert {key: full[key] for key in PACKAGE_COLUMNS.extended} == unfetched


@pytest.mark.parametrize("field", PACKAGE_COLUMNS.served)
def test_each_field_alone(get: Get, django_assert_num_queries: DjangoAssertNumQueries, field: str) -> None:
    full_package()
    full = get("packages/p/?fields=all").json()
    with django_assert_num_queries(2):
        assert get(f"packages/p/?fields={field}").json() == {field: full[field]}


def test_the_contracts_order_whatever_the_request(get: Get) -> None:
    full_package()
    document = get("packages/p/?fields=licence,title, repo_watchers,title").json()
    assert list(document) == ["title", "repo_watchers", "licence"]
    assert get("packages/p/?fields=title,all").json().keys() == get("packages/p/?fields=all").json().keys()
    assert list(get("grids/g/?fields=packages,id").json()) == ["id", "packages"]
    assert list(get("grids/?fields=slug").json()["results"][0]) == ["slug"]
    CategoryFactory.create(slug="c")
    assert list(get("categories/c/?fields=title,id").json()) == ["id", "title"]
    assert get("categories/c/?fields=all").json() == get("categories/c/").json()


def test_on_a_page_for_browsers(get: Get) -> None:
    full_package()
    assert get("packages/p/?fields=title", accept="text/html").status_code == 200


@pytest.mark.parametrize("kind", ["packages", "grids", "categories"])
def test_unknown_fields(get: Get, kind: str) -> None:
    for path in (f"{kind}/", f"{kind}/x/"):
        response = get(f"{path}?fields=id,titel")
        assert response.status_code == 400
        assert response.json()["fields"][0].startswith(
            "There is no field “titel” here. Did you mean “title”? There are"
        )
        assert get(f"{path}?fields=id,").json()["fields"][0].startswith("There is no field “” here.")
