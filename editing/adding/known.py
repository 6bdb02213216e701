"""The catalogue as it is, and what follows from it for packages that are to be added.

It is read once, in as many queries for two hundred packages as for one.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from django.utils.text import slugify
from rapidfuzz import fuzz, process

from categories.models import Category
from core import hooks
from core.kinds import Kind
from packages.models import Package, RepositoryAlias
from search.query import name_key
from search.similar import name_words

MAX_TITLE = 100  # of a package, and of its slug
NEAR = 90  # of 100: one letter in ten may be another
SHORT = 5  # characters of names that are compared letter by letter
MOST_DUPLICATES = 5
MOST_NUMBERED = 9  # slugs with a number of which it is asked whether another package had them
FEW = 3  # packages, from which on their categories say something of another one
MAJORITY = 0.5
# Words that most names have
_COMMON = frozenset({"app", "django", "drf", "for", "python", "the", "with"})


class Duplicate(NamedTuple):
    """A package that may be the same as one that is to be added, and why; `is_same` if there can be hardly a doubt."""

    pk: int
    title: str
    why: str
    is_same: bool


@dataclass(frozen=True)
class Proposal:
    """A package that is to be added, as it is proposed."""

    title: str
    slug: str = ""
    repo_url: str = ""
    pypi_url: str = ""
    documentation_url: str = ""
    category: int | None = None
    reason: str = ""


class _Row(NamedTuple):
    pk: int
    title: str
    slug: str
    repo_key: str
    pypi_name: str
    category: int
    requires_django: str | None
    repo_host: str
    repo_id: str


class Known:
    """The packages of the catalogue, compared with those that have, or had, these repositories or titles."""

    def __init__(self, repo_keys: Collection[str], titles: Iterable[str]) -> None:
        columns = ("pk", "title", "slug", "repo_key", "pypi_name", "category_id", "requires_django")
        rows: Any = Package.objects.order_by("pk").values_list(*columns, "repo_host", "repo_id")
        self.rows = {row[0]: _Row(*row) for row in rows}
        aliases = RepositoryAlias.objects.filter(repo_key__in=[key for key in repo_keys if key])
        self.aliases: dict[str, list[int]] = defaultdict(list)
        for key, pk in aliases.values_list("repo_key", "package_id"):
            self.aliases[key].append(pk)
        self.slugs = {row.slug for row in self.rows.values()}
        usual = {usual_slug(title) for title in titles}
        asked = usual.union(numbered_slug(slug, number) for slug in usual for number in range(2, MOST_NUMBERED + 1))
        self.slugs |= hooks.former_slugs.owners(Kind.PACKAGE, asked).keys()
        self.categories: dict[int, str] = dict(Category.objects.order_by("title", "pk").values_list("pk", "title"))

    # Duplicates

    def duplicates(
        self, title: str, repo_keys: Collection[str], pypi_name: str, provider_id: str = ""
    ) -> list[Duplicate]:
        """Return packages that may be the same, those that surely are first. `repo_keys` are those of the present and
        the former address of the repository, which the catalogue may still have, and `provider_id` is its id."""
        reasons = list(self._duplicates(title, repo_keys, pypi_name, provider_id))
        found = {pk: (why, is_same) for pk, why, is_same in reversed(reasons)}
        listed = [Duplicate(pk, self.rows[pk].title, *said) for pk, said in found.items() if pk in self.rows]
        return sorted(listed, key=lambda each: (not each.is_same, each.pk))[:MOST_DUPLICATES]

    def _duplicates(
        self, title: str, repo_keys: Collection[str], pypi_name: str, provider_id: str
    ) -> Iterator[tuple[int, str, bool]]:
        for repo_key in filter(None, repo_keys):
            for pk in self._by("repo_key").get(repo_key, ()):
                yield pk, "the same repository", True
        for pk in self._by("provider_id").get(provider_id, ()) if provider_id else ():
            yield pk, "the same repository, under another address", True
        for pk in self._by("pypi_name").get(pypi_name, ()) if pypi_name else ():
            yield pk, "the same project on PyPI", True
        for repo_key in repo_keys:
            for pk in self.aliases.get(repo_key, ()):
                yield pk, "its repository had this address before", True
        for key in self._near(bare_name(title)):
            for pk in self._names[key]:
                yield pk, "nearly the same title", False

    def _by(self, column: str) -> dict[str, list[int]]:
        return self._index[column]

    @cached_property
    def _index(self) -> dict[str, dict[str, list[int]]]:
        index: dict[str, dict[str, list[int]]] = {
            column: defaultdict(list) for column in ("repo_key", "provider_id", "pypi_name")
        }
        for row in self.rows.values():
            index["provider_id"][provider_id(row.repo_host, row.repo_id)].append(row.pk)
            index["repo_key"][row.repo_key].append(row.pk)
            index["pypi_name"][row.pypi_name].append(row.pk)
        return index

    @cached_property
    def _names(self) -> dict[str, list[int]]:
        """The packages by their names, as they are compared."""
        names: dict[str, list[int]] = defaultdict(list)
        for row in self.rows.values():
            for key in dict.fromkeys((bare_name(row.title), bare_name(row.slug))):
                names[key].append(row.pk)
        return names

    @cached_property
    def _spellings(self) -> list[str]:
        return list(self._names)

    def _near(self, key: str) -> list[str]:
        """Return the names that are nearly this one, the most similar first."""
        if len(key) <= SHORT:
            return [key] if key and key in self._names else []
        found = process.extract(
            key, self._spellings, scorer=fuzz.ratio, processor=None, score_cutoff=NEAR, limit=MOST_DUPLICATES
        )
        return [name for name, _score, _place in found]

    # Proposals

    def slug(self, title: str) -> str:
        """Return a slug for a title that no package has, and none had before; it is taken from now on."""
        base = usual_slug(title)
        slug, number = base, 1
        while slug in self.slugs:
            number += 1
            slug = numbered_slug(base, number)
        self.slugs.add(slug)
        return slug

    def category(self, title: str, *, is_on_pypi: bool | None, is_for_django: bool | None) -> tuple[int | None, str]:
        """Return a category for a package, and the reason in words: that of most packages with a word of its title,
        or of most that are like it in what is known of them. None if no category stands out."""
        of_words = self._of_words(title)
        return of_words if of_words[0] else self._of_kind(is_on_pypi=is_on_pypi, is_for_django=is_for_django)

    def _of_words(self, title: str) -> tuple[int | None, str]:
        of_words = [(votes.total(), word, votes) for word in _words(title) if (votes := self._votes.get(word))]
        for number, word, votes in sorted(of_words, key=lambda each: each[:2]):
            category, most = votes.most_common(1)[0]
            if number >= FEW and most > MAJORITY * number:
                where = self._title(category)
                return category, f"{most:,} of the {number:,} packages with “{word}” in their names are in “{where}”."
        return None, ""

    def _of_kind(self, *, is_on_pypi: bool | None, is_for_django: bool | None) -> tuple[int | None, str]:
        like: Counter[int] = Counter()
        for (on_pypi, for_django), votes in self._kinds.items():
            if is_on_pypi in {None, on_pypi} and is_for_django in {None, for_django}:
                like.update(votes)
        if (number := like.total()) < FEW:
            return None, ""
        category, most = like.most_common(1)[0]
        if most <= MAJORITY * number:
            return None, ""
        what = [] if is_on_pypi is None else [f"are {'' if is_on_pypi else 'not '}on PyPI"]
        what += [] if is_for_django is None else [f"{'' if is_for_django else 'do not '}require Django"]
        where = self._title(category)
        like_it = f"packages that {' and '.join(what)}" if what else "packages"
        return category, f"{most:,} of the {number:,} {like_it} are in “{where}”."

    def _title(self, category: int) -> str:
        return self.categories.get(category, "")

    @cached_property
    def _kinds(self) -> dict[tuple[bool, bool], Counter[int]]:
        """The categories of the packages that are, or are not, on PyPI, and for Django."""
        kinds: dict[tuple[bool, bool], Counter[int]] = defaultdict(Counter)
        for row in self.rows.values():
            kinds[bool(row.pypi_name), row.requires_django is not None][row.category] += 1
        return kinds

    @cached_property
    def _votes(self) -> dict[str, Counter[int]]:
        """The categories of the packages with each word in their names."""
        votes: dict[str, Counter[int]] = defaultdict(Counter)
        for row in self.rows.values():
            for word in _words(f"{row.title} {row.slug}"):
                votes[word][row.category] += 1
        return votes


def usual_slug(title: str) -> str:
    """Return the slug of a title, whether or not it is taken."""
    slug = slugify(title)[:MAX_TITLE].strip("-_") or "package"
    return f"package-{slug}"[:MAX_TITLE] if slug.isdigit() else slug


def numbered_slug(slug: str, number: int) -> str:
    return f"{slug[: MAX_TITLE - len(str(number)) - 1]}-{number}"


def provider_id(host: str, repo_id: str) -> str:
    """Return the id of a repository, of all hosts; "" if it is not known."""
    return f"{host} {repo_id}" if host and repo_id else ""


def _words(title: str) -> Iterable[str]:
    return [word for word in sorted(name_words(title)) if len(word) > 2 and word not in _COMMON]


def bare_name(name: str) -> str:
    """Return a name as it is compared: without blanks, punctuation, and a leading "django"."""
    key = name_key(name)
    return key.removeprefix("django") or key
