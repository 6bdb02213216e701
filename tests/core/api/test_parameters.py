"""Nothing behind the question mark is ever silently ignored."""

import re

import pytest
from django.test import Client

from categories.filters import CategoryFilters
from core.api.parameters import MAX_LENGTH
from grids.filters import GridFilters
from packages.filters import PackageFilters
from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, PackageFactory

pytestmark = pytest.mark.django_db
LISTS = {"packages": PackageFilters, "grids": GridFilters, "categories": CategoryFilters}
PATHS = (
    *("", "packages/", "grids/", "categories/", "packages/x/", "grids/x/", "categories/x/", "search/", "changes/"),
    *("packages/x/releases/", "packages/x/history/", "schema/", "docs/"),
)


@pytest.fixture(autouse=True)
def _one_of_each() -> None:
    for factory in (PackageFactory, GridFactory, CategoryFactory):
        factory.create(slug="x")


@pytest.mark.parametrize("path", PATHS)
def test_unknown_parameters(client: Client, path: str) -> None:
    for method in (client.get, client.head, client.options):
        response = method(f"/api/v4/{path}?limt=3")
        assert response.status_code == 400
    response = client.get(f"/api/v4/{path}?limt=3")
    if path == "docs/":  # a page alone
        assert "There is no parameter “limt” here." in response.content.decode()
        return
    message = response.json()["limt"][0]
    assert message.startswith("There is no parameter “limt” here.")
    assert ("Did you mean “limit”?" in message) == (", limit" in message)


@pytest.mark.parametrize("kind", LISTS)
def test_the_message_lists_all_parameters(get: Get, kind: str) -> None:
    listed = get(f"{kind}/?nope=1").json()["nope"][0].split("There are: ")[1].rstrip(".").split(", ")
    of_documents = {"fields", "expand"} if kind != "categories" else {"fields"}
    assert set(listed) == {*LISTS[kind].base_filters, "limit", "offset", "cursor", "format", "bom", *of_documents}
    assert listed == sorted(listed)


@pytest.mark.parametrize("path", ["packages/", "packages/x/", "search/", "changes/"])
def test_all_mistakes_are_reported_together(get: Get, path: str) -> None:
    assert set(get(f"{path}?aaa=1&bbb=2").json()) == {"aaa", "bbb"}


def test_repeated_parameters(get: Get) -> None:
    message = ["Given more than once; several values go into one, with commas between them, where they are allowed."]
    assert get("packages/?limit=1&limit=1").json() == {"limit": message}
    assert get("packages/?archived=true&archived=true").json() == {"archived": message}
    assert get("search/?q=a&q=b").json() == {"q": message}


@pytest.mark.parametrize(
    ("query", "joined"),
    [
        ("packages/x/?fields=id&fields=title", "packages/x/?fields=id%2Ctitle"),
        ("packages/?expand=category&expand=grids", "packages/?expand=category%2Cgrids"),
        ("packages/?ordering=title&ordering=-score", "packages/?ordering=title%2C-score"),
        ("packages/?id__in=2&id__in=1,3&limit=5", "packages/?id__in=2%2C1%2C3&limit=5"),
        ("grids/?fields=id&fields=title&format=api", "grids/?fields=id%2Ctitle&format=api"),
    ],
)
def test_a_list_in_several_parameters_is_at_the_url_with_one(client: Client, query: str, joined: str) -> None:
    """Clients that are generated send a list so."""
    response = client.get(f"/api/v4/{query}")
    assert (response.status_code, response["Location"]) == (302, f"http://testserver/api/v4/{joined}")
    assert client.get(response["Location"]).status_code == 200


@pytest.mark.parametrize("value", ["", "%20", "+"])
def test_empty_parameters(get: Get, value: str) -> None:
    for path in ("packages/?q=", "grids/?package=", "packages/x/?fields=", "search/?type=", "changes/?since="):
        response = get(path + value)
        assert response.status_code == 400
        assert list(response.json().values()) == [["Empty; give it a value or leave it out."]]


@pytest.mark.parametrize("character", ["%00", "%0A", "%1F", "%7F", "%C2%80"])
def test_control_characters(get: Get, character: str) -> None:
    assert get(f"packages/?participant=a{character}b").json() == {"participant": ["Holds a control character."]}


def test_a_parameter_that_is_too_long(get: Get) -> None:
    assert get(f"packages/?participant={'x' * (MAX_LENGTH + 1)}").json() == {
        "participant": [f"Too long: at most {MAX_LENGTH} characters."]
    }


@pytest.mark.parametrize("kind", LISTS)
def test_the_page_has_a_form_with_the_filters(get: Get, kind: str) -> None:
    """But lists of ids and slugs, which programs have, and orders, which are links."""
    html = get(f"{kind}/", accept="text/html").content.decode()
    form = html.partition('<form class="filters"')[2].partition("</form>")[0]
    names = re.findall(r'<(?:input|select|textarea)[^>]* name="(.*?)"', form)
    of_programs = {"ordering", "id__in", "slug__in", "repo_url__in"}
    assert sorted(names) == sorted(LISTS[kind].base_filters.keys() - of_programs)
    assert re.findall('<label for="filter-(.*?)">', form) == names


@pytest.mark.parametrize(
    ("submitted", "clean"),
    [
        ("packages/?q=x&category=&archived=&limit=5", "packages/?limit=5&q=x"),
        ("packages/?q=&category=", "packages/"),
        ("grids/?q=a%26b&package=", "grids/?q=a%26b"),
        ("search/?q=x&type=", "search/?q=x"),
    ],
)
def test_a_form_with_empty_fields_redirects_to_the_url_without_them(get: Get, submitted: str, clean: str) -> None:
    response = get(submitted, accept="text/html")
    assert (response.status_code, response["Location"]) == (302, f"/api/v4/{clean}")
    assert get(clean, accept="text/html").status_code == 200


def test_a_cursor_may_be_empty(get: Get) -> None:
    assert get("packages/?cursor=").status_code == 200
    assert get("packages/?cursor=", accept="text/html").status_code == 200


def test_a_page_reports_mistakes_too(get: Get) -> None:
    response = get("packages/?no=such", accept="text/html")
    assert response.status_code == 400
    assert "There is no parameter “no” here." in response.content.decode()
