"""GET /api/v4/schema/: the API behaves as described, for generated requests too."""

import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connection
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from packages.health import health
from packages.health.facts import Facts, SourceState, Upload
from packages.models import FetchState, Package, PackageHealth, Release, Snapshot
from tests.conftest import Get

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
CHECKS: list[Any] = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
EXAMPLES = 25


@pytest.fixture
def _rich_sample(db: None) -> None:
    call_command("load_sample", verbosity=0)
    packages = list(Package.objects.all()[:20])
    for package in packages:
        package.classifiers = ["Programming Language :: Python :: 3.12", "Framework :: Django :: 5"]
        package.requires_python = ">=3.8"
        package.licence = "MIT"
        package.participants = ["anna", "bert"]
        package.repo_watchers, package.last_updated, package.released = package.pk, NOW, NOW
        package.pypi_downloads, package.commits_over_52 = 9, list(range(52))
        package.replaced_by = packages[0] if package != packages[0] else None
        package.verdict_rank = package.pk % 8 or None
        package.save()
    states = [
        FetchState(
            package=package,
            source=source,
            target=package.repo_key if source == "repo" else package.pypi_name,
            outcome="ok",
            last_success=NOW,
            last_attempt=NOW,
            next_due=NOW,
        )
        for package in packages
        for source in ("repo", "pypi")
    ]
    FetchState.objects.all().delete()  # those of the sample
    FetchState.objects.bulk_create(states)
    facts = Facts(pypi=SourceState(last_success=NOW), uploads=(Upload("1.0", NOW, yanked=True), Upload("0.1rc1", NOW)))
    settled = health(facts, NOW)
    PackageHealth.objects.all().delete()  # as they were settled before the states
    PackageHealth.objects.bulk_create(
        PackageHealth(
            package=package,
            since=NOW,
            before="quiet" if package.verdict_rank else "",
            reasons=[asdict(reason) for reason in settled.reasons],
            warnings=settled.warnings,
            valid_until=settled.valid_until,
        )
        for package in packages
    )
    Release.objects.bulk_create([Release(package=package, version="1.0", uploaded_at=NOW) for package in packages])
    Snapshot.objects.bulk_create([Snapshot(package=package, day=date(2026, 5, 6), stars=3) for package in packages])
    if connection.vendor == "postgresql":  # so that changes get their numbers, as at a commit
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


described = schemathesis.openapi.from_wsgi("/api/v4/schema/?format=json", get_wsgi_application())
OPERATIONS: dict[str, Any] = {each.ok().label: each.ok() for each in list[Any](described.get_all_operations())}
# Only a query can be wrong: any text may be a reference.
REQUESTS = [
    (label, mode)
    for label, operation in OPERATIONS.items()
    for mode in schemathesis.GenerationMode
    if mode.is_positive or list(operation.query)
]


