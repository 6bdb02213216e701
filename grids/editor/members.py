"""The packages that lines of text name: by title, slug, PyPI project or URL, in a fixed number of queries."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import unquote

from django.db.models import Q
from rapidfuzz import fuzz, process, utils

from core import hooks
from core.database.functions import AsciiLower, ascii_lower
from core.kinds import Kind
from packages.identity import forges
from packages.keys import pypi_project, repository
from packages.models import Package, RepositoryAlias

MOST_LINES = 200
LONGEST_LINE = 500
MOST_NEAR = 3  # names near to a line
MOST_GUESSED = 50  # lines that get near names
MOST_NAMES = 20_000  # packages whose names are compared with a line
_LEAST_LIKENESS = 75
_OF_THIS_SITE = re.compile(r"/packages/([^/?#\s]+)/?")


@dataclass(frozen=True)
class Named:
    """A package, as the page of the editor shows it."""

    id: int
    title: str
    slug: str


@dataclass
class Line:
    """A line, the package that it names, or the reason why it names none, with names near to it."""

    text: str
    package: Named | None = None
    why: str = ""
    near: list[Named] = field(default_factory=list)


@dataclass(frozen=True)
class _Keys:
    """The names and addresses that a line may name a package by."""

    slug: str
    title: str
    pypi: str
    repo: str


def resolve(texts: Iterable[str]) -> list[dict[str, Any]]:
    """Return for each line that has a text the package that it names, or the reason why it names none."""
    lines = [Line(text) for text in dict.fromkeys(text.strip() for text in texts) if text]
    keys = [_keys(line.text) for line in lines]
    found = _Found(keys)
    for line, of_line in zip(lines, keys, strict=True):
        packages = found.of(of_line)
        if len(packages) == 1:
            line.package = packages[0]
        elif packages:
            line.why, line.near = "Several packages have this name or address: choose one.", packages
    _guess([line for line in lines if not line.package and not line.why])
    return [asdict(line) for line in lines]


def _keys(text: str) -> _Keys:
    text = text.replace("\x00", "")
    is_url = "://" in text or text.startswith("git@") or text.count("/") > 1
    here = _OF_THIS_SITE.search(text) if is_url else None
    pypi = pypi_project(text)
    repo = ""
    if is_url and not pypi:
        repo = repository(text, forges()).key
    elif text.count("/") == 1:
        repo = repository(f"https://github.com/{text}", forges()).key
    name = unquote(here[1]).replace("\x00", "") if here else "" if is_url else text
    return _Keys(name, ascii_lower(name), pypi, repo)


class _Found:
    """The packages that some lines name, by everything that they may be named by."""

    def __init__(self, lines: Sequence[_Keys]) -> None:
        slugs, repos = {each.slug for each in lines if each.slug}, {each.repo for each in lines if each.repo}
        aliases = list(RepositoryAlias.objects.filter(repo_key__in=repos).values_list("package_id", "repo_key"))
        owners: Mapping[str, int] = hooks.former_slugs.owners(Kind.PACKAGE, slugs)
        self._packages: dict[tuple[str, str], dict[int, Named]] = defaultdict(dict)
        by_title = Q(folded__in={each.title for each in lines if each.title})
        by_name = Q(slug__in=slugs) | Q(pypi_name__in={each.pypi for each in lines if each.pypi}) | by_title
        rows = Package.objects.annotate(folded=AsciiLower("title")).filter(
            by_name | Q(repo_key__in=repos) | Q(pk__in={*(pk for pk, _ in aliases), *owners.values()})
        )
        for pk, title, slug, folded, pypi, repo in rows.order_by("pk").values_list(
            "pk", "title", "slug", "folded", "pypi_name", "repo_key"
        ):
            named = Named(pk, title, slug)
            for column, name in {"slug": slug, "title": folded, "pypi": pypi, "repo": repo}.items():
                self._packages[column, name][pk] = named
        named_by_id = {pk: named for packages in self._packages.values() for pk, named in packages.items()}
        for pk, former in (*aliases, *((pk, slug) for slug, pk in owners.items())):
            if pk in named_by_id:  # the owner of a former slug may be deleted
                self._packages["former", former][pk] = named_by_id[pk]

    def of(self, keys: _Keys) -> list[Named]:
        """Return the packages that a line names; by a former name only if none has it now."""
        now = {"slug": keys.slug, "title": keys.title, "pypi": keys.pypi, "repo": keys.repo}
        return self._any(now) or self._any({"former": keys.slug or keys.repo})

    def _any(self, names: Mapping[str, str]) -> list[Named]:
        found: dict[int, Named] = {}
        for column, name in names.items():
            if name:
                found |= self._packages.get((column, name), {})
        return list(found.values())


def _guess(lines: Sequence[Line]) -> None:
    """Say of lines that name nothing that they do, and which names are near."""
    if not lines:
        return
    rows = Package.objects.order_by("-repo_watchers", "pk").values_list("pk", "title", "slug")[:MOST_NAMES]
    packages = [Named(*row) for row in rows]
    titles = [utils.default_process(each.title) for each in packages]
    slugs = [utils.default_process(each.slug) for each in packages]
    for number, line in enumerate(lines):
        line.why = "No package has this title, slug, PyPI project or repository."
        name = utils.default_process(line.text.rstrip("/").rpartition("/")[2])
        if number >= MOST_GUESSED or not name:
            continue
        likeness: dict[int, float] = {}
        for names in (titles, slugs):
            near = process.extract(name, names, scorer=fuzz.ratio, limit=MOST_NEAR, score_cutoff=_LEAST_LIKENESS)
            for _, score, place in near:
                likeness[place] = max(score, likeness.get(place, 0))
        best = sorted(likeness, key=lambda place: -likeness[place])
        line.near = [packages[place] for place in best[:MOST_NEAR]]
