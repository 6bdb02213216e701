"""The page “Why this verdict” in admin."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from core import hooks
from packages.health.rules import RULES
from packages.models import Package, PackageHealth, Release
from packages.pages.reasons import RULES_IN_WORDS
from packages.pins.write import pin
from packages.settling import settled
from tests.editing.test_admin import user_with
from tests.factories import PackageFactory

pytestmark = pytest.mark.django_db


def path_of(package: Package) -> str:
    return f"/admin/packages/package/{package.pk}/why/"


def maintained() -> Package:
    now = timezone.now()
    with settled():
        columns: dict[str, Any] = {"pypi_url": "x", "last_fetched": now, "released": now, "pypi_version": "1.0"}
        package: Package = PackageFactory.create(title="A <b>", **columns, last_updated=now - timedelta(days=3))
        Release.objects.create(package=package, version="1.0", uploaded_at=now - timedelta(days=20))
    return package


def rows(response: Any) -> list[list[str]]:
    content = response.content.decode().partition('id="content-main"')[2]
    tables = re.findall(r"<tr>(.*?)</tr>", content, re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in tables]
    return [[" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in row] for row in cells]


def test_each_rule_with_what_it_saw(editor: Client) -> None:
    response = editor.get(path_of(maintained()))
    content = response.content.decode()
    assert "<strong>maintained</strong> (good)" in content
    assert "Why this verdict: A &lt;b&gt;" in content
    table = rows(response)[1 : 1 + len(RULES)]
    assert [row[1] for row in table] == ["does not hold"] * 6 + ["decides"] + ["not tried"] * 3
    assert table[6][0] == "7. It had a release in the last year"
    assert "The latest release was 20 days old (at most 365 days)" in table[6][2]
    assert "The last commit was 3 days old (at most 365 days)" in table[6][2]
    assert table[5][2].count("(") >= 3


def test_facts_with_age_and_source(editor: Client) -> None:
    package = maintained()
    Package.objects.filter(pk=package.pk).update(reply_kind="finished", reply_until="2030-01-02")
    Package.objects.filter(pk=package.pk).update(classifiers=["<script>x", 5])
    response = editor.get(path_of(package))
    facts = {row[0]: row[1:] for row in rows(response) if len(row) == 4}
    assert facts["Last commit"][1:] == ["3 days", "the repository"]
    assert facts["Latest version"] == ["1.0", "", "PyPI"]
    assert facts["Deprecated"] == ["no", "", "an editor"]
    assert facts["Reply"] == ["finished", "", "an editor"]
    assert facts["Reply holds until"] == ["Jan. 2, 2030", "", "an editor"]
    assert facts["Archived"] == ["-", "", "the repository"]
    assert "<script>x" not in response.content.decode()


def test_a_pin_is_an_editors_word(editor: Client) -> None:
    package = maintained()
    with hooks.recording("anna"):
        pin(package, "archived", True, "The README says so", "anna")
    facts = {row[0]: row[1:] for row in rows(editor.get(path_of(package))) if len(row) == 4}
    assert facts["Archived"] == ["yes", "", "an editor, by a pin"]
    assert facts["Latest version"][-1] == "PyPI"


def test_a_package_that_is_not_settled_yet(editor: Client) -> None:
    package = PackageFactory.create()
    PackageHealth.objects.filter(package=package).delete()
    table = rows(editor.get(path_of(package)))
    assert [row[1] for row in table[1 : 1 + len(RULES)]] == ["not tried"] * len(RULES)
    assert "update_health settles it" in editor.get(path_of(package)).content.decode()


def test_every_rule_has_words() -> None:
    assert set(RULES) == set(RULES_IN_WORDS)


def test_links_to_it(editor: Client) -> None:
    package = maintained()
    link = f'<a href="{path_of(package)}" title="Why this verdict">'
    assert link in editor.get("/admin/packages/package/").content.decode()
    form = editor.get(f"/admin/packages/package/{package.pk}/change/").content.decode()
    assert f'<a href="{path_of(package)}">Why?</a>' in form


def test_who_may_read_it(client: Client, django_assert_max_num_queries: Any) -> None:
    package = PackageFactory.create()
    assert client.get(path_of(package)).status_code == 302
    client.force_login(user_with("change_grid", name="carl"))
    assert client.get(path_of(package)).status_code == 403
    client.force_login(user_with("view_package", name="dora"))
    with django_assert_max_num_queries(7):
        assert client.get(path_of(package)).status_code == 200
    for number in (0, 10**18, 10**30):
        assert client.get(f"/admin/packages/package/{number}/why/").status_code == 404
