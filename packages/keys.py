"""Identities of repositories and PyPI projects, parsed from the URLs and names that people type.

Pure functions that take any text: one that cannot be parsed gives an empty identity, never an error.
"""

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple
from urllib.parse import parse_qs

from packaging.utils import canonicalize_name

Forge = Literal["github", "gitlab", "bitbucket", "forgejo"]

KNOWN_HOSTS: Mapping[str, Forge] = {
    "github.com": "github",
    "gitlab.com": "gitlab",
    "bitbucket.org": "bitbucket",
    "codeberg.org": "forgejo",
}

# Words that GitLab refuses as project names: in a path, one of them begins a page of the project before it.
# Source: GitLab's list of reserved project names (docs, user/reserved_names).
_GITLAB_PAGES = frozenset(
    "- badges blame blob builds commits create create_dir edit environments files find_file gitlab-lfs info issues"  # noqa: SIM905 (a list of words reads better as words)
    " merge_requests new preview raw refs tree update wikis".split()
)
# The page of a folder, after the path of the repository
_FOLDER_PAGES: Mapping[Forge, re.Pattern[str]] = {
    "github": re.compile(r"tree/[^/]+/.+", re.DOTALL),
    "gitlab": re.compile(r"(?:-/)?tree/[^/]+/.+", re.DOTALL),
    "bitbucket": re.compile(r"src/[^/]+/.+", re.DOTALL),
    "forgejo": re.compile(r"src/(?:branch|tag|commit)/[^/]+/.+", re.DOTALL),
}
_SCHEME = re.compile(r"(?:git\+)?(https?|ssh|git)://", re.ASCII | re.IGNORECASE)
# host:7000/… has a port, user@host:7000/… has an owner of digits: only URLs with a scheme have a user and a port.
_SCP = re.compile(r"([^@/:\s]+@)?([^@/:\s]+\.[^@/:\s]+):(?(1)|(?!\d+(?:/|\Z)))/?(.*)", re.ASCII | re.DOTALL)
_HOST = re.compile(
    r"(?:[^@/?#]*@)?([^@/?#:\s]+\.[^@/?#:\s]+|localhost)\.?(?::(\d*))?(?=[/?#]|\Z)(.*)", re.ASCII | re.DOTALL
)
_DEFAULT_PORTS = {"", "80", "443"}
_PLAIN_ESCAPE = re.compile(r"%([2-7][0-9A-Fa-f])", re.ASCII)
_ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


class Repository(NamedTuple):
    """A repository's identity: its host in lower case, and its path in the form in which the host compares paths."""

    host: str
    path: str

    @property
    def key(self) -> str:
        return self.host + self.path if self.path.startswith("?") else f"{self.host}/{self.path}".rstrip("/")


NOWHERE = Repository("", "")


def repository(url: str, hosts: Mapping[str, Forge] = KNOWN_HOSTS) -> Repository:
    """Return the repository that `url` means, however it is spelled; NOWHERE if it has no readable host.

    Parses http(s), git and ssh URLs, scp addresses (git@host:path) and bare host/path. On a host in `hosts` the
    path is cut to the repository and lower-cased, since those hosts ignore letter case; elsewhere it is unchanged.
    """
    typed = spelled(url, hosts)
    return Repository(typed.host, typed.path.translate(_ASCII_LOWER)) if typed.host in hosts else typed


def spelled(url: str, hosts: Mapping[str, Forge] = KNOWN_HOSTS) -> Repository:
    """Return the repository with its path in the letter case of `url`, for requests to its host."""
    host, port, rest = _split(url.strip())
    kind = hosts.get(host + port)
    if not host or kind is None:
        # The form of this host's URLs is unknown: only a fragment certainly has no meaning for it.
        return Repository(host + port, rest.split("#", 1)[0].removeprefix("/")) if host else NOWHERE
    segments = _segments(re.split(r"[?#]", rest, maxsplit=1)[0])
    return Repository(host + port, "/".join(_repository_segments(segments, kind)))


