"""The hosts that packages are fetched from: the module that reads each, and its Upstream, made from the settings."""

import math
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import NamedTuple, assert_never

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from fetchers.forges import bitbucket, forgejo, github, gitlab
from fetchers.indexes import pypi
from fetchers.models import HostRateLimit
from fetchers.network.http import FetchError, Response, Upstream
from fetchers.network.rate_limit import PublishedRate, RateLimit, RateLimitState
from packages.facts import Fetched, FetchTarget, RepositoryFacts
from packages.identity import forges
from packages.keys import Forge

# A little below the limits that are published by upstreams which send no rate limit headers.
# A burst of 1 spaces the requests evenly, so that as few are in flight as the rate takes.
GITHUB = PublishedRate(timedelta(seconds=1 / 11), burst=1)  # 900 points a minute; a GET is one
GITHUB_ANONYMOUS_TOO = PublishedRate(timedelta(seconds=1), burst=1)  # beside the requests with a token
GITHUB_GRAPHQL = PublishedRate(timedelta(seconds=1 / 25), burst=1)  # 2,000 points a minute of its own
PYPI = PublishedRate(timedelta(seconds=1 / 15), burst=1)  # under 20 a second, even if some are late
ANONYMOUS_BITBUCKET = PublishedRate(timedelta(seconds=65), burst=50)  # 60 an hour
BITBUCKET = PublishedRate(timedelta(seconds=4), burst=90)  # 1,000 an hour with a token
GITLAB = PublishedRate(timedelta(seconds=0.2), burst=8)  # /projects/:id allows 400 a minute, and does not count down
UNPUBLISHED = PublishedRate(timedelta(seconds=0.25), burst=8)
OSV = PublishedRate(timedelta(seconds=0.1), burst=1)
PYPISTATS = PublishedRate(timedelta(seconds=2.4), burst=4)  # 30 a minute

MAX_CONCURRENCY = 8  # requests in flight to one upstream
AT_GITHUB = 6  # so that there are no more than eight with a query of GraphQL and one without the token

Read = Callable[[Upstream, FetchTarget, date], Fetched[RepositoryFacts]]
READ: Mapping[Forge, Read] = {
    "github": github.read,
    "gitlab": gitlab.read,
    "bitbucket": bitbucket.read,
    "forgejo": forgejo.read,
}


# The versions of the readers that note validators, by forge and source: these name the one that wrote them.
READERS: Mapping[str, str] = {
    "github": github.READER,
    "gitlab": gitlab.READER,
    "bitbucket": bitbucket.READER,
    "forgejo": forgejo.READER,
    "pypi": pypi.READER,
}


class Quota(NamedTuple):
    """One quota of an upstream: the headers that name its owner, and what may be requested of it."""

    name: str
    headers: Mapping[str, str]
    concurrency: int
    rate: PublishedRate | None
    max_wait: timedelta


