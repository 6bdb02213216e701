"""Categories of API v4."""

from categories.filters import CategoryFilters
from categories.models import Category
from categories.pages import CategoryListPage, CategoryPage
from categories.serializers import CategorySerializer
from core.api.views import DocumentViewSet


class CategoryViewSet(DocumentViewSet[Category]):
    """Categories say what a package is: an app, a framework, a project …"""

    documents = Category.objects
    serializer_class = CategorySerializer
    filterset_class = CategoryFilters
    page_class = CategoryPage
    list_page_class = CategoryListPage