def folder(url: str, hosts: Mapping[str, Forge] = KNOWN_HOSTS) -> str:
    """Return the end of `url` that names a folder of its repository, such as "/tree/main/packages/a"; "" if none does.

    A page of the whole repository (/tree/main, /issues) names no folder; the `subdirectory` of a pip requirement does.
    """
    host, port, rest = _split(url.strip())
    kind = hosts.get(host + port)
    if kind is None:
        return ""
    path, _, fragment = rest.partition("#")
    if "subdirectory" in parse_qs(fragment):
        return f"#{fragment}"
    segments = _segments(path.partition("?")[0])
    page = "/".join(segments[len(_repository_segments(segments, kind)) :])
    return f"/{page}" if _FOLDER_PAGES[kind].fullmatch(page) else ""


def _segments(path: str) -> list[str]:
    segments = [part for part in path.split("/") if part]
    return [plain for segment in segments if (plain := _unescaped(segment).strip())]


def _split(url: str) -> tuple[str, str, str]:
    """Split a URL into host, ":port" where it distinguishes two servers, and the rest from the path on."""
    scheme = _SCHEME.match(url)
    if scheme:
        url = url[scheme.end() :]
        is_ssh = scheme[1].lower() == "ssh"
        if is_ssh and not _HOST.fullmatch(url) and (scp := _SCP.fullmatch(url)):  # ssh://git@host:owner/name
            return _host(scp[2]), "", "/" + scp[3]
    elif re.match(r"[^@/?#]*:[^@/?#]*@", url):
        return "", "", ""  # mailto:someone@example.org
    elif scp := _SCP.fullmatch(url):
        return _host(scp[2]), "", "/" + scp[3]
    parts = _HOST.fullmatch(url)
    if not parts:
        return "", "", ""
    port = parts[2] or ""
    significant = port not in _DEFAULT_PORTS and not (scheme and scheme[1].lower() in {"ssh", "git"})
    return _host(parts[1]), f":{port}" if significant else "", parts[3]


def _host(name: str) -> str:
    return name.translate(_ASCII_LOWER).rstrip(".").removeprefix("www.").removeprefix("ssh.")


def _repository_segments(segments: list[str], kind: Forge) -> list[str]:
    """Cut repeatedly until nothing changes: a last segment may become the word of a page once its suffix is cut."""
    while (cut := _cut(segments, kind)) != segments:
        segments = cut
    return segments


def _cut(segments: list[str], kind: Forge) -> list[str]:
    if kind == "gitlab":  # groups nest: the project ends where one of its pages begins
        ends = (i for i, part in enumerate(segments) if part in _GITLAB_PAGES and i > (0 if part == "-" else 1))
        segments = segments[: next(ends, len(segments))]
    else:
        segments = segments[:2]
    if len(segments) > 1:
        # A name has no "@": what follows is the revision of a pip requirement (repo.git@main).
        name = segments[-1].split("@", 1)[0]
        while name.translate(_ASCII_LOWER).endswith(".git") and len(name) > len(".git"):
            name = name[: -len(".git")]
        segments = [*segments[:-1], name.strip() or segments[-1]]
    return segments


def _unescaped(text: str) -> str:
    """Return `text` without needless escapes, including any that unescaping creates."""
    while (plain := _PLAIN_ESCAPE.sub(_plain, text)) != text:
        text = plain
    return text


def _plain(escape: re.Match[str]) -> str:
    """Return the character of an escape that is needless (RFC 3986, 6.2.2.2), else the escape itself."""
    character = chr(int(escape[1], 16))
    return character if character.isalnum() or character in "-._~" else escape[0]


_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_PYPI = re.compile(
    r"(?:https?:)?(?://)?(?:www\.)?(?:pypi\.org|pypi\.python\.org|pypi\.io)(?::\d+)?"
    r"/+(?:(?:project|pypi|simple|p)/+([^/?#]+)|pypi/*\?([^#]*))(?:[/?#].*)?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)


def pypi_project(text: str) -> str:
    """Return the PyPI project that `text` names, normalised by PEP 503; "" if it names none.

    `text` is a bare name or a URL on pypi.org or pypi.python.org (/project/x, /pypi/x, /simple/x, /pypi?name=x).
    """
    text = text.strip()
    if url := _PYPI.fullmatch(text):
        text = url[1] or "".join(parse_qs(url[2] or "").get("name", [])[:1])
        text = _unescaped(text)
    return canonicalize_name(text) if _NAME.fullmatch(text) else ""
