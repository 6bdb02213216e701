"""GET /api/v4/compare/: any packages side by side, one URL for each set of them, and who is refused."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from core.templatetags.pages import linked
from packages.comparison.columns import COLUMNS
from packages.models import Package
from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, PackageFactory

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


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_packages_may_be_named_by_one_parameter_each(get: Get, accept: str) -> None:
    _, two, _ = packages("atlas", "globe", "maps")
    for query in (
        "packages=globe&packages=atlas",
        f"packages={two.pk}&packages=atlas&packages=globe",
        "packages=atlas,globe&packages=atlas",
        "packages=atlas&packages=globe",
    ):
        response = get(f"compare/?{query}&level=good", accept=accept)
        assert (response.status_code, response["Location"]) == (302, f"{V4}compare/?level=good&packages=atlas%2Cglobe")


def test_columns_may_be_named_by_one_parameter_each(get: Get) -> None:
    packages("atlas", "globe")
    query = "packages=globe&packages=atlas&columns=licence&columns=health"
    assert get(f"compare/?{query}")["Location"] == f"{V4}compare/?columns=licence%2Chealth&packages=atlas%2Cglobe"
    ticked = get("compare/?packages=atlas,globe&columns=licence&columns=health,category")
    assert ticked["Location"] == f"{V4}compare/?columns=licence%2Chealth%2Ccategory&packages=atlas%2Cglobe"
    assert get(ticked["Location"].removeprefix(V4)).status_code == 200


def test_nothing_but_a_list_may_be_repeated(get: Get) -> None:
    packages("atlas", "globe")
    for query, joined in (
        ("level=good&level=fair", "level=good%2Cfair"),
        ("ordering=title&ordering=health", "ordering=title%2Chealth"),
    ):
        assert (
            get(f"compare/?packages=atlas,globe&{query}")["Location"] == f"{V4}compare/?{joined}&packages=atlas%2Cglobe"
        )
    for query in ("limit=1&limit=1", "archived=true&archived=true", "q=a&q=b"):
        response = get(f"compare/?packages=atlas,globe&{query}")
        assert response.status_code == 400
        [[message]] = response.json().values()
        assert message.startswith("Given more than once")


def test_empty_ones_are_refused_and_on_a_page_left_out(get: Get) -> None:
    packages("atlas", "globe")
    query = "compare/?packages=atlas,globe&packages="
    assert get(query).json() == {"packages": ["Empty; give it a value or leave it out."]}
    page = get(query, accept="text/html")
    assert (page.status_code, page["Location"]) == (302, "/api/v4/compare/?packages=atlas%2Cglobe")
    assert get("compare/?packages=atlas&packages=%00b").json() == {"packages": ["Holds a control character."]}
    long = "&".join(["packages=" + "a" * 4001] * 2)
    assert get(f"compare/?{long}").json() == {"packages": ["Too long: at most 8000 characters."]}


def test_a_package_whose_slug_looks_like_an_id_is_named_by_its_own_id(get: Get) -> None:
    _, other, digits = packages("atlas", "globe", "maps")
    Package.objects.filter(pk=digits.pk).update(slug=str(other.pk))
    assert redirected(get, f"atlas,{digits.pk}") == [f"{digits.pk},atlas"]
    body = get(f"compare/?packages={digits.pk},atlas").json()
    assert [row["title"] for row in body["rows"]] == ["atlas", "maps"]
    assert redirected(get, f"atlas,{other.pk}") == ["atlas,globe"]
    Package.objects.filter(pk=digits.pk).update(slug="9" * 20)  # no id is as great
    assert [row["title"] for row in get(f"compare/?packages={digits.pk},atlas").json()["rows"]] == ["atlas", "maps"]
    html = get("packages/", accept="text/html").content.decode()
    assert f'href="/api/v4/packages/{digits.pk}/"' in html


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
        ("packages=atlas,,globe", ["An empty value stands between two commas. Write ralph, for example."]),
        ("packages=atlas,a+b", ["“a b” is neither an id nor a slug, like ralph."]),
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
    assert "Write packages=django-filter,ralph here." in get("compare/?package=atlas,globe").json()["package"][0]
    assert get("compare/?packages=atlas,globe&columns=feature-1").status_code == 400


def test_methods(client: Client) -> None:
    packages("atlas", "globe")
    url = "/api/v4/compare/?packages=atlas,globe"
    whole = client.get(url)
    assert client.head(url)["ETag"] == whole["ETag"]
    assert client.get(url, headers={"if-none-match": whole["ETag"]}).status_code == 304
    assert (client.options(url).status_code, client.post(url).status_code) == (200, 405)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        ("a & b", "a &amp; b"),
        ("https://x.test", '<a href="https://x.test" rel="nofollow noopener">https://x.test</a>'),
        (
            "see (http://x.test/a?b=1&c), or",
            'see (<a href="http://x.test/a?b=1&amp;c" rel="nofollow noopener">http://x.test/a?b=1&amp;c</a>), or',
        ),
        ("javascript:alert(1) ftp://x.test data:text/html,x", "javascript:alert(1) ftp://x.test data:text/html,x"),
        (
            'https://x.test/"onclick="a',
            '<a href="https://x.test/" rel="nofollow noopener">https://x.test/</a>&quot;onclick=&quot;a',
        ),
    ],
)
def test_the_links_of_a_text(text: str, html: str) -> None:
    assert linked(text) == f"<bdi>{html}</bdi>"


def page_of(get: Get, query: str) -> str:
    response = get(f"compare/?{query}", accept="text/html")
    assert response.status_code == 200
    html: str = response.content.decode()
    return html


def test_few_packages_stand_side_by_side(get: Get) -> None:
    packages("atlas", "globe", "maps")
    Package.objects.filter(slug="globe").update(repo_watchers=7)
    html = page_of(get, "packages=atlas,globe,maps&columns=repo_watchers,licence")
    assert "<h1><bdi>atlas, globe and maps</bdi></h1>" in html
    assert html.count('<th scope="col">') == 3
    assert html.count('<th scope="row"') == 2
    [row] = re.findall(r'<tr><th scope="row"[^>]*><a[^>]*><bdi>Stars</bdi>.*?</tr>', html)
    assert re.findall("<td.*?</td>", row)[::2] == ["<td></td>", "<td></td>"], "not known"
    assert 'data-label="globe"' in row
    for other, rest in (("atlas", "globe%2Cmaps"), ("globe", "atlas%2Cmaps"), ("maps", "atlas%2Cglobe")):
        url = f"{V4}compare/?columns=repo_watchers%2Clicence&amp;packages={rest}"
        assert re.search(rf'href="{re.escape(url)}" title="Remove">[^\n]*?Remove {other}<', html), other
    two = page_of(get, "packages=atlas,globe")
    assert "Remove" not in two, "one package cannot be compared"
    assert re.findall(r'<th scope="rowgroup" colspan="3"><a[^>]*>(\w+)', two) == [
        *("About", "Use", "Activity", "Releases", "Links")
    ]


def test_more_packages_are_rows(get: Get) -> None:
    for count, is_side_by_side in ((6, True), (7, False)):
        slugs = sorted(f"p{count}-{number}" for number in range(count))
        packages(*slugs)
        html = page_of(get, f"packages={','.join(slugs)}")
        assert ('<th scope="rowgroup"' in html) == is_side_by_side
        assert (re.findall(r'name="packages" value="([^,"]+)"[^>]* checked>', html) == slugs) != is_side_by_side
        assert ('id="filter-level"' in html) != is_side_by_side
    assert "<h1><bdi>7 packages compared</bdi></h1>" in html


def test_a_package_is_added_by_a_form(get: Get) -> None:
    packages("atlas", "globe", "maps")
    html = page_of(get, "packages=atlas,globe&level=all")
    [form] = re.findall(r'<form class="filters" action="/api/v4/compare/">\s*([^\n]*)\n<label>Add', html)
    assert re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', form) == [
        ("level", "all"),
        ("packages", "atlas,globe"),
    ]
    added = get("compare/?level=all&packages=atlas%2Cglobe&packages=maps", accept="text/html")
    assert added["Location"] == f"{V4}compare/?level=all&packages=atlas%2Cglobe%2Cmaps"
    unknown = get("compare/?packages=atlas%2Cglobe&packages=mapz", accept="text/html")
    assert (unknown.status_code, "Did you mean “maps”?" in unknown.content.decode()) == (400, True)


@pytest.mark.parametrize(("query", "number"), [("", ""), ("?packages=atlas", "; the request names 1")])
def test_a_page_says_how_many_to_tick(get: Get, query: str, number: str) -> None:
    packages("atlas")
    response = get(f"compare/{query}", accept="text/html")
    html = response.content.decode()
    assert response.status_code == 400
    assert f"Tick 2 to 100 packages in a list, then compare them{number}." in html
    assert "filter-level" not in html


def test_the_queries_of_a_page(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    slugs = [f"p-{number:03}" for number in range(100)]
    packages(*slugs)
    for number, queries in ((2, 3), (6, 3), (7, 5), (100, 5)):
        with django_assert_num_queries(queries):
            page_of(get, f"packages={','.join(slugs[:number])}")
