"""The tool `pick`: the right packages for questions, with reasons, and with what conditions leave out."""

from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from mcp.server.mcpserver.exceptions import ToolError

from config.mcp_server.picking import _FIRST_PARTS, HITS, _significant, use, vitality
from config.mcp_server.texts import MOST_TOKENS, tokens
from tests.config.mcp.catalogues import OpenCatalogue, parsed, tools
from tests.config.mcp.questions import QUESTIONS
from tests.factories import GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db


def slugs(answer: Any, key: str = "picks") -> list[str]:
    return [each["slug"] for each in answer[key]]


def test_the_right_answers_on_the_sample_catalogue() -> None:
    call_command("load_sample", verbosity=0)
    mistakes = []
    for question in QUESTIONS:
        written = tools().pick(**question.arguments)
        assert tokens(written) <= MOST_TOKENS, question.asks
        picked = slugs(parsed(written))
        if not picked or picked[0] not in question.right or set(picked) & set(question.wrong):
            mistakes.append((question.asks, picked))
    assert len(QUESTIONS) >= 20
    assert mistakes == []


def test_reasons_and_what_is_left_out() -> None:
    call_command("load_sample", verbosity=0)
    answer = parsed(tools().pick("OpenAPI schema for Django REST framework", django="5.1", python="3.13"))
    first = answer["picks"][0]
    assert {key: first[key] for key in ("rank", "slug", "title", "licence")} == {
        "rank": 1,
        "slug": "drf-spectacular",
        "title": "drf-spectacular",
        "licence": "BSD-3-Clause",
    }
    words, health, fit, used = first["reasons"]
    assert words == "Texts: have framework, openapi, rest, schema."
    assert health.startswith("Health: maintained (good); released ")
    assert health.endswith(" days ago.")
    assert fit == "Fit: works with Django 5.1, works with Python 3.13."
    assert used == "Use: 2,660 stars, 4,300,000 downloads a month."
    assert answer["words"] == ["openapi", "schema", "rest", "framework"]
    left_out = {each["slug"]: each for each in answer["left_out"]}
    assert left_out["django-rest-swagger"]["health"] == "unmaintained"
    assert left_out["django-rest-swagger"]["because"] == [
        "does not say that it works with Django 5.1",
        "does not say that it works with Python 3.13",
        "its health is below the level not poor",
    ]


def test_no_word_is_known() -> None:
    PackageFactory.create(slug="maps")
    answer = parsed(tools().pick("blockchain wallet"))
    assert (answer["picks"], answer["left_out"]) == ([], [])
    assert answer["words_that_no_package_has"] == ["blockchain", "wallet"]
    assert answer["hint"].startswith("Nothing has these words")


def test_everything_fails_a_condition() -> None:
    PackageFactory.create(slug="maps", title="Maps")
    answer = parsed(tools().pick("maps", licence="MIT"))
    assert (answer["picks"], slugs(answer, "left_out")) == ([], ["maps"])
    assert answer["left_out"][0]["because"] == ["is not known to be under MIT"]
    assert "left_out" in answer["hint"]


def test_packages_of_a_grid_with_the_words_come_after_those_that_have_them() -> None:
    grid = GridFactory.create(title="Payments", slug="payments")
    named = PackageFactory.create(slug="payments-kit", title="Payments kit", repo_description="")
    member = PackageFactory.create(slug="stripes", title="Stripes", repo_description="Cards.", repo_watchers=40_000)
    for package in (named, member):
        MembershipFactory.create(grid=grid, package=package)
    answer = parsed(tools().pick("payments", limit=10))
    assert slugs(answer) == ["payments-kit"]
    MembershipFactory.create(
        grid=GridFactory.create(title="Cards"), package=PackageFactory.create(slug="coins", repo_description="")
    )
    assert slugs(parsed(tools().pick("cards payments")))[0] == "stripes"


