"""Readiness: what packages say of versions of Django and of Python, in the rule, in the lists, and in the counts."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from packages import filters
from packages.compatibility import DJANGO, PYTHON
from packages.facts import MAX_DOWNLOADS
from packages.models import Package, ReadinessCount
from packages.readiness import counts
from packages.readiness.counts import count_readiness
from packages.readiness.lists import ReadinessList
from packages.readiness.rule import PLATFORMS, SAYS, Metadata, Platform, Says, says
from packages.readiness.versions import versions
from tests.conftest import Get
from tests.factories import CategoryFactory, PackageFactory

NOW = datetime(2026, 11, 28, 3, 15, tzinfo=UTC)

# What the classifiers name, requires_django, a version, and what that says of it.
DJANGOS: tuple[tuple[list[str], str | None, str, Says], ...] = (
    (["5.2"], None, "5.2", "named"),
    (["5.1", "5.2"], ">=4.2", "5.2", "named"),
    (["5.2"], "", "5.2", "named"),
    (["5"], None, "5.2", "named"),
    (["5.2"], "garbage", "5.2", "named"),
    (["5.2"], "<5.2", "5.2", "refused"),
    (["5"], "<5", "5.2", "refused"),
    ([], "<5.2", "5.2", "refused"),
    ([], ">=6", "5.2", "refused"),
    (["4.2"], "<5", "5.2", "refused"),
    ([], ">=5.2,!=5.2.*", "5.2", "refused"),
    ([], "!=5.2.1", "5.2", "silent"),
    ([], "<5.2.1", "5.2", "silent"),
    (["4.2"], None, "5.2", "others"),
    (["4.2"], ">=4.2", "5.2", "others"),
    (["4.2"], "garbage", "5.2", "others"),
    (["4"], None, "5.2", "others"),
    (["5", "5.1"], None, "5.2", "others"),
    (["5.20"], None, "5.2", "others"),
    (["15.2"], None, "5.2", "others"),
    ([], None, "5.2", "silent"),
    ([], "", "5.2", "silent"),
    ([], ">=4.2", "5.2", "silent"),
    ([], "garbage", "5.2", "silent"),
    (["5.2.1"], None, "5.2", "silent"),
    (["5.x"], None, "5.2", "silent"),
    (["1234"], None, "5.2", "silent"),
    (["5.2 "], None, "5.2", "silent"),
)
# The same with requires_python.
PYTHONS: tuple[tuple[list[str], str, str, Says], ...] = (
    (["3.14"], "", "3.14", "named"),
    (["3.13", "3.14"], ">=3.9", "3.14", "named"),
    (["3.14"], "garbage", "3.14", "named"),
    ([], ">=3.9", "3.14", "named"),
    (["3", "3 :: Only"], ">=3.9", "3.14", "named"),
    ([], ">=3.14.2", "3.14", "named"),
    (["3.14"], "<3.14", "3.14", "refused"),
    ([], "<4,>=3.15", "3.14", "refused"),
    (["3.13"], "==3.13.*", "3.14", "refused"),
    (["3"], "<3.14", "3.14", "refused"),
    (["3.13"], ">=3.9", "3.14", "others"),
    (["3.13"], "", "3.14", "others"),
    (["3.13"], "garbage", "3.14", "others"),
    (["3.1"], "", "3.14", "others"),
    (["2.7"], ">=3.9", "3.14", "others"),
    (["3"], "", "3.14", "silent"),
    (["3 :: Only"], "garbage", "3.14", "silent"),
    ([], "", "3.14", "silent"),
    (["3.14.1"], "", "3.14", "silent"),
)


@pytest.mark.parametrize(("named", "requires", "version", "expected"), DJANGOS)
def test_django(named: list[str], requires: str | None, version: str, expected: Says) -> None:
    classifiers = ["Framework :: Django", *(DJANGO + each for each in named)]
    metadata = Metadata(classifiers, requires_python=">=3.8", requires_django=requires)
    assert says(metadata, "django", version) == says(metadata.about("django"), "django", version) == expected


@pytest.mark.parametrize(("named", "requires", "version", "expected"), PYTHONS)
def test_python(named: list[str], requires: str, version: str, expected: Says) -> None:
    classifiers = ["Programming Language :: Python", *(PYTHON + each for each in named)]
    metadata = Metadata(classifiers, requires, requires_django="<3")
    assert says(metadata, "python", version) == says(metadata.about("python"), "python", version) == expected


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (Metadata(), "unknown"),
        (Metadata(classifiers=["Topic :: Utilities"]), "silent"),
        (Metadata(requires_python="garbage"), "silent"),
        (Metadata(requires_django=""), "silent"),
        (Metadata(has_release=True), "silent"),
    ],
)
def test_without_metadata_nothing_is_known(platform: Platform, metadata: Metadata, expected: Says) -> None:
    assert says(metadata, platform, "5.2") == says(metadata.about(platform), platform, "5.2") == expected


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_no_text_says_nothing(platform: Platform) -> None:
    odd: list[Any] = [1, None, [f"{DJANGO}5.2"], {}]
    assert says(Metadata(classifiers=odd).about(platform), platform, "5.2") == "silent"


@pytest.mark.parametrize(
    ("platform", "day", "expected"),
    [
        ("django", date(2025, 12, 31), ["6.2", "6.1", "6.0", "5.2", "5.1", "4.2"]),
        ("django", date(2026, 1, 1), ["6.2", "6.1", "6.0", "5.2", "4.2"]),
        ("django", date(2100, 1, 1), ["6.2", "6.1"]),
        ("python", date(2026, 10, 31), ["3.15", "3.14", "3.13", "3.12", "3.11", "3.10"]),
        ("python", date(2026, 11, 1), ["3.15", "3.14", "3.13", "3.12", "3.11"]),
    ],
)
def test_versions_are_supported_or_coming(platform: Platform, day: date, expected: list[str]) -> None:
    assert versions(platform, day) == expected


# Lists and counts


CLASSIFIERS = [
    *(DJANGO + each for each in ("4", "4.2", "5", "5.1", "5.2", "6.0", "5.20", "5.2.1")),
    *(PYTHON + each for each in ("2.7", "3", "3.11", "3.13", "3.14", "3.1", "3 :: Only")),
    f'Not "{DJANGO}5.2',
    f'"{PYTHON}3.14"',
    f"{DJANGO}5.2 ",
    "Topic :: Utilities",
]
REQUIREMENTS = ["", "garbage", ">=3.9", "<3.14", ">=3.11,!=3.13.*", ">=4.2", "<5.2", ">=5.2.4", "<6", ">=6.1"]


def columns() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "classifiers": st.lists(st.sampled_from(CLASSIFIERS), unique=True, max_size=6),
            "requires_python": st.sampled_from(REQUIREMENTS),
            "requires_django": st.none() | st.sampled_from(REQUIREMENTS),
            "released": st.sampled_from([None, NOW]),
            "pypi_downloads": st.none() | st.integers(0, 10**6),
        }
    )


def metadata_of(package: Package) -> Metadata:
    released = package.released is not None
    return Metadata(package.classifiers, package.requires_python, package.requires_django, released)


@pytest.mark.django_db
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)
@given(
    rows=st.lists(columns(), min_size=12, max_size=12),
    different=st.integers(1, 30),
    shown=st.sampled_from([(each, version) for each in PLATFORMS for version in versions(each, NOW.date())]),
)
def test_rule_counts_and_lists_agree(
    get: Get, rows: list[dict[str, Any]], different: int, shown: tuple[Platform, str]
) -> None:
    """For any packages, counted in several batches with few different metadata in memory."""
    Package.objects.all().delete()
    category = CategoryFactory.create()
    Package.objects.bulk_create(
        Package(slug=f"p{n}", title="x", category=category, **columns) for n, columns in enumerate(rows)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counts, "BATCH", 5)
        patch.setattr(counts, "MOST_DIFFERENT", different)
        count_readiness(NOW)
    packages = list(Package.objects.order_by("pk"))
    stored = {(row.platform, row.version, row.says): (row.packages, row.downloads) for row in count_rows()}
    assert len(stored) == len(SAYS) * sum(len(versions(platform, NOW.date())) for platform in PLATFORMS)
    for (platform, version, word), counted in stored.items():
        saying = [each for each in packages if says(metadata_of(each), platform, version) == word]
        assert counted == (len(saying), sum(each.pypi_downloads or 0 for each in saying)), (platform, version, word)
        if (platform, version) == shown:
            page = get(f"packages/?readiness={ReadinessList(word, platform, version).name}&fields=id&ordering=created")
            assert sorted(each["id"] for each in page.json()["results"]) == [each.pk for each in saying], word
            assert page.json()["count"] == len(saying)


def count_rows() -> list[Any]:
    """Return the rows of the small table; their words are of the types that its constraints allow."""
    return list(ReadinessCount.objects.all())


@pytest.mark.django_db
def test_a_later_count_takes_the_place_of_the_former_one() -> None:
    PackageFactory.create(classifiers=[f"{DJANGO}5.2"], pypi_downloads=MAX_DOWNLOADS)
    count_readiness(datetime(2025, 12, 31, tzinfo=UTC))
    assert ReadinessCount.objects.get(platform="django", version="5.1", says="others").packages == 1
    PackageFactory.create(classifiers=[f"{DJANGO}5.2"], pypi_downloads=MAX_DOWNLOADS)
    count_readiness(NOW)
    assert not ReadinessCount.objects.filter(version="5.1").exists(), "its support has ended"
    assert not ReadinessCount.objects.exclude(as_of=NOW).exists()
    named = ReadinessCount.objects.get(platform="django", version="5.2", says="named")
    assert (named.packages, named.downloads) == (2, MAX_DOWNLOADS), "as many as the column can hold"


WRONG = (
    *("django-5.2", "django-5.2-unknown", "django-5.2-Named", "Django-5.2-named", "ruby-3.4-named", "django-5-named"),
    *("django-5.2.1-named", "django-05.2-named", "python-3.14-named,python-3.13-named", " django -5.2-named", "named"),
)


@pytest.mark.django_db
@pytest.mark.parametrize("value", WRONG)
def test_a_wrong_list(get: Get, value: str) -> None:
    response = get(f"packages/?readiness={value}")
    assert response.status_code == 400
    assert response.json()["readiness"][0].endswith("like django-5.2-named; or unknown.")


@pytest.mark.django_db
def test_in_a_large_catalogue_a_list_has_the_stored_count(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting would take seconds. With other filters there are fewer packages to count."""
    package = PackageFactory.create(classifiers=[f"{DJANGO}5.2"])
    count_readiness(NOW)
    ReadinessCount.objects.filter(says__in=["named", "unknown"]).update(packages=7)
    named, unknown = "packages/?readiness=django-5.2-named", "packages/?readiness=unknown"
    assert (get(named).json()["count"], get(unknown).json()["count"]) == (1, 0)
    monkeypatch.setattr(filters, "MANY", 0)
    assert (get(named).json()["count"], get(unknown).json()["count"]) == (7, 7)
    assert get(f"{named}&ordering=title&fields=id").json()["count"] == 7
    assert get(f"{named}&category={package.category_id}").json()["count"] == 1
    assert get("packages/?readiness=django-1.1-others").json()["count"] == 1, "it is not counted"


