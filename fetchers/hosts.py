"""Which host is asked through which module, at which address and pace: the operator's settings made into Hosts."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta

from django.conf import settings
from django.utils import timezone

from fetchers.forges import bitbucket, forgejo, github, gitlab
from fetchers.models import HostPace
from fetchers.network.http import Answer, FetchError, Host
from fetchers.network.rate_limit import Pace, PaceState, Rate
from packages.facts import Fetched, FetchTarget, RepositoryFacts
from packages.keys import Forge
from packages.models import forges

# Published limits of hosts that send no limit headers, kept a little below.
ANONYMOUS_BITBUCKET = Rate(timedelta(seconds=65), burst=50)  # 60 an hour
GITLAB = Rate(timedelta(seconds=0.2), burst=8)  # /projects/:id allows 400 a minute, and does not count down
UNPUBLISHED = Rate(timedelta(seconds=0.25), burst=8)
PYPISTATS = Rate(timedelta(seconds=2.4), burst=4)  # 30 a minute

Read = Callable[[Host, FetchTarget, date], Fetched[RepositoryFacts]]
READ: Mapping[Forge, Read] = {
    "github": github.read,
    "gitlab": gitlab.read,
    "bitbucket": bitbucket.read,
    "forgejo": forgejo.read,
}


class Hosts:
    """The hosts of one run. Their paces come out of the database, and save() puts them back."""

    def __init__(self, clock: Callable[[], datetime] = timezone.now, *, at_once: int = 8) -> None:
        self._clock = clock
        self._at_once = min(at_once, 8)
        self._stored = {row.name: row for row in HostPace.objects.all()}
        self._all: dict[str, Host] = {}
        self.kinds = forges()
        self.forges = {host: self._forge(host, kind) for host, kind in self.kinds.items()}
        self.graphql = self._host(
            "github-graphql", settings.GITHUB_GRAPHQL_URL, _github_headers(), at_once=1, forbidden=github.forbidden
        )
        # For repositories whose owner refuses our kind of token.
        self.anonymous = self._host(
            "github-anonymous", settings.GITHUB_API_URL, github.HEADERS, forbidden=github.forbidden
        )
        self.pypi = self._host("pypi", settings.PYPI_URL)
        self.pypistats = self._host(
            "pypistats", settings.PYPISTATS_URL, rate=PYPISTATS, patience=timedelta(minutes=2), at_once=1
        )

    @property
    def has_token(self) -> bool:
        return bool(settings.GITHUB_TOKEN)

    def all(self) -> list[Host]:
        return list(self._all.values())

    def _forge(self, host: str, kind: Forge) -> Host:
        if kind == "github":
            name = "github" if self.has_token else "github-anonymous"
            return self._host(name, settings.GITHUB_API_URL, _github_headers(), forbidden=github.forbidden)
        if kind == "bitbucket":
            return self._host(host, settings.BITBUCKET_API_URL, rate=ANONYMOUS_BITBUCKET)
        if kind == "gitlab":
            own = host == "gitlab.com"
            headers = {"PRIVATE-TOKEN": settings.GITLAB_TOKEN} if own and settings.GITLAB_TOKEN else {}
            return self._host(host, settings.GITLAB_API_URL if own else f"https://{host}/api/v4", headers, rate=GITLAB)
        url = settings.CODEBERG_API_URL if host == "codeberg.org" else f"https://{host}/api/v1"
        return self._host(host, url, rate=UNPUBLISHED)

    def _host(
        self,
        name: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        rate: Rate | None = None,
        patience: timedelta = timedelta(seconds=5),
        at_once: int | None = None,
        forbidden: Callable[[Answer], FetchError] | None = None,
    ) -> Host:
        if name not in self._all:
            row = self._stored.get(name)
            state = PaceState(**{key: getattr(row, key) for key in asdict(PaceState())}) if row else PaceState()
            self._all[name] = Host(
                name,
                url,
                Pace(state, self._clock, rate=rate, patience=patience),
                user_agent(),
                headers=headers,
                at_once=at_once or self._at_once,
                forbidden=forbidden,
            )
        return self._all[name]

    def save(self) -> None:
        """Remember pauses and quotas for the next process."""
        HostPace.objects.bulk_create(
            [HostPace(name=name, **asdict(host.pace.state)) for name, host in self._all.items()],
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=list(asdict(PaceState())),
        )


def _github_headers() -> dict[str, str]:
    token = {"Authorization": f"Bearer {settings.GITHUB_TOKEN}"} if settings.GITHUB_TOKEN else {}
    return {**github.HEADERS, **token}


def user_agent() -> str:
    about = settings.REFRESH_CONTACT or settings.SITE_URL
    return f"package-grids/{settings.VERSION} (refresh_packages{f'; +{about}' if about else ''})"
