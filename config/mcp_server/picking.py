"""Packages picked for a task: those whose texts have its words, ranked by the words, the verdict, and the use.

All that is known comes from the public API: searches for each word and for all of them, the packages of the grids that
are found, and the filters of packages. It takes a bounded number of requests, of which a dozen is the usual one.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from config.mcp_server.arguments import LEVELS, Level
from config.mcp_server.catalogue import Catalogue
from config.mcp_server.texts import slug
from search.query import Query, fold

MOST_WORDS = 8
MOST_CANDIDATES = 100
HITS = 50  # of each search
FEW = 5  # packages and grids with all words; below it those with all but one are looked for
MOST_LEFT_OUT = 5  # words that are left out one at a time
GRIDS = 3  # whose packages are looked at, of each search
LEFT_OUT = 5
LONGEST_TEXT = 1_000  # characters of a description that are looked through
LEAST_WEIGHT_OF_WORDS = 20  # of a hit; below it a name is merely spelled alike
# Words that say nothing here: every package is one of these, and for Django.
_GENERAL = frozenset(
    "django python package packages library libraries module app apps plugin tool need want best good add support"  # noqa: SIM905 (a list of words reads better as words)
    " simple easy modern way like something".split()
)
FIELDS = ",".join(
    (
        *(
            "title",
            "slug",
            "repo_description",
            "repo_watchers",
            "pypi_downloads",
            "last_updated",
            "released",
            "licence",
        ),
        *("django_versions", "python_versions", "health", "freshness", "category_slug"),
    )
)
# Of words that are written as one, with a hyphen or apart: “e-commerce” is “e commerce” in the index
_FIRST_PARTS = ("e", "multi", "front", "back", "web", "micro", "sub", "pre", "auto", "time", "real", "data")
# The parts of a rank
_IN_GRID = 0.4  # a word that only a grid of the package has, of one in its texts
_NAMED = 0.1  # more for a package whose name has all the words
_LEAST, _OF_VITALITY, _OF_USE = 0.3, 0.3, 0.4
_NOT_INSTALLED = 0.4  # of the stars of what has no downloads: it is no package, or nobody counts them
_OF_LEVEL = {"good": 1.0, "fair": 0.6, "none": 0.4, "poor": 0.0}
_OF_VERDICT = {"thriving": 1.0, "maintained": 0.9, "finished": 0.85}


@dataclass
class Candidate:
    """A package that has words of the task: those in its texts, in its name, and in those of a grid that it is in."""

    document: Mapping[str, Any]
    words: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    of_grid: set[str] = field(default_factory=set)
    rank: float = 0.0
    fails: list[str] = field(default_factory=list)  # the conditions that it does not fulfil

    @property
    def slug(self) -> str:
        return str(self.document["slug"])


@dataclass
class Picks:
    """Candidates in their order: those that fulfil the conditions, and those that do not. `unknown` are the words that
    no package has."""

    picked: list[Candidate]
    left_out: list[Candidate]
    words: Sequence[str]
    unknown: Sequence[str]


@dataclass
class Conditions:
    """The conditions that a package must fulfil."""

    django: str | None = None
    python: str | None = None
    licence: str | None = None
    level: Level = "not_poor"

    @property
    def filters(self) -> dict[str, str]:
        """The filters of the API, by name."""
        given = {"django": self.django, "python": self.python, "licence": self.licence}
        filters = {name: value for name, value in given.items() if value}
        return filters if self.level == "any" else {**filters, "level": LEVELS[self.level]}


class _Words:
    """The results of searches: the words of each package and of each grid, and how many of them have a word."""

    def __init__(self) -> None:
        self.packages: dict[str, set[str]] = {}
        self.grids: dict[str, set[str]] = {}
        self.totals: dict[str, int] = {}
        self.order: dict[str, int] = {}  # the best place of a package in any search

    def add(self, words: Iterable[str], hits: Sequence[Mapping[str, Any]]) -> None:
        for place, hit in enumerate(hits):
            name = slug(hit["slug"])
            if name is None:
                continue
            found = self.grids if hit["item_type"] == "grid" else self.packages
            found.setdefault(name, set()).update(words)
            if found is self.packages:
                self.order[name] = min(place, self.order.get(name, place))


def pick(catalogue: Catalogue, about: str, conditions: Conditions) -> Picks:
    """Return the packages for a task, best first."""
    words = _significant(about)
    found = _searched(catalogue, words)
    known = [word for word in words if found.totals.get(word)]
    candidates = _candidates(catalogue, found)
    number = catalogue.get("packages/", limit=1, fields="slug").body["count"]
    weights = {word: math.log(1 + number / found.totals[word]) for word in known}
    for each in candidates:
        each.rank = _rank(each, weights)
    candidates = sorted((each for each in candidates if each.rank > 0), key=lambda each: (-each.rank, each.slug))
    candidates = candidates[:MOST_CANDIDATES]
    _check(catalogue, candidates, conditions.filters)
    picked = [each for each in candidates if not each.fails]
    least = max((_relevance(each, weights) for each in candidates), default=0.0) / 2
    return Picks(
        [each for each in picked if _relevance(each, weights) >= least],
        [each for each in candidates if each.fails and _relevance(each, weights) >= least][:LEFT_OUT],
        known,
        [word for word in words if word not in known],
    )


def _significant(about: str) -> list[str]:
    """Return the words of a task that tell packages apart; all of them where there are no others."""
    words = list(dict.fromkeys(Query.parse(about.replace('"', " ")).words))
    return ([word for word in words if word not in _GENERAL] or words)[:MOST_WORDS]


def _searched(catalogue: Catalogue, words: Sequence[str]) -> _Words:
    """Search for each word alone, and for all of them; where few packages have all of them and not all packages with
    one of them are known, also for all words but one."""
    found = _Words()
    for word in words:
        hits = _hits(catalogue, word)
        if not hits.hits and (first := next((each for each in _FIRST_PARTS if word.startswith(each)), None)):
            hits = _hits(catalogue, f'"{first} {word.removeprefix(first)}"')
        if hits.hits:
            found.totals[word] = hits.total
            found.add([word], hits.hits)
    known = [word for word in words if word in found.totals]
    if len(known) < 2:
        return found
    all_words = _hits(catalogue, " ".join(known))
    found.add(known, all_words.hits)
    is_whole = all(total <= HITS for total in found.totals.values())
    if all_words.total < FEW and not is_whole and 2 < len(known) <= MOST_LEFT_OUT:
        for word in known:
            others = [each for each in known if each != word]
            found.add(others, _hits(catalogue, " ".join(others)).hits)
    return found


@dataclass
class _Hits:
    total: int
    hits: list[Mapping[str, Any]]


def _hits(catalogue: Catalogue, query: str) -> _Hits:
    """Return the packages and grids that have all the words, and their number."""
    found = catalogue.get("search/", q=query, limit=HITS)
    hits = [hit for hit in found.body if hit["weight"] >= LEAST_WEIGHT_OF_WORDS]
    is_whole = len(found.body) < HITS
    return _Hits(len(hits) if is_whole else max(found.total or 0, len(hits)), hits)


def _candidates(catalogue: Catalogue, found: _Words) -> list[Candidate]:
    """Return the packages that searches have found, those of most words first, and those of the grids among them."""
    best = sorted(found.packages, key=lambda name: (-len(found.packages[name]), found.order[name], name))
    by_slug = {name: Candidate({}, words=set(found.packages[name])) for name in best[:MOST_CANDIDATES]}
    grids = sorted(found.grids, key=lambda name: (-len(found.grids[name]), name))[:GRIDS]
    documents = list(_documents(catalogue, by_slug))
    for grid in grids:
        members = catalogue.get("packages/", grid=grid, fields=FIELDS, limit=MOST_CANDIDATES, ordering="-repo_watchers")
        for document in members.body["results"]:
            documents.append(document)
            by_slug.setdefault(document["slug"], Candidate({})).of_grid |= found.grids[grid]
    for document in documents:
        by_slug[document["slug"]].document = document
    candidates = [each for each in by_slug.values() if each.document]
    all_words = set().union(*found.packages.values(), *found.grids.values())
    for each in candidates:  # searches list the best of many packages with a word, not all of them
        document = each.document
        each.named = {word for word in all_words if _has(f"{document['title']} {document['slug']}", word)}
        each.words |= {word for word in all_words if _has(str(document["repo_description"]), word)}
    return candidates


def _documents(catalogue: Catalogue, slugs: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    names = ",".join(slugs)
    if names:
        yield from catalogue.get("packages/", slug__in=names, fields=FIELDS, limit=MOST_CANDIDATES).body["results"]


def _check(catalogue: Catalogue, candidates: Sequence[Candidate], filters: Mapping[str, str]) -> None:
    """Note the conditions that each candidate does not fulfil, as the filters of the API tell."""
    names = ",".join(each.slug for each in candidates)
    if not names:
        for name, value in filters.items():  # a wrong value is refused all the same
            catalogue.get("packages/", limit=1, fields="slug", **{name: value})
        return
    for name, value in filters.items():
        rows = catalogue.get("packages/", slug__in=names, fields="slug", limit=MOST_CANDIDATES, **{name: value}).body[
            "results"
        ]
        passed = {row["slug"] for row in rows}
        for each in candidates:
            if each.slug not in passed:
                each.fails.append(name)


def _has(text: str, word: str) -> bool:
    """Return whether a word of a text begins as this one: “tagging” as “tags”."""
    stem = word.removesuffix("s")
    words = re.split(r"[\W_]+", fold(text[:LONGEST_TEXT]))
    return any(each.startswith(stem) if len(stem) > 2 else each == word for each in words)


def _relevance(candidate: Candidate, weights: Mapping[str, float]) -> float:
    """Return how much of the task's words a package has, 0 to 1: those that few packages have count for more."""
    own = candidate.words | candidate.named
    found = _share(own, weights) + _IN_GRID * _share(candidate.of_grid - own, weights)
    return min(found, 1.0)


