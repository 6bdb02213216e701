"""Log lines that operators read: one for a request, a wrong host and a failed login, all in one time zone."""

import re
from datetime import datetime
from typing import Any

import requests

from tests.config.conftest import Site, settings

LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}) (?P<level>[A-Z]+) (?P<logger>[\w.]+): (?P<text>.*?)"
    r"(?: \[(?P<request>[0-9a-f]{16})\])?",
    re.ASCII,
)
REQUEST = re.compile(r"\S+ (?P<what>\S+ \S+ \d{3}) \d+\.\d{6} s \d+ bytes", re.ASCII)


def lines(site: Site) -> list[dict[str, Any]]:
    """Return the parts of all lines of the log; AssertionError where one has another form."""
    parsed = [(line, LINE.fullmatch(line)) for line in site.log.splitlines()]
    assert [line for line, parts in parsed if parts is None] == []
    return [parts.groupdict() for _, parts in parsed if parts]


def requests_in(site: Site) -> list[str]:
    found = [REQUEST.fullmatch(line["text"]) for line in lines(site) if line["logger"] == "gunicorn.access"]
    assert all(found)
    return [parts["what"] for parts in found if parts]


def log_in(site: Site, **headers: str) -> None:
    url = f"{site.url}/admin/login/"
    token = requests.get(url, timeout=30).cookies["__Host-csrftoken"]
    typed = {"username": "eve\nINFO root: all is well", "password": "secret", "csrfmiddlewaretoken": token}
    headers["Cookie"] = f"__Host-csrftoken={token}"  # by hand: it is for https alone
    assert requests.post(url, typed, headers=headers, timeout=30).status_code == 200


def test_all_lines(site: Site) -> None:
    for path in ("/api/v4/categories/", "/api/v4/packages/?limit=%0A", "/api/v4/packages/no/", "/no%0AINFO/"):
        response = requests.get(site.url + path, timeout=30)
        assert response.headers["Server"] == "gunicorn", "without its version"
        site.wait_for(re.escape(f"GET {path} {response.status_code}"))  # which is written after the response is sent
    for path in ("/api/v4/categories/", "/admin/"):
        response = requests.get(site.url + path, headers={"Host": "evil.example.org"}, timeout=30)
        assert response.status_code == 400
        site.wait_for(re.escape(f"GET {path} 400"))
    log_in(site)
    site.wait_for("POST /admin/login/")

    assert requests_in(site) == [
        "GET /api/v4/ 200",
        "GET /api/v4/categories/ 200",
        "GET /api/v4/packages/?limit=%0A 400",
        "GET /api/v4/packages/no/ 404",
        "GET /no%0AINFO/ 404",
        "GET /api/v4/categories/ 400",
        "GET /admin/ 400",
        "GET /admin/login/ 200",
        "POST /admin/login/ 200",
    ]
    others = [line for line in lines(site) if not line["logger"].startswith("gunicorn.")]
    assert [(line["level"], line["logger"]) for line in others] == [
        ("ERROR", "django.security.DisallowedHost"),
        ("ERROR", "django.security.DisallowedHost"),
        ("WARNING", "core.logs"),
    ]
    assert all(line["request"] for line in others)
    requested = [line["request"] for line in lines(site) if line["logger"] == "gunicorn.access"]
    assert len({*requested}) == len(requested), "each request has an id of its own"
    assert {line["request"] for line in others} <= {*requested}
    assert others[-1]["text"] == r"Login failed: user 'eve\nINFO root: all is well' from 127.0.0.1"
    # The machine's own zone is another one.
    assert {datetime.fromisoformat(line["time"]).utcoffset() for line in lines(site)} == {
        datetime.fromisoformat("2026-01-01T00:00:00+05:45").utcoffset()
    }


def test_requests_behind_a_proxy_or_unlogged(site: Site) -> None:
    (site.folder / ".env").write_text(settings("x.example.org") + "TRUSTED_PROXIES=127.0.0.1\n", encoding="utf-8")
    site.reload()
    site.wait_for("Worker exiting")
    log_in(site, **{"X-Forwarded-For": "10.1.1.1, 198.51.100.7"})
    site.wait_for("POST /admin/login/")
    assert any(line["text"].startswith("198.51.100.7 POST /admin/login/ 200 ") for line in lines(site))
    assert any(line["text"].endswith("from 198.51.100.7") for line in lines(site))

    (site.folder / ".env").write_text(settings("x.example.org") + "ACCESS_LOG=false\n", encoding="utf-8")
    site.reload()
    site.wait_for("Worker exiting", times=2)
    before = requests_in(site)
    log_in(site)
    site.wait_for("Login failed", times=2)
    assert requests_in(site) == before, "ACCESS_LOG=false"
