"""Identities read out of what people type: which repository a URL means, and which PyPI project.

Pure functions, total on any text: what cannot be read gives an empty identity, never an error.
"""

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple
from urllib.parse import parse_qs

Forge = Literal["github", "gitlab", "bitbucket", "forgejo"]

KNOWN_HOSTS: Mapping[str, Forge] = {
    "github.com": "github",
    "gitlab.com": "gitlab",
    "bitbucket.org": "bitbucket",
    "codeberg.org": "forgejo",
}

# Words that GitLab refuses as project names: in a path they begin a page of the project before them.
# Source: GitLab's list of reserved project names (docs, user/reserved_names).
_GITLAB_PAGES = frozenset(
    "- badges blame blob builds commits create create_dir edit environments files find_file gitlab-lfs info issues"  # noqa: SIM905 (a list of words reads better as words)
    " merge_requests new preview raw refs tree update wikis".split()
)
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
    """A repository's identity: its host in lower case, and its path there as the host compares paths."""

    host: str
    path: str

    @property
    def key(self) -> str:
        return self.host + self.path if self.path.startswith("?") else f"{self.host}/{self.path}".rstrip("/")


NOWHERE = Repository("", "")


def repository(url: str, hosts: Mapping[str, Forge] = KNOWN_HOSTS) -> Repository:
    """The repository that `url` means, whichever way it is spelled; NOWHERE if no host can be read.

    Reads http(s), git and ssh URLs, scp addresses (git@host:path) and bare host/path. On a host in `hosts` the
    path is cut to the repository and lower-cased, since those hosts ignore letter case; elsewhere it stays as it is.
    """
    found = spelled(url, hosts)
    return Repository(found.host, found.path.translate(_ASCII_LOWER)) if found.host in hosts else found


def spelled(url: str, hosts: Mapping[str, Forge] = KNOWN_HOSTS) -> Repository:
    """As repository(), with the path in the letters that `url` has: what to ask a host for."""
    host, port, rest = _split(url.strip())
    kind = hosts.get(host + port)
    if not host or kind is None:
        # Nothing is known of this host's URLs: only what surely says nothing is dropped.
        return Repository(host + port, rest.split("#", 1)[0].removeprefix("/")) if host else NOWHERE
    segments = [part for part in re.split(r"[?#]", rest, maxsplit=1)[0].split("/") if part]
    segments = [plain for segment in segments if (plain := _unescaped(segment).strip())]
    return Repository(host + port, "/".join(_repository_segments(segments, kind)))


def _split(url: str) -> tuple[str, str, str]:
    """Host, ":port" where it tells two servers apart, and the rest of the URL beginning with its path."""
    scheme = _SCHEME.match(url)
    if scheme:
        url = url[scheme.end() :]
    elif re.match(r"[^@/?#]*:[^@/?#]*@", url):
        return "", "", ""  # mailto:someone@example.org
    elif scp := _SCP.fullmatch(url):
        return _host(scp[2]), "", "/" + scp[3]
    found = _HOST.fullmatch(url)
    if not found:
        return "", "", ""
    port = found[2] or ""
    told = port not in _DEFAULT_PORTS and not (scheme and scheme[1].lower() in {"ssh", "git"})
    return _host(found[1]), f":{port}" if told else "", found[3]


def _host(name: str) -> str:
    return name.translate(_ASCII_LOWER).rstrip(".").removeprefix("www.").removeprefix("ssh.")


def _repository_segments(segments: list[str], kind: Forge) -> list[str]:
    """Cut until nothing is left to cut: without its suffix, a last segment can be a page's word."""
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
    """`text` without needless escapes, those that unescaping makes included."""
    while (plain := _PLAIN_ESCAPE.sub(_plain, text)) != text:
        text = plain
    return text


def _plain(escape: re.Match[str]) -> str:
    """The character behind an escape that need not be one (RFC 3986, 6.2.2.2), else the escape itself."""
    character = chr(int(escape[1], 16))
    return character if character.isalnum() or character in "-._~" else escape[0]


_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_PYPI = re.compile(
    r"(?:https?:)?(?://)?(?:www\.)?(?:pypi\.org|pypi\.python\.org|pypi\.io)(?::\d+)?"
    r"/+(?:(?:project|pypi|simple|p)/+([^/?#]+)|pypi/*\?([^#]*))(?:[/?#].*)?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)


def pypi_project(text: str) -> str:
    """The PyPI project that `text` names, normalised as PEP 503 has it; "" if it names none.

    `text` is a bare name or a URL on pypi.org or pypi.python.org (/project/x, /pypi/x, /simple/x, /pypi?name=x).
    """
    text = text.strip()
    if url := _PYPI.fullmatch(text):
        text = url[1] or "".join(parse_qs(url[2] or "").get("name", [])[:1])
        text = _unescaped(text)
    return re.sub(r"[-_.]+", "-", text).lower() if _NAME.fullmatch(text) else ""
