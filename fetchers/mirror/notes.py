"""Notes of an import on documents that it stored: addresses that nothing can be read in, and what two of them share.

Only what an import changes is told: `before` has the columns that the rows had, if they were there.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core import hooks
from core.kinds import Kind
from fetchers.mirror.documents import Document
from fetchers.mirror.merge import Row
from packages.addresses import ADDRESSES, Refusal, clean, read
from packages.identity import forges
from packages.models import Package

Before = Mapping[int, dict[str, Any]]


def former_slugs(kind: Kind, rows: Sequence[Row], before: Before) -> Iterator[str]:
    """Yield a note of slugs by which another document was reached until now."""
    taken = {row.slug: row.pk for row in rows if before.get(row.pk, {}).get("slug") != row.slug}
    owners = hooks.former_slugs.owners(kind, taken) if taken else {}
    for slug, owner in owners.items():
        if owner != taken[slug]:
            yield (
                f"{kind} {taken[slug]} ({slug}) has a slug that {kind} {owner} had before: links by it lead to another"
                " document now"
            )


def addresses(packages: Sequence[Package], documents: Mapping[int, Document], before: Before) -> Iterator[str]:
    """Yield notes of what was dropped from new addresses, and of why nothing can be read in them."""
    for package in packages:
        for column in ADDRESSES:
            typed, stored = getattr(documents[package.pk], column), getattr(package, column)
            if not typed or before.get(package.pk, {}).get(column) == stored or clean(typed).address != stored:
                continue
            _, dropped = clean(typed)
            if dropped:
                yield f"package {package.pk} ({package.slug}): its {column} had {' and '.join(dropped)}: dropped"
            result = read(column, stored, forges())
            if isinstance(result, Refusal):
                yield f"package {package.pk} ({package.slug}): {column} {stored!r}: {result}"


def shared(packages: Sequence[Package], before: Before) -> Iterator[str]:
    """Yield notes of repositories and projects that are of several packages."""
    for column, key, what in (("repo_url", "repo_key", "repository"), ("pypi_url", "pypi_name", "PyPI project")):
        moved = [p for p in packages if getattr(p, key) and before.get(p.pk, {}).get(column) != getattr(p, column)]
        sharing: dict[str, list[int]] = {}
        rows = Package.objects.filter(**{f"{key}__in": {getattr(p, key) for p in moved}}).order_by("id")
        for value, pk in rows.values_list(key, "pk"):
            sharing.setdefault(value, []).append(pk)
        for package in moved:
            others = [str(pk) for pk in sharing[getattr(package, key)] if pk != package.pk]
            if others:
                shown = ", ".join(others[:5]) + (" …" if len(others) > 5 else "")
                yield f"package {package.pk} ({package.slug}) shares its {what} with package {shown}"
