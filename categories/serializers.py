"""The category document of API v4."""

from rest_framework import serializers

from categories.documents import CATEGORY_COLUMNS
from categories.models import Category
from core.api.serializers import DocumentSerializer


class CategorySerializer(DocumentSerializer[Category]):
    """A category: an app, a framework, a project …"""

    package_count = serializers.IntegerField(min_value=0)
    last_updated_median = serializers.DateTimeField(allow_null=True)

    class Meta:
        model = Category
        columns = CATEGORY_COLUMNS