# GET /readiness/ and /readiness/{platform}/{version}/


def group(name: str, packages: int, percent: float | None, downloads: int, downloads_percent: float | None) -> Any:
    url = f"http://testserver/api/v4/packages/?readiness={name}"
    shares = {"percent": percent, "downloads": downloads, "downloads_percent": downloads_percent}
    return {"packages": packages, **shares, "url": url}


@pytest.fixture
def _counted() -> None:
    category = CategoryFactory.create()
    for number, (named, requires, downloads) in enumerate(
        [(["5.2"], None, 700), (["5.2"], "<5", 200), (["4.2"], None, 99), ([], ">=4.2", None), ([], None, 10**6)]
    ):
        PackageFactory.create(
            category=category,
            classifiers=[DJANGO + each for each in named],
            requires_django=requires,
            pypi_downloads=downloads,
            slug=f"p{number}",
        )
    count_readiness(NOW)


@pytest.mark.django_db
@pytest.mark.usefixtures("_counted")
def test_a_version(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(2):  # one of them reads the revisions
        response = get("readiness/django/5.2/")
    assert response.status_code == 200
    assert list(response.json().items()) == [
        ("as_of", "2026-11-27T22:15:00-05:00"),
        ("known", {"packages": 4, "downloads": 999}),
        (
            "unknown",
            {"packages": 1, "downloads": 10**6, "url": "http://testserver/api/v4/packages/?readiness=unknown"},
        ),
        ("platform", "django"),
        ("version", "5.2"),
        ("url", "http://testserver/api/v4/readiness/django/5.2/"),
        ("end_of_support", "2028-04-30"),
        ("named", group("django-5.2-named", 1, 25.0, 700, 70.1)),
        ("refused", group("django-5.2-refused", 1, 25.0, 200, 20.0)),
        ("others", group("django-5.2-others", 1, 25.0, 99, 9.9)),
        ("silent", group("django-5.2-silent", 1, 25.0, 0, 0.0)),
    ]


@pytest.mark.django_db
@pytest.mark.usefixtures("_counted")
def test_all_versions(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(2):
        response = get("readiness/")
    body = response.json()
    assert list(body) == ["as_of", "known", "unknown", "django", "python"]
    assert [each["version"] for each in body["django"]] == versions("django", NOW.date())
    assert [each["version"] for each in body["python"]] == versions("python", NOW.date())
    for each in [*body["django"], *body["python"]]:
        one = get(f"readiness/{each['platform']}/{each['version']}/").json()
        assert one == {name: body[name] for name in ("as_of", "known", "unknown")} | each
    assert body["django"][0]["end_of_support"] is None, "not announced yet"


@pytest.mark.django_db
@pytest.mark.usefixtures("_counted")
def test_links_carry_the_format_on(client: Client, get: Get) -> None:
    version = get("readiness/?format=json").json()["django"][-1]
    assert version["url"] == "http://testserver/api/v4/readiness/django/5.2/?format=json"
    assert client.get(version["url"]).json()["version"] == "5.2"
    assert version["named"]["url"] == "http://testserver/api/v4/packages/?readiness=django-5.2-named&format=json"
    assert [each["slug"] for each in client.get(version["named"]["url"]).json()["results"]] == ["p0"]


@pytest.mark.django_db
def test_before_the_first_count(get: Get) -> None:
    nothing = {"packages": 0, "downloads": 0}
    assert get("readiness/").json() == {
        "as_of": None,
        "known": nothing,
        "unknown": nothing | {"url": "http://testserver/api/v4/packages/?readiness=unknown"},
        "django": [],
        "python": [],
    }
    response = get("readiness/django/5.2/")
    assert response.status_code == 404
    assert response.json() == {"detail": "Nothing was counted yet: the next refresh counts."}


@pytest.mark.django_db
def test_an_empty_catalogue_has_no_shares(get: Get) -> None:
    count_readiness(NOW)
    assert get("readiness/python/3.14/").json()["named"] == group("python-3.14-named", 0, None, 0, None)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("django/9.0/", "There is no version of Django “9.0” here. Did you mean “6.0”? There are: 5.2, 6.0, 6.1, 6.2."),
        ("django/3.14/", "There is no version of Django “3.14” here. There are: 5.2, 6.0, 6.1, 6.2."),
        ("Django/5.2/", "There is no platform “Django” here. Did you mean “django”? There are: django, python."),
        ("ruby/%00/", "There is no platform “ruby” here. There are: django, python."),
        (f"django/{'9' * 200}/", f"There is no version of Django “{'9' * 100}” here. There are: 5.2, 6.0, 6.1, 6.2."),
        ("django/<b>%0A/", "There is no version of Django “<b>\n” here. There are: 5.2, 6.0, 6.1, 6.2."),
    ],
)
def test_what_is_not_counted(get: Get, path: str, detail: str) -> None:
    count_readiness(NOW)
    response = get(f"readiness/{path}")
    assert response.status_code == 404
    assert response.json() == {"detail": detail}
