"""Examinations for `manage.py doctor`: the tokens and quotas of upstreams, and that cron refreshes the packages."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.timesince import timesince

from core.hooks import Finding
from core.words import counted
from fetchers.metrics import last_runs
from fetchers.models import HostRateLimit, Run
from packages.facts import Feed, Source
from packages.models import Package

# How old the last run for a source may be: cron runs each of them every day, and reads feeds every quarter of an hour.
OLDEST: dict[Source | Feed, timedelta] = {
    "repo": timedelta(hours=36),
    "pypi": timedelta(hours=36),
    "downloads": timedelta(3),
    "advisories": timedelta(hours=6),
}
LONGEST = timedelta(hours=12)  # after which a run without an end has died
FEW = 50  # packages, from which on the requests that GitHub allows without a token do not do
# By the exit code
_FAILED = {1: "all packages of a source or of a host failed", 4: "a host told wrong facts, and was not believed"}
_LINES: dict[Source | Feed, str] = {
    "downloads": "manage.py refresh_packages --source downloads --time-budget 7200",
    "advisories": "manage.py refresh_packages --source advisories",
}


def examine_hosts() -> Iterator[Finding]:
    if not settings.GITHUB_TOKEN and Package.objects.filter(repo_host="github.com")[:FEW].count() == FEW:
        sentence = "GITHUB_TOKEN is not set: GitHub allows 60 requests an hour, which is enough for 15 packages."
        yield Finding(
            "hosts", "warning", sentence, "Make a fine-grained token without permissions, and set GITHUB_TOKEN."
        )
    else:
        yield Finding("hosts", "ok", "GITHUB_TOKEN is set." if settings.GITHUB_TOKEN else "Few packages are at GitHub.")
    now = timezone.now()
    for row in HostRateLimit.objects.filter(paused_until__gt=now + LONGEST):
        sentence = f"{row.name} wants no requests until {timezone.localtime(row.paused_until):%Y-%m-%d %H:%M}."
        yield Finding("hosts", "warning", sentence, "See in the log of refresh_packages what it has answered.")
    spent = HostRateLimit.objects.filter(resets_at__gt=now, remaining__lte=0).values_list("name", flat=True)
    for name in spent:
        sentence = f"The quota of {name} is spent."
        yield Finding("hosts", "warning", sentence, "The next run goes on; if it is so every day, set a token.")


def examine_refreshes() -> Iterator[Finding]:
    last, now = last_runs(), timezone.now()
    if not Package.objects.exists():
        yield Finding("refreshes", "ok", "There are no packages to refresh yet.")
        return
    for source, oldest in OLDEST.items():
        line = f"Add to cron or to a timer: {_LINES.get(source, 'manage.py refresh_packages')}"
        run = last.get(source)
        name = f"refreshes ({source})"
        if run is None or run.finished is None:
            yield Finding(name, "warning", "No run has ended yet.", line)
        elif now - run.finished > oldest:
            sentence = f"The last run ended {timesince(run.finished)} ago: nothing runs it.".replace("\xa0", " ")
            yield Finding(name, "problem", sentence, line)
        elif run.exit_code:
            sentence = f"In the last run {_FAILED.get(run.exit_code, _FAILED[1])}."
            yield Finding(name, "warning", sentence, "See the run in admin, under Runs, and the log of cron.")
        else:
            yield Finding(name, "ok", f"The last run ended {timezone.localtime(run.finished):%Y-%m-%d %H:%M}.")
    dead = Run.objects.filter(finished__isnull=True, started__lt=now - LONGEST, started__gt=now - timedelta(7)).count()
    if dead:
        sentence = f"{counted(dead, 'run')} of the last week died."
        yield Finding("refreshes", "warning", sentence, "See the log of cron, and whether memory was short (dmesg).")
