"""The filters of GET /api/v4/packages/: the packages that each one gives, and the messages of wrong values."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from packages.compatibility import DJANGO, PYTHON
from packages.filters import PackageFilters
from packages.health.verdicts import VERDICTS, rank
from packages.models import FetchState, Package
from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 5, 6, 16, 0, tzinfo=UTC)  # 12:00 in New York


def slugs(get: Get, **parameters: Any) -> list[str]:
    response = get(f"packages/?{urlencode(parameters)}")
    assert response.status_code == 200, response.content
    assert response.json()["count"] == len(response.json()["results"])
    return sorted(package["slug"] for package in response.json()["results"])


def refusal(get: Get, **parameters: Any) -> Any:
    response = get(f"packages/?{urlencode(parameters)}")
    assert response.status_code == 400
    return response.json()


def create(**packages: dict[str, Any]) -> None:
    category = CategoryFactory.create()
    for slug, columns in packages.items():
        PackageFactory.create(**{"slug": slug, "title": "x", "category": category} | columns)


def test_q(get: Get) -> None:
    create(
        title={"title": "Django REST Framework"},
        description={"repo_description": "a framework for everything, at REST"},
        half={"title": "REST alone"},
    )
    PackageFactory.create(slug="framework-at-rest", title="slug")
    assert slugs(get, q="rest FRAMEWORK") == ["description", "framework-at-rest", "title"]
    assert slugs(get, q="work") == ["description", "framework-at-rest", "title"], "parts of words too"
    assert slugs(get, q="100%") == slugs(get, q="_") == slugs(get, q="\\") == []
    assert refusal(get, q="a " * 21) == {"q": ["At most 20 words, like “rest framework”."]}
    assert "At most 500" in refusal(get, q="x" * 501)["q"][0]


def test_category(get: Get) -> None:
    apps, frameworks = CategoryFactory.create(slug="apps"), CategoryFactory.create(slug="frameworks")
    create(a={"category": apps}, f={"category": frameworks}, o={})
    assert slugs(get, category="apps") == slugs(get, category=apps.pk) == ["a"]
    assert slugs(get, category=f"apps,{frameworks.pk}") == slugs(get, category="apps, frameworks,apps") == ["a", "f"]
    assert refusal(get, category="app") == {"category": ["There is no category “app”. Did you mean “apps”?"]}
    assert refusal(get, category="apps,99999999") == {
        "category": ["There is no category “99999999”. There is “apps”, for example."]
    }
    PackageFactory.create(slug="digits", category=CategoryFactory.create(slug="77777"))
    digits = Package.objects.get(slug="digits").category_id
    assert refusal(get, category=f"{digits},77777")["category"][0].startswith("There is no category “77777”.")
    assert refusal(get, category="100%s") == {"category": ["“100%s” is neither an id nor a slug, like apps."]}
    assert refusal(get, category="a b") == {"category": ["“a b” is neither an id nor a slug, like apps."]}
    assert refusal(get, category="apps,,")["category"][0].startswith("An empty value stands between two commas.")
    assert refusal(get, category="9" * 30)["category"][0].endswith("is neither an id nor a slug, like apps.")


def test_grid(get: Get) -> None:
    create(both={}, one={}, none={})
    first, second = GridFactory.create(slug="first"), GridFactory.create(slug="second")
    both, one = Package.objects.get(slug="both"), Package.objects.get(slug="one")
    for grid, package in ((first, both), (second, both), (second, one)):
        MembershipFactory.create(grid=grid, package=package)
    assert slugs(get, grid="first") == ["both"]
    assert slugs(get, grid=f"first,{second.pk}") == ["both", "one"], "each once"
    assert refusal(get, grid="frist") == {"grid": ["There is no grid “frist”. Did you mean “first”?"]}


def test_ids_and_slugs(get: Get) -> None:
    create(a={}, b={}, c={})
    ids = dict(Package.objects.values_list("slug", "pk"))
    assert slugs(get, id__in=f"{ids['a']},{ids['c']},999999999") == ["a", "c"]
    assert slugs(get, slug__in="b,nope") == ["b"]
    assert slugs(get, slug__in="B") == []
    assert refusal(get, id__in="1,x") == {
        "id__in": ["“x” is not an id: a whole number from 1 up, without leading zeros, like 2647."]
    }
    assert refusal(get, id__in=str(2**63))["id__in"][0].startswith("“9223372036854775808” is not an id")
    assert refusal(get, slug__in="a b") == {
        "slug__in": ["“a b” is not a slug: letters A to Z, digits, - and _, like django-filter."]
    }
    assert refusal(get, id__in=",".join(["1"] * 1001)) == {"id__in": ["At most 1000 values."]}


@pytest.mark.parametrize(
    "spelling",
    [
        "https://github.com/Some-One/Repo",
        "http://www.github.com/some-one/repo.git",
        "git@github.com:Some-One/Repo.git",
        "github.com/some-one/repo",
        "https://github.com/some-one/repo/tree/main",
    ],
)
def test_repo_url(get: Get, spelling: str) -> None:
    create(a={"repo_url": "https://github.com/some-one/Repo/"}, b={"repo_url": "https://gitlab.com/some-one/repo"})
    assert slugs(get, repo_url=spelling) == ["a"]
    assert slugs(get, repo_url="https://github.com/other/repo") == []
    assert refusal(get, repo_url="no repository") == {
        "repo_url": ["Not the URL of a repository, like https://github.com/owner/name."],
    }


def test_pypi_name_and_has_pypi(get: Get) -> None:
    create(a={"pypi_url": "https://pypi.org/project/Some.Thing/"}, b={"pypi_url": "other"}, c={"pypi_url": ""})
    assert slugs(get, pypi_name="some_thing") == slugs(get, pypi_name="http://pypi.python.org/pypi/some-thing") == ["a"]
    assert slugs(get, pypi_name="nothing") == []
    assert slugs(get, has_pypi="true") == ["a", "b"]
    assert slugs(get, has_pypi="FALSE") == ["c"]
    assert refusal(get, pypi_name="a b") == {
        "pypi_name": [
            "Not the name of a project on PyPI, like django-filter: letters and digits, with - _ . between them."
        ]
    }
    assert refusal(get, has_pypi="yes") == {"has_pypi": ["Must be true or false."]}


def test_pypi_names_of_a_requirements_file(get: Get) -> None:
    create(a={"pypi_url": "https://pypi.org/project/Some.Thing/"}, b={"pypi_url": "other"}, c={"pypi_url": ""})
    assert slugs(get, pypi_name__in="some_thing>=2,<3") == ["a"]
    assert slugs(get, pypi_name__in="# mine\r\n\r\nSome-Thing[x]==1  # pinned\r\nOTHER~=2\r\nunknown\r\n") == ["a", "b"]
    assert slugs(get, pypi_name__in="other,unknown") == ["b"]
    assert slugs(get, pypi_name__in="unknown") == []
    nothing = "It names no project. Write django>=5.2,<6,requests, for example."
    assert refusal(get, pypi_name__in="# none") == {"pypi_name__in": [nothing]}
    assert refusal(get, pypi_name__in="other\n-r base.txt") == {
        "pypi_name__in": [
            "“-r base.txt” does not begin with the name of a project on PyPI: leave it out. Write"
            " django>=5.2,<6,requests, for example."
        ]
    }
    assert refusal(get, pypi_name__in="a\x00b") == {"pypi_name__in": ["Holds a control character."]}
    many = ",".join(f"{number:x}" for number in range(1_001))
    assert refusal(get, pypi_name__in=many) == {"pypi_name__in": ["At most 1000 values."]}
    assert refusal(get, pypi_name="other\n") == {"pypi_name": ["Holds a control character."]}
    html = get(f"packages/?{urlencode({'pypi_name__in': 'Some.Thing' + chr(10) + 'other'})}", accept="text/html")
    assert "Some.Thing\nother</textarea>" in html.content.decode()


def test_repo_urls(get: Get) -> None:
    create(
        a={"repo_url": "https://github.com/Owner/A"},
        b={"repo_url": "https://gitlab.com/x/b.git"},
        c={"repo_url": "https://example.org/c"},
    )
    urls = "git@github.com:owner/a.git, https://gitlab.com/X/b/-/issues\nhttps://example.org/c,https://github.com/no/ne"
    assert slugs(get, repo_url__in=urls) == ["a", "b", "c"]
    assert slugs(get, repo_url__in="github.com/owner/a") == ["a"]
    assert slugs(get, repo_url__in="https://github.com/no/ne") == []
    assert refusal(get, repo_url__in="github.com/owner/a nowhere") == {
        "repo_url__in": ["“nowhere” is not the URL of a repository, like https://github.com/owner/name."]
    }
    assert refusal(get, repo_url__in=", ,")["repo_url__in"][0].startswith("“, ,” is not the URL of a repository")


def test_classifier(get: Get) -> None:
    old, new = "Framework :: Django :: 4.2", "Framework :: Django :: 5.2"
    create(both={"classifiers": [old, new]}, old={"classifiers": [old]}, none={"classifiers": []})
    assert slugs(get, classifier=new) == slugs(get, classifier=new.upper()) == ["both"]
    assert slugs(get, classifier="framework :: django :: 4.2") == ["both", "old"]
    assert slugs(get, classifier=old, category=Package.objects.get(slug="old").category_id) == ["both", "old"]
    assert refusal(get, classifier="Framework :: Django : 5.2") == {
        "classifier": [
            "No package has the classifier “Framework :: Django : 5.2”. Did you mean “Framework :: Django :: 5.2”?"
        ]
    }
    assert refusal(get, classifier="Topic") == {
        "classifier": ["No package has the classifier “Topic”. Write Framework :: Django :: 5.2, for example."]
    }


def test_a_classifier_that_only_little_known_packages_have(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    """Classifiers are read of the best known ones; another is looked for as it is written."""
    monkeypatch.setattr("packages.classifiers.COUNTED", 1)
    create(known={"classifiers": ["A"], "repo_watchers": 9}, other={"classifiers": ["Private :: X"]})
    assert slugs(get, classifier="Private :: X") == ["other"]
    assert refusal(get, classifier="private :: x")


def test_the_queries_of_classifier(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    create(a={"classifiers": ["A"]})
    with django_assert_num_queries(4):  # the revisions, the classifiers to know, the number, and the rows
        assert slugs(get, classifier="a") == ["a"]


@pytest.mark.parametrize(
    "url", ["http://testserver/api/v4/{}/{}/", "/api/v4/{}/{}/", "https://testserver/api/v4/{}/{}"]
)
def test_documents_by_their_urls(get: Get, url: str) -> None:
    member = MembershipFactory.create(
        package__slug="p", package__category=CategoryFactory.create(slug="apps"), grid__slug="g"
    )
    create(other={})
    for name, kind, document in (("category", "categories", member.package.category), ("grid", "grids", member.grid)):
        assert slugs(get, **{name: url.format(kind, document.slug)}) == ["p"]
        assert slugs(get, **{name: url.format(kind, document.pk) + "?format=json"}) == ["p"]
        assert slugs(get, **{name: f"{document.slug},{url.format(kind, document.pk)}"}) == ["p"]
        page = get(f"packages/?{urlencode({name: url.format(kind, document.pk)})}", accept="text/html")
        assert page.status_code == 200
        assert "errorlist" not in page.content.decode()
    grids = get(f"grids/?{urlencode({'package': url.format('packages', 'p')})}").json()
    assert [grid["slug"] for grid in grids["results"]] == ["g"]
    both = f"{url.format('packages', 'p')},{url.format('packages', 'other')}"
    redirect = get(f"compare/?{urlencode({'packages': both})}")
    assert (redirect.status_code, redirect["Location"]) == (302, "http://testserver/api/v4/compare/?packages=other%2Cp")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "https://elsewhere.example/api/v4/categories/1/",
            "“https://elsewhere.example/api/v4/categories/1/” is on another host: write an id, a slug or a URL of"
            " testserver.",
        ),
        ("//elsewhere.example/api/v4/categories/1/", "“//elsewhere.example/api/v4/categories/1/” is on another host:"),
        (
            "http://testserver/api/v4/grids/1/",
            "“http://testserver/api/v4/grids/1/” is not the URL of a category: it would be like"
            " /api/v4/categories/apps/.",
        ),
        ("/api/v4/categories/", "“/api/v4/categories/” is not the URL of a category"),
        ("/api/v4/categories/1/x/", "“/api/v4/categories/1/x/” is not the URL of a category"),
        ("/api/v3/categories/1/", "“/api/v3/categories/1/” is not the URL of a category"),
        ("http://[", "“http://[” is not the URL of a category"),
        ("/api/v4/categories/a%20b/", "“a b” is neither an id nor a slug, like apps."),
    ],
)
def test_urls_that_are_refused(get: Get, url: str, message: str) -> None:
    create(a={})
    assert refusal(get, category=url)["category"][0].startswith(message)


def test_urls_on_site_url(get: Get, settings: Any) -> None:
    settings.SITE_URL = "https://packages.example"
    create(a={})
    link = get("packages/").json()["results"][0]["category"]
    assert link.startswith("https://packages.example/")
    assert slugs(get, category=link) == ["a"]
    assert refusal(get, category="https://x.example/api/v4/categories/1/")["category"][0].endswith("packages.example.")


def test_repo_host(get: Get) -> None:
    create(a={"repo_url": "https://github.com/a/b"}, b={"repo_url": "https://gitlab.com/a/b"}, c={"repo_url": ""})
    assert slugs(get, repo_host="GitHub.com") == slugs(get, repo_host="www.github.com") == ["a"]
    assert slugs(get, repo_host="example.org") == []
    for nothing in ("www.", ".", "www.."):
        assert refusal(get, repo_host=nothing) == {"repo_host": ["Must be a host name like github.com."]}
    assert refusal(get, repo_host="github.com/a") == {"repo_host": ["Must be a host name like github.com."]}


def test_participant(get: Get) -> None:
    create(a={"participants": ["Anna", "bert"]}, b={"participants": ["annabel"]}, c={"participants": []})
    assert slugs(get, participant="anna") == slugs(get, participant="ANNA") == ["a"]
    assert slugs(get, participant='anna"') == slugs(get, participant="ann") == []
    create(d={"participants": ['we"ird\\', "Élan", "dependabot[bot]"]})
    assert slugs(get, participant='we"ird\\') == slugs(get, participant="Élan") == ["d"]
    assert slugs(get, participant="dependabot[bot]") == ["d"]


def test_licence(get: Get) -> None:
    create(
        mit={"licence": "MIT"},
        either={"licence": "Apache-2.0 OR MIT"},
        brackets={"licence": "(mit AND BSD-3-Clause) OR GPL-2.0-only"},
        exception={"licence": "GPL-2.0-only WITH Classpath-exception-2.0"},
        other={"licence": "MIT-0"},
        none={"licence": ""},
    )
    assert slugs(get, licence="mit") == ["brackets", "either", "mit"]
    assert slugs(get, licence="apache-2.0 or MIT") == ["either"]
    assert slugs(get, licence="GPL-2.0-only") == ["brackets", "exception"]
    assert slugs(get, licence="GPL-2.0-only with classpath-exception-2.0") == ["exception"]
    assert slugs(get, licence="ISC") == []


def test_licences_that_are_no_expression(get: Get) -> None:
    create(
        bsd={"licence": "BSD"},
        bsd3={"licence": "BSD-3-Clause"},
        zero={"licence": "0BSD"},
        two={"licence": "GPL, BSD"},
        gpl2={"licence": "GPL-2.0-only"},
        lgpl={"licence": "LGPL-3.0-or-later"},
        agpl={"licence": "AGPL"},
        own={"licence": "Own, see LICENSE"},
        free={"licence": "Unlicense"},
    )
    assert slugs(get, licence="bsd") == ["bsd", "bsd3", "two"]
    assert slugs(get, licence="GPL") == ["gpl2", "two"]
    assert slugs(get, licence="LGPL") == ["lgpl"]
    assert slugs(get, licence="AGPL") == ["agpl"]
    assert slugs(get, licence="Public Domain") == ["free"]
    assert slugs(get, licence="Apache") == [], "a family that no package has"
    assert slugs(get, licence="gpl, bsd") == ["two"]
    assert slugs(get, licence="Own, see LICENSE") == slugs(get, licence="own") == ["own"]


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("my licence", ""),
        ("MIT OR", " Did you mean “MIT”?"),
        ("(((", ""),
        ("Proprietry", " Did you mean “Proprietary”?"),
        ("apach", " Did you mean “Apache”?"),
        ("x" * 600, ""),
    ],
)
def test_a_licence_that_nothing_has(get: Get, wrong: str, nearest: str) -> None:
    create(own={"licence": "Proprietary, MIT"})
    message = (
        f"No package has the licence “{wrong[:100]}”, and it is neither an SPDX licence, like MIT, BSD-3-Clause or"
        f" Apache-2.0 OR MIT, nor a family, like BSD or GPL.{nearest}"
    )
    assert refusal(get, licence=wrong) == {"licence": [message]}


def test_pypi_status(get: Get) -> None:
    create(a={"pypi_status": "archived"}, q={"pypi_status": "quarantined"}, unknown={})
    assert slugs(get, pypi_status="archived") == ["a"]
    assert slugs(get, pypi_status="quarantined") == ["q"]
    assert slugs(get, pypi_status="active") == slugs(get, pypi_status="deprecated") == []
    message = {"pypi_status": ["Must be one of active, archived, quarantined, deprecated."]}
    for wrong in ("Archived", "gone"):
        assert refusal(get, pypi_status=wrong) == message


@pytest.fixture
def _a_package_of_each_verdict() -> None:
    create(**{verdict: {"verdict_rank": rank(verdict)} for verdict in VERDICTS})


@pytest.mark.usefixtures("_a_package_of_each_verdict")
def test_health(get: Get) -> None:
    for verdict in VERDICTS:
        assert slugs(get, health=verdict) == [verdict]
    assert slugs(get, health="finished, thriving,finished") == ["finished", "thriving"]
    assert slugs(get, health="unknown,gone") == ["gone", "unknown"]
    assert slugs(get, health=",".join(VERDICTS)) == sorted(VERDICTS)
    listed = "deprecated, finished, gone, maintained, quiet, thriving, unknown, unmaintained"
    for wrong, meant in (("maintaned", "maintained"), ("Gone", "gone"), ("unkown", "unknown")):
        message = f"There is no verdict “{wrong}” here. Did you mean “{meant}”? There are: {listed}."
        assert refusal(get, health=f"quiet,{wrong}") == {"health": [message]}
    assert refusal(get, health="3") == {"health": [f"There is no verdict “3” here. There are: {listed}."]}
    assert refusal(get, health="gone,") == {
        "health": ["An empty value stands between two commas. Write thriving,maintained, for example."]
    }


@pytest.mark.usefixtures("_a_package_of_each_verdict")
def test_level(get: Get) -> None:
    assert slugs(get, level="good") == ["finished", "maintained", "thriving"]
    assert slugs(get, level="fair") == ["quiet"]
    assert slugs(get, level="poor") == ["deprecated", "gone", "unmaintained"]
    assert slugs(get, level="none") == ["unknown"]
    assert slugs(get, level="fair,none") == ["quiet", "unknown"]
    assert slugs(get, level="good", health="gone,finished") == ["finished"], "both"
    assert slugs(get, level="good", health="gone") == []
    message = "There is no level “god” here. Did you mean “good”? There are: fair, good, none, poor."
    assert refusal(get, level="god") == {"level": [message]}


@pytest.mark.usefixtures("_a_package_of_each_verdict")
def test_a_verdict_that_is_shown_is_the_one_that_is_found(get: Get) -> None:
    for each in get("packages/?fields=slug,health").json()["results"]:
        assert slugs(get, level=each["health"]["level"], health=each["health"]["verdict"]) == [each["slug"]]


def test_more_downloads_than_32_bits_hold(get: Get) -> None:
    create(few={"pypi_downloads": 2**31 - 1}, many={"pypi_downloads": 2_200_000_000}, unknown={})
    assert slugs(get, pypi_downloads__gte=2**31) == ["many"]
    assert slugs(get, pypi_downloads__gte=2**63 - 1) == []
    results = get("packages/?ordering=-pypi_downloads&fields=pypi_downloads").json()["results"]
    assert [each["pypi_downloads"] for each in results] == [2_200_000_000, 2**31 - 1, None]


# Classifiers, requires_python, a version, and whether the package works with it.
PYTHONS: tuple[tuple[list[str], str, str, bool], ...] = (
    (["3.12", "3.13"], "", "3.12", True),
    (["3.12", "3.13"], "", "3.14", False),
    (["3.12", "3.7"], ">=3.8", "3.7", False),
    (["3.12", "3.7"], ">=3.8", "3.12", True),
    (["3.12"], "nonsense", "3.12", True),
    ([], ">=3.8", "3.14", True),
    ([], ">=3.8", "3.7", False),
    (["3"], ">=3.8", "3.9", True),
    (["3 :: Only"], ">=3.8,<3.12", "3.12", False),
    (["3"], "", "3.12", False),
    ([], "", "3.12", False),
    ([], "nonsense", "3.12", False),
    ([], ">=3.12.4", "3.12", True),
    ([], "==3.9.7", "3.9", True),
    ([], "<3", "2.7", True),
    ([], ">=2.7,!=3.0.*", "3.0", False),
)
DJANGOS: tuple[tuple[list[str], str, bool], ...] = (
    (["5.2"], "5.2", True),
    (["5.2"], "5.1", False),
    (["5"], "5.1", True),
    (["5", "5.2"], "5.1", False),
    (["4.2", "5"], "5.1", True),
    (["4.2"], "5.1", False),
    (["5.20"], "5.2", False),
    ([], "5.2", False),
)


@pytest.mark.parametrize(("named", "requires", "version", "works"), PYTHONS)
def test_python(get: Get, named: list[str], requires: str, version: str, works: bool) -> None:
    create(a={"classifiers": [PYTHON + each for each in named], "requires_python": requires})
    assert slugs(get, python=version) == (["a"] if works else [])
    shown = get("packages/a/?fields=python_versions").json()["python_versions"]
    assert (version in shown) == works
    for each in shown:
        assert slugs(get, python=each) == ["a"]


@pytest.mark.parametrize(("named", "version", "works"), DJANGOS)
def test_django(get: Get, named: list[str], version: str, works: bool) -> None:
    create(a={"classifiers": ["Framework :: Django", *(DJANGO + each for each in named)]})
    assert slugs(get, django=version) == (["a"] if works else [])
    shown = get("packages/a/?fields=django_versions").json()["django_versions"]
    assert (version in shown) == works
    for each in shown:
        assert slugs(get, django=each) == ["a"]


@pytest.mark.parametrize(("name", "right"), [("django", "5.2"), ("python", "3.12")])
@pytest.mark.parametrize("value", ["5", "5.2.1", "x", "5.x", "٣.٣", "5.", "05.2"])
def test_wrong_versions(get: Get, name: str, right: str, value: str) -> None:
    assert refusal(get, **{name: value}) == {name: [f"Must be a version with one dot, like {right}."]}


@pytest.mark.parametrize(
    ("name", "column", "yes", "no"),
    [
        ("archived", "archived", [True], [False, None]),
        ("deprecated", "deprecated", [True], [False]),
        ("gone", "gone_since", [NOON], [None]),
    ],
)
def test_flags(get: Get, name: str, column: str, yes: list[Any], no: list[Any]) -> None:
    create(**{f"{word}{n}": {column: value} for word, all_ in (("y", yes), ("n", no)) for n, value in enumerate(all_)})
    assert slugs(get, **{name: "true"}) == [f"y{n}" for n in range(len(yes))]
    assert slugs(get, **{name: "false"}) == [f"n{n}" for n in range(len(no))]
    assert refusal(get, **{name: "1"}) == {name: ["Must be true or false."]}


@pytest.mark.parametrize(
    ("column", "most"),
    [("repo_watchers", 2**31 - 1), ("repo_forks", 2**31 - 1), ("pypi_downloads", 2**63 - 1)],
)
def test_numbers(get: Get, column: str, most: int) -> None:
    create(five={column: 5}, six={column: 6}, most={column: most}, none={})
    assert slugs(get, **{f"{column}__gte": 6}) == ["most", "six"]
    assert slugs(get, **{f"{column}__gte": most}) == ["most"]
    message = {f"{column}__gte": [f"Must be a whole number from 0 to {most}."]}
    for wrong in ("x", "-1", "1.5", str(most + 1), "٣"):
        assert refusal(get, **{f"{column}__gte": wrong}) == message
    if column != "pypi_downloads":
        assert slugs(get, **{f"{column}__lte": 5}) == ["five", "none"]
        assert slugs(get, **{f"{column}__gte": 5, f"{column}__lte": 6}) == ["five", "six"]
        assert refusal(get, **{f"{column}__lte": "x"}) == {f"{column}__lte": [message[f"{column}__gte"][0]]}


@pytest.mark.parametrize("column", ["last_updated", "released", "created", "modified"])
def test_times(get: Get, column: str) -> None:
    create(noon={column: NOON}, eve={column: NOON - timedelta(days=1)}, morrow={column: NOON + timedelta(days=1)})
    assert slugs(get, **{f"{column}__gte": "2026-05-06"}) == ["morrow", "noon"]
    assert slugs(get, **{f"{column}__gte": "2026-05-06T12:00"}) == ["morrow", "noon"], "in the site's zone"
    assert slugs(get, **{f"{column}__gte": "2026-05-06T16:00:00Z"}) == ["morrow", "noon"]
    assert slugs(get, **{f"{column}__gte": "2026-05-06T16:00:00.000001+00:00"}) == ["morrow"]
    wrong = ["Must be a day like 2026-05-01 or a time like 2026-05-01T07:25:10-04:00."]
    for value in ("x", "2026-13-01", "2026-5-1", "20260501", "1", "2026-05-01Tx", "2026", "0001-01-01T00:00+14:00"):
        assert refusal(get, **{f"{column}__gte": value}) == {f"{column}__gte": wrong}
    if column != "modified":
        assert slugs(get, **{f"{column}__lte": "2026-05-06"}) == ["eve", "noon"], "the whole of the day"
        assert slugs(get, **{f"{column}__lte": "2026-05-06T11:59:59"}) == ["eve"]
        assert slugs(get, **{f"{column}__lte": "9999-12-31"}) == ["eve", "morrow", "noon"]
        assert slugs(get, **{f"{column}__gte": "2026-05-05", f"{column}__lte": "2026-05-06"}) == ["eve", "noon"]


def test_an_unknown_time_is_neither_early_nor_late(get: Get) -> None:
    create(a={})
    for column in ("last_updated", "released"):
        assert slugs(get, **{f"{column}__gte": "1970-01-01"}) == slugs(get, **{f"{column}__lte": "2100-01-01"}) == []


def test_stale(get: Get) -> None:
    now = timezone.now()
    old = {"created": now - timedelta(days=100)}
    create(
        never=old, young={"created": now}, imported=old | {"last_fetched": now - timedelta(days=4)}, failed=old, one=old
    )
    for slug, source, success in (
        ("failed", "repo", None),
        ("failed", "pypi", 11),
        ("one", "repo", 30),
        ("one", "pypi", 2),
    ):
        FetchState.objects.create(
            package=Package.objects.get(slug=slug),
            source=source,
            outcome="timeout",
            last_success=now - timedelta(days=success) if success else None,
            next_due=now,
        )
    assert slugs(get, stale=1) == ["failed", "imported", "never", "one"]
    assert slugs(get, stale=3) == ["failed", "imported", "never"]
    assert slugs(get, stale=10) == ["failed", "never"]
    assert slugs(get, stale=50) == ["never"]
    assert slugs(get, stale=365) == []
    assert refusal(get, stale="-1") == {"stale": ["Must be a whole number from 0 to 36500."]}


def test_all_filters_together(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """All look-ups of the filters take one query together."""
    create(a={"licence": "MIT", "requires_python": ">=3.8", "participants": ["anna"]}, b={"licence": "MIT"})
    package = Package.objects.get(slug="a")
    MembershipFactory.create(package=package, grid=GridFactory.create(slug="g"))
    query = f"category={package.category.slug}&grid=g&licence=MIT&python=3.12&participant=anna&ordering=-score,title"
    with django_assert_num_queries(4):
        response = get(f"packages/?{query}&q=x&stale=0&has_pypi=false")
    assert [each["slug"] for each in response.json()["results"]] == ["a"]


NAMES = sorted(set(PackageFilters.base_filters) | {"limit", "offset", "cursor", "fields", "expand", "format"})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from(NAMES),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
        | st.text("0123456789-:.TZ+,<>=() ", max_size=24)
        | st.sampled_from(["MIT", "5.2", "true", "title", "2026-01-01", "all", "api"]),
        max_size=3,
    )
)
def test_any_value_gets_a_valid_response(client: Client, parameters: dict[str, str]) -> None:
    assert client.get("/api/v4/packages/", parameters).status_code in {200, 302, 400, 404}


@pytest.mark.parametrize("value", ["2026-05-01T07:25:10+04:00", "2026-05-01T07:25+0400", "2026-05-01 07:25:10.5+04:00"])
def test_a_plus_that_was_not_escaped_is_named(client: Client, value: str) -> None:
    """In a URL it stands for a blank."""
    response = client.get(f"/api/v4/packages/?modified__gte={value}")
    assert response.status_code == 400
    assert "write %2B for it" in response.json()["modified__gte"][0]
    assert client.get(f"/api/v4/packages/?modified__gte={value.replace('+', '%2B')}").status_code == 200
