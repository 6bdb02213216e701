"""`manage.py doctor`: what each part of a setup looks like when it is wrong, and what mends it."""

import json
import os
import resource
import shutil
import smtplib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis
from django.core import checks
from django.core.management import call_command
from django.db import OperationalError, connection
from pytest_django import Settings

from config import probes
from config.doctor import EXAMINATIONS, database, files, findings, machine, services, site
from core import hooks
from core.dumps import Manifest, name_at
from core.hooks import Finding
from fetchers import setup
from fetchers.models import HostRateLimit, Run
from tests.factories import PackageFactory
from tests.servers import ROOT, SECRET_KEY

stored = pytest.mark.django_db
on_postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'")
NOW = datetime.now(UTC)


def levels(examine: Callable[[], Iterable[Finding]]) -> dict[str, str]:
    """Return the levels by the sentences of findings, which have a remedy where they are not ok."""
    found = list(examine())
    for each in found:
        assert bool(each.remedy) == (each.level != "ok"), each
        assert each.sentence.endswith(".")
        assert "\n" not in each.sentence + each.remedy
    return {each.sentence: each.level for each in found}


def only(examine: Callable[[], Iterable[Finding]]) -> tuple[str, str]:
    ((sentence, level),) = levels(examine).items()
    return level, sentence


def test_what_django_finds(settings: Settings) -> None:
    settings.SECRET_KEY = "django-insecure-x"
    settings.SECURE_HSTS_SECONDS = 0
    found = {each.name: each.level for each in site.examine_settings()}
    assert found["settings (security.W009)"] == "warning"
    assert "settings (security.W008)" not in found
    settings.SILENCED_SYSTEM_CHECKS = ["security.W009"]
    assert "settings (security.W009)" not in {each.name for each in site.examine_settings()}


def test_what_django_calls_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = [checks.Error("It is wrong.", id="x.E001", hint="Mend it.")]
    monkeypatch.setattr(checks, "run_checks", lambda **_: wrong)
    assert list(site.examine_settings()) == [Finding("settings (x.E001)", "problem", "It is wrong.", "Mend it.")]
    monkeypatch.setattr(checks, "run_checks", lambda **_: [])
    assert only(site.examine_settings)[0] == "ok"


def test_debug(settings: Settings) -> None:
    assert only(site.examine_debug) == ("ok", "DEBUG is off.")
    settings.DEBUG = True
    assert only(site.examine_debug)[0] == "problem"


@pytest.mark.parametrize(
    ("url", "hosts", "level", "words"),
    [
        ("", ["x.org"], "warning", "SITE_URL is not set"),
        ("https://x.org", ["y.org"], "problem", "every visitor gets 400"),
        ("https://x.org:8443", ["*"], "warning", "“*”"),
        ("https://x.org:8443", [".org"], "ok", "https://x.org:8443"),
    ],
)
def test_hosts(settings: Settings, url: str, hosts: list[str], level: str, words: str) -> None:
    settings.SITE_URL, settings.ALLOWED_HOSTS = url, hosts
    found, sentence = only(site.examine_hosts)
    assert found == level
    assert words in sentence


@pytest.mark.parametrize(
    ("url", "trusted", "level"),
    [
        ("https://x.org", [], "problem"),
        ("https://x.org", ["127.0.0.1"], "ok"),
        ("http://x.org", [], "ok"),
        ("", [], "ok"),
    ],
)
def test_proxy(settings: Settings, url: str, trusted: list[str], level: str) -> None:
    settings.SITE_URL, settings.TRUSTED_PROXIES = url, trusted
    assert only(site.examine_proxy)[0] == level


