"""Migrations go back and forth with rows in the tables, and leave the triggers in place."""

import time

import pytest
from django.core.checks import Tags, run_checks
from django.core.management import call_command
from django.db import connection

from changes import triggers as log_triggers
from changes.models import Change
from core.models import Revision
from packages.models import Package
from search import triggers as search_triggers
from tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_back_and_forth() -> None:
    member = MembershipFactory.create()
    try:
        for app in ("changes", "search"):
            call_command("migrate", app, "zero", verbosity=0)
        Package.objects.update(title="while nobody looked")
        assert run_checks(tags=[Tags.database], databases=["default"]) == [], "nothing to miss yet"
    finally:
        call_command("migrate", verbosity=0)
    assert log_triggers.missing(connection) == search_triggers.missing(connection) == []
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
        log_triggers.uninstall(connection)
        Revision.objects.update(number=4)
        assert run_checks(tags=[Tags.database], databases=["default"]) == [], "the migration brings what is missing"
    finally:
        call_command("migrate", verbosity=0, skip_checks=False)
    assert log_triggers.missing(connection) == []
    kinds = dict(Revision.objects.values_list("kind", "number"))
    assert kinds.pop("changes") == 4
    assert all(number > (time.time() - 60) * 1_000_000 for number in kinds.values())


def test_a_table_that_is_made_anew_keeps_its_triggers() -> None:
    """SQLite copies a table to change it."""
    try:
        call_command("migrate", "packages", "0001", verbosity=0)
    finally:
        call_command("migrate", verbosity=0)
    assert log_triggers.missing(connection) == search_triggers.missing(connection) == []
    MembershipFactory.create()
    assert Change.objects.count() >= 4
    call_command("check_search", verbosity=0)
