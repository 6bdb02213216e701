"""Settings from the environment: a wrong value stops the start with one line that names the variable."""

import os
import re
import runpy
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from environs import ValidationError

from config import gunicorn, values
from core.limits.sizes import MOST_URL
from tests.servers import SECRET_KEY, copy_program

DEBUG = {"DEBUG": "true"}
PRODUCTION = {"SECRET_KEY": SECRET_KEY}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source without the `.env` that a developer may have beside the source."""
    copy = tmp_path_factory.mktemp("project")
    copy_program(copy)
    return copy


def run(project: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def load(project: Path, **variables: str) -> dict[str, Any]:
    """Run the settings in this process, as each start does, and return what they define."""
    with patch.dict(os.environ, variables, clear=True):
        return runpy.run_path(str(project / "config" / "settings.py"))


@pytest.mark.parametrize(
    "variables",
    [
        DEBUG,
        PRODUCTION,
        DEBUG | {"SITE_URL": ""},
        PRODUCTION | {"SITE_URL": "https://packages.example.org/", "TRUSTED_PROXIES": "::1, unix", "TIME_ZONE": "UTC"},
        PRODUCTION | {"DATABASE_URL": "postgresql://user:secret@127.0.0.1:5432/name"},
        PRODUCTION | {"DATABASE_URL": "postgresql:///name?host=/run/postgresql&sslmode=disable", "HOST": "::1"},
        PRODUCTION | {"ALLOWED_HOSTS": "packages.example.org,.example.org,[::1]", "ACCESS_LOG": "false"},
        PRODUCTION | {"CACHE_URL": "rediss://user:secret@cache.example.org:6380/1?health_check_interval=30"},
        PRODUCTION
        | {"CACHE_URL": "locmem://?max_mb=32", "FORGE_HOSTS": "git.example.org=forgejo, git.debian.org=gitlab"},
        DEBUG | {"FORGE_HOSTS": "localhost:3000=forgejo,127.0.0.1=gitlab", "ALLOW_PRIVATE_HOSTS": "true"},
        DEBUG | {"SECRET_KEY": "x", "ALLOWED_HOSTS": ""},
        PRODUCTION | {"DATABASE_URL": "sqlite:////tmp/never-opened.sqlite3", "PORT": "8001", "WEB_CONCURRENCY": "4"},
        PRODUCTION | {"CELERY_BROKER_URL": "amqps://user:p%2Fw@mq.example.org:5671/grids"},
        PRODUCTION | {"CELERY_BROKER_URL": "redis://:secret@127.0.0.1:6379/1", "CACHE_URL": "redis://127.0.0.1:6379/0"},
        DEBUG | {"CELERY_BROKER_URL": "amqp://guest:guest@127.0.0.1//"},
        DEBUG | {"DUMP_ROOT": "/srv/dumps", "DUMP_ACCEL": "/_dumps/", "DATA_LICENCE": "CC-BY-4.0"},
        DEBUG
        | {
            "PING_URL": "https://ping.example.org/0b1c?rid=1",
            "DESK_MAIL": "a@example.org,b.c+d@example.org",
            "SITE_URL": "https://x.example.org",
        },
        DEBUG | {"CANARIES": "django, djangorestframework,x_1"},
        DEBUG
        | {"LOG_FORMAT": "json", "METRICS_TOKEN": "0123456789abcdef0123", "SENTRY_DSN": "https://k@s.example.org/1"},
        DEBUG
        | {"RATE_LIMIT": "0", "RATE_LIMIT_EXEMPT": "127.0.0.1, 10.0.0.0/8", "TRUSTED_PROXIES": "", "BEHIND_PROXY": ""},
        DEBUG
        | {"HSTS_SECONDS": "31536000", "SITE_URL": "https://x.example.org", "SECURITY_CONTACT": "security@example.org"},
        DEBUG | {"SECURITY_CONTACT": "https://example.org/security", "ADMIN_PATH": "Back-office_1"},
        DEBUG | {"SECURITY_CONTACT": "mailto:a@example.org", "LOGIN_FAILURES": "1", "LOGIN_LOCK_MINUTES": "1440"},
        DEBUG | {"DESK_MAIL_FROM": "a@example.org", "EMAIL_HOST": "::1", "EMAIL_PORT": "587", "EMAIL_USE_TLS": "true"},
    ],
    ids=str,
)
def test_valid_values(project: Path, variables: dict[str, str]) -> None:
    assert load(project, **variables)["DEBUG"] == ("DEBUG" in variables)


@pytest.mark.parametrize(
    "variables",
    [
        DEBUG | {"SECRET_KEY": "x", "SITE_URL": "", "ALLOWED_HOSTS": ""},
        DEBUG | {"FORGE_HOSTS": "localhost:3000=forgejo,127.0.0.1=gitlab", "ALLOW_PRIVATE_HOSTS": "true"},
        PRODUCTION
        | {
            "ALLOWED_HOSTS": "packages.example.org,.example.org,[::1]",
            "SITE_URL": "https://packages.example.org/",
            "TRUSTED_PROXIES": "127.0.0.1,10.0.0.0/8,2001:db8::/32,unix",
            "INDEXED": "true",
            "TIME_ZONE": "UTC",
            "DATABASE_URL": "postgresql:///name?host=/run/postgresql&sslmode=disable",
            "HOST": "::1",
            "ACCESS_LOG": "false",
            "CACHE_URL": "rediss://user:secret@cache.example.org:6380/1?health_check_interval=30",
            "FORGE_HOSTS": "git.example.org=forgejo, git.debian.org=gitlab",
        },
        PRODUCTION
        | {
            "DATABASE_URL": "sqlite:////tmp/never-opened.sqlite3",
            "CACHE_URL": "locmem://?max_mb=32",
            "PORT": "8001",
            "WEB_CONCURRENCY": "4",
        },
    ],
    ids=str,
)
def test_a_site_starts_with_many_values_together(project: Path, variables: dict[str, str]) -> None:
    done = run(project, "manage.py", "check", **variables)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("variables", "wrong"),
    [
        ({"DEBUG": "maybe"}, ["DEBUG"]),
        ({"DEBUG": "maybe", "SECRET_KEY": "x"}, ["DEBUG"]),
        ({}, ["SECRET_KEY"]),
        ({"SECRET_KEY": ""}, ["SECRET_KEY"]),
        ({"DEBUG": "false"}, ["SECRET_KEY"]),
        (DEBUG | {"TIME_ZONE": "Mars/Olympus"}, ["TIME_ZONE"]),
        (DEBUG | {"TIME_ZONE": ""}, ["TIME_ZONE"]),
        (DEBUG | {"SITE_URL": "ftp://x"}, ["SITE_URL"]),
        (DEBUG | {"DESK_MAIL": "a@example.org"}, ["DESK_MAIL"]),
        (DEBUG | {"CANARIES": "https://github.com/django/django"}, ["CANARIES"]),
        (DEBUG | {"CANARIES": "django requests"}, ["CANARIES"]),
        (DEBUG | {"SITE_URL": "packages.example.org"}, ["SITE_URL"]),
        (DEBUG | {"SITE_URL": "https://"}, ["SITE_URL"]),
        (DEBUG | {"SITE_URL": "https://packages.example.org/?a=b"}, ["SITE_URL"]),
        (DEBUG | {"SITE_URL": "https://[x"}, ["SITE_URL"]),
        (DEBUG | {"SITE_URL": "https://x y"}, ["SITE_URL"]),
        (DEBUG | {"SITE_URL": "https://x.org:99999"}, ["SITE_URL"]),
        (DEBUG | {"SITE_URL": "https://x.org/packages"}, ["SITE_URL"]),
        (DEBUG | {"DATABASE_URL": "mysql://x/y"}, ["DATABASE_URL"]),
        (DEBUG | {"DATABASE_URL": "nonsense"}, ["DATABASE_URL"]),
        (DEBUG | {"DATABASE_URL": ""}, ["DATABASE_URL"]),
        (DEBUG | {"DATABASE_URL": "postgresql://host:port/name"}, ["DATABASE_URL"]),
        (DEBUG | {"DATABASE_REPLICA_URL": "postgresql://host:port/name"}, ["DATABASE_REPLICA_URL"]),
        (DEBUG | {"DATABASE_REPLICA_URL": "postgresql://x/y"}, ["DATABASE_REPLICA_URL"]),
        (DEBUG | {"DATABASE_URL": "postgresql://x/y", "DATABASE_REPLICA_URL": "sqlite:///x"}, ["DATABASE_REPLICA_URL"]),
        (DEBUG | {"BEHIND_PROXY": "true"}, ["BEHIND_PROXY"]),
        (DEBUG | {"BEHIND_PROXY": "false"}, ["BEHIND_PROXY"]),
        (DEBUG | {"TRUSTED_PROXIES": "true"}, ["TRUSTED_PROXIES"]),
        (DEBUG | {"TRUSTED_PROXIES": "127.0.0.1,proxy.example.org"}, ["TRUSTED_PROXIES"]),
        (DEBUG | {"TRUSTED_PROXIES": "10.0.0.1/8"}, ["TRUSTED_PROXIES"]),
        (DEBUG | {"TRUSTED_PROXIES": "fe80::1%eth0"}, ["TRUSTED_PROXIES"]),
        (DEBUG | {"TRUSTED_PROXIES": "0.0.0.0/0"}, ["TRUSTED_PROXIES"]),
        (DEBUG | {"TRUSTED_PROXIES": "::/0"}, ["TRUSTED_PROXIES"]),
        (DEBUG | {"RATE_LIMIT": "-1"}, ["RATE_LIMIT"]),
        (DEBUG | {"RATE_LIMIT": "9"}, ["RATE_LIMIT"]),
        (DEBUG | {"RATE_LIMIT": "1000001"}, ["RATE_LIMIT"]),
        (DEBUG | {"RATE_LIMIT": "10/s"}, ["RATE_LIMIT"]),
        (DEBUG | {"RATE_LIMIT_EXEMPT": "unix"}, ["RATE_LIMIT_EXEMPT"]),
        (DEBUG | {"RATE_LIMIT_EXEMPT": "monitor.example.org"}, ["RATE_LIMIT_EXEMPT"]),
        (DEBUG | {"INDEXED": "perhaps"}, ["INDEXED"]),
        (DEBUG | {"BITBUCKET_TOKEN": "me:token"}, ["BITBUCKET_TOKEN"]),
        (DEBUG | {"BITBUCKET_TOKEN": "me@example.org:"}, ["BITBUCKET_TOKEN"]),
        (DEBUG | {"BITBUCKET_TOKEN": "a b"}, ["BITBUCKET_TOKEN"]),
        (DEBUG | {"CODEBERG_TOKEN": "a b"}, ["CODEBERG_TOKEN"]),
        (DEBUG | {"CODEBERG_TOKEN": "caf\u00e9"}, ["CODEBERG_TOKEN"]),
        (DEBUG | {"PORT": "65536"}, ["PORT"]),
        (DEBUG | {"PORT": "http"}, ["PORT"]),
        (DEBUG | {"WEB_CONCURRENCY": "0"}, ["WEB_CONCURRENCY"]),
        (DEBUG | {"TIME_ZONE": "Mars/Olympus", "DATABASE_URL": "mysql://x/y"}, ["DATABASE_URL", "TIME_ZONE"]),
        ({"DEBUG": "maybe", "BEHIND_PROXY": "true"}, ["BEHIND_PROXY", "DEBUG"]),
        ({"SECRET_KEY": "x"}, ["SECRET_KEY"]),
        ({"SECRET_KEY": "x" * 60}, ["SECRET_KEY"]),
        (PRODUCTION | {"ALLOWED_HOSTS": ""}, ["ALLOWED_HOSTS"]),
        (DEBUG | {"ALLOWED_HOSTS": "https://packages.example.org"}, ["ALLOWED_HOSTS"]),
        (DEBUG | {"ALLOWED_HOSTS": "packages.example.org:8000"}, ["ALLOWED_HOSTS"]),
        (DEBUG | {"ALLOWED_HOSTS": "packages.example.org,a b"}, ["ALLOWED_HOSTS"]),
        (DEBUG | {"DATABASE_URL": "postgresql://"}, ["DATABASE_URL"]),
        (DEBUG | {"DATABASE_URL": "postgresql://host:5432/"}, ["DATABASE_URL"]),
        (DEBUG | {"DATABASE_URL": "postgresql://host/name?ssl=on"}, ["DATABASE_URL"]),
        (DEBUG | {"DATABASE_URL": "sqlite://"}, ["DATABASE_URL"]),
        (DEBUG | {"DATABASE_URL": "sqlite://:memory:"}, ["DATABASE_URL"]),
        (DEBUG | {"DATABASE_URL": "sqlite:///x.sqlite3?timeout=9"}, ["DATABASE_URL"]),
        (DEBUG | {"CACHE_URL": "redis://h:abc/0"}, ["CACHE_URL"]),
        (DEBUG | {"CACHE_URL": "redis://h:0/0"}, ["CACHE_URL"]),
        (DEBUG | {"CACHE_URL": "redis://h/first"}, ["CACHE_URL"]),
        (DEBUG | {"CACHE_URL": "redis://h/0?colour=red"}, ["CACHE_URL"]),
        (DEBUG | {"CACHE_URL": "redis://h/0?socket_timeout=soon"}, ["CACHE_URL"]),
        (DEBUG | {"CACHE_URL": "redis://"}, ["CACHE_URL"]),
        (DEBUG | {"CACHE_URL": "locmem://?max_mb=0"}, ["CACHE_URL"]),
        (DEBUG | {"CACHE_URL": "memcached://h"}, ["CACHE_URL"]),
        (DEBUG | {"PYPI_URL": "https://user:secret@index.example.org"}, ["PYPI_URL"]),
        (DEBUG | {"FORGE_HOSTS": "git.example.org"}, ["FORGE_HOSTS"]),
        (DEBUG | {"FORGE_HOSTS": "git.example.org=svn"}, ["FORGE_HOSTS"]),
        (DEBUG | {"FORGE_HOSTS": "git.example.org=gitlab,git.example.org=forgejo"}, ["FORGE_HOSTS"]),
        (DEBUG | {"FORGE_HOSTS": "git.example.org:99999=gitlab"}, ["FORGE_HOSTS"]),
        (DEBUG | {"FORGE_HOSTS": "https://git.example.org=gitlab"}, ["FORGE_HOSTS"]),
        (DEBUG | {"FORGE_HOSTS": "github.com=gitlab"}, ["FORGE_HOSTS"]),
        (DEBUG | {"FORGE_HOSTS": "127.0.0.1=gitlab"}, ["FORGE_HOSTS"]),
        (DEBUG | {"FORGE_HOSTS": "127.1=gitlab"}, ["FORGE_HOSTS"]),
        (DEBUG | {"FORGE_HOSTS": "10.0.0.7:3000=forgejo"}, ["FORGE_HOSTS"]),
        (DEBUG | {"FORGE_HOSTS": "localhost=forgejo"}, ["FORGE_HOSTS"]),
        (DEBUG | {"FORGE_HOSTS": "git.local=forgejo"}, ["FORGE_HOSTS"]),
        (DEBUG | {"HOST": "http://127.0.0.1"}, ["HOST"]),
        (DEBUG | {"HOST": ""}, ["HOST"]),
        (DEBUG | {"ACCESS_LOG": "sometimes"}, ["ACCESS_LOG"]),
        (DEBUG | {"DUMP_ROOT": "dumps"}, ["DUMP_ROOT"]),
        (DEBUG | {"DUMP_ACCEL": "/_dumps"}, ["DUMP_ACCEL"]),
        (DEBUG | {"DUMP_ACCEL": "_dumps/"}, ["DUMP_ACCEL"]),
        (DEBUG | {"DUMP_ACCEL": "/"}, ["DUMP_ACCEL"]),
        (DEBUG | {"DUMP_ACCEL": "https://example.org/_dumps/"}, ["DUMP_ACCEL"]),
        (DEBUG | {"DATA_LICENCE": "CC\nBY"}, ["DATA_LICENCE"]),
        (DEBUG | {"DATA_LICENCE": " CC0-1.0"}, ["DATA_LICENCE"]),
        (DEBUG | {"CELERY_BROKER_URL": "sqs://"}, ["CELERY_BROKER_URL"]),
        (DEBUG | {"CELERY_BROKER_URL": "amqp://"}, ["CELERY_BROKER_URL"]),
        (DEBUG | {"CELERY_BROKER_URL": "redis://h:0/1"}, ["CELERY_BROKER_URL"]),
        (DEBUG | {"CELERY_BROKER_URL": "redis://h/first"}, ["CELERY_BROKER_URL"]),
        (DEBUG | {"CELERY_BROKER_URL": "amqp://h:99999/"}, ["CELERY_BROKER_URL"]),
        (DEBUG | {"PING_URL": "ping.example.org"}, ["PING_URL"]),
        (DEBUG | {"PING_URL": "file:///etc/passwd"}, ["PING_URL"]),
        (DEBUG | {"PING_URL": "https:///path"}, ["PING_URL"]),
        (DEBUG | {"PING_URL": "https://ping.example.org/a b"}, ["PING_URL"]),
        (DEBUG | {"DESK_MAIL": "a@example.org,Anna <b@example.org>"}, ["DESK_MAIL"]),
        (DEBUG | {"DESK_MAIL": "anna"}, ["DESK_MAIL"]),
        (DEBUG | {"DESK_MAIL": "a@example.org\nBcc: b@example.org"}, ["DESK_MAIL"]),
        (DEBUG | {"DESK_MAIL_FROM": "nobody"}, ["DESK_MAIL_FROM"]),
        (DEBUG | {"EMAIL_HOST": "smtp://mail.example.org"}, ["EMAIL_HOST"]),
        (DEBUG | {"EMAIL_PORT": "0"}, ["EMAIL_PORT"]),
        (DEBUG | {"ADMIN_PATH": ""}, ["ADMIN_PATH"]),
        (DEBUG | {"ADMIN_PATH": "/admin/"}, ["ADMIN_PATH"]),
        (DEBUG | {"ADMIN_PATH": "api"}, ["ADMIN_PATH"]),
        (DEBUG | {"ADMIN_PATH": "static"}, ["ADMIN_PATH"]),
        (DEBUG | {"ADMIN_PATH": "a b"}, ["ADMIN_PATH"]),
        (DEBUG | {"ADMIN_PATH": "b\u00fcro"}, ["ADMIN_PATH"]),
        (DEBUG | {"HSTS_SECONDS": "-1"}, ["HSTS_SECONDS"]),
        (DEBUG | {"HSTS_SECONDS": "3600"}, ["HSTS_SECONDS"]),
        (DEBUG | {"HSTS_SECONDS": "3600", "SITE_URL": "http://x.example.org"}, ["HSTS_SECONDS"]),
        (DEBUG | {"HSTS_SECONDS": "99999999", "SITE_URL": "https://x.example.org"}, ["HSTS_SECONDS"]),
        (DEBUG | {"SECURITY_CONTACT": "somebody"}, ["SECURITY_CONTACT"]),
        (DEBUG | {"SECURITY_CONTACT": "http://example.org/security"}, ["SECURITY_CONTACT"]),
        (DEBUG | {"SECURITY_CONTACT": "a@example.org\nExpires: never"}, ["SECURITY_CONTACT"]),
        (DEBUG | {"LOGIN_FAILURES": "0"}, ["LOGIN_FAILURES"]),
        (DEBUG | {"LOGIN_LOCK_MINUTES": "0"}, ["LOGIN_LOCK_MINUTES"]),
        (DEBUG | {"LOG_FORMAT": "xml"}, ["LOG_FORMAT"]),
        (DEBUG | {"LOG_FORMAT": ""}, ["LOG_FORMAT"]),
        (DEBUG | {"METRICS_TOKEN": "short"}, ["METRICS_TOKEN"]),
        (DEBUG | {"METRICS_TOKEN": "a token of many letters with blanks"}, ["METRICS_TOKEN"]),
        (DEBUG | {"SENTRY_DSN": "sentry.example.org"}, ["SENTRY_DSN"]),
        (DEBUG | {"SENTRY_DSN": "https://sentry.example.org/1"}, ["SENTRY_DSN"]),
        (DEBUG | {"SENTRY_DSN": "https://[k@s/1"}, ["SENTRY_DSN"]),
        (DEBUG | {"EMAIL_USE_TLS": "true", "EMAIL_USE_SSL": "true"}, ["EMAIL_USE_SSL"]),
    ],
    ids=str,
)
def test_a_wrong_value_is_reported_in_one_line(
    project: Path, capsys: pytest.CaptureFixture[str], variables: dict[str, str], wrong: list[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        load(project, **variables)
    line = stopped.value.code
    assert isinstance(line, str), "Python prints it to stderr and exits with 1"
    assert "\n" not in line
    assert capsys.readouterr() == ("", "")
    assert line.startswith("Settings: ")
    named = [part.split(": ")[0] for part in line.removeprefix("Settings: ").split("; ")]
    assert named[: len(wrong)] == wrong
    others = {"DEBUG", "SECRET_KEY", "TIME_ZONE", "SITE_URL", "DATABASE_URL", "DATABASE_REPLICA_URL", "TRUSTED_PROXIES"}
    assert others & {*named} <= {*wrong}


def test_sentry_without_its_package(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "find_spec", lambda _: None)
    with pytest.raises(SystemExit) as stopped:
        load(project, **DEBUG, SENTRY_DSN="https://k@s.example.org/1")
    assert stopped.value.code == (
        "Settings: SENTRY_DSN: Needs the package sentry-sdk: .venv/bin/pip install '.[sentry]'"
    )
    load(project, **DEBUG)


def test_what_replaces_a_setting_is_named(project: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        load(project, **DEBUG, BEHIND_PROXY="true")
    assert stopped.value.code == (
        "Settings: BEHIND_PROXY: Has been replaced: name the proxies in TRUSTED_PROXIES, like TRUSTED_PROXIES=127.0.0.1"
    )


def test_without_a_trusted_proxy_no_header_is_believed(project: Path) -> None:
    assert not {"USE_X_FORWARDED_HOST", "SECURE_PROXY_SSL_HEADER"} & load(project, **DEBUG).keys()
    assert load(project, **DEBUG, TRUSTED_PROXIES="unix")["USE_X_FORWARDED_HOST"] is True


def test_a_command_stops_at_a_wrong_value(project: Path) -> None:
    done = run(project, "manage.py", "check", **PRODUCTION, PORT="http")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "Settings: PORT: Not a valid integer.\n")


def test_values_can_come_from_a_dot_env_file(project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(project, tmp_path / "with-env")
    (copy / ".env").write_text("DEBUG=true\nTIME_ZONE=Mars/Olympus\n", encoding="utf-8")
    done = run(copy, "manage.py", "check")
    assert done.returncode != 0
    assert done.stderr.startswith("Settings: TIME_ZONE: ")
    assert run(copy, "manage.py", "check", TIME_ZONE="UTC").returncode == 0, "the environment overrides the file"


@pytest.mark.parametrize(("content", "why"), [(b"\xff\xfe=1\n", "utf-8"), (None, "directory")])
def test_a_dot_env_that_cannot_be_read(project: Path, tmp_path: Path, content: bytes | None, why: str) -> None:
    copy = shutil.copytree(project, tmp_path / "with-env")
    (copy / ".env").write_bytes(content) if content else (copy / ".env").mkdir()
    done = run(copy, "manage.py", "check")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Settings: .env: ")
    assert why in line


@pytest.mark.parametrize(("host", "bind"), [("::1", "['[::1]:8000']"), ("localhost", "['localhost:8000']")])
def test_gunicorn_listens_on_any_host(project: Path, host: str, bind: str) -> None:
    command = ("-m", "gunicorn", "--config", "config/gunicorn.py", "--print-config")
    done = run(project, *command, **PRODUCTION, HOST=host)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("bind ")]
    assert line.split("=", 1)[1].strip() == bind


def test_gunicorn_trusts_no_forwarded_headers() -> None:
    assert gunicorn.secure_scheme_headers == {}
    assert gunicorn.forwarded_allow_ips == ""
    assert gunicorn.forwarder_headers == ""
    assert gunicorn.limit_request_line == MOST_URL


def test_gunicorn_reads_its_configuration(project: Path) -> None:
    """FORWARDED_ALLOW_IPS, gunicorn's own variable for trusted proxies, has no effect."""
    command = ("-m", "gunicorn", "--config", "config/gunicorn.py", "--print-config")
    done = run(project, *command, **PRODUCTION, FORWARDED_ALLOW_IPS="*", HOST="0.0.0.0", PORT="8123")  # noqa: S104 (never bound)
    assert done.returncode == 0, done.stderr
    printed = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    printed = {name.strip(): value.strip() for name, value in printed.items()}
    assert printed["secure_scheme_headers"] == "{}"
    assert printed["forwarded_allow_ips"] == "[]"
    assert printed["forwarder_headers"] == "[]"
    assert printed["bind"] == "['0.0.0.0:8123']"
    assert printed["workers"] == "2"
    assert printed["wsgi_app"] == "config.wsgi"


