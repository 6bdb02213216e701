"""Export of the whole catalogue as files of v4 documents, which import_catalogue can read."""

import json
import os
from collections.abc import Callable, Collection, Iterator
from datetime import UTC
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.utils import timezone
from rest_framework.serializers import BaseSerializer
from rest_framework.utils.encoders import JSONEncoder

from categories.models import Category
from categories.serializers import CategorySerializer
from core.kinds import Kind
from core.links import Links
from fetchers.mirror.features import exported
from grids.models import Grid
from grids.serializers import GridSerializer
from packages.models import Package
from packages.serializers import PackageSerializer

CHUNK = 500
TOGETHER = 20  # documents whose further keys are read together
M = TypeVar("M", bound=Model)
# From ids to keys that v4 documents do not have
Further = Callable[[Collection[int]], dict[int, dict[str, Any]]]


def export_catalogue(folder: Path, report: Callable[[Kind, int], None] = lambda _kind, _count: None) -> None:
    """Write categories.json, grids.json and packages.json into `folder`: ordered by id, links as paths, times in UTC.

    All three are read from one snapshot of the database. Each file is replaced as a whole, or left as it was. `report`
    gets the number of documents of each kind. Raises OSError if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with timezone.override(UTC), transaction.atomic(durable=True):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        report(Kind.CATEGORY, _write(folder, Kind.CATEGORY, Category.objects.for_api(), CategorySerializer))
        report(Kind.GRID, _write(folder, Kind.GRID, Grid.objects.for_api(), GridSerializer, _features))
        report(Kind.PACKAGE, _write(folder, Kind.PACKAGE, Package.objects.for_api(), PackageSerializer))


def _nothing(_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    return {}


def _features(grids: Collection[int]) -> dict[int, dict[str, Any]]:
    return {pk: {"features": features} for pk, features in exported(grids).items()}


def _write(
    folder: Path,
    kind: Kind,
    rows: QuerySet[M],
    serializer: type[BaseSerializer[M]],
    further: Further = _nothing,
) -> int:
    """Write the documents of one kind, each with the `further` keys of its id, and return their number."""
    count = 0
    with NamedTemporaryFile("w", encoding="utf-8", dir=folder, prefix=f".{kind}.", delete=False) as file:
        try:
            file.write("[")
            for document in _documents(rows, serializer, further):
                file.write(",\n" if count else "\n")
                file.write(document)
                count += 1
            file.write("\n]\n")
            file.flush()
            os.fsync(file.fileno())  # after a power cut, the new name must not stand for an empty file
            Path(file.name).chmod(0o644)  # a temporary file is readable by its owner alone
            Path(file.name).replace(folder / f"{kind.plural}.json")
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    return count


def _documents(rows: QuerySet[M], serializer: type[BaseSerializer[M]], further: Further) -> Iterator[str]:
    context = {"links": Links.paths()}
    stored = rows.order_by("pk").iterator(chunk_size=CHUNK)
    while some := list(islice(stored, TOGETHER)):
        more = further([row.pk for row in some])
        for row in some:
            data = {**serializer(row, context=context).data, **more.get(row.pk, {})}
            yield json.dumps(data, cls=JSONEncoder, ensure_ascii=False, separators=(",", ":"))