@pytest.fixture
def _one_connection() -> Iterator[None]:
    """Keep requests from closing the test's connection, as Django's own test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.usefixtures("_rich_sample", "_one_connection")
@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
def test_responses_are_as_described(mode: schemathesis.GenerationMode, subtests: pytest.Subtests) -> None:
    """In one test for all operations, since the sample takes longer to load than an operation to be tried."""
    for operation in [operation for operation, of_operation in REQUESTS if of_operation == mode]:

        @given(case=OPERATIONS[operation].as_strategy(generation_mode=mode))
        @settings(max_examples=EXAMPLES, suppress_health_check=[*HealthCheck], deadline=None, database=None)
        def check(case: Any) -> None:
            # What the schema requires, a request for some keys alone leaves out.
            is_whole = (case.query or {}).get("fields", "all") == "all"
            checks = CHECKS if is_whole else [each for each in CHECKS if each is not response_schema_conformance]
            case.call_and_validate(checks=checks, headers={"Accept-Encoding": "identity"})

        with subtests.test(operation):
            check()


@pytest.mark.usefixtures("_rich_sample", "_one_connection")
def test_all_fields_are_as_described() -> None:
    """Generated requests seldom name one."""
    case = OPERATIONS["GET /api/v4/packages/"].Case(query={"fields": "all", "format": "json"})
    case.call_and_validate(checks=CHECKS, headers={"Accept-Encoding": "identity"})


def test_the_schema_is_valid_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn")
    assert capsys.readouterr().out.startswith("openapi: 3.1")


def test_every_parameter_and_error_is_described(get: Get) -> None:
    paths = get("schema/?format=json").json()["paths"]
    listed = {each["name"] for each in paths["/api/v4/packages/"]["get"]["parameters"]}
    message = get("packages/?no=such").json()["no"][0]
    assert listed == set(message.split("There are: ")[1].rstrip(".").split(", "))
    for path, operations in paths.items():
        assert list(operations) == ["get"], path
        has_one_form = path.endswith((".svg", ".json", ".{extension}", "{file}"))  # whatever Accept says
        always = {"200", "400", "404", "413", "414", "429", "503"} | (set() if has_one_form else {"406"})
        assert always <= set(operations["get"]["responses"]), path
        assert all(each.get("description") for each in operations["get"]["parameters"]), path
    assert "410" in paths["/api/v4/changes/"]["get"]["responses"]


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("commits.svg", "image/svg+xml"),
        ("stars.svg", "image/svg+xml"),
        ("badge.svg", "image/svg+xml"),
        ("badge.json", "application/json"),
    ],
)
def test_charts_and_badges_are_described(get: Get, name: str, form: str) -> None:
    operation = get("schema/?format=json").json()["paths"][f"/api/v4/packages/{{reference}}/{name}"]["get"]
    assert [each["name"] for each in operation["parameters"]] == ["reference"]
    types = {status: list(each.get("content", ())) for status, each in operation["responses"].items()}
    errors = {status: ["application/json"] for status in ("400", "404", "413", "414", "429", "503")}
    assert types == {"200": [form], "301": []} | errors


@pytest.mark.parametrize(
    ("kind", "slug"), [("packages", "ralph"), ("grids", "asset-management"), ("categories", "apps")]
)
def test_an_example_of_a_reference_is_a_document_of_its_kind(
    get: Get, _rich_sample: None, kind: str, slug: str
) -> None:
    paths = get("schema/?format=json").json()["paths"]
    examples = next(
        each["examples"]
        for each in paths[f"/api/v4/{kind}/{{reference}}/"]["get"]["parameters"]
        if each["name"] == "reference"
    )
    found = [get(f"{kind}/{each['value']}/").json()["slug"] for each in examples.values()]
    assert found == [slug, slug]


def test_the_schema_is_made_once(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each form, encoding and host has a response of its own; the second one takes no third of a second."""
    monkeypatch.setattr("django.conf.settings.CACHE_URL", "dummy://")
    first = get("schema/?format=json").json()
    monkeypatch.setattr(SchemaGenerator, "parse", None)
    assert get("schema/?format=json").json() == first
    assert get("schema/?format=yaml", headers={"accept-encoding": "identity"}).content.startswith(b"openapi: 3.1.1\n")


@pytest.mark.parametrize("query", ["", "?format=json"])
def test_the_schema_is_cached_and_compressed(client: Client, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    monkeypatch.setattr("django.conf.settings.CACHE_URL", "locmem://?max_mb=5")
    url = f"/api/v4/schema/{query}"
    plain = client.get(url)
    assert plain["Cache-Control"] == "public, no-cache"
    for encoding in ("gzip", "br"):
        response = client.get(url, headers={"accept-encoding": encoding})
        assert response["Content-Encoding"] == encoding
        assert len(response.content) < len(plain.content) / 7
        with monkeypatch.context() as patch:
            patch.setattr("core.api.docs.SchemaView.get", None)
            assert client.get(url, headers={"accept-encoding": encoding}).content == response.content
        assert (
            client.get(url, headers={"accept-encoding": encoding, "if-none-match": response["ETag"]}).status_code == 304
        )


def test_the_documentation_loads_nothing_from_other_hosts(client: Client) -> None:
    response = client.get("/api/v4/docs/", headers={"accept": "text/html"})
    assert response.status_code == 200
    html = response.content.decode()
    assert "<title>API documentation \u2013 Package Grids</title>" in html
    addresses = re.findall(r'(?:href|src|action)="([^"]*)', html)
    assert {"/api/v4/", "/api/v4/packages/", "/api/v4/schema/?format=yaml", "/api/v4/schema/?format=json"} <= {
        *addresses
    }
    assert [each for each in addresses if not re.match("/(?!/)|#|http://testserver/", each)] == []


def test_the_former_second_page_redirects(client: Client) -> None:
    for accept in ("text/html", "*/*"):
        response = client.get("/api/v4/docs/redoc/", headers={"accept": accept})
        assert (response.status_code, response["Location"]) == (301, "/api/v4/docs/")


@pytest.mark.parametrize("path", ["schema/", "docs/", "docs/redoc/"])
def test_mistakes_have_the_forms_of_all_others(client: Client, path: str) -> None:
    message = "There is no parameter “x” here."
    page = client.get(f"/api/v4/{path}?x=y", headers={"accept": "text/html"})
    if path == "schema/":
        assert page.status_code == 406, "it has no page"
    else:
        assert (page.status_code, page["Content-Type"]) == (400, "text/html; charset=utf-8")
        assert message in page.content.decode()
    response = client.get(f"/api/v4/{path}", headers={"accept": "image/png"})
    assert response.status_code == 406
    assert response.json()["detail"].startswith("Could not satisfy the request Accept header; there are: ")
    response = client.get("/api/v4/schema/?x=y")
    assert (response.status_code, response.json()) == (400, {"x": [f"{message} There are: format."]})
