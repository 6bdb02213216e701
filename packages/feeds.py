"""The feeds of new packages, of all and of a category, and of new releases."""

from datetime import datetime

from django.db.models import QuerySet

from categories.models import Category
from core.caching.dependencies import on
from core.feeds import NEWEST, CatalogueFeed, DocumentFeed
from core.kinds import Kind
from packages.models import Package, Release


class PackageFeed(CatalogueFeed):
    depends_on = on(Kind.PACKAGE)
    kind = Kind.PACKAGE
    title = "Package Grids: new packages"
    description = "The packages that were added most recently."

    def items(self) -> QuerySet[Package]:
        return self.packages()[:NEWEST]

    def packages(self) -> QuerySet[Package]:
        """Return those that the feed is of, newest first."""
        return Package.objects.only("id", "title", "repo_description", "created").order_by("-id")

    def description_of(self, item: Package) -> str:
        return item.repo_description


class CategoryFeed(DocumentFeed, PackageFeed):
    depends_on = on(Kind.PACKAGE, Kind.CATEGORY)
    documents = Category.objects
    words = "new packages in"
    example = "apps"
    description = "The packages of the category that were added most recently."

    def packages(self) -> QuerySet[Package]:
        return super().packages().filter(category=self.document)


class ReleaseFeed(CatalogueFeed):
    depends_on = on(Kind.PACKAGE)
    kind = Kind.PACKAGE
    title = "Package Grids: new releases"
    description = "The versions that were uploaded to PyPI most recently."

    def items(self) -> QuerySet[Release]:
        return self.releases()[:NEWEST]

    def releases(self) -> QuerySet[Release]:
        """Return those that the feed is of, newest first."""
        dated = Release.objects.filter(uploaded_at__isnull=False, yanked=False)
        columns = ("version", "uploaded_at", "package_id", "package__title", "package__repo_description")
        return dated.select_related("package").only(*columns).order_by("-uploaded_at", "-id")

    def item_title(self, item: Release) -> str:
        return super().item_title(f"{item.package.title} {item.version}")

    def description_of(self, item: Release) -> str:
        return item.package.repo_description

    def item_link(self, item: Release) -> str:
        return self.document_link(item.package_id)

    def item_guid(self, item: Release) -> str:
        return f"{self.item_link(item)}releases/#{item.version}"

    item_guid_is_permalink = False

    def item_pubdate(self, item: Release) -> datetime | None:  # type: ignore[override]  # items() has dated ones alone
        return item.uploaded_at
