"""The reasons of a verdict and its warnings in words, for people.

They are not among the rules (packages.health): a better word there would have every verdict settled again.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.dateformat import format as formatted

from core.words import counted
from packages.health.verdicts import WarningName

Words = Callable[[Any], str]
Values = Mapping[str, Any]


class Condition(NamedTuple):
    """A thing that a rule looked at, in words, and what the rule asks for; "" where the words say it."""

    seen: str
    needed: str = ""


class ReasonInWords(NamedTuple):
    """A rule that was tried: what it says, whether it decided, and what it looked at."""

    says: str
    holds: bool
    conditions: list[Condition]


class _Fact(NamedTuple):
    """The words for a value of a rule, for one that is not known, and for what the rule asks for."""

    seen: Words
    unknown: str = ""
    needed: Words = lambda _: ""


def _flag(yes: str, no: str) -> _Fact:
    return _Fact(lambda value: yes if value else no, no)


def _days_old(noun: str, unknown: str, needed: str = "at most") -> _Fact:
    return _Fact(
        lambda days: f"{noun} was {counted(days, 'day') if days else 'less than a day'} old",
        unknown,
        lambda days: f"{needed} {counted(days, 'day')}",
    )


def _not_found(since: str) -> str:
    return f"it was not found on three days, up to {formatted(datetime.fromisoformat(since), 'j F Y')}"


def _after_commit(days: int) -> str:
    if days < 0:
        return f"the last commit came {counted(-days, 'day')} after the latest release"
    if not days:
        return "the latest release came within a day of the last commit"
    return f"the latest release came {counted(days, 'day')} after the last commit"


def _number(noun: str, plural: str = "", after: str = "", needed: str = "{} or more") -> _Fact:
    """Words of a number that is 0 too where nothing is known."""
    return _Fact(
        lambda number: f"{counted(number, noun, plural)}{after}" if number else f"no {noun}{after} is known",
        needed=lambda number: needed.format(f"{number:,}"),
    )


_RELEASE = _days_old("the latest release", "no release with a known date counts")
_COMMIT = _days_old("the last commit", "no commit counts")
_STATUS = _Fact(lambda status: f"PyPI calls it {status}", "PyPI does not tell its status")
_ACTIVITY = ("its last activity", "no activity is known")

_Facts = Mapping[str, _Fact]
# Each rule with what it says, and what it looks at.
RULES_IN_WORDS: Mapping[str, tuple[str, _Facts]] = {
    "gone": (
        "its source is not there any more, or PyPI has it in quarantine",
        {"not_found_since": _Fact(_not_found, "it is not missing"), "pypi_status": _STATUS},
    ),
    "deprecated": (
        "it is deprecated, or another package takes its place",
        {
            "deprecated": _flag("an editor says that it is deprecated", "no editor says that it is deprecated"),
            "successor": _flag("another package takes its place", "no other package takes its place"),
            "pypi_status": _STATUS,
        },
    ),
    "nothing_known": (
        "neither a release nor a commit is known",
        {
            "commit": _flag("a commit is known", "no commit counts"),
            "releases": _number("release"),
        },
    ),
    "repository_left": (
        "its repository is archived, but releases came later: the work goes on elsewhere",
        {
            "archived": _flag("its repository is archived", "its repository is not archived"),
            "days_from_commit_to_release": _Fact(
                _after_commit,
                "there are no release and commit to compare",
                lambda days: f"more than {counted(days, 'day')}",
            ),
            "release_days": _RELEASE,
        },
    ),
    "archived": (
        "its repository or its project is archived, or it calls itself inactive",
        {
            "archived": _flag(
                "its repository or its project is archived", "neither repository nor project is archived"
            ),
            "inactive": _flag("it calls itself inactive", "it does not call itself inactive"),
            "finished": _flag("an editor says that it is finished", "no editor says that it is finished"),
        },
    ),
    "thriving": (
        "releases, commits and people of the last year show that it thrives",
        {
            "release_days": _RELEASE,
            "releases": _number("release", after=" in the last year"),
            "weeks": _number("week", after=" of the last year with commits"),
            "people": _number("person", "people"),
            "first_release_days": _days_old("the first release", "no release with a known date counts", "at least"),
            "shared": _flag("other packages live in its repository", "no other living package is in its repository"),
        },
    ),
    "maintained": (
        "it had a release in the last year, or a commit in the last year and no older release than of the last two",
        {
            "release_days": _RELEASE,
            "commit_days": _COMMIT,
            "release_days_with_commit": _Fact(
                lambda days: f"with such a commit, a release of {counted(days, 'day')} is new enough"
            ),
        },
    ),
    "finished": (
        "it is complete, and works as it is",
        {
            "editor": _flag("an editor says that it is finished", "no editor says that it is finished"),
            "activity_days": _days_old(*_ACTIVITY),
            "weeks": _number("week", after=" of the last year with commits", needed="fewer than {}"),
            "python": _flag("it names a supported version of Python", "it names no supported version of Python"),
            "django": _flag(
                "it names a supported version of Django, or is not for Django",
                "it is for Django, and names no supported version",
            ),
            "mature": _flag("it is 1.0 or later, or calls itself stable", "it is not 1.0, nor calls itself stable"),
            "downloads": _Fact(
                lambda number: f"{counted(number, 'download')} a month",
                "the downloads are not known",
                lambda number: f"{number:,} or more",
            ),
        },
    ),
    "unsupported_django": (
        "it was not active for two years, and names no version of Django that is still supported",
        {
            "activity_days": _days_old(*_ACTIVITY, "more than"),
            "django_versions": _Fact(
                lambda versions: f"it names Django {', '.join(versions)}", "it names no version of Django"
            ),
        },
    ),
    "activity": (
        "no other rule holds, so that its last activity decides",
        {"activity_days": _days_old(*_ACTIVITY)},
    ),
}

WARNINGS_IN_WORDS: Mapping[WarningName, str] = {
    "stale": "A source was not fetched for 90 days: what is said here may be out of date.",
    "repository_probably_moved": "Its repository is archived, and releases came later: the work probably goes on in"
    " another repository.",
    "shared_repository": "Other packages live in its repository: its commits, stars and people may be theirs.",
    "yanked_latest": "Its newest upload to PyPI was yanked, that is, withdrawn by its makers.",
    "only_prereleases": "It has no release yet but prereleases.",
    "single_person": "It is downloaded 10,000 times a month or more, and one person alone works on it.",
    "name_reused": "Another repository has the address of its repository now: the numbers are of the old one.",
    "vulnerable": "Its latest version has a known vulnerability.",
}


class _Decided(NamedTuple):
    """The part by which a rule holds: what it says then, "" for its own words, and what it looked at and asks for."""

    says: str
    values: Values
    needs: Values


def _of_any(values: Values, needs: Values) -> _Decided:
    """Return what one of is enough, as far as it is true."""
    true = {name: value for name, value in values.items() if (value == needs[name] if name in needs else value)}
    return _Decided("", true or values, {})


def _of_archived(values: Values, needs: Values) -> _Decided:
    """An editor's word that it is finished has no weight against that of the package itself."""
    others = {name: value for name, value in values.items() if name != "finished"}
    return _of_any(others if values.get("inactive") else values, needs)


