"""GET /llms.txt: what a language model is to know of the site."""

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from tests.factories import GridFactory, PackageFactory

LINK = re.compile(r"http://testserver(/api/v4/[^\s)`]*)")


def text(client: Client) -> str:
    response = client.get("/llms.txt")
    assert response.status_code == 200
    return response.content.decode()


def test_the_form_is_that_of_llms_txt(client: Client) -> None:
    """A title, a summary in quotes, then sections with lists of links, the optional ones last."""
    lines = text(client).splitlines()
    assert lines[0] == "# Package Grids"
    assert lines[2].startswith("> A catalogue of reusable packages")
    sections = [line for line in lines if line.startswith("## ")]
    assert sections == ["## The five requests that answer most questions", "## Limits", "## More", "## Optional"]
    five = text(client).split("## ")[1].split("\n- ")[1:]
    assert len(five) == 5
    assert all(re.match(r"\[[^\]]+\?\]\(http", each) for each in five)
    assert "{" not in text(client)


@pytest.mark.django_db
def test_every_link_leads_to_what_is_there(client: Client) -> None:
    for slug in ("maps", "cards"):
        PackageFactory.create(slug=slug, licence="MIT")
    GridFactory.create(slug="maps")
    links = LINK.findall(text(client))
    assert len(links) >= 12
    for link in links:
        url = link.replace("SLUG,SLUG", "cards,maps").replace("SLUG", "maps").replace("WORDS", "maps")
        assert client.get(url).status_code == 200, link


def test_the_links_are_on_the_site_of_the_settings(client: Client, settings: Settings) -> None:
    settings.SITE_URL = "https://packages.example.org"
    assert "](https://packages.example.org/api/v4/schema/)" in text(client)
    assert "testserver" not in text(client)


def test_it_names_limits_as_they_are(client: Client) -> None:
    written = text(client)
    assert "A list has 20 documents unless `limit` says otherwise, 1000 at most; a search has 100." in written
    assert "2 to 100 packages side by side" in written
    assert "1000 at most in one response" in written


def test_it_names_the_pace_that_is_within_the_limits(client: Client, settings: Settings) -> None:
    assert "one request a second is always within the limits" in text(client)
    settings.RATE_LIMIT = 60
    assert "one request every 10 seconds is always within the limits" in text(client)


def test_dumps_and_the_licence_of_the_data_where_there_are_any(client: Client, settings: Settings) -> None:
    settings.DUMP_ROOT, settings.DATA_LICENCE = "", ""
    without = text(client)
    assert "dumps/" not in without
    assert "`cursor=` and `limit=1000`" in without
    settings.DUMP_ROOT, settings.DATA_LICENCE = "/srv/dumps", "CC-BY-4.0"
    written = text(client)
    assert "- [Dumps](http://testserver/api/v4/dumps/): the whole catalogue as files" in written
    assert "- Licence of the data: CC-BY-4.0" in written
    assert "To copy everything, use http://testserver/api/v4/dumps/" in written


@pytest.mark.django_db
def test_it_is_cached(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        response = client.get("/llms.txt")
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["Cache-Control"] == "public, max-age=3600"
    etag = response["ETag"]
    again = client.get("/llms.txt", headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    packed = client.get("/llms.txt", headers={"accept-encoding": "gzip"})
    assert packed["Content-Encoding"] == "gzip"
    assert client.get("/llms.txt", headers={"if-none-match": packed["ETag"]}).status_code == 304
    head = client.head("/llms.txt")
    assert (head.status_code, head.content) == (200, b"")
    assert client.post("/llms.txt").status_code == 405