def test_gunicorn_stops_at_a_wrong_value_in_one_line(project: Path) -> None:
    done = run(project, "-m", "gunicorn", "--config", "config/gunicorn.py", "--check-config", PORT="http", **PRODUCTION)
    assert done.returncode != 0
    assert done.stderr == "Settings: PORT: Not a valid integer.\n"


def test_no_test_reaches_another_machine() -> None:
    """Connect to a network for documentation (RFC 5737), in which nothing is reached even if the guard fails."""
    with socket.socket() as outside, pytest.raises((UserWarning, RuntimeError), match=r"192\.0\.2\.1"):
        outside.settimeout(1)
        outside.connect(("192.0.2.1", 80))


@pytest.mark.parametrize(
    ("variables", "downloads"),
    [({}, 0), ({"DUMP_ROOT": "/srv/dumps"}, 2), ({"DUMP_ROOT": "/srv/dumps", "DUMP_ACCEL": "/_dumps/"}, 0)],
)
def test_a_worker_sends_dumps_unless_nginx_does(project: Path, variables: dict[str, str], downloads: int) -> None:
    assert load(project, **DEBUG, **variables)["DOWNLOADS"] == downloads


def test_the_sender_of_the_weekly_mail(project: Path) -> None:
    """It is the first of those who get it, unless it is set."""
    variables = {"SITE_URL": "https://x.example.org", "DESK_MAIL": "a@example.org, b@example.org"}
    assert load(project, **DEBUG, **variables)["DEFAULT_FROM_EMAIL"] == "a@example.org"
    assert load(project, **DEBUG, **variables, DESK_MAIL_FROM="c@example.org")["DEFAULT_FROM_EMAIL"] == "c@example.org"
    assert load(project, **DEBUG)["DESK_MAIL"] == []


@pytest.mark.parametrize(("name", "network"), [("10.0.0.1/8", "10.0.0.0/8"), ("fd00::1/8", "fd00::/8")])
def test_an_address_with_the_size_of_its_network_is_refused_by_name(name: str, network: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(f"Must not be {name}: the network is {network}")):
        values.networks(["127.0.0.1", name])
