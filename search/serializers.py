"""A hit as API v4 shows it: a package or a grid, flat, with its place in the order as `weight`."""

from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

import orjson
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import JSONField
from django.utils import timezone
from rest_framework import serializers

from core.database.prepared import Compiled, Statement, StatementCache, with_ids_of_list
from core.database.sessions import reader
from core.kinds import Kind
from core.links import Links
from grids.models import Grid
from packages.compatibility import PYTHON, admits_python3
from packages.models import Package
from packages.score import score
from search.find import Hit


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


class _Shared(NamedTuple):
    """The parts that the documents of one response share."""

    links: Links
    paths: Links
    zone: tzinfo
    now: datetime


def documents(hits: list[Hit], links: Links, now: datetime) -> list[dict[str, Any]]:
    """Return the documents of hits, in their order, with a query for each kind. A hit whose document was deleted since
    is left out."""
    shared = _Shared(links, Links.paths(), timezone.get_current_timezone(), now)
    weights = {(hit.kind, hit.object_id): hit.weight for hit in hits}
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for kind, write in ((Kind.PACKAGE, _packages), (Kind.GRID, _grids)):
        rows = _rows(kind, [hit.object_id for hit in hits if hit.kind == kind])
        if rows:
            found |= {(kind, document["id"]): document for document in write(rows, weights, shared)}
    return [found[key] for key in weights if key in found]


def _rows(kind: Kind, ids: list[int]) -> list[Any]:
    """Return the rows of the documents of one kind with these ids, in no order."""
    if not ids:
        return []
    connection = reader()
    statement, converters = STATEMENTS.get(connection, kind, lambda: _prepared(_QUERYSETS[kind]()))
    rows: list[Any] = statement.rows(connection, orjson.dumps(ids).decode())
    return [_converted(connection, list(row), converters) for row in rows] if converters else rows


def _prepared(queryset: Any) -> tuple[Statement, list[Any]]:
    """Return the statement, and the converters by which SQLite's values become Python's. JSON stays text."""
    compiled = Compiled(queryset)
    converters = [each for each in compiled.converters if not isinstance(each[2].output_field, JSONField)]
    return Statement(compiled.sql, compiled.parameters), converters


def _converted(connection: BaseDatabaseWrapper, row: list[Any], converters: list[Any]) -> list[Any]:
    for place, functions, expression in converters:
        for function in functions:
            row[place] = function(row[place], expression, connection)
    return row


STATEMENTS: StatementCache[tuple[Statement, list[Any]]] = StatementCache()


def _package_rows() -> Any:
    columns = (
        *("id", "title", "slug", "created", "modified", "repo_description", "category__title"),
        *("repo_watchers", "repo_forks", "pypi_downloads", "participants", "last_updated", "released"),
        *("classifiers", "requires_python"),
    )
    return Package.objects.filter(with_ids_of_list(Package)).order_by().values_list(*columns)


def _grid_rows() -> Any:
    columns = ("id", "title", "slug", "created", "modified", "description")
    return Grid.objects.filter(with_ids_of_list(Grid)).order_by().values_list(*columns)


_QUERYSETS: dict[Kind, Callable[[], Any]] = {Kind.PACKAGE: _package_rows, Kind.GRID: _grid_rows}
Weights = dict[tuple[str, int], int]


def _packages(rows: list[Any], weights: Weights, shared: _Shared) -> Iterator[dict[str, Any]]:
    facts = [_facts_of_score(row) for row in rows]
    scores = [score(*each, shared.now) for each in facts]
    zone = shared.zone
    for row, document, points in zip(rows, _hits(Kind.PACKAGE, rows, weights, shared), scores, strict=True):
        *_, category, watchers, forks, downloads, participants, last_updated, released, _, _ = row
        document["category"] = category
        document["repo_watchers"] = watchers
        document["repo_forks"] = forks
        document["score"] = points
        document["pypi_downloads"] = downloads or 0
        document["participants"] = ",".join(orjson.loads(participants))
        document["last_committed"] = last_updated and last_updated.astimezone(zone)
        document["last_released"] = released and released.astimezone(zone)
        yield document


def _facts_of_score(row: Any) -> tuple[int, datetime | None, bool]:
    watchers, last_updated, classifiers, requires_python = row[7], row[11], row[13], row[14]
    # has_python3(), of classifiers as JSON
    return watchers, last_updated, f'"{PYTHON}3' in classifiers or admits_python3(requires_python)


def _grids(rows: list[Any], weights: Weights, shared: _Shared) -> list[dict[str, Any]]:
    return _hits(Kind.GRID, rows, weights, shared)


def _hits(kind: Kind, rows: list[Any], weights: Weights, shared: _Shared) -> list[dict[str, Any]]:
    """Return the documents of rows with the keys of HitSerializer in their order, and the values that a grid has."""
    path_before, path_after = shared.paths.affixes(kind)
    before, after = shared.links.affixes(kind)
    zone = shared.zone
    return [
        {
            "description": description,
            "title": title,
            "created": created.astimezone(zone),
            "modified": modified.astimezone(zone),
            "weight": weights[(kind, pk)],
            "item_type": kind.value,
            "title_no_prefix": (bare := _no_prefix(title)),
            "slug": slug,
            "slug_no_prefix": _no_prefix(slug),
            "clean_title": bare,
            "category": "",
            "absolute_url": f"{path_before}{pk}{path_after}",
            "repo_watchers": 0,
            "repo_forks": 0,
            "score": 0,
            "pypi_downloads": 0,
            "usage": 0,
            "participants": None,
            "last_committed": None,
            "last_released": None,
            "id": pk,
            "url": f"{before}{pk}{after}",
        }
        for pk, title, slug, created, modified, description, *_ in rows
    ]


def _no_prefix(name: str) -> str:
    return name[7:] if name[:7].lower() == "django-" and len(name) > 7 else name