@pytest.mark.parametrize("about", ["ecommerce", "e-commerce", "E-Commerce", "e commerce"])
def test_a_word_that_is_written_in_two_ways(about: str) -> None:
    PackageFactory.create(slug="oscar", repo_description="A framework for e-commerce.")
    assert slugs(parsed(tools().pick(about))) == ["oscar"]
    assert "e" in _FIRST_PARTS


def test_words_that_say_nothing_about_a_package() -> None:
    assert _significant("the best Django package for maps, with Python") == ["maps"]
    assert _significant("a django package") == ["django", "package"]
    assert _significant('"image thumbnails" -x') == ["image", "thumbnails"]
    assert len(_significant("a b c d e f g h i j k l m n o p q r s t u v")) == 8


def test_packages_with_most_of_the_words_among_many() -> None:
    """Each word alone has more packages than a search lists, and no package has all of them."""
    for number in range(HITS + 5):
        for word in ("red", "green", "blue"):
            PackageFactory.create(slug=f"{word}-{number}", repo_description="", repo_watchers=1_000)
    PackageFactory.create(slug="lamp", title="Lamp", repo_description="For red and green light.", repo_watchers=1)
    assert slugs(parsed(tools().pick("red green blue")))[0] == "lamp"


def test_a_bounded_number_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not grow with the catalogue, nor do the queries of a request."""
    requests: list[str] = []
    get = OpenCatalogue.get

    def counted(self: OpenCatalogue, path: str, **parameters: Any) -> Any:
        requests.append(path)
        return get(self, path, **parameters)

    monkeypatch.setattr(OpenCatalogue, "get", counted)
    numbers = []
    for _ in range(2):
        for _ in range(5):
            package = PackageFactory.create(title="Red maps", repo_description="one two three four five six seven")
            MembershipFactory.create(grid=GridFactory.create(title="Maps"), package=package)
        requests.clear()
        with CaptureQueriesContext(connection) as queries:
            tools().pick("red maps one two three four five six seven", django="5.2", python="3.13", licence="MIT")
        numbers.append((len(requests), len(queries)))
    # Eight words, all of them at once, the packages, three grids, the number of all packages, four conditions
    assert numbers[0] == numbers[1]
    assert numbers[0][0] == 8 + 1 + 1 + 3 + 1 + 4


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({"django": "5.2.1"}, "django"),
        ({"licence": "MITT"}, "MITT"),
        ({"python": "three"}, "python"),
    ],
)
def test_a_wrong_condition(conditions: Any, said: str) -> None:
    """It is refused whether or not a package has the words."""
    for about in ("maps", "nothing-has-this"):
        with pytest.raises(ToolError, match=said) as error:
            tools().pick(about, **conditions)
        assert str(error.value).startswith('The catalogue refuses that (status 400). It says: "')
        PackageFactory.create(title="Maps")


def document(**values: Any) -> dict[str, Any]:
    return {"repo_watchers": 0, "pypi_downloads": None, "health": None, **values}


def test_use_goes_by_magnitude() -> None:
    numbers = [
        document(),
        document(repo_watchers=10, pypi_downloads=10),
        document(repo_watchers=500),
        document(repo_watchers=500, pypi_downloads=5_000),
        document(repo_watchers=500, pypi_downloads=500_000),
        document(repo_watchers=50_000, pypi_downloads=50_000_000),
    ]
    by_use = [use(each) for each in numbers]
    assert by_use == sorted(by_use)
    assert (by_use[0], by_use[-1]) == (0.0, 1.0)
    assert use(document(pypi_downloads=10_000_000)) == 1.0, "stars are not known of every host"


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        (None, 0.4),
        ({"verdict": "thriving", "level": "good"}, 1.0),
        ({"verdict": "finished", "level": "good"}, 0.85),
        ({"verdict": "quiet", "level": "fair"}, 0.6),
        ({"verdict": "gone", "level": "poor"}, 0.0),
        ({"verdict": "new", "level": "of another version"}, 0.4),
    ],
)
def test_vitality(health: Any, expected: float) -> None:
    assert vitality(document(health=health)) == expected
