"""The list of the packages that say a thing of a version, as the filter `readiness` of packages names it."""

import re
from typing import Any, NamedTuple

from packages.readiness.rule import PLATFORMS, SAYS_OF_VERSION, Platform, Says

VERSION = r"(?:0|[1-9][0-9]?)\.(?:0|[1-9][0-9]?)"
_NAME = re.compile(rf"({'|'.join(PLATFORMS)})-({VERSION})-({'|'.join(SAYS_OF_VERSION)})")


class ReadinessList(NamedTuple):
    """A list by what its packages say of a version X.Y of a platform; UNKNOWN holds for all versions."""

    says: Says
    platform: Platform
    version: str

    @property
    def name(self) -> str:
        return self.says if self.says == "unknown" else f"{self.platform}-{self.version}-{self.says}"

    @classmethod
    def of_name(cls, name: str) -> "ReadinessList | None":
        if name == UNKNOWN.name:
            return UNKNOWN
        words: Any = _NAME.fullmatch(name)
        return cls(words[3], words[1], words[2]) if words else None


UNKNOWN = ReadinessList("unknown", PLATFORMS[0], "")
