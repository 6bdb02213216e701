"""Pins as everybody may read them: in the API, in the log of changes, and on the page of a package."""

import re

import pytest
from pytest_django import DjangoAssertNumQueries

from editing.recorder import recording
from packages.models import Package, Pin
from packages.pins.columns import SHOWN, in_short
from packages.pins.write import keep, lift
from tests.changes.log import moved
from tests.conftest import Get
from tests.packages.pins.test_writers import VALUES, fetch, pinned
from tests.packages.test_results import DAY, NOW, create
from tests.pages import text_of

pytestmark = pytest.mark.django_db
HOSTILE = '<script>alert("1")</script>'


def test_a_document_has_its_pins(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    package = create(slug="p")
    fetch(package)
    for column, (mine, _) in VALUES.items():
        if column != "pypi_url":
            pinned(package, column, mine)
    Pin.objects.update(since=NOW, by="secret-name")
    get("packages/p/?fields=pins")
    with django_assert_num_queries(2):
        response = get("packages/p/?fields=pins")
    assert response.json()["pins"] == [
        {"column": column, "since": "2026-11-23", "reason": "It is wrong.", "upstream": upstream}
        for column, upstream in (
            ("archived", "no"),
            ("documentation_url", "https://b.example.org/"),
            ("licence", "MIT"),
            ("participants", "anna, bert"),
            ("pypi_version", "2.0"),
            ("released", "2026-11-21 04:05:06"),
            ("repo_description", "Does things."),
        )
    ]
    assert "secret-name" not in get("packages/p/?fields=all").content.decode()
    assert get("packages/?fields=slug,pins").json()["results"][0]["pins"] == response.json()["pins"]
    assert "pins" not in get("packages/p/").json()


def test_what_upstream_says_is_bounded(get: Get) -> None:
    package = create(slug="p")
    fetch(package, description="a" * 2_000)
    pinned(package, "repo_description", "Mine.")
    [shown] = get("packages/p/?fields=pins").json()["pins"]
    assert shown["upstream"] == "a" * (SHOWN - 2) + " …"
    assert in_short("participants", ["a" * 99] * 500).endswith(" …")  # type: ignore[union-attr]
    assert get("packages/?fields=pins&format=csv").status_code == 200


def test_a_page_marks_what_is_pinned(get: Get) -> None:
    package = create(slug="p")
    fetch(package)
    page = get("packages/p/", accept="text/html").content.decode()
    assert "corrected by an editor" not in page
    for column, (mine, _) in VALUES.items():
        pinned(package, column, mine)
    Pin.objects.update(reason=HOSTILE, by="secret-name")
    Pin.objects.filter(column="licence").update(upstream=HOSTILE)
    Pin.objects.filter(column="released").update(upstream=None)
    page = get("packages/p/", accept="text/html").content.decode()
    assert page.count("corrected by an editor: <bdi>&lt;script&gt;") == len(VALUES)
    assert HOSTILE not in page
    assert "secret-name" not in page
    text = text_of(re.sub(r"</?bdi[^>]*>", "", page))
    assert f"corrected by an editor: {HOSTILE} (upstream says {HOSTILE})" in text
    assert f"Date: corrected by an editor: {HOSTILE} (upstream says nothing)" in text
    assert f"Description: corrected by an editor: {HOSTILE} (upstream says Does things.)" in text
    Package.objects.update(documentation_url="")
    pinned_participants = Pin.objects.get(column="participants")
    pinned_participants.pinned = None
    pinned_participants.save()
    Package._base_manager.update(participants=[])
    assert "upstream says anna, bert" in get("packages/p/", accept="text/html").content.decode().replace("<bdi>", "")


@pytest.mark.django_db(transaction=True)
def test_a_pin_is_a_change_of_its_package() -> None:
    package = create(slug="p")
    fetch(package)
    changed = ("package", "changed", package.pk)
    rows, kinds = moved(lambda: pinned(package, "licence", "ISC"))
    assert (set(rows), kinds) == ({changed}, {"packages"})
    rows, _ = moved(lambda: fetch(package, NOW + DAY, licence="0BSD"))
    assert set(rows) == {changed}
    assert moved(lambda: keep(Pin.objects.all())) == ([], {"packages"})

    def lift_it() -> None:
        with recording("anna"):
            lift(Pin.objects.all())

    assert set(moved(lift_it)[0]) == {changed}
