"""The category document of API v4."""

from categories.documents import CATEGORY_COLUMNS
from categories.models import Category
from core.api.serializers import DocumentSerializer


class CategorySerializer(DocumentSerializer[Category]):
    """A category: an app, a framework, a project …"""

    class Meta:
        model = Category
        columns = CATEGORY_COLUMNS
