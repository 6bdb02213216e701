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
    for row, owner in taken_over(kind, rows, before):
        yield (
            f"{kind} {row.pk} ({row.slug}) has a slug that {kind} {owner} had before: links by it lead to another"
            " document now"
        )


def taken_over(kind: Kind, rows: Sequence[Row], before: Before) -> Iterator[tuple[Row, int]]:
    """Yield the rows with slugs by which another document was reached until now, and the id of that one."""
    taken = {row.slug: row for row in rows if before.get(row.pk, {}).get("slug") != row.slug}
    owners = hooks.former_slugs.owners(kind, taken) if taken else {}
    for slug, owner in owners.items():
        if owner != taken[slug].pk:
            yield taken[slug], owner


def addresses(packages: Sequence[Package], documents: Mapping[int, Document], before: Before) -> Iterator[str]:
    """Yield notes of what was dropped from new addresses, and of why nothing can be read in them."""
    typed: dict[int, dict[str, str | None]] = {
        pk: {column: getattr(document, column) for column in ADDRESSES} for pk, document in documents.items()
    }
    for package, words in unreadable(packages, typed, before):
        yield f"package {package.pk} ({package.slug}): {words}"


def unreadable(
    packages: Sequence[Package], typed: Mapping[int, Mapping[str, str | None]], before: Before
) -> Iterator[tuple[Package, str]]:
    """Yield packages with what was dropped from new addresses as they were typed, or why nothing can be read in them,
    in words."""
    for package in packages:
        for column in ADDRESSES:
            address, stored = typed[package.pk].get(column), getattr(package, column)
            if not address or before.get(package.pk, {}).get(column) == stored or clean(address).address != stored:
                continue
            _, dropped = clean(address)
            if dropped:
                yield package, f"its {column} had {' and '.join(dropped)}: dropped"
            result = read(column, stored, forges())
            if isinstance(result, Refusal):
                yield package, f"{column} {stored!r}: {result}"


def shared(packages: Sequence[Package], before: Before) -> Iterator[str]:
    """Yield notes of repositories and projects that are of several packages."""
    for package, what, others in sharing(packages, before):
        shown = ", ".join(str(pk) for pk, _ in others[:5]) + (" …" if len(others) > 5 else "")
        yield f"package {package.pk} ({package.slug}) shares its {what} with package {shown}"


def sharing(packages: Sequence[Package], before: Before) -> Iterator[tuple[Package, str, list[tuple[int, str]]]]:
    """Yield packages whose new repository or project is of others too: which of both, and the ids and slugs of the
    others."""
    for column, key, what in (("repo_url", "repo_key", "repository"), ("pypi_url", "pypi_name", "PyPI project")):
        moved = [p for p in packages if getattr(p, key) and before.get(p.pk, {}).get(column) != getattr(p, column)]
        if not moved:
            continue
        together: dict[str, list[tuple[int, str]]] = {}
        rows = Package.objects.filter(**{f"{key}__in": {getattr(p, key) for p in moved}}).order_by("id")
        for value, pk, slug in rows.values_list(key, "pk", "slug"):
            together.setdefault(value, []).append((pk, slug))
        for package in moved:
            others = [(pk, slug) for pk, slug in together[getattr(package, key)] if pk != package.pk]
            if others:
                yield package, what, others
