"""Admin shows the runs, whichever version wrote their summaries, and the rate limits of the hosts."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from fetchers.models import HostRateLimit, Run

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
SOURCES = {"repo": {"github.com": {"due": 3, "tried": 3, "left": 0, "outcomes": {"ok": 3}, "stopped": ""}}}
OLD: dict[str, Any] = {
    "sources": SOURCES,
    "hosts": {"github": {"requests": 6, "remaining": 4994, "may go on at": "2026-11-23T05:00:00+00:00"}},
    "notes": [],
    "snapshots pruned": 17,
    "seconds": 1.5,
    "exit code": 0,
}
NEW: dict[str, Any] = {
    "sources": SOURCES,
    "hosts": {"github": {"requests": 6, "remaining": 4994, "may_go_on_at": "2026-11-23T05:00:00+00:00"}},
    "notes": [],
    "snapshots_pruned": 17,
    "seconds": 1.5,
    "exit_code": 0,
}


@pytest.mark.parametrize("summary", [OLD, NEW, {}])
def test_runs(admin_client: Client, summary: dict[str, Any]) -> None:
    """The last has no summary: it is under way, or it died."""
    finished = NOW if summary else None
    run = Run.objects.create(started=NOW, finished=finished, sources=["repo"], exit_code=0, summary=summary)
    assert "repo" in admin_client.get("/admin/fetchers/run/").content.decode()
    page = admin_client.get(f"/admin/fetchers/run/{run.pk}/change/").content.decode()
    for key in (*summary, *(key for host in summary.get("hosts", {}).values() for key in host)):
        assert f"{key}&quot;:" in page
    assert ("4994" in page) is bool(summary)


def test_rate_limits(admin_client: Client) -> None:
    row = HostRateLimit.objects.create(name="github", remaining=4994, limit=5000)
    for address in ("", f"{row.pk}/change/"):
        page = admin_client.get(f"/admin/fetchers/hostratelimit/{address}").content.decode()
        assert "github" in page
        assert "ost rate limit" in page
