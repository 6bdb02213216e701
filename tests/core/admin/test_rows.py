"""Rows on the page of a package that are read only."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from packages.models import FetchState, Release, RepositoryAlias
from tests.core.admin.editors import change_url, errors_of, open_form, send
from tests.factories import PackageFactory
from tests.pages import fields_of

pytestmark = pytest.mark.django_db


def test_a_package_with_hundreds_of_rows_can_be_saved(admin_client: Client) -> None:
    package, now = PackageFactory.create(), timezone.now()
    Release.objects.bulk_create(Release(package=package, version=f"1.{minor}") for minor in range(500))
    FetchState.objects.create(package=package, source="repo", outcome="ok", next_due=now)
    RepositoryAlias.objects.bulk_create(
        RepositoryAlias(package=package, repo_url=f"https://a.test/{n}", repo_key=f"a.test/{n}", until=now)
        for n in range(300)
    )
    page = admin_client.get(change_url(package))
    text = page.content.decode()
    assert (text.count('<td class="field-version">'), text.count('<td class="field-until">')) == (500, 300)
    form = fields_of(page, "package_form")
    assert len(form) < 40
    assert not any(name.startswith(("releases", "fetch_states", "aliases")) for name in form)
    with CaptureQueriesContext(connection) as queries:
        assert errors_of(send(admin_client, package, form, title="New")) == []
    assert len(queries) <= 48
    package.refresh_from_db()
    assert (package.title, package.releases.count(), package.aliases.count()) == ("New", 500, 300)


def test_a_page_shows_a_thousand_rows(admin_client: Client) -> None:
    package = PackageFactory.create()
    Release.objects.bulk_create(Release(package=package, version=f"1.{minor}") for minor in range(1001))
    text = admin_client.get(change_url(package)).content.decode()
    assert text.count('<td class="field-version">') == 1000
    assert text.count("There are more rows, which this page does not show.") == 1


def test_rows_cannot_be_posted(admin_client: Client) -> None:
    package = PackageFactory.create()
    Release.objects.create(package=package, version="1.0")
    forged = {"releases-TOTAL_FORMS": 1, "releases-INITIAL_FORMS": 0, "releases-0-version": "6.6.6"}
    assert errors_of(send(admin_client, package, open_form(admin_client, package), title="New", **forged)) == []
    assert [release.version for release in package.releases.all()] == ["1.0"]


def test_values_are_written_as_in_lists_and_escaped(admin_client: Client) -> None:
    package = PackageFactory.create()
    Release.objects.create(package=package, version="<b>", yanked=True)
    text = admin_client.get(change_url(package)).content.decode()
    assert '<td class="field-version">&lt;b&gt;</td>' in text
    assert '<td class="field-yanked"><img' in text
    assert '<td class="field-uploaded_at">-</td>' in text
