"""The schema is OpenAPI 3.1: complete, closed, and without words of OpenAPI 3.0."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver
from openapi_spec_validator import OpenAPIV31SpecValidator

from core.api.docs import document
from core.api.schema.document import TAGS
from core.feeds import CatalogueFeed
from tests.clients.validation import Described, operations_of
from tests.conftest import Get

OPERATIONS = operations_of(document())
BYTES = {"application/gzip", "application/vnd.sqlite3"}
WORDS_OF_3_0 = {"nullable", "example", "readOnly", "writeOnly"}


def parts(node: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of the document with the paths that lead to them; nothing inside an example."""
    if isinstance(node, dict):
        yield path, node
        for key, each in node.items():
            if key != "examples":
                yield from parts(each, f"{path}/{key}")
    elif isinstance(node, list):
        for each in node:
            yield from parts(each, path)


def test_it_is_valid() -> None:
    assert list(OpenAPIV31SpecValidator(document()).iter_errors()) == []


def test_it_has_no_words_of_an_older_version() -> None:
    for path, node in parts(document()):
        if not path.endswith("/properties"):
            assert not WORDS_OF_3_0 & node.keys(), path
            assert not any(isinstance(node.get(f"exclusive{each}"), bool) for each in ("Minimum", "Maximum")), path


def test_no_object_is_open() -> None:
    for path, node in parts(document()):
        if node.get("type") == "object" or "object" in node.get("type", ()):
            others = node.get("additionalProperties", True)
            assert others is False or isinstance(others, dict), path
            assert (others is False) == ("properties" in node), path
        if "schema" in node and "content" not in path and "in" not in node:
            assert node["schema"], path


def test_keys_that_are_always_shown_are_required() -> None:
    schemas = document()["components"]["schemas"]
    package, trending, grid = schemas["Package"], schemas["TrendingPackage"], schemas["Grid"]
    assert package["required"][0] == "category"
    assert package["required"][-1] == "participants"
    assert len(package["required"]) == 18
    assert set(trending["required"]) - set(package["required"]) == {"stars_30d", "stars_90d", "downloads_30d"}
    assert set(grid["properties"]) - set(grid["required"]) >= {"package_count", "package_slugs"}
    assert set(schemas["PaginatedPackageList"]["required"]) == {"count", "next", "previous", "results"}
    assert set(schemas["Change"]["required"]) == set(schemas["Change"]["properties"])
    assert set(schemas["Column"]["properties"]) - set(schemas["Column"]["required"]) == {"unit", "better"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_what_it_is(name: str) -> None:
    operation = OPERATIONS[name]
    assert 0 < len(operation["summary"]) <= 160
    assert operation["description"].strip()
    assert len(operation["tags"]) == 1
    for status, response in operation["responses"].items():
        assert response["description"], status
        for media_type, content in response.get("content", {}).items():
            assert media_type != "text/html"
            assert (status == "200") or media_type == "application/json"
            assert ("examples" in content) == (media_type not in BYTES), (status, media_type)


@pytest.mark.parametrize("name", OPERATIONS)
def test_examples_are_as_described(name: str) -> None:
    described = Described(document())
    for status, response in OPERATIONS[name]["responses"].items():
        for media_type, content in response.get("content", {}).items():
            for example in content.get("examples", {}).values():
                described.validate(name, int(status), media_type, example["value"])


@pytest.mark.parametrize("name", OPERATIONS)
def test_only_what_is_required_is_filled_in(name: str) -> None:
    """Pages that try requests out fill in the example of a parameter itself, and the default of its schema."""
    parameters = {each["name"]: each for each in OPERATIONS[name]["parameters"]}
    for each in parameters.values():
        assert ("examples" in each) == each.get("required", False), each["name"]
        if each["schema"].get("type") == "array":
            assert (each["style"], each["explode"]) == ("form", False), each["name"]
    if "cursor" in parameters:
        assert "default" not in parameters["offset"]["schema"]
    for choice in {"fields", "expand", "ordering"} & parameters.keys():
        items = parameters[choice]["schema"]["items"]
        assert items.get("enum") or items["anyOf"][0]["enum"], choice


def test_it_says_whom_it_is_of() -> None:
    described = document()
    assert described["servers"] == [{"url": "/", "description": "The host of this document."}]
    assert described["security"] == []
    assert [each["name"] for each in described["tags"]] == [
        name for name in TAGS if name in {tag for each in OPERATIONS.values() for tag in each["tags"]}
    ]
    assert {tag for each in OPERATIONS.values() for tag in each["tags"]} <= TAGS.keys()
    assert described["info"]["license"]["identifier"] == "MIT"


def test_every_feed_is_described() -> None:
    feeds = {
        str(pattern.name).replace("-", "_")
        for pattern in get_resolver().url_patterns
        if isinstance(pattern, URLPattern)
        and isinstance(of := getattr(pattern.callback, "__self__", None), type)
        and issubclass(of, CatalogueFeed)
    }
    assert len(feeds) == 5
    assert feeds <= OPERATIONS.keys()


@pytest.mark.django_db
def test_it_is_json_unless_yaml_is_asked_for(client: Client, get: Get) -> None:
    for url, accept, media_type in (
        ("", "*/*", "application/json"),
        ("", "application/json", "application/json"),
        ("", "application/yaml", "application/yaml"),
        ("?format=yaml", "application/json", "application/yaml"),
        ("?format=json", "application/yaml", "application/json"),
    ):
        response = get(f"schema/{url}", accept=accept)
        assert (response.status_code, response["Content-Type"].partition(";")[0]) == (200, media_type)
    message = get("schema/?format=xml").json()["detail"]
    assert message == "There is no format “xml” here; use format=json or format=yaml."
