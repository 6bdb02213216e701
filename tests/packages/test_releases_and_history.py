"""GET /api/v4/packages/{id|slug}/releases/ and /history/: the lists below a package."""

from datetime import UTC, date, datetime

import pytest
from pytest_django import DjangoAssertNumQueries

from packages.models import Package, Release, Snapshot
from tests.conftest import Get
from tests.factories import PackageFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.fixture
def package() -> Package:
    package = PackageFactory.create(slug="p", title="The package")
    other = PackageFactory.create()
    for version, at, yanked, requires in (
        ("1.0", NOW.replace(year=2024), False, ""),
        ("2.0", NOW, False, ">=3.10"),
        ("0.1", None, True, ""),
    ):
        Release.objects.create(
            package=package, version=version, uploaded_at=at, yanked=yanked, requires_python=requires
        )
    Release.objects.create(package=other, version="9")
    for day in (4, 5, 6):
        Snapshot.objects.create(package=package, day=date(2026, 5, day), stars=day, forks=None, downloads=10 * day)
    Snapshot.objects.create(package=other, day=date(2026, 5, 4), stars=9)
    return package


def test_releases(get: Get, package: Package, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for reference in ("p", package.pk):
        with django_assert_num_queries(4):
            response = get(f"packages/{reference}/releases/")
        assert response.json() == {
            "count": 3,
            "next": None,
            "previous": None,
            "results": [
                {
                    "version": "2.0",
                    "uploaded_at": "2026-05-06T03:08:09-04:00",
                    "yanked": False,
                    "requires_python": ">=3.10",
                },
                {"version": "1.0", "uploaded_at": "2024-05-06T03:08:09-04:00", "yanked": False, "requires_python": ""},
                {"version": "0.1", "uploaded_at": None, "yanked": True, "requires_python": ""},
            ],
        }
    assert list(response.json()["results"][0]) == ["version", "uploaded_at", "yanked", "requires_python"]
    second = get("packages/p/releases/?limit=1&offset=1").json()
    assert [release["version"] for release in second["results"]] == ["1.0"]
    assert second["next"] == "http://testserver/api/v4/packages/p/releases/?limit=1&offset=2"


@pytest.mark.usefixtures("package")
def test_history(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(4):
        response = get("packages/p/history/")
    days = [{"day": f"2026-05-0{day}", "stars": day, "forks": None, "downloads": 10 * day} for day in (6, 5, 4)]
    assert response.json() == {"count": 3, "next": None, "previous": None, "results": days}

    def between(query: str) -> list[str]:
        return [each["day"][-1] for each in get(f"packages/p/history/?{query}").json()["results"]]

    assert between("since=2026-05-05") == ["6", "5"]
    assert between("until=2026-05-05") == ["5", "4"]
    assert between("since=2026-05-05&until=2026-05-05") == ["5"]
    assert between("since=2026-05-06&until=2026-05-05") == []
    assert between("limit=1&offset=1") == ["5"]


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize("value", ["x", "2026-02-30", "2026-5-1", "\uff12026-05-01", "2026-05-01T00:00", "20260501"])
def test_wrong_days(get: Get, name: str, value: str) -> None:
    response = get(f"packages/p/history/?{name}={value}")
    assert (response.status_code, response.json()) == (400, {name: ["Must be a day like 2026-05-01."]})


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("below", ["releases", "history"])
def test_pages_and_missing_packages(get: Get, below: str) -> None:
    page = get(f"packages/p/{below}/", accept="text/html")
    assert page.status_code == 200
    assert "The package" in page.content.decode()
    for missing in ("nope", "999999", "%00"):
        response = get(f"packages/{missing}/{below}/")
        assert response.status_code == 404
        assert response.json() == {"detail": "No Package matches the given query."}
    assert get(f"packages/p/{below}/?fields=x").json() == {
        "fields": [
            "There is no parameter “fields” here. There are: bom, format, limit, offset"
            + (", since, until." if below == "history" else ".")
        ]
    }
