"""The pages of the lists below a package: its releases, and its history with a line through each number."""

import re
from datetime import date, timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from packages.health.verdicts import rank
from packages.models import Package, Release, Snapshot
from packages.pages import parts
from tests.conftest import Get
from tests.factories import PackageFactory
from tests.page_checks import page, words

pytestmark = pytest.mark.django_db
PLACE = "[Releases](/api/v4/packages/p/releases/)"


@pytest.fixture
def package() -> Package:
    package = PackageFactory.create(slug="p", title="The <package>")
    Package.objects.filter(pk=package.pk).update(verdict_rank=rank("quiet"))
    return package


def released(package: Package, number: int) -> None:
    Release.objects.bulk_create(
        Release(package=package, version=f"{each}.0", uploaded_at=timezone.now() - timedelta(days=each))
        for each in range(number)
    )


def counted(package: Package, stars: list[int | None]) -> None:
    for day, number in enumerate(stars, 1):
        Snapshot.objects.create(package=package, day=date(2026, 5, day), stars=number, forks=7, downloads=9000 + day)


def test_releases(get: Get, package: Package) -> None:
    uploaded = timezone.now() - timedelta(days=3)
    Release.objects.create(package=package, version="2.0<b>", uploaded_at=uploaded, requires_python=">=3.10,<4")
    Release.objects.create(package=package, version="1.0", yanked=True)
    html = page(get, f"packages/{package.pk}/releases/")
    said = words(html)
    assert said.startswith(f"Releases of The <package> ~ quiet {PLACE}")
    assert '<li><a href="/api/v4/packages/p/"><bdi>The &lt;package&gt;</bdi></a></li>' in html
    assert ("Version Uploaded Python 2.0<b> 3 days ago >=3.10,<4 1.0 ✕ yanked – not said") in said  # noqa: RUF001
    assert f'datetime="{timezone.localtime(uploaded).isoformat()}"' in html
    assert "<title>Releases of The &lt;package&gt; – Package Grids</title>" in html  # noqa: RUF001


def test_no_release_and_no_history(get: Get, package: Package) -> None:
    for below, noun in (("releases", "releases"), ("history", "days")):
        html = page(get, f"packages/p/{below}/")
        assert f"No {noun} are known." in words(html)
        assert "<table" not in html
        assert "<svg" not in html


def test_further_releases(get: Get, package: Package) -> None:
    released(package, 25)
    assert "There are no further releases." in words(page(get, "packages/p/releases/?offset=30"))
    said = words(page(get, "packages/p/releases/?limit=10&offset=10"))
    assert "11–20 of 25" in said  # noqa: RUF001
    assert "[Previous](/api/v4/packages/p/releases/?limit=10)" in said
    assert "[Next](/api/v4/packages/p/releases/?limit=10&offset=20)" in said


def test_history(get: Get, package: Package) -> None:
    counted(package, [100, None, 1300])
    html = page(get, "packages/p/history/")
    said = words(html)
    assert said.startswith(f"History of The <package> ~ quiet {PLACE} · [History](/api/v4/packages/p/history/)")
    assert "Stars: 1,300 on 3 May 2026, +1,200 in 2 days; from 100 to 1,300" in said
    assert "Forks: 7 on 3 May 2026, no change in 2 days; from 7 to 7" in said
    assert "Downloads a month: 9,003 on 3 May 2026, +2 in 2 days; from 9,001 to 9,003" in said
    assert html.count('<polyline class="line" points="') == 3
    assert 'points="8.0,86.0 424.0,34.0"' in html, "from the lower left to the upper right"
    days = re.findall(r'<time datetime="(2026-05-0\d)">.*?</time></td><td class="number">(.*?)</td>', html)
    dash = '<span class="none">–</span>'  # noqa: RUF001
    assert days == [("2026-05-03", "1,300"), ("2026-05-02", dash), ("2026-05-01", "100")]
    assert "[20 days](/api/v4/packages/p/history/) · [100 days](/api/v4/packages/p/history/?limit=100)" in said


def test_one_day_has_no_line(get: Get, package: Package) -> None:
    counted(package, [5])
    html = page(get, "packages/p/history/")
    assert "<polyline" not in html
    assert "1 May 2026" in words(html)


def test_some_days_of_a_history(get: Get, package: Package) -> None:
    counted(package, [1, 2, 3, 4])
    html = page(get, "packages/p/history/?since=2026-05-02&until=2026-05-03&limit=100")
    assert re.findall(r'<time datetime="2026-05-0(\d)"', html) == ["3", "2"]
    assert re.search(r'<input type="date" name="since" value="2026-05-02"', html)
    assert "2026-05-03 ✕ (remove)](/api/v4/packages/p/history/?limit=100&since=2026-05-02)" in words(html)
    nothing = words(page(get, "packages/p/history/?since=2027-01-01"))
    assert "No days are known of this time: [look at all of them](/api/v4/packages/p/history/)." in nothing
    wrong = get("packages/p/history/?since=x", accept="text/html")
    assert wrong.status_code == 400
    assert wrong.content.decode().count("Must be a day like 2026-05-01.") >= 2, "above, and at the field"


@pytest.mark.parametrize("below", ["releases", "history"])
def test_queries_do_not_grow(
    get: Get, package: Package, below: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for rows in (1, 15):
        Release.objects.all().delete()
        Snapshot.objects.all().delete()
        released(package, rows)
        counted(package, [*range(rows)])
        with django_assert_num_queries(5):  # the revisions, the package, the count, the rows, and what is said of it
            get(f"packages/p/{below}/", accept="text/html")


def test_a_package_that_is_gone_meanwhile(get: Get, package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "rows_by_id", lambda _: {})
    said = words(page(get, "packages/p/releases/"))
    assert said.startswith("Releases of The <package> The versions of a package on PyPI")
