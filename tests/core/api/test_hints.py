"""The words of other APIs: the 400 says what to write here, where that exists."""

from urllib.parse import quote, urlencode

import pytest

from core.api.hints import _BY_NAME, _HINTS, hint
from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db


def said(get: Get, path: str, name: str) -> str:
    """Return the hint in the message about a parameter."""
    separator = "&" if "?" in path else "?"
    response = get(f"{path}{separator}{quote(name)}=1")
    assert response.status_code == 400
    message: str = response.json()[name][0]
    return message.split(" here.", 1)[1].split(" There are: ", maxsplit=1)[0].strip()


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("packages/", "page", "Write offset=20 here for the second page of 20, or follow “next”."),
        ("packages/", "page[number]", "Write offset=20 here for the second page of 20, or follow “next”."),
        ("packages/", "page[cursor]", "Write cursor= here to begin, then follow “next”."),
        ("packages/", "page_size", "Write limit=100 here."),
        ("grids/", "pageSize", "Write limit=100 here."),
        ("search/?q=x", "per_page", "Write limit=100 here."),
        ("packages/", "per-page", "Write limit=100 here."),
        ("categories/", "page[size]", "Write limit=100 here."),
        ("packages/ralph/releases/", "count", "Write limit=100 here."),
        ("packages/", "skip", "Write offset=100 here."),
        ("packages/", "search", "Write q=rest framework here."),
        ("packages/", "name", "Write q=rest framework here."),
        ("grids/", "sort", "Write ordering=-title here."),
        ("packages/", "sort_by", "Write ordering=-title here."),
        ("packages/", "orderBy", "Write ordering=-title here."),
        ("trending/", "order_by", "Write by=downloads here."),
        ("packages/ralph/", "include", "Write expand= here with the names of links that documents take the place of."),
        ("packages/", "expand[]", "Write expand= here, once; several values have commas between them."),
        ("packages/", "include[]", "Write expand= here, once; several values have commas between them."),
        ("packages/", "fields[packages]", "Write fields= here, once; several values have commas between them."),
        ("packages/", "filter[license]", "Write licence=MIT here."),
        ("packages/", "filter[category]", "Write category= here, once; several values have commas between them."),
        ("packages/", "created[gte]", "Write created__gte= here."),
        ("packages/", "stars", "Write repo_watchers__gte=100 here."),
        ("packages/", "license", "Write licence=MIT here."),
        ("features/", "id", "Write id__in=81,2647 here."),
        ("packages/", "id[]", "Write id__in=81,2647 here."),
        ("categories/", "slug", "Write slug__in=apps,frameworks here."),
        ("compare/?packages=a,b", "sort", "Write ordering=-title here."),
        ("changes/", "cursor", "Write since=0 here to begin, then follow “next”."),
        ("changes/", "page", "Write since=0 here to begin, then follow “next”."),
        ("search/?q=x", "kind", "Write type=package here."),
        # Nothing of that kind is there
        ("readiness/", "page", ""),
        ("categories/", "stars", ""),
        ("categories/", "license", ""),
        ("categories/", "include", ""),
        ("search/?q=x", "sort", ""),
        # A misspelling of what is there
        ("packages/", "limt", "Did you mean “limit”?"),
    ],
)
def test_what_to_write_instead(get: Get, path: str, name: str, expected: str) -> None:
    assert said(get, path, name) == expected


@pytest.mark.parametrize("each", _HINTS, ids=lambda each: each.example)
def test_what_a_hint_says_works(get: Get, each: object) -> None:
    """On one endpoint that has the parameter, and with no name that is a parameter itself there."""
    hint_ = next(row for row in _HINTS if row is each)
    member = MembershipFactory.create(
        package__slug="ralph",
        package__category=CategoryFactory.create(slug="apps"),
        package__classifiers=["Framework :: Django :: 5.2"],
        grid=GridFactory.create(slug="asset-management"),
    )
    PackageFactory.create(slug="django-filter", category=member.package.category)
    paths = {"since": "changes/", "kind": "changes/", "type": "search/", "by": "trending/", "package": "grids/"}
    paths |= {"packages": "compare/", "columns": "grids/asset-management/comparison/"}
    name, _, value = hint_.example.partition("=")
    assert name == hint_.parameter
    if name != "expand":
        path = f"{paths.get(name, 'packages/')}?{urlencode({name: value})}"
        response = get(path)
        assert response.status_code in {200, 302}, response.content


def test_every_word_is_listed_once_for_each_parameter() -> None:
    for each in _HINTS:
        names = each.names.split()
        assert len(set(names)) == len(names)
        assert all(name == name.lower() and "-" not in name for name in names)
        assert each.parameter not in names
    assert hint("page", {"limit"}) == ""
    assert hint("[]", {"limit"}) == hint("", {"limit"}) == hint("a[b", {"limit"}) == ""
    assert len(_BY_NAME) > 100
