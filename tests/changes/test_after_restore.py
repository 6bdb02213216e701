"""manage.py after_restore: numbers that were given out after the backup do not come again."""

from io import StringIO

import pytest
from django.core.management import call_command

from changes.models import Change
from core.models import Revision
from tests.changes.log import last, revisions
from tests.conftest import Get
from tests.factories import CategoryFactory

# Numbers are given at commit: in a test that never commits there would be none.
pytestmark = pytest.mark.django_db(transaction=True)


def after_restore() -> str:
    output = StringIO()
    call_command("after_restore", stdout=output)
    return output.getvalue()


def test_mirrors_start_afresh_and_cached_responses_are_over(get: Get) -> None:
    CategoryFactory.create_batch(3)
    before, moved = last(), revisions()
    read = before + 1_000  # by a mirror, after the backup
    assert after_restore() == f"3 changes deleted from the log, which goes on from {last()}.\n"
    assert last() > read
    assert all(number > moved[kind] for kind, number in revisions().items() if kind in moved)
    for since in (0, before, read, last() - 1):
        response = get(f"changes/?since={since}")
        assert (response.status_code, response.json()["newest"]) == (410, last())
    start = last()
    CategoryFactory.create()
    response = get(f"changes/?since={start}").json()
    assert [change["number"] for change in response["results"]] == [start + 1]


def test_a_second_restore_goes_further_although_the_clock_is_behind() -> None:
    after_restore()
    future = 2**51
    Revision.objects.update(number=future)
    CategoryFactory.create()
    after_restore()
    assert last() == future + 2
    assert not Change.objects.exists()
