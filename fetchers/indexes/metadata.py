"""The metadata of a project on PyPI: what the latest version's author wrote, as the JSON API shows it in `info`."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.utils import canonicalize_name

from packages.compatibility import PYTHONS
from packages.facts import (
    UNKNOWN,
    InvalidFactError,
    Odd,
    PyPIFacts,
    Unknown,
    items,
    known,
    line,
    link,
    mapping,
    prose,
)
from packages.keys import KNOWN_HOSTS, spelled
from packages.licences import MAX_LENGTH, licence_of

MAX_CLASSIFIERS = 200
MAX_TEXT = 1_000_000  # of a licence, which may be a book

# The labels of project URLs that PEP 753 lists, normalised: the first of each is the one that it recommends.
_DOCUMENTATION = ("documentation", "docs")
_SOURCE = ("source", "repository", "sourcecode", "github")
_ISSUES = ("issues", "bugs", "issue", "tracker", "issuetracker", "bugtracker")
_OTHERS = (
    *("homepage", "download", "changelog", "changes", "whatsnew", "history", "releasenotes"),
    *("funding", "sponsor", "donate", "donation", *_SOURCE, *_ISSUES),
)


def facts_of(info: Mapping[str, Any], odd: Odd) -> PyPIFacts:
    """Return the facts that the metadata tell, but for the latest version and the releases."""
    listed = odd.read(info, "classifiers", _list)
    classifiers = listed if isinstance(listed, Unknown) else odd.sound(listed, _classifier)
    licence, if_none = _licence(info, classifiers, odd)
    links = odd.read(info, "project_urls", _links)
    return PyPIFacts(
        requires_python=odd.read(info, "requires_python", lambda value, key: line(value, key, 255)),
        requires_django=odd.read(info, "requires_dist", _requires_django),
        classifiers=classifiers if isinstance(classifiers, Unknown) else tuple(classifiers[:MAX_CLASSIFIERS]),
        licence=licence,
        licence_if_none=if_none,
        documentation_url=links if isinstance(links, Unknown) else _documentation(links),
        repo_url=links if isinstance(links, Unknown) else _repository(links),
    )


def _list(value: object, what: str) -> list[Any]:
    return [] if value is None else items(value, what)


def _classifier(value: object) -> str:
    return line(value, "a classifier", 200)


def _licence(info: Mapping[str, Any], classifiers: list[str] | Unknown, odd: Odd) -> tuple[str | Unknown, str]:
    """Return the licence, and the one that counts if none is known: that of what is there, where something is absent
    that could tell another one."""
    expression = odd.read(info, "license_expression", lambda value, key: line(value, key, MAX_LENGTH))
    text = odd.read(info, "license", lambda value, key: prose(value, key, MAX_TEXT))
    licence = licence_of(known(expression, ""), known(text, ""), known(classifiers, []))
    certain = known(expression, "") or (UNKNOWN not in {expression, text} and classifiers is not UNKNOWN)
    return (licence, "") if certain else (UNKNOWN, licence)


_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^]]*\])?\s*([^;]*?)\s*(?:;(.*))?", re.DOTALL)
# Where the requirement of Django depends on the environment, that of the newest Python counts.
_ENVIRONMENT = {
    "extra": "",
    "implementation_name": "cpython",
    "implementation_version": f"{PYTHONS[-1]}.0",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "Linux",
    "platform_version": "",
    "python_full_version": f"{PYTHONS[-1]}.0",
    "python_version": PYTHONS[-1],
    "sys_platform": "linux",
}


def _requires_django(value: object, what: str) -> str | None:
    """Return the versions of Django that are required, those of extras left out; None if it is not required."""
    wanted = [versions for each in _list(value, what) if (versions := _versions_of_django(each, what)) is not None]
    return line(",".join(filter(None, dict.fromkeys(wanted))), what, 255) if wanted else None


def _versions_of_django(requirement: object, what: str) -> str | None:
    if not isinstance(requirement, str):
        raise InvalidFactError(f"{what} holds something that is not a requirement")
    parsed = _REQUIREMENT.fullmatch(requirement)
    if not parsed or canonicalize_name(parsed[1]) != "django" or not _applies(parsed[3] or ""):
        return None
    versions = re.sub(r"[\s()]", "", parsed[2])
    return "" if versions.startswith("@") else versions


def _applies(marker: str) -> bool:
    """Return whether a requirement with that marker applies without any extra. An unreadable marker may be one of old
    metadata, which write no extra that way."""
    try:
        return not marker.strip() or Marker(marker).evaluate(_ENVIRONMENT)
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName):
        return "extra" not in marker


def _links(value: object, what: str) -> dict[str, str]:
    """Return the links by their labels as PEP 753 compares them: without punctuation and blanks, in lower case. An
    author types these: a text that is no link is left out."""
    links: dict[str, str] = {}
    for label, url in mapping({} if value is None else value, what).items():
        if not isinstance(url, str | None):
            raise InvalidFactError(f"{what} holds something that is not a text")
        try:
            links.setdefault(re.sub(r"[\W_]", "", label).lower(), link(url, what))
        except InvalidFactError:
            continue
    return links


def _documentation(links: Mapping[str, str]) -> str:
    """Return the link with a label of documentation, else one whose label begins like that, and means nothing else."""
    return _labelled(links, _DOCUMENTATION) or next(
        (
            url
            for label, url in links.items()
            if label.startswith(_DOCUMENTATION) and not any(other in label for other in _OTHERS)
        ),
        "",
    )


def _labelled(links: Mapping[str, str], labels: Iterable[str]) -> str:
    return next((links[label] for label in labels if label in links), "")


def _repository(links: Mapping[str, str]) -> str:
    """Return the repository: the link to the source, else what a homepage or list of issues on a forge is part of."""
    source = _labelled(links, _SOURCE)
    for url in filter(None, (source, links.get("homepage"), *(links.get(label) for label in _ISSUES))):
        host, path = spelled(url)
        if host in KNOWN_HOSTS and "/" in path:
            return f"https://{host}/{path}"
    return source
