"""Looking up what a pasted line names: a repository and a project on PyPI, each of which may tell of the other."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from editing.adding.known import MAX_TITLE, Known, Proposal
from editing.adding.lines import Line, name_of, target_of, url_of
from editing.adding.outcomes import not_fetched, outcome_in_words
from fetchers.on_demand import OnDemand, Received, Wanted
from packages.addresses import clean
from packages.facts import MISSING, UNKNOWN, Fetched, FetchTarget, Outcome, PyPIFacts, RepositoryFacts, Source, known
from packages.identity import forges
from packages.keys import folder, pypi_project, repository, spelled
from packages.results import Attempt, Failure


class Said(NamedTuple):
    """The answer of a source, in words."""

    source: str
    what: str
    words: str


@dataclass
class LookUp:
    """The result of looking a line up: the addresses, what each source said of them, and the facts fetched.

    `former_url` is the address under which the repository was asked for, if it is elsewhere now.
    """

    line: Line
    repo_url: str
    pypi_name: str
    former_url: str = ""
    is_on_pypi: bool | None = None
    said: list[Said] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def title(self) -> str:
        return (name_of(self.repo_url) if self.repo_url else self.pypi_name)[:MAX_TITLE]

    @property
    def project(self) -> PyPIFacts | None:
        return next((facts for each in self.attempts if isinstance(facts := _facts(each), PyPIFacts)), None)


def look_up(line: Line) -> LookUp:
    """Ask the sources about a line, in one short time for all."""
    found = LookUp(line, line.repo_url, line.pypi_name)
    on_demand = OnDemand()
    if found.pypi_name:
        project = Wanted("pypi", FetchTarget(0, pypi_name=found.pypi_name))
        _take_project(found, on_demand.fetch([project]))
        if found.repo_url:
            _take_repository(found, on_demand.fetch([Wanted("repo", target_of(found.repo_url))]))
        return found
    # Many projects have the name of their repository: one request more tells, while the repository is fetched.
    guess = pypi_project(name_of(found.repo_url))
    wanted = [Wanted("repo", target_of(found.repo_url))]
    received = on_demand.fetch([*wanted, Wanted("pypi", FetchTarget(0, pypi_name=guess))] if guess else wanted)
    _take_repository(found, received)
    if guess:
        _take_guess(found, guess, received)
    return found


def _take_repository(found: LookUp, received: Received) -> None:
    attempt = _attempt(received, "repo")
    host = target_of(found.repo_url).host
    facts = _facts(attempt)
    words = _words(attempt, received, "repo")
    if attempt and isinstance(facts, RepositoryFacts):
        # Of a repository that was renamed the new address is proposed, and the facts are of that.
        address = known(facts.url, "") or found.repo_url
        if repository(address, forges()).key != repository(found.repo_url, forges()).key:
            words += f"; it is at {address} now"
            found.former_url, found.repo_url = found.repo_url, address + folder(found.repo_url, forges())
        elif not folder(found.repo_url, forges()):
            found.repo_url = url_of(address)
        target = target_of(found.repo_url)
        found.attempts.append(Attempt(target, "repo", attempt.at, attempt.result))
    found.said.append(Said(host, found.line.repo_url or found.repo_url, words))


def _take_project(found: LookUp, received: Received) -> None:
    attempt = _attempt(received, "pypi")
    found.said.append(Said("PyPI", found.pypi_name, _words(attempt, received, "pypi")))
    if attempt and isinstance(facts := _facts(attempt), PyPIFacts):
        found.attempts.append(attempt)
        found.repo_url = _named_by(facts)
        if found.repo_url == "":
            found.said.append(Said("PyPI", found.pypi_name, "it names no repository on a host that is fetched from"))


def _take_guess(found: LookUp, guess: str, received: Received) -> None:
    """Take the project with the name of the repository, if it names this repository."""
    attempt = _attempt(received, "pypi")
    facts = _facts(attempt)
    if attempt is None or not isinstance(facts, PyPIFacts):
        missing = attempt and isinstance(attempt.result, Failure) and attempt.result.outcome in MISSING
        found.is_on_pypi = False if missing else None
        words = "there is no project of this name" if missing else _words(attempt, received, "pypi")
        found.said.append(Said("PyPI", guess, words))
        return
    ours = {repository(url, forges()).key for url in (found.repo_url, found.line.repo_url)}
    named = _named_by(facts)
    if repository(named, forges()).key in ours:
        found.pypi_name = guess
        found.attempts.append(attempt)
        found.said.append(Said("PyPI", guess, f"{_words(attempt, received, 'pypi')}: it names this repository"))
        return
    found.is_on_pypi = False
    other = f"names another repository, {named}" if named else "does not name this repository"
    found.said.append(Said("PyPI", guess, f"the project of this name {other}, and is not proposed"))


def _named_by(facts: PyPIFacts) -> str:
    """Return the repository that a project names, if it can be fetched."""
    named = spelled(clean(known(facts.repo_url, "")).address, forges())
    return f"https://{named.host}/{named.path}" if named.host in forges() and "/" in named.path else ""


def _attempt(received: Received, source: Source) -> Attempt | None:
    return next((attempt for attempt in received.attempts if attempt.source == source), None)


def _facts(attempt: Attempt | None) -> Any:
    return attempt.result.facts if attempt and isinstance(attempt.result, Fetched) else None


def _words(attempt: Attempt | None, received: Received, source: Source) -> str:
    if attempt is None:
        return not_fetched(received.unasked[source, 0])
    if isinstance(attempt.result, Failure):
        return outcome_in_words(attempt.result.outcome, attempt.result.message)
    return outcome_in_words(Outcome.PARTIAL if attempt.result.odd else Outcome.OK, "; ".join(attempt.result.odd))


def proposal(found: LookUp, known_packages: Known) -> Proposal:
    """Return what is proposed for a line that was looked up."""
    title = found.title
    project = found.project
    required = project.requires_django if project else UNKNOWN
    category, reason = known_packages.category(
        title,
        is_on_pypi=True if found.pypi_name else found.is_on_pypi,
        is_for_django=None if required is UNKNOWN else required is not None,
    )
    return Proposal(
        title=title,
        slug=known_packages.slug(title),
        repo_url=found.repo_url,
        pypi_url=found.pypi_name,
        documentation_url=clean(known(project.documentation_url, "")).address if project else "",
        category=category,
        reason=reason,
    )
