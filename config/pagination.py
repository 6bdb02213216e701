"""Pages of lists: `limit` and `offset`, refused with the reason when they make no sense."""

import re

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request

from config.links import absolute


def _whole(request: Request, name: str, default: int, least: int, most: int | None = None) -> int:
    """The whole number that parameter `name` holds; ValidationError says what it must be."""
    text = request.query_params.get(name)
    if text is None:
        return default
    number = int(text) if re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII) else None
    if number is None or number < least or (most is not None and number > most):
        upper = f" to {most}" if most is not None else " up"
        raise ValidationError({name: [f"Must be a whole number from {least}{upper}."]})
    return number


class StrictLimitOffset(LimitOffsetPagination):
    """As DRF's, except that a wrong value gets 400 instead of a silent default, and links keep to SITE_URL."""

    default_limit = 20
    max_limit = 1000
    request: Request

    def get_limit(self, request: Request) -> int:
        return _whole(request, self.limit_query_param, self.default_limit, 1, self.max_limit)

    def get_offset(self, request: Request) -> int:
        return _whole(request, self.offset_query_param, 0, 0)

    def get_next_link(self) -> str | None:
        return self._on_site(super().get_next_link())

    def get_previous_link(self) -> str | None:
        return self._on_site(super().get_previous_link())

    def _on_site(self, url: str | None) -> str | None:
        own = f"{self.request.scheme}://{self.request.get_host()}"
        return url and absolute(self.request, url.removeprefix(own))