class Upstreams:
    """The upstreams of one run. Their rate limits are loaded from the database; save() stores them."""

    ends_at = math.inf  # by time.monotonic(), when nobody waits for responses any more

    def __init__(
        self,
        clock: Callable[[], datetime] = timezone.now,
        *,
        concurrency: int = MAX_CONCURRENCY,
        sleep: Callable[[float], object] = time.sleep,
        is_ending: Callable[[], bool] = lambda: False,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._is_ending = is_ending
        self._concurrency = min(concurrency, MAX_CONCURRENCY)
        self._stored = {row.name: row for row in HostRateLimit.objects.all()}
        self._all: dict[str, Upstream] = {}
        self.kinds = forges()
        self.forges = {host: self._forge(host, kind) for host, kind in self.kinds.items()}
        self.graphql = self._upstream(
            "github-graphql",
            settings.GITHUB_GRAPHQL_URL,
            _github_headers(),
            rate=GITHUB_GRAPHQL,
            concurrency=1,
            forbidden=github.forbidden,
        )
        # For repositories whose owner refuses our kind of token.
        self.anonymous = self._upstream(
            "github-anonymous",
            settings.GITHUB_API_URL,
            github.HEADERS,
            rate=GITHUB_ANONYMOUS_TOO,
            max_wait=timedelta(minutes=1),
            concurrency=1,
            forbidden=github.forbidden,
        )
        self.pypi = self._upstream("pypi", settings.PYPI_URL, rate=PYPI)
        self.pypistats = self._upstream(
            "pypistats", settings.PYPISTATS_URL, rate=PYPISTATS, max_wait=timedelta(minutes=2), concurrency=1
        )

        self.osv = self._upstream("osv", settings.OSV_URL, rate=OSV, concurrency=1)

    @property
    def has_token(self) -> bool:
        return bool(settings.GITHUB_TOKEN)

    def all(self) -> list[Upstream]:
        return list(self._all.values())

    def _forge(self, host: str, kind: Forge) -> Upstream:
        if kind == "github":
            name = "github" if self.has_token else "github-anonymous"
            headers, url = _github_headers(), settings.GITHUB_API_URL
            return self._upstream(name, url, headers, rate=GITHUB, concurrency=AT_GITHUB, forbidden=github.forbidden)
        if kind == "bitbucket":
            headers = _bitbucket_headers()
            rate = BITBUCKET if headers else ANONYMOUS_BITBUCKET
            return self._upstream(host, settings.BITBUCKET_API_URL, headers, rate=rate)
        if kind == "gitlab":
            gitlab_com = host == "gitlab.com"
            url = settings.GITLAB_API_URL if gitlab_com else f"https://{host}/api/v4"
            headers = {"PRIVATE-TOKEN": settings.GITLAB_TOKEN} if gitlab_com and settings.GITLAB_TOKEN else {}
            return self._upstream(host, url, headers, rate=GITLAB)
        if kind == "forgejo":
            codeberg = host == "codeberg.org"
            url = settings.CODEBERG_API_URL if codeberg else f"https://{host}/api/v1"
            token = settings.CODEBERG_TOKEN if codeberg else ""
            return self._upstream(host, url, {"Authorization": f"token {token}"} if token else {}, rate=UNPUBLISHED)
        assert_never(kind)

    def _upstream(
        self,
        name: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        rate: PublishedRate | None = None,
        max_wait: timedelta = timedelta(seconds=5),
        concurrency: int | None = None,
        forbidden: Callable[[Response], FetchError] | None = None,
    ) -> Upstream:
        if name not in self._all:
            concurrency = min(concurrency or MAX_CONCURRENCY, self._concurrency)
            quota = Quota(name, headers or {}, concurrency, rate, max_wait)
            self._all[name] = Upstream(
                name,
                url,
                self._rate_limit(quota, _state(self._stored.get(name))),
                user_agent(),
                headers=headers,
                concurrency=concurrency,
                forbidden=forbidden,
                sleep=self._sleep,
                is_ending=self._is_ending,
            )
            self._all[name].allow_private = settings.ALLOW_PRIVATE_HOSTS
            self._all[name].ends_at = self.ends_at
        return self._all[name]

    def _rate_limit(self, quota: Quota, stored: RateLimitState) -> RateLimit:
        return RateLimit(stored, self._clock, rate=quota.rate, max_wait=quota.max_wait)

    @transaction.atomic
    def save(self) -> None:
        """Store pauses and quotas for the next process, with what others have stored since these were loaded."""
        for row in HostRateLimit.objects.filter(name__in=self._all).order_by("name").select_for_update():
            self._all[row.name].rate_limit.merge(_state(row))
        HostRateLimit.objects.bulk_create(
            [HostRateLimit(name=name, **asdict(upstream.rate_limit.state)) for name, upstream in self._all.items()],
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=STATE_FIELDS,
        )


STATE_FIELDS = tuple(asdict(RateLimitState()))


def _state(row: HostRateLimit | None) -> RateLimitState:
    return RateLimitState(**{field: getattr(row, field) for field in STATE_FIELDS}) if row else RateLimitState()


def _github_headers() -> dict[str, str]:
    token = {"Authorization": f"Bearer {settings.GITHUB_TOKEN}"} if settings.GITHUB_TOKEN else {}
    return {**github.HEADERS, **token}


def _bitbucket_headers() -> dict[str, str]:
    """Return the credentials: "mail:token" as Basic, a token alone as Bearer."""
    token: str = settings.BITBUCKET_TOKEN
    if ":" in token:
        return {"Authorization": f"Basic {b64encode(token.encode()).decode()}"}
    return {"Authorization": f"Bearer {token}"} if token else {}


def user_agent() -> str:
    about = settings.REFRESH_CONTACT or settings.SITE_URL
    return f"package-grids/{settings.VERSION} (refresh_packages{f'; +{about}' if about else ''})"
