"""Catalogues whose pages are walked: `python -m tests.browser.catalogues NAME` fills the database of DATABASE_URL.

`none` is empty; `one` has one row of everything; `many` has grids of 40 and 200 packages with features; `hostile` has
texts in every column that would break a page which trusts them.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import django

HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "W" * 400,
    "\u202eright to left\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u200f",
    ":tada: \U0001f389\U0001f468\u200d\U0001f469\u200d\U0001f467 Z\u0351\u0346\u036b\u0344\u0352",
    "{{ 7|add:7 }} {% now 'Y' %} &lt;b&gt; &amp;",
    "javascript:document.title='owned' [x](javascript:alert(1)) http://[x data:text/html,<b>owned</b>",
)


def none() -> None:
    """Leave the catalogue empty."""


def one() -> None:
    """Fill in one row of everything, with as little in it as the database allows."""
    from tests.factories import CellFactory, PackageFactory  # noqa: PLC0415 (models, of a site that is set up by now)

    cell = CellFactory.create()
    PackageFactory.create(slug="one-more", category=cell.membership.package.category)


def many() -> None:
    """Fill in 230 packages with facts, a grid of 40 and one of 200 of them, and features with cells."""
    from tests.factories import CategoryFactory, CellFactory, FeatureFactory, GridFactory, MembershipFactory  # noqa: PLC0415

    categories = [
        CategoryFactory.create(title=f"Category {letter}", slug=f"category-{letter}") for letter in "abcdefghijkl"
    ]
    packages = [_package(number, categories[number % 12]) for number in range(230)]
    forty = GridFactory.create(
        title="Forty of a kind", slug="forty", description="Forty packages. See https://example.org/."
    )
    for number, package in enumerate(packages[:40]):
        membership = MembershipFactory.create(grid=forty, package=package)
        if not number:
            features = [FeatureFactory.create(grid=forty, title=f"Feature {each}", position=each) for each in range(8)]
        for feature in features[: 1 + number % 8]:
            CellFactory.create(
                feature=feature, membership=membership, text=("yes", "no", "+2", "-", "n/a", "with care")[number % 6]
            )
    large = GridFactory.create(title="Two hundred of a kind", slug="two-hundred")
    for package in packages[:200]:
        MembershipFactory.create(grid=large, package=package)
    for number in range(25):
        grid = GridFactory.create(title=f"Small grid {number}", slug=f"small-{number}", header=number < 5)
        MembershipFactory.create(grid=grid, package=packages[number])


def hostile() -> None:
    """Fill every text with what would break a page that trusts it."""
    from tests.factories import CategoryFactory, CellFactory, FeatureFactory, GridFactory, MembershipFactory  # noqa: PLC0415

    for number, text in enumerate(HOSTILE):
        short = text[:100]
        category = CategoryFactory.create(
            title=f"{short[:40]} {number}", slug=f"category-{number}", title_plural=short[:40], description=text
        )
        package = _package(number, category, hostile=text)
        grid = GridFactory.create(title=f"{short} {number}"[:100], slug=f"grid-{number}", description=text, header=True)
        membership = MembershipFactory.create(grid=grid, package=package)
        feature = FeatureFactory.create(grid=grid, title=short, description=text)
        CellFactory.create(feature=feature, membership=membership, text=text)
        MembershipFactory.create(grid=grid, package=_package(100 + number, category, hostile=text))


def _package(number: int, category: Any, hostile: str = "") -> Any:
    """Return a package with facts of every kind; with hostile texts wherever one can be."""
    from tests.factories import PackageFactory  # noqa: PLC0415

    now = datetime.now(UTC)
    package = PackageFactory.create(
        title=(f"{hostile[:90]} {number}" if hostile else f"Package {number}"),
        slug=f"package-{number}",
        category=category,
        repo_url=f"https://github.com/someone/package-{number}",
        pypi_url=f"https://pypi.org/project/package-{number}/",
        documentation_url=f"https://docs.example.org/{'W' * 300 if hostile else number}",
        archived=number % 10 == 9,
        deprecated=number % 25 == 24,
        **_facts(number, now, hostile),
    )
    keys = {"repo_facts_of": package.repo_key, "pypi_facts_of": package.pypi_name}
    type(package).objects.filter(pk=package.pk).update(**keys)
    _rows_beside(package, number, now, hostile)
    return package


def _facts(number: int, now: datetime, hostile: str) -> dict[str, Any]:
    """Return the facts of a package, which differ from number to number."""
    text = hostile or f"A package that does thing {number} for projects, and says so in a sentence of common length."
    versions = ("4.2", "5.1", "5.2")[: number % 4]
    return {
        "repo_description": text,
        "repo_watchers": 17 * number + 3,
        "repo_forks": number,
        "participants": [hostile[:39] or f"person{each}" for each in range(1 + number % 30)],
        "commits_over_52": [(number * week) % 9 for week in range(52)],
        "weeks_end": (now - timedelta(days=3)).date(),
        "last_updated": now - timedelta(days=number * 9),
        "last_fetched": now,
        "pypi_version": hostile[:50] or f"{number}.1",
        "released": now - timedelta(days=number * 8),
        "pypi_downloads": number * 1_003,
        "licence": hostile[:90] or ("MIT", "BSD-3-Clause", "")[number % 3],
        "requires_python": hostile[:50] or ">=3.10",
        "classifiers": [
            *(f"Framework :: Django :: {each}" for each in versions),
            "Programming Language :: Python :: 3.12",
            *([hostile[:90]] if hostile else []),
        ],
    }


def _rows_beside(package: Any, number: int, now: datetime, hostile: str) -> None:
    """Fill in the fetch states, releases and snapshots of a package."""
    from packages.models import FetchState, Release, Snapshot  # noqa: PLC0415

    times = {"last_success": now, "last_attempt": now, "next_due": now}
    targets = {"repo": package.repo_key, "pypi": package.pypi_name}
    FetchState.objects.bulk_create(
        FetchState(package=package, source=source, target=target, outcome="ok", error=hostile[:100], **times)
        for source, target in targets.items()
    )
    Release.objects.bulk_create(
        Release(
            package=package,
            version=(hostile[:30] or "1.") + str(each),
            uploaded_at=now - timedelta(days=number * 8 + each * 50),
            yanked=each == 3,
            requires_python=hostile[:30] or ">=3.10",
        )
        for each in range(number % 40 + 1)
    )
    Snapshot.objects.bulk_create(
        Snapshot(
            package=package,
            day=(now - timedelta(days=each)).date(),
            stars=17 * number - each,
            downloads=1_000 * number,
            forks=number,
            repo_key=package.repo_key,
            pypi_name=package.pypi_name,
        )
        for each in range(number % 60)
    )


CATALOGUES: dict[str, Callable[[], None]] = {each.__name__: each for each in (none, one, many, hostile)}

if __name__ == "__main__":
    django.setup()
    from packages.settling import settled

    with settled():
        CATALOGUES[sys.argv[1]]()
