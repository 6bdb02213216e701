"""The projects that the text of a requirements file names, as people paste it: of each requirement the name alone."""

import re
from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from packages.keys import pypi_project

EXAMPLE = "django>=5.2,<6,requests"
_CONTINUED = re.compile(r"\\\r?\n")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_HASHES = re.compile(r"\s--hash[=\s].*")
# What is within brackets; or a comma between two requirements, not one before a further condition on the version.
_BRACKETS_OR_COMMA = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|(,)(?!\s*[<>=!~])")
_NAME = re.compile(r"([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)\s*(?:[\[(<>=!~;@].*)?", re.ASCII | re.IGNORECASE | re.DOTALL)


def projects_in(text: str) -> list[str]:
    """Return the normalised names of the projects that `text` names, each once, in their order.

    Requirements stand on lines of their own, or have commas between them. Blank lines and comments name nothing.
    ValueError quotes what names no project: an option of pip (-r, -e), an address.
    """
    names: dict[str, None] = {}
    for typed in _CONTINUED.sub(" ", text).splitlines():
        line = _HASHES.sub("", _COMMENT.sub("", typed)).strip()
        if line:
            names |= dict.fromkeys(_of_line(line))
    return list(names)


def _of_line(line: str) -> list[str]:
    try:
        return [canonicalize_name(Requirement(line).name)]
    except InvalidRequirement:
        return [_project(each.strip()) for each in _parts(line)]


def _parts(line: str) -> Iterator[str]:
    """Yield what is between the commas outside of brackets, in one walk along the line."""
    start = 0
    for found in _BRACKETS_OR_COMMA.finditer(line):
        if found[1]:
            yield line[start : found.start()]
            start = found.end()
    yield line[start:]


def _project(text: str) -> str:
    """Return the project of a requirement, or of the URL of a project on PyPI."""
    if name := pypi_project(text):
        return name
    if match := _NAME.fullmatch(text):
        return canonicalize_name(match[1])
    if not text:
        raise ValueError("An empty value stands between two commas.")
    raise ValueError(f"“{text[:100]}” does not begin with the name of a project on PyPI: leave it out.")
