"""Facts that were fetched for a form, carried by the form until it is saved: signed, so that nobody else can write it.

So nothing is fetched twice, and nothing is stored for forms that are never saved.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from typing import Any

from django.core import signing
from pydantic import TypeAdapter

from packages.facts import UNKNOWN, Fetched, FetchTarget, PyPIFacts, ReleaseFact, RepositoryFacts
from packages.results import Attempt

MAX_AGE = 3_600  # seconds: of older facts the next refresh fetches new ones
MAX_SIZE = 1_000_000  # characters, of the two and a half million that a form may have
_FACTS: Mapping[str, type[RepositoryFacts | PyPIFacts]] = {"repo": RepositoryFacts, "pypi": PyPIFacts}
_ADAPTERS: Mapping[type[Any], TypeAdapter[Any]] = {
    kind: TypeAdapter(kind) for kind in (RepositoryFacts, PyPIFacts, ReleaseFact)
}


def carry(attempts: Iterable[Attempt]) -> str:
    """Return successful attempts as a text for a hidden input; those for which it would be too long are left out."""
    content: list[dict[str, Any]] = []
    text = sign("facts", content)
    for attempt in attempts:
        longer = sign("facts", [*content, _packed(attempt)])
        if len(longer) <= MAX_SIZE:
            content.append(_packed(attempt))
            text = longer
    return text


def carried(text: str, package: int) -> list[Attempt]:
    """Return the attempts, as those of a package that is stored by now; none if the text is too old, or not ours."""
    return [_unpacked(each, package) for each in unsign("facts", text) or ()]


def sign(what: str, content: object) -> str:
    return signing.dumps(content, salt=f"editing.adding.{what}", compress=True)


def unsign(what: str, text: str) -> Any:
    """Return what was signed; None if it is too old, is something else, or was not signed here."""
    try:
        return signing.loads(text, salt=f"editing.adding.{what}", max_age=MAX_AGE)
    except signing.BadSignature:
        return None


def _packed(attempt: Attempt) -> dict[str, Any]:
    target, result = attempt.target, attempt.result
    if not isinstance(result, Fetched):
        raise TypeError("a failure is not carried")
    return {
        "source": attempt.source,
        "at": attempt.at.isoformat(),
        "target": [target.host, target.path, target.pypi_name],
        "facts": _plain(result.facts),
        "validators": dict(result.validators),
        "incomplete": result.incomplete,
        "odd": list(result.odd),
    }


def _unpacked(content: dict[str, Any], package: int) -> Attempt:
    host, path, pypi_name = content["target"]
    return Attempt(
        FetchTarget(package, host=host, path=path, pypi_name=pypi_name),
        content["source"],
        datetime.fromisoformat(content["at"]),
        Fetched(
            _facts(_FACTS[content["source"]], content["facts"]),
            content["validators"],
            content["incomplete"],
            tuple(content["odd"]),
        ),
    )


def _plain(value: Any) -> Any:
    """Return facts as JSON has them: a fact that is UNKNOWN is left out."""
    if is_dataclass(value):
        values = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: _plain(each) for name, each in values.items() if each is not UNKNOWN}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def _facts(kind: type[Any], content: dict[str, Any]) -> Any:
    values: dict[str, Any] = dict.fromkeys((field.name for field in fields(kind)), UNKNOWN) | content
    if isinstance(releases := values.get("releases"), list):
        values["releases"] = tuple(_facts(ReleaseFact, release) for release in releases)
    return _ADAPTERS[kind].validate_python(values)
