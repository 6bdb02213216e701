"""Clear PyPI project: of packages that have a wrong one. All that is known of it goes with it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Count, QuerySet

from core.words import counted
from editing.actions.frame import BulkAction, Row
from packages.models import Package, Release


class ClearProject(BulkAction):
    name = "clear_pypi_project"
    label = "Clear PyPI project"
    help = "Version, releases, licence, downloads and whatever else is known of a project are forgotten with it."
    first: ClassVar[Mapping[str, str] | None] = {}

    def rows(self, rows: QuerySet[Any], form: Any) -> list[Row]:
        stored = list(rows.values_list("pk", "title", "pypi_url", "pypi_version"))
        number = Release.objects.filter(package__in=[pk for pk, *_ in stored]).order_by().values_list("package")
        releases = {} if form.is_last else dict(number.annotate(number=Count("pk")))
        return [
            Row(
                pk,
                title,
                url,
                now=", ".join([url, *([f"version {version}"] if version else []), _in_words(releases.get(pk, 0))]),
                then="no PyPI project",
                note="" if url else "without a PyPI project",
            )
            for pk, title, url, version in stored
        ]

    def lines(self, rows: Sequence[Row], form: Any) -> list[str]:  # noqa: ARG002 (there is nothing to fill in)
        return [f"Without their PyPI project: {counted(len(rows), 'package')}."]

    def write(self, ids: Collection[int], form: Any, now: datetime) -> None:  # noqa: ARG002 (as above)
        Package.objects.filter(pk__in=ids).update(pypi_url="", modified=now)  # and forget what is known of it

    def done(self, number: int, form: Any) -> str:  # noqa: ARG002 (as above)
        return f"Cleared the PyPI {'project' if number == 1 else 'projects'} of {counted(number, 'package')}"


def _in_words(releases: int) -> str:
    return counted(releases, "release")
