"""The last runs of refresh_packages in words: "Today 03:10: 5,214 packages asked, 12 failed, 4 minutes"."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.dateformat import format as formatted

from core.words import counted
from fetchers.models import Run
from packages.facts import FEEDS, SUCCESSES

SHOWN = 5
MOST_FAILURES = 3  # that are named
LONGEST = timedelta(hours=12)  # after which a run without an end has died
# The outcomes of failures, as what a host did
FAILURES: Mapping[str, str] = {
    "not_found": "did not find {}",
    "gone": "says that {} is gone",
    "private": "keeps {} private",
    "blocked": "blocks {}",
    "unauthorized": "refused {}",
    "rate_limited": "asked to wait {}",
    "server_error": "failed {}",
    "timeout": "timed out {}",
    "invalid": "answered oddly {}",
}
_TIMES = {"rate_limited", "server_error", "timeout", "invalid", "unauthorized"}
NAMES = {"github.com": "GitHub", "gitlab.com": "GitLab", "bitbucket.org": "Bitbucket", "codeberg.org": "Codeberg"}
NAMES |= {"pypi": "PyPI", "downloads": "pypistats", "advisories": "OSV"}


class RunInWords(NamedTuple):
    """A run, and whether somebody should look at it."""

    pk: int
    words: str
    is_bad: bool


# By the exit code of the run
_ENDS = {
    0: "",
    1: "; all that a host was asked for failed",
    4: "; a host tells the wrong facts, and nothing more of it was saved: see the notes of the run",
}


def last_runs(now: datetime) -> list[RunInWords]:
    runs = Run.objects.exclude(sources=list(FEEDS))  # those of feeds alone are many an hour
    return [in_words(run, now) for run in runs.order_by("-started", "-id")[:SHOWN]]


def in_words(run: Run, now: datetime) -> RunInWords:
    when = _when(run.started, now)
    if run.finished is None:
        died = now - run.started > LONGEST
        return RunInWords(run.pk, f"{when}: {'it died' if died else 'under way, or it died'}", died)
    tallies = list(_tallies(run.summary))
    failures: Counter[tuple[str, str]] = Counter()
    for host, tally in tallies:
        for outcome, number in _mapping(tally.get("outcomes")).items():
            if outcome not in SUCCESSES:
                failures[host, outcome] += int(number)
    asked = sum(int(tally.get("tried") or 0) for _, tally in tallies)
    left = sum(int(tally.get("left") or 0) for _, tally in tallies)
    parts = [f"{counted(asked, 'package')} asked", _failed(failures), f"{left:,} left for the next run" if left else ""]
    parts.append(_duration(run.finished - run.started))
    end = _ENDS.get(run.exit_code or 0, _ENDS[1])
    return RunInWords(run.pk, f"{when}: {', '.join(filter(None, parts))}{end}", bool(run.exit_code))


def _tallies(summary: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for hosts in _mapping(_mapping(summary).get("sources")).values():
        for host, tally in _mapping(hosts).items():
            yield host, _mapping(tally)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _failed(failures: Counter[tuple[str, str]]) -> str:
    if not failures:
        return "none failed"
    named = [_failure(host, outcome, number) for (host, outcome), number in failures.most_common(MOST_FAILURES)]
    more = ["…"] if len(failures) > MOST_FAILURES else []
    return f"{failures.total():,} failed ({', '.join(named + more)})"


def _failure(host: str, outcome: str, number: int) -> str:
    how = FAILURES.get(outcome, f"{outcome.replace('_', ' ')} {{}}")
    times = ("once" if number == 1 else f"{number:,} times") if outcome in _TIMES else counted(number, "package")
    return f"{NAMES.get(host, host)} {how.format(times)}"


def _when(started: datetime, now: datetime) -> str:
    day, today = timezone.localdate(started), timezone.localdate(now)
    time = f"{timezone.localtime(started):%H:%M}"
    if day == today:
        return f"Today {time}"
    return f"Yesterday {time}" if day == today - timedelta(days=1) else f"{formatted(day, 'j F')} {time}"


def _duration(duration: timedelta) -> str:
    minutes, seconds = divmod(max(0, round(duration.total_seconds())), 60)
    if minutes >= 120:
        return counted(minutes // 60, "hour")
    return counted(minutes, "minute") if minutes else counted(seconds, "second")
