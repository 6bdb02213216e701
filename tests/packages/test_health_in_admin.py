"""Health in admin: the column and the filter of the list, and what the page of a package shows."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape

from packages.admin import PackageAdmin
from packages.health import health
from packages.health.verdicts import VERDICTS, rank
from packages.health_in_admin import reasons_in_words
from packages.models import Package, PackageHealth
from tests.core.admin.editors import change_url, open_form
from tests.factories import CategoryFactory, PackageFactory
from tests.packages.health_facts import NOW, moved, quiet

pytestmark = pytest.mark.django_db
LIST = "/admin/packages/package/"


def listed(client: Client, query: str = "") -> list[tuple[str, str]]:
    response: Any = client.get(f"{LIST}{query}")
    assert response.status_code == 200
    return [(package.slug, package.verdict) for package in response.context_data["cl"].result_list]


def test_the_list_shows_verdicts_and_is_filtered_by_them(admin_client: Client) -> None:
    category = CategoryFactory.create()
    for verdict in VERDICTS:
        PackageFactory.create(slug=verdict, title=verdict, verdict_rank=rank(verdict), category=category)
    every = [(verdict, verdict) for verdict in VERDICTS]
    assert listed(admin_client) == sorted(every)
    html = admin_client.get(LIST).content.decode()
    for verdict in VERDICTS:
        assert f'/why/" title="Why this verdict">{verdict}</a></td>' in html
        assert f'href="?verdict={verdict}"' in html
        assert listed(admin_client, f"?verdict={verdict}") == [(verdict, verdict)]
    assert listed(admin_client, "?verdict=nonsense") == sorted(every)
    column = PackageAdmin.list_display.index("verdict_and_why") + 1
    in_order = [slug for slug, _ in listed(admin_client, f"?o={column}")]
    assert [slug for slug in in_order if slug != "unknown"] == list(VERDICTS[:-1])


def test_the_page_of_a_package_that_was_never_settled(admin_client: Client) -> None:
    html = admin_client.get(change_url(PackageFactory.create())).content.decode()
    assert '<div class="readonly">unknown</div>' in html
    assert "does not hold" not in html


def test_the_page_of_a_package(admin_client: Client) -> None:
    package = PackageFactory.create()
    settled = health(quiet(name_reused=True), NOW)
    Package.objects.update(verdict_rank=rank(settled.verdict))
    PackageHealth.objects.update_or_create(
        package=package,
        defaults={
            "since": datetime(2026, 5, 6, 16, tzinfo=UTC),
            "before": "maintained",
            "warnings": settled.warnings,
            "reasons": [asdict(reason) for reason in settled.reasons],
        },
    )
    html = admin_client.get(change_url(package)).content.decode()
    for text in ("quiet", "fair", "May 6, 2026, noon", "maintained", "name reused"):
        assert f'<div class="readonly">{text}</div>' in html, text
    assert "<li>activity decides. activity days: 900 (1096)</li>" in html
    assert not {"verdict", "reasons", "warnings"} & open_form(admin_client, package).keys()


def test_reasons_in_words() -> None:
    words = reasons_in_words([asdict(reason) for reason in health(moved(), NOW).reasons])
    assert words == (
        "<ol>"
        "<li>gone does not hold. not found since: -; pypi status: active (quarantined)</li>"
        "<li>deprecated does not hold. deprecated: no; successor: no; pypi status: active (deprecated)</li>"
        "<li>nothing known does not hold. commit: yes; releases: 3</li>"
        "<li>repository left decides. archived: yes (yes); days from commit to release: 100 (30);"
        " release days: 100 (365)</li></ol>"
    )


def test_reasons_are_text() -> None:
    hostile = "<script>alert(1)</script>"
    reason = {"rule": "gone", "holds": True, "value": {"pypi_status": hostile}, "threshold": None}
    assert escape(hostile) in reasons_in_words([reason])
    assert hostile not in reasons_in_words([reason])


def test_versions_and_what_is_asked_beside_the_values() -> None:
    reason = {
        "rule": "x",
        "holds": False,
        "value": {"django_versions": ["4.2", "5.2"]},
        "threshold": {"release_days": 365},
    }
    assert reasons_in_words([reason]) == (
        "<ol><li>x does not hold. django versions: 4.2, 5.2; (release days: 365)</li></ol>"
    )
    none = reason | {"value": {"django_versions": []}, "threshold": None}
    assert reasons_in_words([none]) == "<ol><li>x does not hold. django versions: -</li></ol>"
