"""fetchers.indexes.metadata: licence, Django, documentation and repository of what an author wrote."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchers.indexes.metadata import facts_of
from packages.facts import UNKNOWN, Odd, PyPIFacts
from tests.fetchers.upstreams import JSON

INFO: dict[str, Any] = {
    "classifiers": [],
    "license": None,
    "license_expression": None,
    "project_urls": None,
    "requires_dist": None,
    "requires_python": None,
}


def facts(**info: Any) -> PyPIFacts:
    odd = Odd()
    found = facts_of(INFO | info, odd)
    assert odd == []
    return found


BSD = "License :: OSI Approved :: BSD License"


@pytest.mark.parametrize(
    ("info", "licence"),
    [
        ({"license_expression": "MIT", "license": "BSD", "classifiers": [BSD]}, "MIT"),
        ({"license": "BSD-3-Clause", "classifiers": [BSD]}, "BSD-3-Clause"),
        ({"license": "BSD License", "classifiers": [BSD]}, "BSD"),
        ({"license": "BSD License"}, "BSD"),
        ({}, ""),
    ],
)
def test_the_licence(info: dict[str, Any], licence: str) -> None:
    assert facts(**info).licence == licence


@pytest.mark.parametrize(
    ("absent", "licence", "if_none"),
    [
        ("license_expression", UNKNOWN, "BSD-3-Clause"),
        ("license", UNKNOWN, "BSD"),
        ("classifiers", UNKNOWN, "BSD-3-Clause"),
    ],
)
def test_a_licence_that_an_absent_part_could_tell_better(absent: str, licence: Any, if_none: str) -> None:
    """It counts if none is known."""
    info = INFO | {"license": "BSD-3-Clause", "classifiers": [BSD]}
    found = facts_of({key: value for key, value in info.items() if key != absent}, Odd())
    assert (found.licence, found.licence_if_none) == (licence, if_none)


def test_an_expression_needs_nothing_besides() -> None:
    found = facts_of({"license_expression": "mit"}, Odd())
    assert (found.licence, found.licence_if_none) == ("MIT", "")


def test_an_expression_that_is_too_long_is_odd() -> None:
    odd = Odd()
    found = facts_of(INFO | {"license_expression": "MIT AND " * 70 + "MIT"}, odd)
    assert found.licence is UNKNOWN
    assert odd == ["license_expression is not a line of at most 500 characters"]


def test_a_whole_licence_is_no_odd_part() -> None:
    assert facts(license="Permission is hereby granted\n" * 400).licence == ""


@pytest.mark.parametrize(
    ("requires_dist", "requires_django"),
    [
        (None, None),
        ([], None),
        (["asgiref"], None),
        (["Django"], ""),
        (["django>=4.2"], ">=4.2"),
        (["Django >= 4.2, < 6"], ">=4.2,<6"),
        (["django (>=1.8)"], ">=1.8"),
        (["Django[argon2]>=4.2"], ">=4.2"),
        (["Django>=1.8.*"], ">=1.8.*"),  # of metadata from before PEP 440
        (["django-filter>=2", "djangorestframework"], None),
        (["Django>=4.2; extra == 'django'"], None),
        (["Django>=4.2; python_version >= '3.8' and extra == \"django\"", "Django>=3"], ">=3"),
        (["django<5; python_version < '3.10'", "django>=5; python_version >= '3.10'"], ">=5"),
        (["Django>=4.2; sys_platform == 'win32'"], None),
        (["Django>=4.2; python_version == 'nonsense' or ("], ">=4.2"),
        (["Django>=3.2", "Django<6", "Django>=3.2"], ">=3.2,<6"),
        (["Django @ https://a.test/django.zip"], ""),
        (["???", ""], None),
    ],
)
def test_the_django_that_is_required(requires_dist: Any, requires_django: str | None) -> None:
    assert facts(requires_dist=requires_dist).requires_django == requires_django


@pytest.mark.parametrize("requires_dist", ["Django", [5], [f"Django{'!=4.2.1,' * 50}>=4"]])
def test_odd_requirements(requires_dist: Any) -> None:
    odd = Odd()
    assert facts_of(INFO | {"requires_dist": requires_dist}, odd).requires_django is UNKNOWN
    assert len(odd) == 1


@pytest.mark.parametrize(
    ("urls", "link"),
    [
        ({"Docs": "https://a.test/"}, "https://a.test/"),
        ({"documentation_site": "https://a.test/"}, "https://a.test/"),
        ({"Documentation (en)": "https://a.test/en", "Documentation": "https://a.test/"}, "https://a.test/"),
        ({"docs": "https://a.test/docs", "DOCUMENTATION": "https://a.test/"}, "https://a.test/"),
        ({"Docs: Changelog": "https://a.test/changes", "Docs: RTD": "https://a.test/"}, "https://a.test/"),
        ({"Docs: Changelog": "https://a.test/changes"}, ""),
        ({"Documentation / Source": "https://a.test/"}, ""),
        ({"Docs - Issue tracker": "https://a.test/", "Docs Release Notes": "https://a.test/"}, ""),
        ({"Documentation": "javascript:alert(1)", "Docs": "https://a.test/"}, "https://a.test/"),
        ({"Documentation": None}, ""),
        ({"Source": "https://a.test/docs"}, ""),
        (None, ""),
        ({}, ""),
    ],
)
def test_the_documentation(urls: Any, link: str) -> None:
    assert facts(project_urls=urls).documentation_url == link


@pytest.mark.parametrize(
    ("urls", "repo_url"),
    [
        ({"Source": "https://github.com/a/B/"}, "https://github.com/a/B"),
        ({"Source Code": "https://github.com/a/b.git"}, "https://github.com/a/b"),
        ({"Homepage": "https://github.com/a/h", "Repository": "https://gitlab.com/a/b/c"}, "https://gitlab.com/a/b/c"),
        ({"Source": "https://git.example.org/a/b"}, "https://git.example.org/a/b"),
        ({"Source": "https://a.test/", "Homepage": "https://github.com/a/b"}, "https://github.com/a/b"),
        ({"Homepage": "https://a.test/", "Bug Tracker": "https://github.com/a/b/issues"}, "https://github.com/a/b"),
        ({"Funding": "https://github.com/sponsors/a", "Homepage": "https://github.com/a"}, ""),
        ({"Homepage": "https://a.test/"}, ""),
        (None, ""),
    ],
)
def test_the_repository(urls: Any, repo_url: str) -> None:
    assert facts(project_urls=urls).repo_url == repo_url


@given(st.dictionaries(st.sampled_from(sorted(INFO)), JSON | st.lists(st.text(max_size=30)) | st.text(max_size=30)))
def test_any_metadata_are_read(info: dict[str, Any]) -> None:
    odd = Odd()
    found = facts_of(info, odd)
    assert all("\n" not in each for each in odd)
    for key, fact in {"requires_python": found.requires_python, "requires_dist": found.requires_django}.items():
        assert (fact is UNKNOWN) == (key not in info or any(each.startswith(key) for each in odd))
