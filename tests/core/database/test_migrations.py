"""Migrations run backwards and forwards with rows in the tables, and leave the triggers in place."""

import time

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.checks import Tags, run_checks
from django.core.management import call_command
from django.db import connection

from changes.models import Change
from changes.triggers import LOG_TRIGGERS
from core.models import Revision
from grids.models import Grid
from packages.models import Package
from search.triggers import SEARCH_TRIGGERS
from tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_back_and_forth() -> None:
    member = MembershipFactory.create()
    try:
        for app in ("changes", "search"):
            call_command("migrate", app, "zero", verbosity=0)
        Package.objects.update(title="not noticed")
        assert run_checks(tags=[Tags.database], databases=["default"]) == [], "the migrations install them"
    finally:
        call_command("migrate", verbosity=0)
    assert LOG_TRIGGERS.deviations(connection) == SEARCH_TRIGGERS.deviations(connection) == []
    call_command("check_search", verbosity=0)
    kinds = list(Change.objects.order_by("number").values_list("kind", "action"))
    assert kinds == [(kind, "created") for kind in ("category", "package", "grid", "membership")]
    member.delete()
    assert Change.objects.filter(kind="membership", action="deleted", number=5).exists()


def test_an_upgrade_raises_the_revisions() -> None:
    """Of a database that counted them by ones."""
    MembershipFactory.create()
    try:
        call_command("migrate", "changes", "0001", verbosity=0)
        LOG_TRIGGERS.uninstall(connection)
        Revision.objects.update(number=4)
        # There are none at all, which is reported; it keeps no migration from running, which installs them.
        assert [each.id for each in run_checks(tags=[Tags.database], databases=["default"])] == ["core.W001"]
    finally:
        call_command("migrate", verbosity=0, skip_checks=False)
    assert LOG_TRIGGERS.deviations(connection) == []
    kinds = dict(Revision.objects.values_list("kind", "number"))
    assert kinds.pop("changes") == 4
    assert all(number > (time.time() - 60) * 1_000_000 for number in kinds.values())


def test_an_upgrade_from_the_version_before_revisions_were_of_core() -> None:
    member = MembershipFactory.create()
    Package.objects.update(slug="renamed")
    log, rows = list(Change.objects.order_by("number").values()), Revision.objects.order_by("kind").values()
    before = list(rows)
    try:
        call_command("migrate", "core", "zero", verbosity=0)
        assert "changes_revision" in connection.introspection.table_names()
        with connection.cursor() as cursor:
            cursor.execute("SELECT kind, number, rows FROM changes_revision ORDER BY kind")
            assert [row[0] for row in cursor.fetchall()] == [row["kind"] for row in before]
    finally:
        call_command("migrate", verbosity=0, skip_checks=False)
    assert list(Change.objects.order_by("number").values()) == log
    if connection.vendor == "postgresql":
        assert list(rows) == before, "no trigger differed, so none was installed"
    else:  # whose triggers do not see what migrations write
        assert [(row["kind"], row["rows"]) for row in rows] == [(row["kind"], row["rows"]) for row in before]
        assert all(now["number"] >= then["number"] for now, then in zip(rows, before, strict=True))
        assert rows.get(kind=Revision.LOG) == next(row for row in before if row["kind"] == Revision.LOG)
    assert run_checks(tags=[Tags.database], databases=["default"]) == []
    member.delete()
    assert Change.objects.filter(kind="membership", action="deleted", number=len(log) + 1).exists()


def test_permissions_follow_the_revisions() -> None:
    def revision_types() -> list[tuple[int, str]]:
        return list(ContentType.objects.filter(model="revision").values_list("pk", "app_label"))

    [(pk, label)] = revision_types()
    permissions = set(Permission.objects.filter(content_type_id=pk).values_list("pk", "codename"))
    assert (label, len(permissions)) == ("core", 4)
    try:
        call_command("migrate", "core", "zero", verbosity=0)
        assert revision_types() == [(pk, "changes")]
    finally:
        call_command("migrate", verbosity=0)
    assert revision_types() == [(pk, "core")]
    assert set(Permission.objects.filter(content_type_id=pk).values_list("pk", "codename")) == permissions


def test_the_search_index_is_brought_up_to_date() -> None:
    MembershipFactory.create()
    SEARCH_TRIGGERS.uninstall(connection)
    Package.objects.update(title="not noticed")
    Grid.objects.all().delete()
    call_command("migrate", verbosity=0)
    call_command("check_search", verbosity=0)


def test_a_table_that_is_copied_keeps_its_triggers() -> None:
    """SQLite copies a table to change it."""
    try:
        call_command("migrate", "packages", "0001", verbosity=0)
    finally:
        call_command("migrate", verbosity=0)
    assert LOG_TRIGGERS.deviations(connection) == SEARCH_TRIGGERS.deviations(connection) == []
    MembershipFactory.create()
    assert Change.objects.count() >= 4
    call_command("check_search", verbosity=0)
