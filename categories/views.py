"""Categories of API v4."""

from categories.models import Category, CategoryQuerySet
from categories.serializers import CategorySerializer
from config.views import DocumentViewSet


class CategoryViewSet(DocumentViewSet[Category]):
    """Categories say what kind of thing a package is."""

    kind = "categories"
    serializer_class = CategorySerializer

    def get_queryset(self) -> CategoryQuerySet:
        return Category.objects.for_api()
