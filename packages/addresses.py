"""Addresses that people type: accepted, or refused with a reason and, where it is clear, the right spelling.

Pure functions that take any text. `clean` has the rules that hold for every way in: no credentials, which would be
published, no tracking parameters and no line breaks. `read` has those of forms besides: something can be read in an
address, by packages.keys. Imported addresses may break the latter.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import unquote_plus, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from packages.keys import KNOWN_HOSTS, NOWHERE, Forge, pypi_project, repository

# The beginnings of a stored URL, in any letter case; repo_url and pypi_url may also be a text without a colon.
HTTP_PREFIXES = ("http://", "https://")
REPO_URL_PREFIXES = (*HTTP_PREFIXES, "git://", "ssh://", "git+http://", "git+https://", "git+ssh://", "git@", "hg@")

AddressColumn = Literal["repo_url", "pypi_url", "documentation_url"]
ADDRESSES: tuple[AddressColumn, ...] = ("repo_url", "pypi_url", "documentation_url")
Hosts = Mapping[str, Forge]

_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]+")
_USERINFO = re.compile(r"(\A/|[a-z][a-z0-9+.-]*:)(/+)([^/?#\s]*)@", re.ASCII | re.IGNORECASE)
_BARE_USER = re.compile(r"\A(?!(?:git|hg)@)[^/?#:@\s]+@(?=[^/?#:@\s]+\.[^/?#:@\s]+/)", re.ASCII | re.IGNORECASE)
_CREDENTIAL = re.compile(
    r"(?:.*[_-])?(?:token|password|passwd|pwd|secret|api[_-]?key|auth|credentials?|signature|sig)", re.ASCII
)
_TRACKING = re.compile(
    r"utm_.*|fbclid|gclid|dclid|gbraid|wbraid|msclkid|yclid|twclid|igshid|mc_[ce]id|mkt_tok|_ga|_gl|_hsenc|_hsmi"
    r"|(?:pk|mtm|piwik)_.*|ref|ref_(?:src|url|source)",
    re.ASCII,
)
USER, CREDENTIALS, TRACKING, LINE_BREAK = (
    "a user name or password, which would be published",
    "a token or password among its parameters, which would be published",
    "a tracking parameter",
    "a line break",
)


class Cleaned(NamedTuple):
    """An address, and what was dropped from it, in words."""

    address: str
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why an address is refused, in sentences, and the right spelling, "" where it is not clear."""

    reason: str
    suggestion: str = ""

    def __str__(self) -> str:
        return f"{self.reason} Did you mean “{self.suggestion}”?" if self.suggestion else self.reason


def clean(address: str) -> Cleaned:
    """Drop what must not be stored, and all from the first line break on. An address without any of it is unchanged."""
    dropped: dict[str, None] = {}
    if _CONTROL.search(address):
        lines = [line.strip() for line in _CONTROL.split(address)]
        address = next(filter(None, lines), "")
        dropped[LINE_BREAK] = None
    while True:
        rest = _BARE_USER.sub("", _USERINFO.sub(_without_secrets, address))
        if rest != address:
            dropped[USER] = None
        rest, words = _without_parameters(rest)
        dropped |= dict.fromkeys(words)
        if rest == address:
            return Cleaned(address, tuple(dropped))
        address = rest


def _without_secrets(match: re.Match[str]) -> str:
    """Keep the user of an ssh address, which is the host's and nobody's (git), but not a password."""
    scheme, slashes, userinfo = match.groups()
    user = userinfo.split(":", 1)[0] if scheme.lower().endswith("ssh:") else ""
    return f"{scheme}{slashes}{user}@" if user else f"{scheme}{slashes}"


def _without_parameters(address: str) -> tuple[str, list[str]]:
    """Drop parameters by their names, in the query and in the fragment, which OAuth and some pages write like one."""
    head, mark, fragment = address.partition("#")
    path, question, query = head.partition("?")
    words: list[str] = []
    query = _remaining(query, words)
    fragment = _remaining(fragment, words) if "=" in fragment else fragment
    if not words:
        return address, words
    return path + (question + query if query else "") + (mark + fragment if fragment else ""), words


def _remaining(parameters: str, words: list[str]) -> str:
    kept = []
    for parameter in re.split("[&;]", parameters):
        name = unquote_plus(parameter.partition("=")[0]).lower()
        if _CREDENTIAL.fullmatch(name):
            words.append(CREDENTIALS)
        elif _TRACKING.fullmatch(name):
            words.append(TRACKING)
        else:
            kept.append(parameter)
    return "&".join(kept)


def read(column: AddressColumn, typed: str, hosts: Hosts = KNOWN_HOSTS) -> str | Refusal:
    """Return the address that is typed for a column, without blanks around it, or the reason why it is refused."""
    address = typed.strip()
    cleaned, dropped = clean(address)
    if dropped:
        return _refuse(f"It has {' and '.join(dropped)}.", column, cleaned, hosts)
    refusals = (check(column, address, hosts) for check in _CHECKS[column])
    return next(filter(None, refusals), address) if address else ""