def test_env_file(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.BASE_DIR = tmp_path
    assert only(site.examine_env_file)[0] == "ok"
    file = tmp_path / ".env"
    file.touch(mode=0o600)
    assert only(site.examine_env_file)[0] == "ok"
    for mode in (0o640, 0o604):
        file.chmod(mode)
        assert only(site.examine_env_file)[0] == "problem"
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    for mode, level in ((0o640, "ok"), (0o660, "problem"), (0o644, "problem")):
        file.chmod(mode)
        assert only(site.examine_env_file)[0] == level


def project(tmp_path: Path, settings: Settings, dependencies: str, python: str = ">=3.11", extras: str = "") -> None:
    settings.BASE_DIR = tmp_path
    text = f"[project]\nrequires-python = '{python}'\ndependencies = {dependencies}\n"
    (tmp_path / "pyproject.toml").write_text(f"{text}[project.optional-dependencies]\n{extras}\n", encoding="utf-8")


def test_python_and_libraries_as_they_are() -> None:
    assert only(machine.examine_python)[0] == "ok"
    assert only(machine.examine_libraries)[0] == "ok"


def test_another_python(settings: Settings, tmp_path: Path) -> None:
    project(tmp_path, settings, "[]", python=">=4")
    level, sentence = only(machine.examine_python)
    assert level == "problem"
    assert sentence.endswith("and >=4 is required.")


def test_other_libraries(settings: Settings, tmp_path: Path) -> None:
    needs = ["Django>=99", "there-is-no-such-package", "orjson", "x; python_version < '3'"]
    project(tmp_path, settings, str(needs), extras="sentry = ['sentry-sdk[django]<1']")
    settings.SENTRY_DSN = ""
    found = [each.split()[0] for each in levels(machine.examine_libraries)]
    assert found == ["Django", "there-is-no-such-package"]
    settings.SENTRY_DSN = "https://key@sentry.example.org/1"
    assert {*levels(machine.examine_libraries).values()} == {"problem"}
    assert [each.split()[0] for each in levels(machine.examine_libraries)][-1] == "sentry-sdk"


def test_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, level in ((256, "warning"), (1024, "ok"), (resource.RLIM_INFINITY, "ok")):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        assert only(machine.examine_open_files)[0] == level


class Usage(NamedTuple):
    total: int
    free: int


@pytest.mark.parametrize(
    ("usage", "level"),
    [
        (Usage(2**40, 2**38), "ok"),
        (Usage(2**40, 2**30), "warning"),
        (Usage(2**31, 2**27), "warning"),
        (Usage(2**31, 2**20), "problem"),
    ],
)
def test_disks(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path, usage: Usage, level: str) -> None:
    settings.DUMP_ROOT = str(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert {*levels(machine.examine_disks).values()} == {level}


def test_static_files(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    assert only(files.examine_static)[0] == "problem"
    manifest = tmp_path / "staticfiles.json"
    manifest.touch()
    assert only(files.examine_static)[0] == "ok"
    os.utime(manifest, (0, 0))
    assert only(files.examine_static)[0] == "warning"
    settings.DEBUG = True
    assert only(files.examine_static)[0] == "ok"


def dump(root: Path, time: datetime) -> None:
    (root / name_at(time)).mkdir()
    (root / name_at(time) / "manifest.json").write_bytes(Manifest(time, 1, None, {}).serialized())


def test_dumps(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert only(files.examine_dumps)[0] == "ok"
    settings.DUMP_ROOT = str(tmp_path / "none")
    assert only(files.examine_dumps)[0] == "problem"
    settings.DUMP_ROOT = str(tmp_path)
    assert only(files.examine_dumps)[0] == "warning"
    dump(tmp_path, NOW - timedelta(days=3))
    assert only(files.examine_dumps) == ("warning", "The newest dump is 3 days old.")
    dump(tmp_path, NOW - timedelta(hours=3))
    assert only(files.examine_dumps)[0] == "ok"
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    assert only(files.examine_dumps)[0] == "problem"


@stored
def test_a_site_that_can_serve() -> None:
    assert {*levels(database.examine_serving).values()} == {"ok"}
    found = [*database.examine_version(), *database.examine_role(), *database.examine_rights()]
    found += [*database.examine_extensions(), *database.examine_connections(), *database.examine_clock()]
    allowed = {"ok"} if connection.vendor == "postgresql" else {"warning"}
    assert {each.level for each in found if each.name != "connections"} == allowed


@stored
def test_what_the_probes_find(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"database": "ok", "migrations": "grids not up to date", "triggers": "1 difference", "cache": "silent"}
    monkeypatch.setattr(probes, "findings", found.items)
    by_name = {each.name: each for each in database.examine_serving()}
    assert {name: each.level for name, each in by_name.items()} == {
        "database": "ok",
        "migrations": "problem",
        "triggers": "problem",
        "cache": "warning",
    }
    assert by_name["migrations"].remedy == "Run: manage.py migrate"
    assert by_name["triggers"].remedy == "Run: manage.py install_triggers"


@stored
def test_an_old_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "get_database_version", lambda: (3, 1))
    level, sentence = only(database.examine_version)
    assert level == "problem"
    assert "is 3.1, and " in sentence


def with_row(monkeypatch: pytest.MonkeyPatch, *row: object) -> None:
    monkeypatch.setattr(database, "_row", lambda *_: row)
    monkeypatch.setattr(database, "_is_postgresql", lambda: True)


@pytest.mark.parametrize(
    ("examine", "row", "level"),
    [
        (database.examine_role, ("postgres", True), "warning"),
        (database.examine_role, ("grids", False), "ok"),
        (database.examine_rights, ("grids_grid",), "problem"),
        (database.examine_rights, ("",), "ok"),
        (database.examine_extensions, (False,), "problem"),
        (database.examine_extensions, (True,), "ok"),
        (database.examine_connections, (12,), "warning"),
        (database.examine_connections, (97,), "ok"),
        (database.examine_vacuum, (False,), "problem"),
        (database.examine_vacuum, (True,), "ok"),
        (database.examine_clock, (NOW + timedelta(days=1),), "problem"),
        (database.examine_clock, (NOW - timedelta(days=1),), "problem"),
    ],
)
def test_what_postgresql_says(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, examine: Any, row: tuple[object, ...], level: str
) -> None:
    settings.WEB_CONCURRENCY = 2
    with_row(monkeypatch, *row)
    assert only(examine)[0] == level


def test_clocks_that_are_some_seconds_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    with_row(monkeypatch, NOW + timedelta(seconds=10))
    monkeypatch.setattr("config.doctor.database.timezone.now", lambda: NOW)
    expected = ("warning", "The clock of the database and the one here are 10 seconds apart.")
    assert only(database.examine_clock) == expected


@stored
@on_postgresql
def test_rights_that_are_missing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone()[0]:
            pytest.skip("a superuser has all rights")
        cursor.execute("REVOKE DELETE ON grids_grid FROM CURRENT_USER")  # an owner may take its own
    assert only(database.examine_rights) == ("problem", "The role may not read and write grids_grid.")


def test_a_replica_that_is_away(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Cursor:
        def __init__(self, *row: object) -> None:
            self.row = row

        def __enter__(self) -> "Cursor":
            return self

        def __exit__(self, *_: object) -> None: ...

        def execute(self, _sql: str) -> None: ...

        def fetchone(self) -> tuple[object, ...]:
            return self.row

    class Connection:
        cursor: Any

    assert list(database.examine_replica()) == []
    monkeypatch.setitem(settings.DATABASES, "replica", {})
    monkeypatch.setattr(database, "connections", {"replica": Connection})

    def fail() -> None:
        raise OperationalError("no\nroute")

    for cursor, level in ((fail, "warning"), (lambda: Cursor(False), "problem"), (lambda: Cursor(True), "ok")):
        Connection.cursor = staticmethod(cursor)
        assert only(database.examine_replica)[0] == level


class FakeRedis:
    memory: dict[str, Any] = {}  # noqa: RUF012

    def info(self, _: str) -> dict[str, Any]:
        return self.memory


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        ({"maxmemory": 2**26, "maxmemory_policy": "allkeys-lru"}, ["ok"]),
        ({"maxmemory": 0, "maxmemory_policy": "allkeys-lfu"}, ["warning"]),
        ({"maxmemory": 2**26, "maxmemory_policy": "noeviction"}, ["warning"]),
        ({}, ["warning", "warning"]),
    ],
)
def test_redis(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, memory: dict[str, Any], expected: list[str]
) -> None:
    settings.CACHE_URL = "redis://cache.example.org/0"
    FakeRedis.memory = memory
    monkeypatch.setattr(redis.Redis, "from_url", lambda *_, **__: FakeRedis())
    assert [*levels(services.examine_redis).values()] == expected


def test_a_redis_that_is_away(settings: Settings) -> None:
    settings.CACHE_URL = f"redis://127.0.0.1:{closed_port()}/0"
    assert list(services.examine_redis()) == [], "the probe has said so"
    settings.CACHE_URL = "dummy://"
    assert only(services.examine_redis)[0] == "warning"
    settings.CACHE_URL = "locmem://"
    assert list(services.examine_redis()) == []


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def test_mail(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert only(services.examine_mail)[0] == "ok"
    settings.DESK_MAIL = ["editors@example.org"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", closed_port()
    level, sentence = only(services.examine_mail)
    assert level == "problem"
    assert "Connection refused" in sentence
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert only(services.examine_mail)[0] == "ok"

    def refuse(**_: object) -> None:
        raise smtplib.SMTPAuthenticationError(535, b"no")

    monkeypatch.setattr(services, "get_connection", refuse)
    assert only(services.examine_mail)[0] == "problem"


@stored
def test_hosts_that_packages_are_fetched_from(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.GITHUB_TOKEN = ""
    assert only(setup.examine_hosts)[0] == "ok"
    monkeypatch.setattr(setup, "FEW", 1)
    PackageFactory.create()
    assert only(setup.examine_hosts)[0] == "warning"
    settings.GITHUB_TOKEN = "token"
    HostRateLimit.objects.create(name="pypi", paused_until=NOW + timedelta(hours=20))
    HostRateLimit.objects.create(name="github", limit=5000, remaining=0, resets_at=NOW + timedelta(hours=1))
    HostRateLimit.objects.create(name="gitlab.com", limit=500, remaining=0, resets_at=NOW - timedelta(hours=1))
    found = levels(setup.examine_hosts)
    assert [*found.values()] == ["ok", "warning", "warning"]
    assert [each.split()[0] for each in found][1:] == ["pypi", "The"]
    assert "The quota of github is spent." in found


def run(ago: timedelta, source: str = "repo", code: int | None = 0) -> None:
    finished = None if code is None else NOW - ago
    Run.objects.create(started=NOW - ago - timedelta(minutes=5), finished=finished, sources=[source], exit_code=code)


@stored
def test_runs_of_cron() -> None:
    assert only(setup.examine_refreshes)[0] == "ok"
    PackageFactory.create()
    by_name = {each.name: each for each in setup.examine_refreshes()}
    assert {each.level for each in by_name.values()} == {"warning"}
    assert by_name["refreshes (downloads)"].remedy.endswith("--source downloads --time-budget 7200")
    run(timedelta(days=2))
    run(timedelta(hours=2), "pypi", code=1)
    run(timedelta(hours=50), "downloads", code=4)
    run(timedelta(hours=7), "advisories")
    run(timedelta(days=2), code=None)
    found = {each.name: each for each in setup.examine_refreshes()}
    assert {name: each.level for name, each in found.items()} == {
        "refreshes (repo)": "problem",
        "refreshes (pypi)": "warning",
        "refreshes (downloads)": "warning",
        "refreshes (advisories)": "problem",
        "refreshes": "warning",
    }
    assert found["refreshes (pypi)"].sentence == "In the last run all packages of a source or of a host failed."
    assert found["refreshes (downloads)"].sentence == "In the last run a host told wrong facts, and was not believed."
    assert found["refreshes (repo)"].sentence == "The last run ended 2 days ago: nothing runs it."
    assert found["refreshes"].sentence == "1 run of the last week died."


def test_what_cannot_be_examined_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Iterator[Finding]:
        raise PermissionError(13, "Permission denied")

    def without_database() -> Iterator[Finding]:
        raise OperationalError("gone")

    monkeypatch.setattr("config.doctor.EXAMINATIONS", {"a": fail, "b": without_database})
    monkeypatch.setattr(hooks, "examinations", {})
    first, second = findings()
    assert first == Finding(
        "a", "warning", "It could not be examined: [Errno 13] Permission denied.", "See what the reason says."
    )
    assert (second.level, second.sentence) == ("warning", "Not known without the database.")


@stored
def test_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    bad = Finding("b", "problem", "It is broken.", "Mend it.")
    monkeypatch.setattr("config.doctor.EXAMINATIONS", {"a": lambda: [Finding("a", "ok", "Fine.")], "b": lambda: [bad]})
    monkeypatch.setattr(hooks, "examinations", {"c": lambda: [Finding("c", "warning", "Hm.", "Look.")]})
    with pytest.raises(SystemExit) as ended:
        call_command("doctor")
    assert ended.value.code == 1
    assert capsys.readouterr().out.splitlines() == [
        "ok       a: Fine.",
        "PROBLEM  b: It is broken.",
        "         -> Mend it.",
        "WARNING  c: Hm.",
        "         -> Look.",
        "",
        "1 problem, 1 warning.",
    ]
    monkeypatch.setattr("config.doctor.EXAMINATIONS", {})
    call_command("doctor", json=True)
    warning = {"name": "c", "level": "warning", "sentence": "Hm.", "remedy": "Look."}
    assert json.loads(capsys.readouterr().out) == {"sound": True, "findings": [warning]}


@stored
def test_all_parts_are_examined() -> None:
    assert {*hooks.examinations} == {"hosts", "refreshes"}
    assert not {*EXAMINATIONS} & {*hooks.examinations}
    assert not [each for each in findings() if "could not be examined" in each.sentence]


def test_without_the_database_there_is_no_traceback() -> None:
    """And without a terminal, as in cron."""
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": f"postgresql://nobody@127.0.0.1:{closed_port()}/none",
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "manage.py", "doctor", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    found = json.loads(done.stdout)
    assert found["sound"] is False
    said = [each["sentence"] for each in found["findings"] if each["name"] == "database"]
    assert "It does not respond." in said
    assert any("Connection refused" in sentence for sentence in said)
    unknown = [each["name"] for each in found["findings"] if each["sentence"] == "Not known without the database."]
    assert {"database role", "clock", "hosts", "refreshes"} <= {*unknown}
