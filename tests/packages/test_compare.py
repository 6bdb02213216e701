"""GET /api/v4/compare/: any packages side by side, one URL for each set of them, and who is refused."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from packages.comparison.columns import COLUMNS
from packages.comparison.page import linked
from packages.models import Package
from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db
V4 = "http://testserver/api/v4/"


def packages(*slugs: str, **columns: Any) -> list[Package]:
    category = CategoryFactory.create()
    return [PackageFactory.create(slug=slug, title=slug, category=category, **columns) for slug in slugs]


def redirected(get: Get, names: str) -> list[str]:
    """Return the packages that the response redirects to."""
    response = get(f"compare/?packages={names}&columns=health")
    assert response.status_code == 302, response.content
    query = parse_qs(urlsplit(response["Location"]).query)
    assert query.keys() == {"packages", "columns"}
    return query["packages"]


def test_the_body(get: Get) -> None:
    one, two = packages("atlas", "globe")
    Package.objects.filter(pk=one.pk).update(repo_id="1")  # fetched, and nobody watches it
    Package.objects.filter(pk=two.pk).update(verdict_rank=7, repo_watchers=3)
    body = get("compare/?packages=atlas,globe").json()
    assert list(body) == ["as_of", "columns", "rows", "best", "total", "shown", "hidden", "next", "previous"]
    assert body["columns"] == [column.description for column in COLUMNS]
    assert [(row["package"], row["slug"], row["title"], len(row["values"])) for row in body["rows"]] == [
        (f"{V4}packages/{one.pk}/", "atlas", "atlas", 17),
        (f"{V4}packages/{two.pk}/", "globe", "globe", 17),
    ]
    assert (body["best"], body["hidden"]) == ({"repo_watchers": ["globe"]}, []), "nothing is hidden"
    good = get("compare/?packages=atlas,globe&level=good,none").json()
    assert good["hidden"] == [
        {"reason": "level=fair,poor", "count": 1, "url": f"{V4}compare/?level=all&packages=atlas%2Cglobe"}
    ]
    filtered = get("compare/?packages=atlas,globe&repo_watchers__gte=1&ordering=-title&columns=repo_watchers").json()
    assert [row["values"] for row in filtered["rows"]] == [[3]]
    assert (filtered["hidden"][0]["reason"], filtered["hidden"][0]["count"]) == ("filters", 1)


def test_the_queries_do_not_grow(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    slugs = [f"p-{number:03}" for number in range(100)]
    packages(*slugs)
    GridFactory.create(slug="maps")
    for number in (2, 100):
        names = ",".join(slugs[:number])
        with django_assert_num_queries(3):
            assert len(get(f"compare/?packages={names}").json()["rows"]) == number
        with django_assert_num_queries(5):
            body = get(f"compare/?packages={names}&limit=1&grid=maps").json()
            assert (body["total"], body["shown"], body["rows"]) == (number, 0, [])
    with django_assert_num_queries(4):
        body = get(f"compare/?packages={','.join(slugs)}&limit=2&offset=3&ordering=-title").json()
    assert [row["slug"] for row in body["rows"]] == ["p-096", "p-095"]


def test_other_ways_to_name_packages_redirect_to_slugs_in_order(get: Get) -> None:
    one, two, three = packages("atlas", "globe", "maps")
    for names in ("globe,atlas", "atlas,globe,atlas", "atlas, globe", f"{two.pk},atlas", f"{one.pk},globe,{two.pk}"):
        assert redirected(get, names) == ["atlas,globe"], names
    assert redirected(get, f"{three.pk},{two.pk},{one.pk}") == ["atlas,globe,maps"]
    location = get("compare/?packages=globe,atlas", accept="text/html")["Location"]
    assert get(location.removeprefix(V4)).status_code == 200


def test_a_package_whose_slug_looks_like_an_id_is_named_by_its_own_id(get: Get) -> None:
    _, other, digits = packages("atlas", "globe", "maps")
    Package.objects.filter(pk=digits.pk).update(slug=str(other.pk))
    assert redirected(get, f"atlas,{digits.pk}") == [f"{digits.pk},atlas"]
    body = get(f"compare/?packages={digits.pk},atlas").json()
    assert [row["title"] for row in body["rows"]] == ["atlas", "maps"]
    assert redirected(get, f"atlas,{other.pk}") == ["atlas,globe"]


@pytest.mark.django_db(transaction=True)
def test_old_slugs_redirect(get: Get) -> None:
    _, two = packages("atlas", "globe")
    two.slug = "earth"
    two.save()
    assert redirected(get, "atlas,globe") == redirected(get, "globe,earth,atlas") == ["atlas,earth"]
    packages("globe")
    body = get("compare/?packages=atlas,globe").json()
    assert [row["slug"] for row in body["rows"]] == ["atlas", "globe"], "another package has it now"


HOW = "Name 2 to 100 packages by their slugs or ids, with commas between them"


@pytest.mark.parametrize(
    ("query", "messages"),
    [
        ("", [f"{HOW}: ?packages=django-filter,ralph, for example."]),
        ("packages=atlas", [f"{HOW}; the request names 1."]),
        ("packages=atlas,atlas", [f"{HOW}; the request names 1."]),
        ("packages=", ["Empty; give it a value or leave it out."]),
        ("packages=atlas,,globe", ["An empty value stands between two commas."]),
        ("packages=atlas,a+b", ["“a b” is neither an id nor a slug."]),
        (
            "packages=atlsa,globe,zzzzz,999999",
            [
                "There is no package “atlsa”. Did you mean “atlas”?",
                "There is no package “zzzzz”.",
                "There is no package “999999”.",
            ],
        ),
    ],
)
def test_who_is_refused(get: Get, query: str, messages: list[str]) -> None:
    packages("atlas", "globe")
    response = get(f"compare/?{query}")
    assert (response.status_code, response.json()) == (400, {"packages": messages})


def test_more_than_a_hundred_packages_are_refused(get: Get) -> None:
    slugs = [f"p-{number:03}" for number in range(101)]
    packages(*slugs)
    response = get(f"compare/?packages={','.join(slugs)}")
    assert (response.status_code, response.json()) == (400, {"packages": [f"{HOW}; the request names 101."]})


def test_unknown_parameters_and_columns_of_features_are_refused(get: Get) -> None:
    packages("atlas", "globe")
    assert "Did you mean “packages”?" in get("compare/?package=atlas,globe").json()["package"][0]
    assert get("compare/?packages=atlas,globe&columns=feature-1").status_code == 400


def test_methods_and_the_page(client: Client, get: Get) -> None:
    MembershipFactory.create(package=packages("atlas", "globe")[0])
    url = "/api/v4/compare/?packages=atlas,globe"
    whole = client.get(url)
    assert client.head(url)["ETag"] == whole["ETag"]
    assert client.get(url, headers={"if-none-match": whole["ETag"]}).status_code == 304
    assert (client.options(url).status_code, client.post(url).status_code) == (200, 405)
    page = get("compare/?packages=atlas,globe", accept="text/html").content.decode()
    assert "<h1>Compare</h1>" in page
    assert page.count('<th scope="row">') == 2


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        ("a & b", "a &amp; b"),
        ("https://x.test", '<a href="https://x.test" rel="nofollow">https://x.test</a>'),
        (
            "see (http://x.test/a?b=1&c), or",
            'see (<a href="http://x.test/a?b=1&amp;c" rel="nofollow">http://x.test/a?b=1&amp;c</a>), or',
        ),
        ("javascript:alert(1) ftp://x.test data:text/html,x", "javascript:alert(1) ftp://x.test data:text/html,x"),
        (
            'https://x.test/"onclick="a',
            '<a href="https://x.test/" rel="nofollow">https://x.test/</a>&quot;onclick=&quot;a',
        ),
    ],
)
def test_the_links_of_a_text(text: str, html: str) -> None:
    assert linked(text) == html
