"""Categories of API v4."""

from categories.filters import CategoryFilters
from categories.models import Category
from categories.serializers import CategorySerializer
from core.api.views import DocumentViewSet
from core.kinds import Kind


class CategoryViewSet(DocumentViewSet[Category]):
    """Categories say what kind of thing a package is."""

    kind = Kind.CATEGORY
    documents = Category.objects
    serializer_class = CategorySerializer
    filterset_class = CategoryFilters
