"""A hit as API v4 shows it: a package or a grid, flat, with its place in the order as `weight`."""

import re
from datetime import datetime, tzinfo
from typing import Any

import orjson
from django.db.models import F
from django.utils import timezone
from rest_framework import serializers

from config.links import Kind, Links
from config.prepared import Kept, Prepared, with_ids_of_list
from config.serializers import moment
from grids.models import Grid
from packages.compatibility import has_python3
from packages.models import Package
from packages.score import score
from search.find import Hit

KINDS: dict[str, Kind] = {"package": "packages", "grid": "grids"}


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


def documents(hits: list[Hit], links: Links, now: datetime) -> list[dict[str, Any]]:
    """The documents of hits, in their order, in a query for each kind. What is gone since it was found is left out."""
    ids = {kind: [hit.object_id for hit in hits if hit.kind == kind] for kind in KINDS}
    rows: dict[tuple[str, int], Any] = {}
    if ids["package"]:
        packages = KEPT.get("packages", lambda: Prepared(_packages())).rows(orjson.dumps(ids["package"]).decode())
        rows |= {("package", row.pk): _package(row, now) for row in packages}
    if ids["grid"]:
        grids = KEPT.get("grids", lambda: Prepared(_grids())).rows(orjson.dumps(ids["grid"]).decode())
        rows |= {("grid", row.pk): _grid(row) for row in grids}
    found = [(hit, rows.get((hit.kind, hit.object_id))) for hit in hits]
    paths = Links.paths()
    zone = timezone.get_current_timezone()
    return [_hit(hit, row, links, paths, zone) for hit, row in found if row is not None]


def _hit(hit: Hit, row: dict[str, Any], links: Links, paths: Links, zone: tzinfo) -> dict[str, Any]:
    """A hit with its keys in the order of HitSerializer, which describes them."""
    values = row | {
        "weight": hit.weight,
        "item_type": hit.kind,
        "absolute_url": paths.document(KINDS[hit.kind], hit.object_id),
        "url": links.document(KINDS[hit.kind], hit.object_id),
    }
    return {key: moment(values[key], zone) if key in _MOMENTS else values[key] for key in _KEYS}


_KEYS = tuple(HitSerializer().get_fields())
_MOMENTS = frozenset({"created", "modified", "last_committed", "last_released"})
KEPT: Kept[Prepared[Any]] = Kept()


def _packages() -> Any:
    packages = Package.objects.only(*_PACKAGE_COLUMNS).annotate(category_title=F("category__title"))
    return packages.filter(with_ids_of_list(Package)).order_by()


def _grids() -> Any:
    grids = Grid.objects.only("id", "title", "slug", "description", "created", "modified")
    return grids.filter(with_ids_of_list(Grid)).order_by()


_PACKAGE_COLUMNS = (
    *("id", "title", "slug", "created", "modified", "repo_description", "repo_watchers", "repo_forks"),
    *("pypi_downloads", "participants", "last_updated", "released", "classifiers", "requires_python"),
)


def _package(row: Any, now: datetime) -> dict[str, Any]:
    python3 = has_python3(row.classifiers, row.requires_python)
    return _document(row, row.repo_description) | {
        "category": row.category_title,
        "repo_watchers": row.repo_watchers,
        "repo_forks": row.repo_forks,
        "score": score(row.repo_watchers, row.last_updated, python3, now),
        "pypi_downloads": row.pypi_downloads or 0,
        "participants": ",".join(row.participants),
        "last_committed": row.last_updated,
        "last_released": row.released,
    }


def _grid(row: Grid) -> dict[str, Any]:
    return _document(row, row.description) | {
        "category": "",
        "repo_watchers": 0,
        "repo_forks": 0,
        "score": 0,
        "pypi_downloads": 0,
        "participants": None,
        "last_committed": None,
        "last_released": None,
    }


def _document(row: Package | Grid, description: str) -> dict[str, Any]:
    title = _no_prefix(row.title)
    return {
        "id": row.pk,
        "description": description,
        "title": row.title,
        "created": row.created,
        "modified": row.modified,
        "title_no_prefix": title,
        "slug": row.slug,
        "slug_no_prefix": _no_prefix(row.slug),
        "clean_title": title,
        "usage": 0,
    }


def _no_prefix(name: str) -> str:
    return re.sub(r"\Adjango-(?=.)", "", name, flags=re.IGNORECASE)