def _refuse(reason: str, column: AddressColumn, candidate: str, hosts: Hosts) -> Refusal:
    """Refuse an address, and suggest `candidate`, or else what is suggested for it in turn."""
    result = read(column, candidate, hosts)
    return Refusal(reason, result.suggestion if isinstance(result, Refusal) else result)


Check = Callable[[AddressColumn, str, Hosts], Refusal | None]

_TWO_SCHEMES = re.compile(r"(?:git\+)?https?:/*((?:git\+)?(?:https?|ssh|git)://.+)", re.ASCII | re.IGNORECASE)
_PASTED = re.compile(
    r"((?:git\+)?[a-z]+://.+?|(?!(?:git\+)?[a-z]+://).+?)((?:https?|ssh|git)://.+)", re.ASCII | re.IGNORECASE
)
_OWNER_AND_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+", re.ASCII)
_PORTLESS = re.compile(r"(https?://[^/?#:@\s]+):(?!\d*(?:/|\Z))(.+)", re.ASCII | re.IGNORECASE)
_USER_AND_PASSWORD = re.compile(r"[^/?#:@\s]+:[^/?#@\s]*@(?=[^/?#:@\s]+\.[^/?#:@\s]+/)", re.ASCII)
_NEARLY_HTTP = re.compile(r"https?(?::/?|//|:///+)(?=[^/:\s]+\.[^/\s]+)", re.ASCII | re.IGNORECASE)
_HOST_AND_PATH = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?:[/?#]\S*)?", re.ASCII)
_PYPI_HOST = re.compile(
    r"(?:https?:)?(?://)?(?:www\.|test\.)?(?:pypi\.org|pypi\.python\.org|pypi\.io)(?=[:/?#]|\Z)",
    re.ASCII | re.IGNORECASE,
)
# Pages of GitHub that are no owners, and other hosts of it, with the path of a repository in theirs
_PAGES_OF_GITHUB = frozenset(
    "about apps codespaces collections contact enterprise explore features join login marketplace notifications"  # noqa: SIM905 (a list of words reads better as words)
    " orgs pricing search settings signup site sponsors stars topics trending users".split()
)
_REPOSITORY_ELSEWHERE = re.compile(
    r"https?://(?:raw\.githubusercontent\.com|api\.github\.com/repos|codeload\.github\.com)/([^/?#]+/[^/?#]+)(?:[/?#].*)?",
    re.ASCII | re.IGNORECASE,
)


def _schemes(column: AddressColumn, address: str, hosts: Hosts) -> Refusal | None:
    match = _TWO_SCHEMES.fullmatch(address)
    return _refuse("It begins with two schemes.", column, match[1], hosts) if match else None


def _blanks(column: AddressColumn, address: str, hosts: Hosts) -> Refusal | None:
    if not re.search(r"\s", address):
        return None
    urls = [part for part in address.split() if part.lower().startswith(HTTP_PREFIXES)]
    return _refuse("It has blanks in it.", column, urls[0] if len(urls) == 1 else "", hosts)


def _nearly_http(column: AddressColumn, address: str, hosts: Hosts) -> Refusal | None:
    match = _NEARLY_HTTP.match(address)
    return (
        _refuse("Its beginning is misspelled.", column, f"https://{address[match.end() :]}", hosts) if match else None
    )


# Repositories


def _address_of_pypi(_: AddressColumn, address: str, __: Hosts) -> Refusal | None:
    is_at_pypi = _PYPI_HOST.match(address)
    return Refusal("This is an address of PyPI, which belongs into the field “PyPI project”.") if is_at_pypi else None


def _scheme_of_repository(column: AddressColumn, address: str, hosts: Hosts) -> Refusal | None:
    if ":" not in address or address.lower().startswith(REPO_URL_PREFIXES):
        return None
    if match := _USER_AND_PASSWORD.match(address):
        return _refuse(f"It has {USER}.", column, f"https://{address[match.end() :]}", hosts)
    candidate = f"git@{address}" if repository(address, hosts).host in hosts else ""
    return _refuse("The repository URL must be an http(s), git or ssh address.", column, candidate, hosts)


def _pasted_repository(column: AddressColumn, address: str, hosts: Hosts) -> Refusal | None:
    match = _PASTED.fullmatch(re.split("[?#]", address, maxsplit=1)[0])
    if not match:
        return None
    readable = (part.rstrip("/") for part in match.groups() if repository(part, hosts).host in hosts)
    return _refuse("There are two addresses in it.", column, next(readable, ""), hosts)


def _file_of_repository(column: AddressColumn, address: str, hosts: Hosts) -> Refusal | None:
    match = _REPOSITORY_ELSEWHERE.fullmatch(address)
    candidate = f"https://github.com/{match[1]}" if match else ""
    return _refuse("This is a file, not its repository.", column, candidate, hosts) if match else None


def _no_repository(column: AddressColumn, address: str, hosts: Hosts) -> Refusal | None:
    """Refuse what names no host, or an unknown one without a scheme: it may be a host, or any other word with a dot."""
    found = repository(address, hosts)
    if found.host in hosts or (found != NOWHERE and address.lower().startswith(REPO_URL_PREFIXES)):
        return None
    candidate = f"https://{address}" if found != NOWHERE and "/" in address else ""
    if _OWNER_AND_NAME.fullmatch(address):
        candidate = f"https://github.com/{address}"
    elif match := _PORTLESS.fullmatch(address):
        candidate = f"{match[1]}/{match[2]}"
    wanted = "No repository can be read in it; type an address like https://github.com/owner/name."
    return _refuse(wanted, column, candidate, hosts)


def _no_name(_: AddressColumn, address: str, hosts: Hosts) -> Refusal | None:
    host, path = repository(address, hosts)
    owner, _slash, name = path.partition("/")
    reason = ""
    if host in hosts and not name:
        reason = f"This names {'an owner' if owner else 'only the host'} at {host}, no repository."
    elif hosts.get(host) == "github" and owner in _PAGES_OF_GITHUB:
        reason = f"This is a page of {host}, no repository."
    return Refusal(reason) if reason else None


# Projects on PyPI

_COMMAND = re.compile(
    r"(?:[$>%]\s*)?(?:(?:sudo|python[0-9.]*|py|-m|uv|pip[0-9.]*|pipx|poetry|pdm|pipenv|rye|hatch|conda)\s+)+"
    r"(?:install|add)\s+(?:-\S+\s+)*(.+)",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
_AROUND_NAMES = "\"'`“”‘’ ,;/"  # noqa: RUF001 (quotation marks of all kinds)


def _command(column: AddressColumn, address: str, hosts: Hosts) -> Refusal | None:
    match = _COMMAND.fullmatch(address)
    return _refuse("This is a command, not a project.", column, match[1], hosts) if match else None


def _page_of_pypi(column: AddressColumn, address: str, hosts: Hosts) -> Refusal | None:
    if not _PYPI_HOST.match(address):
        return None
    pasted = _PASTED.fullmatch(re.split("[?#]", address, maxsplit=1)[0])
    if pasted:
        return _refuse("There are two addresses in it.", column, pasted[1].strip(), hosts)
    if refusal := _blanks(column, address, hosts):
        return refusal
    is_project = "/" in address and pypi_project(address)
    return None if is_project else Refusal("This is no project's page at PyPI.")


def _file_of_project(column: AddressColumn, address: str, hosts: Hosts) -> Refusal | None:
    parse = parse_wheel_filename if address.endswith(".whl") else parse_sdist_filename
    try:
        name = parse(address)[0]
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
    return _refuse("This is the name of a file, not of a project.", column, name, hosts)


def _repository_for_project(_: AddressColumn, address: str, hosts: Hosts) -> Refusal | None:
    if repository(address, hosts).host not in hosts:
        return None
    return Refusal("This is a repository URL, which belongs into the field “repository URL”.")


def _no_project(column: AddressColumn, address: str, hosts: Hosts) -> Refusal | None:
    if pypi_project(address):
        return None
    try:
        name = Requirement(address).name
    except InvalidRequirement:
        name = address.strip(_AROUND_NAMES)
    if name != address and pypi_project(name):
        return _refuse("This is more than the name of a project.", column, name, hosts)
    if ":" in address and not address.lower().startswith(HTTP_PREFIXES):
        return Refusal("The PyPI project must be a name or begin with http:// or https://.")
    return Refusal("No project can be read in it; type its name, or its URL like https://pypi.org/project/name/.")


# Documentation


def _scheme_of_documentation(column: AddressColumn, address: str, hosts: Hosts) -> Refusal | None:
    if address.lower().startswith(HTTP_PREFIXES):
        return None
    candidate = f"https://{address}" if _HOST_AND_PATH.fullmatch(address) else ""
    return _refuse("The documentation URL must begin with http:// or https://.", column, candidate, hosts)


def _no_host(_: AddressColumn, address: str, __: Hosts) -> Refusal | None:
    try:
        host = urlsplit(address).hostname
    except ValueError:  # a bracket that does not close
        host = None
    return None if host else Refusal("There is no host in it.")


_CHECKS: Mapping[AddressColumn, tuple[Check, ...]] = {
    "repo_url": (
        *(_schemes, _blanks, _nearly_http, _address_of_pypi, _scheme_of_repository),
        *(_pasted_repository, _file_of_repository, _no_repository, _no_name),
    ),
    "pypi_url": (
        *(_command, _schemes, _nearly_http, _page_of_pypi),
        *(_file_of_project, _repository_for_project, _no_project),
    ),
    "documentation_url": (_schemes, _blanks, _nearly_http, _scheme_of_documentation, _no_host),
}
