"""Hooks for the folders above categories, which categories cannot import.

The upper folder fills its hook when the site starts: packages.apps fills `packages`.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from django.db.models.expressions import Combinable


class PackageHooks(Protocol):
    rows_template: str  # shows `page.rows`
    orderings: Mapping[str, str]  # of the list of packages, with their words

    def first_of(self, category: int, ordering: str, most: int) -> Sequence[Any]:
        """The first packages of a category in one of those orders, as rows for the template."""
        ...

    def counts(self, categories: Collection[int]) -> Mapping[int, int]:
        """The number of packages of each category; those with none are left out."""
        ...

    def number_in_a_category(self) -> Combinable:
        """For annotate() on categories: the number of the packages of each."""
        ...

    def median_last_commit(self) -> Combinable:
        """For annotate() on categories: the median time of the last commit of the packages of each, as far as it is
        known, the earlier of the two in the middle; None if it is known of none."""
        ...


packages: PackageHooks
