"""The category document of API v4."""

from rest_framework import serializers

from categories.models import Category


class CategorySerializer(serializers.ModelSerializer[Category]):
    class Meta:
        model = Category
        fields = ("id", "title", "slug", "description", "title_plural", "show_pypi", "created", "modified")
