"""The hosts that packages are fetched from: the module that reads each, and its Upstream, made from the settings."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import assert_never

from django.conf import settings
from django.utils import timezone

from fetchers.forges import bitbucket, forgejo, github, gitlab
from fetchers.models import HostRateLimit
from fetchers.network.http import FetchError, Response, Upstream
from fetchers.network.rate_limit import PublishedRate, RateLimit, RateLimitState
from packages.facts import Fetched, FetchTarget, RepositoryFacts
from packages.keys import Forge
from packages.models import forges

# A little below the limits that are published by upstreams which send no rate limit headers.
ANONYMOUS_BITBUCKET = PublishedRate(timedelta(seconds=65), burst=50)  # 60 an hour
GITLAB = PublishedRate(timedelta(seconds=0.2), burst=8)  # /projects/:id allows 400 a minute, and does not count down
UNPUBLISHED = PublishedRate(timedelta(seconds=0.25), burst=8)
PYPISTATS = PublishedRate(timedelta(seconds=2.4), burst=4)  # 30 a minute

MAX_CONCURRENCY = 8  # requests in flight to one upstream

Read = Callable[[Upstream, FetchTarget, date], Fetched[RepositoryFacts]]
READ: Mapping[Forge, Read] = {
    "github": github.read,
    "gitlab": gitlab.read,
    "bitbucket": bitbucket.read,
    "forgejo": forgejo.read,
}


class Upstreams:
    """The upstreams of one run. Their rate limits are loaded from the database; save() stores them."""

    def __init__(self, clock: Callable[[], datetime] = timezone.now, *, concurrency: int = MAX_CONCURRENCY) -> None:
        self._clock = clock
        self._concurrency = min(concurrency, MAX_CONCURRENCY)
        self._stored = {row.name: row for row in HostRateLimit.objects.all()}
        self._all: dict[str, Upstream] = {}
        self.kinds = forges()
        self.forges = {host: self._forge(host, kind) for host, kind in self.kinds.items()}
        self.graphql = self._upstream(
            "github-graphql", settings.GITHUB_GRAPHQL_URL, _github_headers(), concurrency=1, forbidden=github.forbidden
        )
        # For repositories whose owner refuses our kind of token.
        self.anonymous = self._upstream(
            "github-anonymous", settings.GITHUB_API_URL, github.HEADERS, forbidden=github.forbidden
        )
        self.pypi = self._upstream("pypi", settings.PYPI_URL)
        self.pypistats = self._upstream(
            "pypistats", settings.PYPISTATS_URL, rate=PYPISTATS, max_wait=timedelta(minutes=2), concurrency=1
        )

    @property
    def has_token(self) -> bool:
        return bool(settings.GITHUB_TOKEN)

    def all(self) -> list[Upstream]:
        return list(self._all.values())

    def _forge(self, host: str, kind: Forge) -> Upstream:
        if kind == "github":
            name = "github" if self.has_token else "github-anonymous"
            return self._upstream(name, settings.GITHUB_API_URL, _github_headers(), forbidden=github.forbidden)
        if kind == "bitbucket":
            return self._upstream(host, settings.BITBUCKET_API_URL, rate=ANONYMOUS_BITBUCKET)
        if kind == "gitlab":
            gitlab_com = host == "gitlab.com"
            url = settings.GITLAB_API_URL if gitlab_com else f"https://{host}/api/v4"
            headers = {"PRIVATE-TOKEN": settings.GITLAB_TOKEN} if gitlab_com and settings.GITLAB_TOKEN else {}
            return self._upstream(host, url, headers, rate=GITLAB)
        if kind == "forgejo":
            url = settings.CODEBERG_API_URL if host == "codeberg.org" else f"https://{host}/api/v1"
            return self._upstream(host, url, rate=UNPUBLISHED)
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
            self._all[name] = Upstream(
                name,
                url,
                RateLimit(self._stored_state(name), self._clock, rate=rate, max_wait=max_wait),
                user_agent(),
                headers=headers,
                concurrency=concurrency or self._concurrency,
                forbidden=forbidden,
            )
        return self._all[name]

    def _stored_state(self, name: str) -> RateLimitState:
        row = self._stored.get(name)
        return RateLimitState(**{field: getattr(row, field) for field in STATE_FIELDS}) if row else RateLimitState()

    def save(self) -> None:
        """Store pauses and quotas for the next process."""
        HostRateLimit.objects.bulk_create(
            [HostRateLimit(name=name, **asdict(upstream.rate_limit.state)) for name, upstream in self._all.items()],
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=STATE_FIELDS,
        )


STATE_FIELDS = tuple(asdict(RateLimitState()))


def _github_headers() -> dict[str, str]:
    token = {"Authorization": f"Bearer {settings.GITHUB_TOKEN}"} if settings.GITHUB_TOKEN else {}
    return {**github.HEADERS, **token}


def user_agent() -> str:
    about = settings.REFRESH_CONTACT or settings.SITE_URL
    return f"package-grids/{settings.VERSION} (refresh_packages{f'; +{about}' if about else ''})"
