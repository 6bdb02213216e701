"""Pages of lists: `limit` and `offset`, which are never wrong, and the envelope around the documents."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from django.core.validators import slug_re

from core.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from core.models import MAX_ID

LONGEST_SLUG = 100


class PageRequest(NamedTuple):
    """The page of a list that a request is for, and the slug of the category that it names, if any."""

    limit: int
    offset: int
    category: str = ""

    @classmethod
    def of(cls, parameters: Mapping[str, str], *, takes_category: bool) -> Self:
        """Read parameters; whatever makes no sense falls to its default, and what is unknown is ignored."""
        category = parameters.get("category", "") if takes_category else ""
        return cls(
            _number(parameters.get("limit", ""), DEFAULT_LIMIT, MAX_LIMIT),
            _number(parameters.get("offset", ""), 0, MAX_ID),
            category if len(category) <= LONGEST_SLUG and slug_re.match(category) else "",
        )

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The parameters that say the same, without those that have their defaults."""
        given = (
            ("limit", self.limit, DEFAULT_LIMIT),
            ("offset", self.offset, 0),
            ("category", self.category, ""),
        )
        return [(name, str(value)) for name, value, default in given if value != default]

    def meta(self, path: str, total: int) -> dict[str, Any]:
        """Return what the envelope says of the page of a list of `total` documents."""
        after, before = self.offset + self.limit, max(self.offset - self.limit, 0)
        return {
            "limit": self.limit,
            "next": self._link(path, after) if self.limit and after < total else None,
            "offset": self.offset,
            "previous": self._link(path, before) if self.limit and self.offset else None,
            "total_count": total,
        }

    def _link(self, path: str, offset: int) -> str:
        category = f"&category={self.category}" if self.category else ""
        return f"{path}?limit={self.limit}&offset={offset}{category}"


def _number(text: str, default: int, most: int) -> int:
    """Return a whole number, `most` for a greater one, and `default` for what is none."""
    if not re.fullmatch("[0-9]+", text):
        return default
    digits = text.lstrip("0") or "0"
    return most if len(digits) > len(str(most)) else min(int(digits), most)
