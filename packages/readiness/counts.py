"""Counting what packages say of versions: one pass over all packages, in bounded memory, into a small table."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Q

from packages.facts import MAX_DOWNLOADS
from packages.models import Package, ReadinessCount
from packages.readiness.rule import PLATFORMS, SAYS, Metadata, Platform, Says, says
from packages.readiness.versions import versions

BATCH = 5_000
MOST_DIFFERENT = 50_000  # metadata that are held in memory at a time


def count_readiness(now: datetime) -> None:
    """Count for each version that packages should be ready for, and store the counts in place of the former ones."""
    counts = _Counts(now)
    for metadata, downloads in _packages():
        counts.add(metadata, downloads)
    rows = counts.rows()
    with transaction.atomic():
        ReadinessCount.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["platform", "version", "says"],
            update_fields=["packages", "downloads", "as_of"],
        )
        current = Q(*(Q(platform=row.platform, version=row.version) for row in rows), _connector=Q.OR)
        ReadinessCount.objects.exclude(current).delete()


def _packages() -> Iterator[tuple[Metadata, int]]:
    """Yield the metadata and the downloads of each package."""
    columns = ("pk", "classifiers", "requires_python", "requires_django", "released", "pypi_downloads")
    packages = Package.objects.order_by("pk").values_list(*columns)
    after = 0
    while batch := list(packages.filter(pk__gt=after)[:BATCH]):
        for _, classifiers, requires_python, requires_django, released, downloads in batch:
            yield Metadata(tuple(classifiers), requires_python, requires_django, released is not None), downloads or 0
        after = batch[-1][0]


class _Counts:
    """Numbers of packages and their downloads, by platform, version and what they say of it.

    Many packages have the same metadata but for what says nothing of a platform: they are counted together.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.versions = {platform: versions(platform, now.astimezone(UTC).date()) for platform in PLATFORMS}
        self.pending: dict[tuple[Platform, Metadata], list[int]] = defaultdict(lambda: [0, 0])
        self.counted: dict[tuple[Platform, str, Says], list[int]] = defaultdict(lambda: [0, 0])

    def add(self, metadata: Metadata, downloads: int) -> None:
        for platform in PLATFORMS:
            pending = self.pending[platform, metadata.about(platform)]
            pending[0] += 1
            pending[1] += downloads
        if len(self.pending) > MOST_DIFFERENT:
            self._count_pending()

    def rows(self) -> list[ReadinessCount]:
        """Return the rows of the table, in an order in which two runs at a time can write them."""
        self._count_pending()
        return [
            ReadinessCount(
                platform=platform,
                version=version,
                says=word,
                packages=self.counted[platform, version, word][0],
                downloads=min(self.counted[platform, version, word][1], MAX_DOWNLOADS),  # what the column can hold
                as_of=self.now,
            )
            for platform, of_platform in self.versions.items()
            for version in of_platform
            for word in SAYS
        ]

    def _count_pending(self) -> None:
        for (platform, metadata), (packages, downloads) in self.pending.items():
            for version in self.versions[platform]:
                counted = self.counted[platform, version, says(metadata, platform, version)]
                counted[0] += packages
                counted[1] += downloads
        self.pending.clear()