def _of_maintained(values: Values, needs: Values) -> _Decided:
    release, most = values.get("release_days"), needs.get("release_days")
    if release is None:
        return _Decided("it had a commit in the last year", values, _only(needs, "commit_days"))
    if most is None or release < most:
        return _Decided("it had a release in the last year", _only(values, "release_days"), {"release_days": most})
    says = "it had a commit in the last year, and a release in the last two"
    of_commit = {**_only(needs, "commit_days"), "release_days": needs.get("release_days_with_commit")}
    return _Decided(says, values, of_commit)


def _of_finished(values: Values, needs: Values) -> _Decided:
    if values.get("editor"):
        return _Decided("", _only(values, "editor"), {})
    return _Decided("", *({name: each[name] for name in each if name != "editor"} for each in (values, needs)))


def _only(values: Values, name: str) -> Values:
    return {name: values[name]} if name in values else {}


# The rules that hold by one thing or by another
_DECIDING: Mapping[str, Callable[[Values, Values], _Decided]] = {
    "gone": _of_any,
    "deprecated": _of_any,
    "archived": _of_archived,
    "maintained": _of_maintained,
    "finished": _of_finished,
}


def reason_in_words(reason: Mapping[str, Any]) -> ReasonInWords:
    """Return a rule that was tried, as `health` has it in JSON, in words. Of one that decided, only that by which it
    holds is told, where it could have held by something else."""
    rule, holds = reason["rule"], bool(reason["holds"])
    says, facts = RULES_IN_WORDS.get(rule, (_plain(rule), {}))
    values, needs = reason.get("value") or {}, reason.get("threshold") or {}
    if holds and rule in _DECIDING:
        own, values, needs = _DECIDING[rule](values, needs)
        says = own or says
    return ReasonInWords(says, holds, list(_conditions(values, needs, facts)))


def warning_in_words(warning: str) -> str:
    """Return a warning in words."""
    return next(
        (words for name, words in WARNINGS_IN_WORDS.items() if name == warning), f"{_plain(warning).capitalize()}."
    )


def _conditions(values: Values, thresholds: Values, facts: _Facts) -> Iterable[Condition]:
    """Yield what the rule looked at or asks for, in the order of its words: JSON that is stored has none. It may be of
    older rules: what has no words here comes last, by its name."""
    places = {name: place for place, name in enumerate(facts)}
    for name in sorted({*values, *thresholds}, key=lambda name: (places.get(name, len(places)), name)):
        value = values.get(name, thresholds.get(name))
        fact = facts.get(name, _Fact(lambda value, name=name: f"{_plain(name)}: {value}"))  # type: ignore[misc]
        needed = thresholds.get(name) if name in values else None
        seen = fact.unknown if value in (None, "", []) and fact.unknown else fact.seen(value)
        yield Condition(
            seen, "" if needed is None or (value == needed and isinstance(value, str)) else fact.needed(needed)
        )


def _plain(name: str) -> str:
    return name.replace("_", " ")
