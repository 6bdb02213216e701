"""The category document of API v4."""

from categories.documents import CATEGORY_COLUMNS
from categories.models import Category
from core.api.serializers import DocumentSerializer


class CategorySerializer(DocumentSerializer[Category]):
    """A category: what kind of thing a package is."""

    class Meta:
        model = Category
        columns = CATEGORY_COLUMNS
