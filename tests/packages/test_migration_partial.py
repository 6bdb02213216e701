"""A database goes back to the version before partial outcomes, and forwards again."""

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from packages.models import FetchState
from tests.factories import PackageFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_partial_outcome_is_a_success_to_the_version_before() -> None:
    package = PackageFactory.create()
    state = FetchState.objects.create(package=package, source="repo", outcome="partial", next_due=timezone.now())
    try:
        call_command("migrate", "packages", "0006", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("SELECT outcome FROM packages_fetchstate")
            assert cursor.fetchall() == [("ok",)]
            with pytest.raises(IntegrityError), transaction.atomic():
                cursor.execute("UPDATE packages_fetchstate SET outcome = 'partial'")
    finally:
        call_command("migrate", verbosity=0)
    FetchState.objects.filter(pk=state.pk).update(outcome="partial")
    with pytest.raises(IntegrityError), transaction.atomic():
        FetchState.objects.filter(pk=state.pk).update(outcome="odd")
