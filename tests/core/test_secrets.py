"""Secrets are in no log line, no traceback, no stored error: those of the settings, and whatever looks like one."""

import json
import logging
import signal
from base64 import b64encode
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from core.logs import formatter
from core.secrets import deeply_redacted, redacted
from packages.facts import FetchTarget, Outcome
from packages.models import FetchState
from packages.results import Attempt, Failure, save_results
from tests.factories import PackageFactory

TOKEN = "t0k3n/of+ours=and%more"
GITHUB = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("https://me:pass@x.test/a", "https://***@x.test/a"),
        ("https://ghtoken@github.com/a/b", "https://***@github.com/a/b"),
        ("redis://:p%40ss@cache:6379/0 and amqps://u:p@mq//v", "redis://***@cache:6379/0 and amqps://***@mq//v"),
        ("GET /x?token=abc&limit=1 200", "GET /x?token=***&limit=1 200"),
        ("/x?a=1&access_token=abc;api_key=d", "/x?a=1&access_token=***;api_key=***"),
        ("/x?X-Amz-Signature=abc&key=d#e", "/x?X-Amz-Signature=***&key=***#e"),
        ("/admin/login/?next=/y/%3Ftoken%3Dabc%26a%3D1&b=2", "/admin/login/?next=/y/%3Ftoken%3D***&b=2"),
        ("/x?token[]=abc&password%5B0%5D=def", "/x?token[]=***&password%5B0%5D=***"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("{'Authorization': 'token abc'}", "{'Authorization': 'token ***'}"),
        ('{"authorization": "Basic abc=="}', '{"authorization": "Basic ***"}'),
        ("PRIVATE-TOKEN: abcdef and more", "PRIVATE-TOKEN: *** and more"),
        ("sent bearer abcdefgh12345678ij", "sent bearer ***"),
        ("Cookie: a=1; sessionid=abc; csrftoken=def", "Cookie: a=1; sessionid=***; csrftoken=***"),
        ("__Host-sessionid=abc", "__Host-sessionid=***"),
        ("host=db user=grids password=abc dbname=x", "host=db user=grids password=*** dbname=x"),
        ("password='abc' x", "password='***' x"),
        ('{"password": "a b", "n": 1}', '{"password": "***", "n": 1}'),
        (f"it refuses {GITHUB}.", "it refuses ***."),
        ("github_pat_11ABCDEFG0123456789_abc glpat-abcdefghij0123456789", "*** ***"),
        ("pypi-AgEIcHlwaS5vcmcCJGFiY2RlZmdoaWprbG1ub3A", "***"),
    ],
)
def test_forms_that_secrets_have(text: str, without: str) -> None:
    assert redacted(text) == without
    assert redacted(without) == without


@pytest.mark.parametrize(
    "text",
    [
        *("", "GET /api/v4/packages/?limit=20&ordering=-repo_watchers 200 0.001 s", "https://x.test/a@b", "me@x.test"),
        *("http://x.test?q=a@b", "basic authentication", "?author=me&monkey=1", "the token is refused", "a key: b"),
        *("git@github.com:a/b.git", "password validation failed", "https://x.test/~me/?page=2#sig", "glpat-x", "ghp_x"),
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(("name", "value"), [("token", ""), ("token", "=abc"), ("api_key", "!"), ("signature-", "")])
def test_a_long_name_takes_no_time_that_grows_with_its_square(name: str, value: str) -> None:
    """Strangers write names into the log. Ten seconds of the processor are enough for what would take minutes."""

    def give_up(*_: object) -> None:
        raise AssertionError("it takes too long")

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, 10)
    try:
        line = f"GET /?{name * 50_000}{value}"
        assert redacted(line) == line.replace("=abc", "=***")
        deeply_redacted({f"{name * 50_000}{value}": "x"})
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


SECRETS = {
    "SECRET_KEY": TOKEN + "1",
    "GITHUB_TOKEN": TOKEN + "2",
    "GITLAB_TOKEN": TOKEN + "3",
    "BITBUCKET_TOKEN": f"me@x.test:{TOKEN}4",
    "CODEBERG_TOKEN": TOKEN + "5",
    "EMAIL_HOST_PASSWORD": TOKEN + "6",
    "METRICS_TOKEN": TOKEN + "7",
    "SENTRY_DSN": "https://0123456789abcdef@sentry.example.org/7",
    "CACHE_URL": f"redis://:{quote(TOKEN, safe='')}8@cache:6379/0",
    "CELERY_BROKER_URL": f"amqp://u:{quote(TOKEN, safe='')}9@mq/v",
    "PING_URL": "https://ping.example.org/0b1c-secret-path?rid=7",
}


@pytest.fixture
def _secrets(settings: Settings) -> None:
    for name, value in SECRETS.items():
        setattr(settings, name, value)


@pytest.mark.usefixtures("_secrets")
@pytest.mark.parametrize("number", range(1, 8))
def test_the_values_of_settings_in_every_spelling(number: int) -> None:
    secret = f"{TOKEN}{number}" if number != 4 else SECRETS["BITBUCKET_TOKEN"]
    spellings = (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], b64encode(secret.encode()).decode())
    for spelling in spellings:
        assert redacted(f"before {spelling} after") == "before *** after"


