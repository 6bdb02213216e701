"""The category document of API v4."""

from categories.models import V4_FIELDS, Category
from core.api.serializers import DocumentSerializer


class CategorySerializer(DocumentSerializer[Category]):
    """A category: what kind of thing a package is."""

    class Meta:
        model = Category
        fields = plain = V4_FIELDS
        extended = links = ()
