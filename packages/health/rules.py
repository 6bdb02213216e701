"""Rules of the verdict, in their order: the first that holds decides."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from packages.compatibility import DJANGO
from packages.health.known import THREE_YEARS, TWO_YEARS, YEAR, Known, age
from packages.health.verdicts import Reason, Verdict

MOVED_AFTER = timedelta(days=30)  # from the last commit of an archived repository to a release from elsewhere
ESTABLISHED_AFTER = timedelta(days=180)  # since the first release
BUSY_WEEKS = 12
THRIVING_RELEASES, THRIVING_PEOPLE = 2, 3
USED = 1_000  # downloads a month
MATURE = Version("1.0")
MATURE_STATUSES = ("Development Status :: 5 - Production/Stable", "Development Status :: 6 - Mature")
INACTIVE = "Development Status :: 7 - Inactive"


class Tried(NamedTuple):
    """The result of a rule: its verdict, None where it does not hold; and what it compared, as JSON."""

    verdict: Verdict | None
    value: object
    threshold: object = None


def _gone(known: Known) -> Tried:
    since = known.facts.gone_since
    is_gone = since is not None or known.status == "quarantined"
    value = {"not_found_since": since and since.isoformat(), "pypi_status": known.status}
    return Tried("gone" if is_gone else None, value, {"pypi_status": "quarantined"})


def _deprecated(known: Known) -> Tried:
    facts = known.facts
    is_deprecated = facts.deprecated or facts.has_successor or known.status == "deprecated"
    value = {"deprecated": facts.deprecated, "successor": facts.has_successor, "pypi_status": known.status}
    return Tried("deprecated" if is_deprecated else None, value, {"pypi_status": "deprecated"})


def _nothing_known(known: Known) -> Tried:
    is_known = known.commit is not None or known.release is not None
    return Tried(None if is_known else "unknown", {"commit": known.commit is not None, "releases": len(known.releases)})


def _repository_left(known: Known) -> Tried:
    """Archived, and yet released from elsewhere."""
    between = known.release - known.last_commit if known.release and known.last_commit else None
    is_left = (
        _is_archived(known)
        and known.status != "archived"
        and INACTIVE not in known.classifiers
        and known.release_within(YEAR)
        and between is not None
        and between > MOVED_AFTER
    )
    value = {
        "archived": _is_archived(known),
        "days_from_commit_to_release": _days(between),
        "release_days": _days(_release_age(known)),
    }
    threshold = {"archived": True, "days_from_commit_to_release": MOVED_AFTER.days, "release_days": YEAR.days}
    return Tried("maintained" if is_left else None, value, threshold)


def _archived(known: Known) -> Tried:
    is_inactive, is_archived = INACTIVE in known.classifiers, _is_archived(known) or known.status == "archived"
    verdict: Verdict | None = None
    if is_inactive or is_archived:
        verdict = "finished" if known.word_stands and not is_inactive else "unmaintained"
    return Tried(verdict, {"archived": is_archived, "inactive": is_inactive, "finished": known.word_stands})


def _thriving(known: Known) -> Tried:
    value = {
        "release_days": _days(_release_age(known)),
        "releases": sum(age(known.facts.pypi, release) <= YEAR for release in known.releases),
        "weeks": known.weeks,
        "people": len(known.people),
        "first_release_days": _days(age(known.facts.pypi, known.releases[0])) if known.releases else None,
        "shared": known.shares,
    }
    thrives = (
        not known.shares
        and sum(age(known.facts.pypi, release) <= YEAR for release in known.releases) >= THRIVING_RELEASES
        and known.weeks >= BUSY_WEEKS
        and len(known.people) >= THRIVING_PEOPLE
        and age(known.facts.pypi, known.releases[0]) >= ESTABLISHED_AFTER
    )
    threshold = {
        "release_days": YEAR.days,
        "releases": THRIVING_RELEASES,
        "weeks": BUSY_WEEKS,
        "people": THRIVING_PEOPLE,
        "first_release_days": ESTABLISHED_AFTER.days,
        "shared": False,
    }
    return Tried("thriving" if thrives else None, value, threshold)


def _maintained(known: Known) -> Tried:
    has_commit = known.commit_within(YEAR) and (known.release is None or known.release_within(TWO_YEARS))
    commit_age = age(known.facts.repo, known.commit) if known.commit else None
    value = {"release_days": _days(_release_age(known)), "commit_days": _days(commit_age)}
    threshold = {"release_days": YEAR.days, "commit_days": YEAR.days, "release_days_with_commit": TWO_YEARS.days}
    return Tried("maintained" if known.release_within(YEAR) or has_commit else None, value, threshold)


def _finished(known: Known) -> Tried:
    downloads = known.facts.downloads or 0
    is_for_django = bool(known.djangos) or DJANGO.removesuffix(" :: ") in known.classifiers
    is_mature = _is_mature(known)
    is_finished = known.word_stands or (
        known.activity is not None
        and known.activity <= THREE_YEARS
        and known.weeks < BUSY_WEEKS
        and known.supports_python
        and (known.supports_django or not is_for_django)
        and is_mature
        and downloads >= USED
    )
    value = {
        "editor": known.word_stands,
        "activity_days": _days(known.activity),
        "weeks": known.weeks,
        "python": known.supports_python,
        "django": known.supports_django or not is_for_django,
        "mature": is_mature,
        "downloads": known.facts.downloads,
    }
    threshold = {
        "editor": True,
        "activity_days": THREE_YEARS.days,
        "weeks": BUSY_WEEKS,
        "python": True,
        "django": True,
        "mature": True,
        "downloads": USED,
    }
    return Tried("finished" if is_finished else None, value, threshold)


def _unsupported_django(known: Known) -> Tried:
    is_old = known.activity is not None and known.activity > TWO_YEARS
    is_unsupported = is_old and bool(known.djangos) and not known.supports_django
    value = {"activity_days": _days(known.activity), "django_versions": known.djangos}
    return Tried("unmaintained" if is_unsupported else None, value, {"activity_days": TWO_YEARS.days})


def _activity(known: Known) -> Tried:
    verdict: Verdict = "unknown"
    if known.activity is not None:
        verdict = "quiet" if known.activity <= THREE_YEARS else "unmaintained"
    return Tried(verdict, {"activity_days": _days(known.activity)}, {"activity_days": THREE_YEARS.days})


def _is_archived(known: Known) -> bool:
    return known.repo and bool(known.facts.archived)


def _is_mature(known: Known) -> bool:
    try:
        is_mature = known.pypi and Version(known.facts.latest_version or "0") >= MATURE
    except InvalidVersion:
        is_mature = False
    return is_mature or not set(MATURE_STATUSES).isdisjoint(known.classifiers)


def _release_age(known: Known) -> timedelta | None:
    return age(known.facts.pypi, known.release) if known.release else None


def _days(age: timedelta | None) -> int | None:
    return None if age is None else age.days


# In their order: the first that holds decides.
_RULES: Mapping[str, Callable[[Known], Tried]] = {
    "gone": _gone,
    "deprecated": _deprecated,
    "nothing_known": _nothing_known,
    "repository_left": _repository_left,
    "archived": _archived,
    "thriving": _thriving,
    "maintained": _maintained,
    "finished": _finished,
    "unsupported_django": _unsupported_django,
    "activity": _activity,
}
RULES = tuple(_RULES)


def judge(known: Known) -> tuple[Verdict, tuple[Reason, ...]]:
    """Return the verdict, and the rules tried, the one that holds last."""
    reasons = []
    for name, rule in _RULES.items():
        verdict, value, threshold = rule(known)
        reasons.append(Reason(name, verdict is not None, value, threshold))
        if verdict:
            return verdict, tuple(reasons)
    raise AssertionError("the last rule always holds")
