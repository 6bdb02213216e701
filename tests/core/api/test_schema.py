"""GET /api/v4/schema/: the API behaves as described, for generated requests too."""

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
    FetchState.objects.bulk_create(states)
    facts = Facts(pypi=SourceState(last_success=NOW), uploads=(Upload("1.0", NOW, yanked=True), Upload("0.1rc1", NOW)))
    settled = health(facts, NOW)
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
@pytest.mark.parametrize(("operation", "mode"), REQUESTS)
def test_responses_are_as_described(operation: str, mode: schemathesis.GenerationMode) -> None:
    @given(case=OPERATIONS[operation].as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, suppress_health_check=[*HealthCheck], deadline=None, database=None)
    def check(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, headers={"Accept-Encoding": "identity"})

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
        has_one_form = path.endswith((".svg", ".json"))  # whatever Accept says
        always = {"200", "400", "404", "503"} | (set() if has_one_form else {"406"})
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
    json = ["application/json"]
    assert types == {"200": [form], "301": [], "400": json, "404": json, "503": json}


@pytest.mark.parametrize("page", ["docs/", "docs/redoc/"])
def test_the_documentation_loads_nothing_from_other_hosts(client: Client, page: str) -> None:
    response = client.get(f"/api/v4/{page}", headers={"accept": "text/html"})
    assert response.status_code == 200
    html = response.content.decode()
    assert "/static/drf_spectacular_sidecar/" in html
    assert "//cdn" not in html
    assert "https://" not in html
    assert client.get(f"/api/v4/{page}?x=y").json() == {"x": ["There is no parameter “x” here. There are: none."]}
