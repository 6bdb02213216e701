"""The rule by which the metadata of a package on PyPI says something of a version of Django or of Python.

The first that fits: nothing is known of a package without any metadata (it has no project on PyPI, or none that was
fetched). It refuses a version that its requirement excludes, whatever its classifiers name, since installers obey the
requirement alone. It names a version that it works with (packages.compatibility), names only others, or is silent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from packages.compatibility import (
    DJANGO,
    PYTHON,
    admits,
    names_django,
    names_python,
    works_with_django,
    works_with_python,
)

Platform = Literal["django", "python"]
PLATFORMS: tuple[Platform, ...] = get_args(Platform)
SaysOfVersion = Literal["named", "refused", "others", "silent"]
Says = SaysOfVersion | Literal["unknown"]
SAYS_OF_VERSION: tuple[SaysOfVersion, ...] = get_args(SaysOfVersion)
SAYS: tuple[Says, ...] = (*SAYS_OF_VERSION, "unknown")


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata of the latest version of a project on PyPI. `requires_django` is None if Django is not required."""

    classifiers: Sequence[str] = ()
    requires_python: str = ""
    requires_django: str | None = None
    has_release: bool = False

    @property
    def is_known(self) -> bool:
        return bool(self.classifiers or self.requires_python or self.has_release) or self.requires_django is not None

    def about(self, platform: Platform) -> "Metadata":
        """Return the part that says something of a platform. What is no text says nothing: SQL can write any list."""
        prefix = {"django": DJANGO, "python": PYTHON}[platform]
        classifiers = tuple(each for each in self.classifiers if isinstance(each, str) and each.startswith(prefix))
        if platform == "python":
            return Metadata(classifiers, self.requires_python, None, self.is_known)
        return Metadata(classifiers, "", self.requires_django, self.is_known)


def says(metadata: Metadata, platform: Platform, version: str) -> Says:
    """Return what that metadata says of a version X.Y."""
    if not metadata.is_known:
        return "unknown"
    classifiers, requires_python = metadata.classifiers, metadata.requires_python
    if platform == "python":
        requirement, names_any = requires_python, names_python(classifiers)
        is_named = works_with_python(version, classifiers, requires_python)
    else:
        requirement, names_any = metadata.requires_django or "", names_django(classifiers)
        is_named = works_with_django(version, classifiers)
    if admits(requirement, version) is False:
        return "refused"
    if is_named:
        return "named"
    return "others" if names_any else "silent"
