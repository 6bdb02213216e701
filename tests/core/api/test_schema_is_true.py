"""Every response of every operation is as the schema describes it: of the sample catalogue, and of hostile texts."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from jsonschema import ValidationError
from pytest_django import Settings

from changes.log import RETENTION, prune
from core.api.docs import document
from core.api.serializers import CompiledKeys
from core.limits.allowance import allowance
from core.limits.counters import counter
from grids.models import Feature
from packages import badges
from packages.readiness.counts import count_readiness
from packages.settling import settled
from tests.browser import catalogues
from tests.clients.requests import Case, cases
from tests.clients.validation import Described
from tests.dumps import write_dump
from tests.factories import PackageFactory

HOSTILE = {
    "packages": "package-0",
    "grids": "grid-0",
    "categories": "category-0",
    "compared": "package-0,package-1",
}


@pytest.fixture(scope="module")
def described() -> Described:
    return Described(document())


def check(client: Client, described: Described, requests: Iterable[Case]) -> set[tuple[str, int]]:
    """Send requests, and return the operations with the statuses of their responses."""
    for case in requests:
        response: Any = client.get(case.url, headers={"accept": case.accept}, follow=True)
        assert response.status_code == case.status, (case, response.content[:300])
        try:
            described.check(case.operation, response)
        except ValidationError as error:
            pytest.fail(f"{case}: {error.json_path}: {error.message[:500]}")
    return {(case.operation, case.status) for case in requests}


@pytest.fixture
def _dump(settings: Settings, tmp_path: Path) -> None:
    settings.DUMP_ROOT = str(tmp_path)
    write_dump(tmp_path, timezone.now(), 81, packages__csv__gz=b"compressed", catalogue__sqlite=b"SQLite")


@pytest.mark.django_db
@pytest.mark.usefixtures("_dump")
def test_responses_of_the_sample_are_as_described(client: Client, described: Described) -> None:
    call_command("load_sample", verbosity=0)
    requested = check(client, described, list(cases(described.document)))
    all_described = {
        (name, int(status))
        for name, operation in described.operations.items()
        for status, response in operation["responses"].items()
        if "content" in response
    }
    elsewhere = {(name, status) for name in described.operations for status in (413, 414, 429, 503)} | {
        ("changes", 410)
    }
    assert all_described - requested == elsewhere
    assert len(requested) > 100


@pytest.mark.django_db
@pytest.mark.usefixtures("_dump")
def test_responses_of_hostile_texts_are_as_described(client: Client, described: Described) -> None:
    with settled():
        catalogues.hostile()
    count_readiness(timezone.now())
    names = {**HOSTILE, "features": str(Feature.objects.values_list("pk", flat=True)[0])}
    check(client, described, list(cases(described.document, names)))


@pytest.mark.django_db
@pytest.mark.usefixtures("_dump")
def test_files_of_a_dump_are_as_described(client: Client, described: Described) -> None:
    files = ("manifest.json", "packages.csv.gz", "catalogue.sqlite")
    check(client, described, [Case("dump_file", 200, f"/api/v4/dumps/latest/{each}") for each in files])


@pytest.mark.django_db
def test_failures_of_the_database_are_as_described(client: Client, described: Described) -> None:
    def fail(*_: Any) -> Any:
        raise OperationalError("lost") from psycopg2.OperationalError("server closed the connection unexpectedly")

    client.raise_request_exception = False
    requests = {case.operation: case._replace(status=503) for case in cases(described.document) if case.status == 200}
    for name in ("root", "dumps", "dump_file"):  # which read nothing
        del requests[name]
    with connection.execute_wrapper(fail):
        check(client, described, list(requests.values()))


@pytest.mark.django_db
def test_refusals_of_a_client_are_as_described(client: Client, described: Described, settings: Settings) -> None:
    settings.RATE_LIMIT, settings.CACHE_URL = 10, "dummy://"
    counter.cache_clear()
    counter(settings.CACHE_URL).owe(bytes([127, 0, 0, 1]), 10, allowance(10))
    requests = {case.operation: case._replace(status=429) for case in cases(described.document) if case.status == 200}
    check(client, described, list(requests.values()))
    assert requests.keys() == described.operations.keys()
    for operation in described.operations.values():
        assert operation["responses"]["429"]["headers"].keys() == {"RateLimit-Policy", "RateLimit", "Retry-After"}
        assert all("RateLimit-Policy" in each["headers"] for each in operation["responses"].values())


@pytest.mark.django_db
def test_the_end_of_the_log_is_as_described(client: Client, described: Described) -> None:
    PackageFactory.create()
    prune(timezone.now() + RETENTION * 2)
    check(client, described, [Case("changes", 410, "/api/v4/changes/")])


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["slug", "health"])
def test_a_renamed_key_is_not_as_described(
    client: Client, described: Described, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The check of all responses sees it, wherever it is."""
    package = PackageFactory.create()
    case = Case("packages_retrieve", 200, f"/api/v4/packages/{package.slug}/?fields=all")
    check(client, described, [case])
    compiled = CompiledKeys.of

    def renamed(*of: Any) -> CompiledKeys:
        keys = compiled(*of)
        return keys._replace(names=tuple("renamed" if each == name else each for each in keys.names))

    monkeypatch.setattr(CompiledKeys, "of", renamed)
    with pytest.raises(pytest.fail.Exception, match=r"required property|unexpected"):
        check(client, described, [case])


@pytest.mark.django_db
def test_a_missing_key_is_not_as_described(
    client: Client, described: Described, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = PackageFactory.create()
    monkeypatch.setattr(badges, "endpoint", lambda verdict: {"message": verdict})
    with pytest.raises(pytest.fail.Exception, match="is a required property"):
        check(client, described, [Case("packages_badge_endpoint", 200, f"/api/v4/packages/{package.slug}/badge.json")])
