"""A restore from yesterday: what mirrors have read since then never happened, and none of them is misled by it."""

import pytest
from django.core.management import call_command
from django.test import Client

from changes.models import Change
from core.models import Revision
from packages.models import Package
from tests.changes.log import last
from tests.changes.mirror import Mirror, catalogue
from tests.factories import PackageFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ahead(client: Client) -> Mirror:
    """A mirror that has read further than the log of the restored database."""
    kept = PackageFactory.create_batch(3)
    backup = last()
    PackageFactory.create_batch(2)
    mirror = Mirror(client)
    mirror.follow()
    # What a restore leaves: the rows, the log and its number as they were.
    Package.objects.exclude(pk__in=[each.pk for each in kept]).delete()
    Change.objects.filter(number__gt=backup).delete()
    Revision.objects.filter(kind=Revision.LOG).delete()  # the number can only rise, but it goes on where the log ends
    Package.objects.filter(pk=kept[0].pk).update(title="After the restore")
    return mirror


def test_a_mirror_that_asks_soon_is_told_that_the_log_is_another_one(ahead: Mirror, client: Client) -> None:
    response = client.get(f"/api/v4/changes/?since={ahead.until}")
    assert response.status_code == 400
    assert response.json() == {
        "since": [f"The log ends at {last()}: a greater number is another catalogue's; start afresh with 0."]
    }


def test_once_the_log_was_restarted_every_mirror_starts_afresh(
    ahead: Mirror, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    before = last()
    call_command("after_restore")
    begin = last()
    assert capsys.readouterr().out.endswith(f"deleted from the log, which goes on from {begin}.\n")
    assert begin > ahead.until > before
    PackageFactory.create_batch(3)  # so many that the log would have come past what the mirror has read
    for since in (0, before, ahead.until, begin - 1):
        response = client.get(f"/api/v4/changes/?since={since}")
        assert response.status_code == 410
        assert response.json()["newest"] == last()
        assert f"Changes up to {begin} are gone from the log. Start afresh" in response.json()["detail"]
    afresh = Mirror(client)
    afresh.documents, afresh.memberships = catalogue(client)
    afresh.until = last()
    PackageFactory.create(title="Later")
    afresh.follow()
    assert (afresh.documents, afresh.memberships) == catalogue(client)


def test_a_log_that_is_restarted_twice_never_gives_out_a_number_again(client: Client) -> None:
    PackageFactory.create()
    call_command("after_restore", verbosity=0)
    first = last()
    call_command("after_restore", verbosity=0)
    assert last() > first
    assert client.get(f"/api/v4/changes/?since={last()}").json()["results"] == []


def test_pages_of_the_restored_site_have_other_etags(ahead: Mirror, client: Client) -> None:
    """A cached page of the days that are lost is not confirmed."""
    url = f"/api/v4/packages/{Package.objects.order_by('pk').values_list('slug', flat=True)[0]}/"
    lost = client.get(url)
    call_command("after_restore", verbosity=0)
    again = client.get(url, headers={"if-none-match": lost["ETag"]})
    assert (again.status_code, again.json()) == (200, lost.json())
