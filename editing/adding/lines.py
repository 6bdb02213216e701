"""A pasted line: a repository on a host that is fetched from, or a project on PyPI."""

from dataclasses import dataclass

from packages.addresses import Refusal, read
from packages.facts import FetchTarget
from packages.identity import forges
from packages.keys import folder, pypi_project, repository, spelled

MOST_CHARACTERS = 500
TOO_LONG = f"A line has at most {MOST_CHARACTERS} characters."


@dataclass(frozen=True)
class Line:
    """A line that was read as a repository or as a project; else `refusal` says why it is neither.

    `note` says what is wrong with the line where it was read as it was probably meant.
    """

    text: str
    repo_url: str = ""
    pypi_name: str = ""
    refusal: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        """The name of a package in this line's spelling; "" if it cannot be read."""
        return name_of(self.repo_url) if self.repo_url else self.pypi_name


def read_line(typed: str) -> Line:
    text = typed.strip()
    if len(text) > MOST_CHARACTERS:
        return Line(text[:MOST_CHARACTERS], refusal=TOO_LONG)
    hosts = forges()
    as_repository, as_project = read("repo_url", text, hosts), read("pypi_url", text, hosts)
    for result in (as_repository, as_project):
        if isinstance(result, str) and (line := _line(text, result)):
            return line
    refusals = [each for each in (as_repository, as_project) if isinstance(each, Refusal)]
    for refusal in refusals:
        if line := _line(text, refusal.suggestion, refusal.reason):
            return line
    meant = as_repository if isinstance(as_repository, str) else as_repository.suggestion
    if host := repository(meant, hosts).host:
        return Line(text, refusal=unknown_host(host))
    is_address = any(character in text for character in "/:")
    return Line(text, refusal=refusals[0 if is_address else -1].reason)


def unknown_host(host: str) -> str:
    known = ", ".join(sorted(forges()))
    return f"{host} is no host that packages are fetched from; these are: {known}, and PyPI. Add the package by hand."


def _line(text: str, address: str, note: str = "") -> Line | None:
    """Return an address as a repository that can be fetched, or as a project; none if it is neither."""
    hosts = forges()
    found = spelled(address, hosts)
    if found.host in hosts and "/" in found.path:
        return Line(text, repo_url=address if folder(address, hosts) else url_of(address), note=note)
    name = pypi_project(address)
    return Line(text, pypi_name=name, note=note) if name else None


def url_of(address: str) -> str:
    """Return the https URL of a repository, however it is spelled."""
    found = spelled(address, forges())
    return f"https://{found.host}/{found.path}"


def name_of(repo_url: str) -> str:
    """Return the name of a repository, or of the folder of it that the URL names."""
    hosts = forges()
    within = folder(repo_url, hosts)
    path = within.partition("#")[0] or spelled(repo_url, hosts).path
    return path.rstrip("/").rpartition("/")[2]


def target_of(repo_url: str, number: int = 0) -> FetchTarget:
    """Return a repository as a target: of a package that is not stored, in whose place stands a number."""
    found = spelled(repo_url, forges())
    return FetchTarget(number, host=found.host, path=found.path)
