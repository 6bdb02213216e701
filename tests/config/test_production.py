"""A site with the settings of production that README shows: Django's own check of a deployment finds nothing."""

import re
from pathlib import Path

import pytest

from tests.config.test_settings import PRODUCTION, load, run
from tests.servers import ROOT, copy_program

SITE = PRODUCTION | {
    "ALLOWED_HOSTS": "packages.example.org",
    "SITE_URL": "https://packages.example.org",
    "HSTS_SECONDS": "31536000",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("project")
    copy_program(copy)
    return copy


def test_check_deploy_is_clean(project: Path) -> None:
    done = run(project, "-W", "ignore", "manage.py", "check", "--deploy", "--fail-level", "WARNING", **SITE)
    assert (done.returncode, done.stderr) == (0, "")


def test_cookies_are_for_this_host_and_https_alone(project: Path) -> None:
    settings = load(project, **SITE)
    assert settings["SESSION_COOKIE_NAME"] == "__Host-sessionid"
    assert settings["CSRF_COOKIE_NAME"] == "__Host-csrftoken"
    for name in ("SESSION", "CSRF"):
        assert settings[f"{name}_COOKIE_SECURE"] is True
        assert settings[f"{name}_COOKIE_SAMESITE"] == "Lax"
        assert f"{name}_COOKIE_DOMAIN" not in settings, "the prefix __Host- forbids it"
        assert f"{name}_COOKIE_PATH" not in settings
    assert settings["SESSION_COOKIE_HTTPONLY"] is True
    assert settings["SESSION_COOKIE_AGE"] <= 7 * 24 * 3600
    plain = load(project, **PRODUCTION)
    assert "SESSION_COOKIE_NAME" not in plain, "a browser takes no such cookie over http"
    assert plain["SESSION_COOKIE_SECURE"] is False


def test_nothing_of_a_secret_is_in_what_a_wrong_setting_says(project: Path) -> None:
    secret = "a-very-secret-part"
    wrong = {
        "DATABASE_URL": f"mysql://grids:{secret}@db/x",
        "CACHE_URL": f"memcached://:{secret}@cache",
        "GITHUB_TOKEN": f"{secret}\n",
        "BITBUCKET_TOKEN": f"me:{secret}",
        "PING_URL": f"ftp://ping.example.org/{secret}",
        "SECRET_KEY": secret,
        "EMAIL_HOST_PASSWORD": f"{secret}\n",
    }
    for name, value in wrong.items():
        with pytest.raises(SystemExit) as stopped:
            load(project, **SITE | {name: value})
        assert f"{name}: " in str(stopped.value.code)
        assert secret not in str(stopped.value.code), name


def test_a_traceback_of_a_command_has_no_secret(project: Path) -> None:
    """Also one that nobody has thought of."""
    (project / "core" / "management" / "commands" / "fail.py").write_text(
        "from django.conf import settings\n"
        "from django.core.management.base import BaseCommand\n"
        "class Command(BaseCommand):\n"
        "    def handle(self, *args, **options):\n"
        "        raise RuntimeError(f'cannot reach https://me:pass@x.test/?token=abc with {settings.GITHUB_TOKEN}')\n",
        encoding="utf-8",
    )
    done = run(project, "-W", "ignore", "manage.py", "fail", **SITE, GITHUB_TOKEN="a-token-of-ours")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last == "RuntimeError: cannot reach https://***@x.test/?token=*** with ***"


def test_security_md_names_tests_that_there_are() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/.]+)`", text)
    assert len(named) > 15
    assert [path for path in named if not (ROOT / path).exists()] == []
    attacks = {f"tests/attacks/{file.name}" for file in (ROOT / "tests" / "attacks").glob("test_*.py")}
    assert attacks - set(named) == set()


def test_readme_names_every_setting() -> None:
    settings = (ROOT / "config" / "settings.py").read_text(encoding="utf-8")
    named = set(re.findall(r'env\.\w+\(\s*"([A-Z_0-9]+)"', settings)) - {"BEHIND_PROXY"}  # which is refused
    readme = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Configure")[2].partition("\n## ")[0]
    assert named - set(re.findall(r"`([A-Z][A-Z_0-9]+)`", readme)) == set()
