"""GET /api/v4/packages/{id|slug}/badge.svg and /badge.json: what is drawn, and how it is served."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from core.caching.stores import store
from core.svg import STYLE
from packages import badges
from packages.health.verdicts import LEVELS, VERDICTS, Verdict, rank
from packages.models import Package
from tests.conftest import Get
from tests.factories import PackageFactory
from tests.packages.test_charts import HOSTILE, SVG

BADGES = ("badge.svg", "badge.json")


def words_of(badge: ET.Element) -> list[str]:
    return [str(word.text) for word in badge.iter(f"{SVG}text")]


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_badge_of_each_verdict(verdict: Verdict) -> None:
    """The verdict stands on the colour of its level, each word within its half."""
    badge = ET.fromstring(badges.svg("Ralph", verdict))
    (half,) = badge.iter(f"{SVG}path")
    assert half.attrib["class"] == LEVELS[verdict]
    label, message = badge.iter(f"{SVG}text")
    assert words_of(badge) == ["health", verdict]
    left = int(half.attrib["d"].removeprefix("M").partition(" ")[0])
    (_, label_end), (message_begin, message_end) = (
        (int(word.attrib["x"]), int(word.attrib["x"]) + int(word.attrib["textLength"])) for word in (label, message)
    )
    assert (left - label_end, message_begin - left, int(badge.attrib["width"]) - message_end) == (6, 6, 6)
    assert (badge.attrib["height"], badge.attrib["viewBox"]) == ("20", f"0 0 {badge.attrib['width']} 20")
    assert badge.findtext(f"{SVG}title") == "Ralph: health"
    assert badge.findtext(f"{SVG}desc") == f"The verdict is {verdict}, of level {LEVELS[verdict]}."


def test_wide_and_narrow_letters() -> None:
    widths = {verdict: ET.fromstring(badges.svg("x", verdict)).attrib["width"] for verdict in VERDICTS}
    assert widths["gone"] == "88"
    assert widths["quiet"] == "89"
    assert widths["unmaintained"] == "138"


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours like #1a7f37, as the Web Content Accessibility Guidelines compute it."""

    def luminance(color: str) -> float:
        parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_words_are_readable_light_and_dark(dark: bool) -> None:
    """4.5 is what the guidelines ask of small text."""
    colors = STYLE.partition("@media")[2 if dark else 0]

    def fill(name: str) -> str:
        color = colors.partition(f".{name}{{fill:")[2].partition(";")[0].partition("}")[0]
        return "#ffffff" if color == "#fff" else color

    assert all(contrast(fill("inverse"), fill(level)) >= 4.5 for level in set(LEVELS.values()))
    assert contrast(fill("weak"), fill("paper")) >= 4.5


def test_a_title_is_text() -> None:
    badge = ET.fromstring(badges.svg(HOSTILE, "quiet"))
    assert str(badge.findtext(f"{SVG}title")).startswith("</title><script>alert(1)</script>")
    assert {each.tag.removeprefix(SVG) for each in badge.iter()} == {
        *("svg", "title", "desc", "style", "rect", "path", "text")
    }


@pytest.fixture
def package(db: None) -> Package:
    return PackageFactory.create(slug="p", title="Ralph", verdict_rank=rank("maintained"))


@pytest.mark.parametrize("accept", ["", "*/*", "image/svg+xml", "text/html", "application/json", "nonsense"])
def test_whatever_is_accepted(get: Get, package: Package, accept: str) -> None:
    for reference in (package.pk, "p"):
        drawn = get(f"packages/{reference}/badge.svg", accept=accept)
        assert (drawn.status_code, drawn["Content-Type"]) == (200, "image/svg+xml")
        assert words_of(ET.fromstring(drawn.content)) == ["health", "maintained"]
        assert drawn["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
        told = get(f"packages/{reference}/badge.json", accept=accept)
        assert (told.status_code, told["Content-Type"]) == (200, "application/json")
        assert told.content == (
            b'{"schemaVersion":1,"label":"health","message":"maintained","color":"brightgreen","cacheSeconds":3600}'
        )


@pytest.mark.parametrize(
    ("verdict", "color"), [("quiet", "yellow"), ("unmaintained", "red"), ("gone", "red"), ("unknown", "lightgrey")]
)
def test_colors_for_shields(verdict: Verdict, color: str) -> None:
    badge = badges.endpoint(verdict)
    assert (badge["message"], badge["color"]) == (verdict, color)


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("badge", BADGES)
def test_queries(get: Get, django_assert_num_queries: DjangoAssertNumQueries, badge: str) -> None:
    """The revisions, and the package."""
    with django_assert_num_queries(2):
        get(f"packages/p/{badge}")


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("badge", BADGES)
def test_mistakes(get: Get, client: Client, badge: str) -> None:
    for missing in ("nope", "999999", "%00"):
        response = get(f"packages/{missing}/{badge}", accept="text/html")
        assert (response.status_code, response["Content-Type"]) == (404, "application/json")
        assert response.json() == {"detail": "No Package matches the given query."}
    for name in ("format", "style"):
        response = get(f"packages/p/{badge}?{name}=flat")
        assert response.status_code == 400
        assert response.json() == {name: [f"There is no parameter “{name}” here. There are: none."]}
    assert client.post(f"/api/v4/packages/p/{badge}").status_code == 405


@pytest.mark.parametrize("badge", BADGES)
def test_an_old_slug_redirects_to_the_badge(get: Get, package: Package, badge: str) -> None:
    package.slug = "q"
    package.save()
    response = get(f"packages/p/{badge}")
    assert (response.status_code, response["Location"]) == (301, f"/api/v4/packages/q/{badge}")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("badge", BADGES)
def test_a_badge_is_cached_until_the_verdict_changes(
    client: Client, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries, badge: str
) -> None:
    settings.CACHE_URL = "locmem://"
    store.cache_clear()
    PackageFactory.create(slug="p")
    url = f"/api/v4/packages/p/{badge}"
    first: Any = client.get(url)
    assert first["Cache-Control"] == "public, no-cache"
    assert b"unknown" in first.content
    assert client.get(url, headers={"if-none-match": first["ETag"]}).status_code == 304
    with django_assert_num_queries(1):
        assert client.get(url, headers={"accept": "text/html"}).content == first.content
    Package.objects.update(verdict_rank=rank("gone"))
    changed = client.get(url, headers={"if-none-match": first["ETag"]})
    assert changed.status_code == 200
    assert b"gone" in changed.content
