"""The pages of readiness."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.pages.page import Page
from packages.readiness.rule import SAYS_OF_VERSION, SaysOfVersion

# What packages say of a version, as the end of a sentence about them.
_WORDS: Mapping[SaysOfVersion, str] = {
    "named": "work with it",
    "refused": "refuse it",
    "others": "name other versions only",
    "silent": "say nothing",
}


class ReadinessPage(Page):
    """A row for each version of Django and of Python."""

    template = "packages/readiness.html"
    is_folded = True


class VersionReadinessPage(Page):
    """The counts of what packages say of one version, with the way to the lists of them."""

    template = "packages/readiness_of_version.html"
    is_folded = True

    @property
    def groups(self) -> Sequence[Mapping[str, Any]]:
        return [{"words": _WORDS[says], **self.data[says]} for says in SAYS_OF_VERSION]