def _share(words: set[str], weights: Mapping[str, float]) -> float:
    whole = sum(weights.values())
    return sum(weight for word, weight in weights.items() if word in words) / whole if whole else 0.0


def _rank(candidate: Candidate, weights: Mapping[str, float]) -> float:
    document = candidate.document
    quality = _LEAST + _OF_VITALITY * vitality(document) + _OF_USE * use(document)
    return float(_relevance(candidate, weights) ** 2 * (1 + _NAMED * _share(candidate.named, weights)) * quality)


def vitality(document: Mapping[str, Any]) -> float:
    """Return how alive a package is, 0 to 1."""
    health = document["health"] or {}
    verdict, level = str(health.get("verdict")), str(health.get("level"))
    return _OF_VERDICT.get(verdict, _OF_LEVEL.get(level, 0.4))


def use(document: Mapping[str, Any]) -> float:
    """Return how much a package is used, 0 to 1: by the magnitude of its stars and of its downloads a month."""
    stars, downloads = document["repo_watchers"], document["pypi_downloads"]
    by_downloads = _magnitude(downloads, 7.0) if downloads else None
    by_stars = _magnitude(stars, 4.5) if stars or by_downloads is None else by_downloads  # stars are not always known
    return (by_stars + (by_stars * _NOT_INSTALLED if by_downloads is None else by_downloads)) / 2


def _magnitude(number: Any, most: float) -> float:
    """Return the magnitude of a number beyond ten, of that of the most used packages: 0 to 1."""
    if not isinstance(number, int) or number <= 10:
        return 0.0
    return min((math.log10(number) - 1) / (most - 1), 1.0)
