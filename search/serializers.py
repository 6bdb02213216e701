"""A hit as API v4 shows it: a package or a grid, flat, with its place in the order as `weight`."""

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

import orjson
from django.db.models import JSONField
from django.utils import timezone
from rest_framework import serializers

from core.api.serializers import localize
from core.database.prepared import Compiled, Statement, StatementCache, with_ids_of_list
from core.database.sessions import reader
from core.kinds import Kind
from core.links import Links
from grids.models import Grid
from packages.compatibility import PYTHON, admits_python3
from packages.models import Package
from packages.score import score
from search.find import Hit

KINDS = (Kind.PACKAGE, Kind.GRID)


class HitSerializer(serializers.Serializer[Any]):
    """A package or a grid that was found. A grid's numbers are 0, and its category is empty."""

    description = serializers.CharField()
    title = serializers.CharField()
    created = serializers.DateTimeField()
    modified = serializers.DateTimeField()
    weight = serializers.IntegerField(min_value=0, max_value=100)
    item_type = serializers.ChoiceField(["package", "grid"])
    title_no_prefix = serializers.CharField(help_text="Without a leading “django-”, as the next two.")
    slug = serializers.CharField()
    slug_no_prefix = serializers.CharField()
    clean_title = serializers.CharField()
    category = serializers.CharField(help_text="The category's title.")
    absolute_url = serializers.CharField(help_text="The path of the document.")
    repo_watchers = serializers.IntegerField()
    repo_forks = serializers.IntegerField()
    score = serializers.IntegerField()
    pypi_downloads = serializers.IntegerField()
    usage = serializers.IntegerField()
    participants = serializers.CharField(allow_null=True, help_text="By comma.")
    last_committed = serializers.DateTimeField(allow_null=True)
    last_released = serializers.DateTimeField(allow_null=True)
    id = serializers.IntegerField()
    url = serializers.URLField()


class _Answer(NamedTuple):
    """What the documents of one answer have in common."""

    links: Links
    paths: Links
    zone: tzinfo
    now: datetime

    def addresses(self, kind: Kind, pk: int) -> tuple[str, str]:
        return self.paths.document(kind, pk), self.links.document(kind, pk)


def documents(hits: list[Hit], links: Links, now: datetime) -> list[dict[str, Any]]:
    """The documents of hits, in their order, in a query for each kind. What is gone since it was found is left out."""
    answer = _Answer(links, Links.paths(), timezone.get_current_timezone(), now)
    rows: dict[str, dict[int, Any]] = {kind: _rows(kind, hits) for kind in KINDS}
    found = [(hit, rows[hit.kind].get(hit.object_id)) for hit in hits]
    return [_WRITERS[hit.kind](hit, row, answer) for hit, row in found if row is not None]


def _rows(kind: str, hits: list[Hit]) -> dict[int, Any]:
    """The values of hits of one kind, by their ids."""
    ids = [hit.object_id for hit in hits if hit.kind == kind]
    if not ids:
        return {}
    statement, converters = STATEMENTS.get(kind, lambda: _prepared(_QUERYSETS[kind]()))
    rows: list[Any] = statement.rows(orjson.dumps(ids).decode())
    if converters:
        rows = [_converted(list(row), converters) for row in rows]
    return {row[0]: row for row in rows}


def _prepared(queryset: Any) -> tuple[Statement, list[Any]]:
    """The statement, and what SQLite's values need to become Python's. JSON stays text."""
    compiled = Compiled(queryset)
    converters = [each for each in compiled.converters if not isinstance(each[2].output_field, JSONField)]
    return Statement(compiled.sql, compiled.parameters), converters


def _converted(row: list[Any], converters: list[Any]) -> list[Any]:
    for place, functions, expression in converters:
        for function in functions:
            row[place] = function(row[place], expression, reader())
    return row


STATEMENTS: StatementCache[tuple[Statement, list[Any]]] = StatementCache()


def _packages() -> Any:
    columns = (
        *("id", "title", "slug", "created", "modified", "repo_description", "category__title"),
        *("repo_watchers", "repo_forks", "pypi_downloads", "participants", "last_updated", "released"),
        *("classifiers", "requires_python"),
    )
    return Package.objects.filter(with_ids_of_list(Package)).order_by().values_list(*columns)


def _grids() -> Any:
    columns = ("id", "title", "slug", "created", "modified", "description")
    return Grid.objects.filter(with_ids_of_list(Grid)).order_by().values_list(*columns)


_QUERYSETS: dict[str, Callable[[], Any]] = {"package": _packages, "grid": _grids}


def _package(hit: Hit, row: tuple[Any, ...], answer: _Answer) -> dict[str, Any]:
    *shared, category, watchers, forks, downloads, participants, last_updated, released, classifiers, requires = row
    python3 = f'"{PYTHON}3' in classifiers or admits_python3(requires)  # has_python3(), of classifiers as JSON
    return _document(
        hit,
        shared,
        answer,
        {
            "category": category,
            "repo_watchers": watchers,
            "repo_forks": forks,
            "score": score(watchers, last_updated, python3, answer.now),
            "pypi_downloads": downloads or 0,
            "participants": ",".join(orjson.loads(participants)),
            "last_committed": localize(last_updated, answer.zone),
            "last_released": localize(released, answer.zone),
        },
    )


_GRID = {
    "category": "",
    "repo_watchers": 0,
    "repo_forks": 0,
    "score": 0,
    "pypi_downloads": 0,
    "participants": None,
    "last_committed": None,
    "last_released": None,
}


def _grid(hit: Hit, row: tuple[Any, ...], answer: _Answer) -> dict[str, Any]:
    return _document(hit, row, answer, _GRID)


_WRITERS = {"package": _package, "grid": _grid}


def _document(hit: Hit, shared: Sequence[Any], answer: _Answer, own: dict[str, Any]) -> dict[str, Any]:
    """A hit with its keys in the order of HitSerializer, which describes them; `own` is what its kind says of it."""
    pk, title, slug, created, modified, description = shared
    bare = _no_prefix(title)
    path, url = answer.addresses(Kind(hit.kind), pk)
    return {
        "description": description,
        "title": title,
        "created": localize(created, answer.zone),
        "modified": localize(modified, answer.zone),
        "weight": hit.weight,
        "item_type": hit.kind,
        "title_no_prefix": bare,
        "slug": slug,
        "slug_no_prefix": _no_prefix(slug),
        "clean_title": bare,
        "category": own["category"],
        "absolute_url": path,
        "repo_watchers": own["repo_watchers"],
        "repo_forks": own["repo_forks"],
        "score": own["score"],
        "pypi_downloads": own["pypi_downloads"],
        "usage": 0,
        "participants": own["participants"],
        "last_committed": own["last_committed"],
        "last_released": own["last_released"],
        "id": pk,
        "url": url,
    }


def _no_prefix(name: str) -> str:
    return name[7:] if name[:7].lower() == "django-" and len(name) > 7 else name