@pytest.mark.usefixtures("_secrets")
@pytest.mark.parametrize("secret", ["0123456789abcdef", "0b1c-secret-path", f"{TOKEN}8", quote(f"{TOKEN}9", safe="")])
def test_what_is_secret_of_urls(secret: str) -> None:
    assert secret not in redacted(f"({secret})")


def test_a_short_value_is_part_of_other_words(settings: Settings) -> None:
    settings.GITHUB_TOKEN = "token"
    assert redacted("the token is refused") == "the token is refused"


@given(st.text(max_size=60), st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8, max_size=30))
def test_no_secret_survives_in_any_surroundings(text: str, secret: str) -> None:
    surroundings = text.replace(secret, "")
    for form in (f"https://u:{secret}@x.test/", f"?access_token={secret}", f"Authorization: Bearer {secret}"):
        line = redacted(f"{surroundings} {form} {surroundings}")
        assert secret not in line or secret in surroundings.replace(" ", "") or secret in "Authorization Bearer access"
        assert redacted(line) == line


@pytest.mark.usefixtures("_secrets")
@pytest.mark.parametrize("form", ["line", "json"])
def test_a_line_of_the_log_and_its_traceback(form: str) -> None:
    error = ValueError(f"no answer with {TOKEN}2 from https://a:b@x.test/?key=c")
    record = logging.makeLogRecord(
        {"msg": "Failed: %s", "args": (f"Bearer {TOKEN}2 of /?token=abc",), "exc_info": (type(error), error, None)}
    )
    written = formatter(form, "%(message)s", "%Y").format(record)
    assert TOKEN not in written
    assert "ValueError: no answer with *** from https://***@x.test/?key=***" in written
    if form == "json":
        assert json.loads(written)["message"] == "Failed: Bearer *** of /?token=***"


def test_structures() -> None:
    event = {
        "request": {
            "url": "https://x.test/?token=a",
            "query_string": "token=a&b=c",
            "headers": {"Authorization": "Bearer x", "Cookie": "a=b"},
        },
        "extra": [("password=abc", 1)],
        "user_token": "abc",
        "number": 7,
    }
    assert deeply_redacted(event) == {
        "request": {
            "url": "https://x.test/?token=***",
            "query_string": "token=***&b=c",
            "headers": {"Authorization": "***", "Cookie": "***"},
        },
        "extra": [["password=***", 1]],
        "user_token": "***",
        "number": 7,
    }


@pytest.mark.django_db
@pytest.mark.usefixtures("_secrets")
def test_a_stored_error_has_none() -> None:
    package = PackageFactory.create(repo_url="https://github.com/a/b")
    message = f"https://u:p@api.test/?access_token=x answers 401 to {TOKEN}2"
    target = FetchTarget(package.pk, host="github.com", path="a/b")
    save_results([Attempt(target, "repo", datetime.now(UTC), Failure(Outcome.UNAUTHORIZED, message))])
    (state,) = FetchState.objects.filter(package=package, source="repo")
    assert state.error == "https://***@api.test/?access_token=*** answers 401 to ***"
