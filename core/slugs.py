"""The former slugs of documents: a hook, which changes.apps fills when the site starts."""

from collections.abc import Collection
from typing import Protocol

from core.kinds import Kind


class FormerSlugs(Protocol):
    def owners(self, kind: Kind, slugs: Collection[str]) -> dict[str, int]:
        """The ids of the documents that had these slugs before, and are still reached by them."""
        ...


former: FormerSlugs
