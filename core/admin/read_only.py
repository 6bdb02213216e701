"""Admin of what the program writes: it is read there, and nothing else."""

from typing import Any

from django.http import HttpRequest


class ReadOnlyMixin:
    """Refuses to add, change and delete, whoever asks; a subclass says who may view."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
