"""`fields`: only the requested keys, in the contract's order."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from categories.documents import CATEGORY_COLUMNS
from categories.models import Category
from packages.documents import PACKAGE_COLUMNS
from packages.health.verdicts import rank
from packages.models import FetchState, Package, PackageAdvisory, PackageHealth, Pin
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
        reply_kind="help_wanted",
        reply_note="Ask <b>anna</b>.",
        reply_since=NOW.date(),
        reply_until=date(2200, 1, 1),
        gone_since=NOW,
        verdict_rank=rank("gone"),
        vulnerable=True,
    )
    PackageAdvisory.objects.create(
        package=package,
        osv_id="GHSA-1",
        aliases=["CVE-1"],
        summary="It falls.",
        severity="high",
        fixed=["6.0"],
        affects_latest=True,
        modified=NOW,
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
    pin = {"pinned": "MIT", "upstream": "GPL", "reason": "It says so.", "since": NOW, "by": "anna"}
    Pin.objects.create(package=package, column="licence", **pin)
    MembershipFactory.create(package=package, grid=GridFactory.create(slug="g"))
    Category.objects.filter(pk=package.category_id).update(slug="apps")
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
    "reply": {"kind": "help_wanted", "note": "Ask <b>anna</b>.", "since": "2026-05-06", "until": "2200-01-01"},
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
    "pins": [{"column": "licence", "since": "2026-05-06", "reason": "It says so.", "upstream": "GPL"}],
    "vulnerable": True,
    "advisories": [
        {
            "id": "GHSA-1",
            "aliases": ["CVE-1"],
            "summary": "It falls.",
            "severity": "high",
            "fixed": ["6.0"],
            "affects_latest": True,
            "published": None,
            "modified": "2026-05-06T03:08:09-04:00",
            "url": "https://osv.dev/vulnerability/GHSA-1",
        }
    ],
    "category_slug": "apps",
    "grid_slugs": ["g"],
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
    PackageFactory.create(slug="p", category__slug="c")
    full = get("packages/p/?fields=all").json()
    unfetched = {"score": 0, "licence": "", "requires_python": "", "python_versions": [], "django_versions": []}
    unfetched |= {"classifiers": [], "deprecated": False, "gone": False, "pypi_status": "", "pypi_status_reason": ""}
    unfetched |= dict.fromkeys(("requires_django", "pypi_downloads", "released", "archived", "replaced_by", "reply"))
    unfetched |= dict.fromkeys(("stars_30d", "stars_90d", "downloads_30d"))
    unfetched |= {"freshness": {"repo": None, "pypi": None, "downloads": None}}
    unfetched |= {"health": UNSETTLED, "pins": [], "category_slug": "c", "grid_slugs": []}
    unfetched |= {"vulnerable": False, "advisories": []}
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
    whole = get("categories/c/?fields=all").json()
    assert whole == get("categories/c/").json() | {"package_count": 0, "last_updated_median": None}
    assert list(whole) == list(CATEGORY_COLUMNS.served)


def test_counts_and_slugs_of_other_documents(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Slugs are in the order of the links, each list in one query beside the revisions."""
    empty, apps = CategoryFactory.create(slug="empty"), CategoryFactory.create(slug="apps")
    packages = [
        PackageFactory.create(slug=slug, title=title, category=apps)
        for slug, title in (("z", "alpha"), ("a", "Beta"), ("m", "Alpha"))
    ]
    grids = [GridFactory.create(slug=slug) for slug in ("h", "g", "e")]
    for grid in grids[:2]:
        MembershipFactory.create(grid=grid, package=packages[1])
    for package in (packages[2], packages[0]):
        MembershipFactory.create(grid=grids[1], package=package)
    with django_assert_num_queries(2):
        listed = get("categories/?fields=slug,package_count").json()["results"]
    assert listed == [{"slug": "apps", "package_count": 3}, {"slug": empty.slug, "package_count": 0}]
    with django_assert_num_queries(2):
        listed = get("packages/?fields=slug,grids,grid_slugs,category_slug").json()["results"]
    assert [(each["grid_slugs"], each["category_slug"]) for each in listed] == [
        (["g"], "apps"),
        (["h", "g"], "apps"),
        (["g"], "apps"),
    ]
    assert listed[1]["grids"] == [f"http://testserver/api/v4/grids/{grid.pk}/" for grid in grids[:2]]
    with django_assert_num_queries(2):
        listed = get("grids/?fields=slug,packages,package_count,package_slugs").json()["results"]
    assert [(each["slug"], each["package_count"], each["package_slugs"]) for each in listed] == [
        ("e", 0, []),
        ("g", 3, ["z", "m", "a"]),
        ("h", 1, ["a"]),
    ]
    of_slugs = {package.slug: f"http://testserver/api/v4/packages/{package.pk}/" for package in packages}
    assert listed[1]["packages"] == [of_slugs[slug] for slug in ("z", "m", "a")]
    for alone in ("package_count", "package_slugs"):
        with django_assert_num_queries(2):
            assert get(f"grids/g/?fields={alone}").json() == {alone: listed[1][alone]}


def test_counts_and_slugs_beside_documents_in_place_of_links(get: Get) -> None:
    full_package()
    document = get("packages/?slug__in=p&expand=category,grids&fields=category,grids,category_slug,grid_slugs").json()
    (package,) = document["results"]
    assert (package["category"]["slug"], package["category_slug"]) == ("apps", "apps")
    assert ([grid["slug"] for grid in package["grids"]], package["grid_slugs"]) == (["g"], ["g"])
    assert "package_count" not in package["category"]
    assert "package_slugs" not in package["grids"][0]


def test_counts_and_slugs_in_a_table(get: Get) -> None:
    full_package()
    table = get("packages/?slug__in=p&fields=title,category_slug,grid_slugs&format=csv")
    assert table.content.decode().splitlines()[1].endswith(',"apps","[""g""]"')
    assert get("grids/?fields=slug,package_count,package_slugs&format=csv").content.decode().splitlines() == [
        '"slug","package_count","package_slugs"',
        '"g",1,"[""p""]"',
    ]


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
