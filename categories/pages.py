"""The pages of categories: the list of them, and one with its first packages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.urls import reverse

from categories import hooks
from categories.models import Category
from core.api.references import reference_of
from core.caching.dependencies import Dependencies, on
from core.kinds import Kind
from core.pages.addresses import path_of
from core.pages.lists import ListPage
from core.pages.page import DESCRIPTION_LENGTH, Link, Page
from core.words import counted

FIRST = 20  # packages on the page of their category
BEST = "health"  # the order in which they stand there; the most watched first of those that are as healthy


def packages_of(category: Category, ordering: str = "") -> str:
    """Return the address of the list of a category's packages."""
    parameters = {"category": reference_of(category.pk, category.slug), **({"ordering": ordering} if ordering else {})}
    return f"{reverse('package-list')}?{urlencode(parameters)}"


@dataclass(frozen=True, slots=True)
class CategoryRow:
    title: str
    url: str
    description: str
    packages: int
    packages_url: str


class CategoryListPage(ListPage):
    """A row for each category, with the number of its packages."""

    rows_template = "categories/rows.html"
    noun, plural = "category", "categories"
    intro = "A category says what a package is. Its page begins with the healthiest of its packages."
    depends_on: ClassVar[Dependencies] = on(Kind.PACKAGE)
    orderings: ClassVar[Mapping[str, str]] = {"title": "title", "": "newest first", "-modified": "last edited"}
    main_filters = ("q",)
    more_filters = ("modified__gte",)
    labels: ClassVar[Mapping[str, str]] = {"q": "Words"}

    @cached_property
    def rows(self) -> Sequence[CategoryRow]:
        found = Category.objects.in_bulk(self.view.ids)
        numbers = hooks.packages.counts(self.view.ids) if found else {}
        return [
            CategoryRow(
                category.title,
                path_of(Kind.CATEGORY, pk, category.slug),
                category.description,
                numbers.get(pk, 0),
                packages_of(category),
            )
            for pk in self.view.ids
            if (category := found.get(pk))
        ]


class CategoryPage(Page):
    """The best packages of a category, and the ways to all of them."""

    template = "categories/category.html"
    is_folded = True
    depends_on: ClassVar[Dependencies] = on(Kind.PACKAGE)

    @cached_property
    def category(self) -> Category:
        """The category with all that the page shows, whatever `fields` chose."""
        return Category.objects.get(pk=self.view.document.pk)

    @property
    def description(self) -> str:  # type: ignore[override]
        return " ".join(self.category.description.split())[:DESCRIPTION_LENGTH]

    @cached_property
    def rows(self) -> Sequence[Any]:
        return hooks.packages.first_of(self.category.pk, BEST, FIRST)

    @property
    def rows_template(self) -> str:
        return hooks.packages.rows_template

    @cached_property
    def count(self) -> int:
        return hooks.packages.counts([self.category.pk]).get(self.category.pk, 0)

    @property
    def counted(self) -> str:
        return counted(self.count, "package")

    @property
    def has_more(self) -> bool:
        return self.count > len(self.rows)

    @property
    def all_packages(self) -> str:
        """The address of the whole list, in the order of the page."""
        return packages_of(self.category, BEST)

    @property
    def ordered_by(self) -> list[Link]:
        """The orders in which the whole list can be had."""
        return [Link(packages_of(self.category, name), words) for name, words in hooks.packages.orderings.items()]
