"""Packages, their releases and history, and the state of their fetches."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any, ClassVar, Self

from django.db import models, transaction
from django.db.models import Case, DateField, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Cast, JSONObject
from django.utils import timezone

from categories.documents import CATEGORY_COLUMNS
from categories.models import Category
from core import hooks as core_hooks
from core.database.functions import AsciiLower, JSONList
from core.models import Document
from packages import hooks
from packages.addresses import HTTP_PREFIXES, REPO_URL_PREFIXES
from packages.advisories.listed import of_package
from packages.advisories.models import Advisory, AdvisoryFeed, PackageAdvisory
from packages.documents import PACKAGE_COLUMNS
from packages.facts import SOURCES, STATUSES, Outcome, Source
from packages.fields import Differ, IsList, IsWeeklyCounts
from packages.health.verdicts import LEVELS, RANKED, VERDICTS, Verdict, rank, ranked
from packages.identity import (
    DERIVED,
    FETCHABLE_KEY,
    TARGET_COLUMNS,
    FactsSource,
    deciding_source,
    derived,
    forges,
    is_one_repository,
)
from packages.licences import MAX_LENGTH
from packages.pins.columns import PINNABLE, restored, stored
from packages.readiness.rule import PLATFORMS, SAYS
from packages.replies import MOST_CHARACTERS, NO_REPLY, REPLIES, standing, today

__all__ = ["Advisory", "AdvisoryFeed", "PackageAdvisory"]  # Django looks for models here

# What says whose facts a package may have: who writes one of these columns forgets those of others.
_OF_ADDRESSES = {*DERIVED, *(name for names in DERIVED.values() for name in names)}


@dataclass(frozen=True)
class Facts:
    """The fetched columns of a source: those of the package with the key in column `key`, as the column `of` says.

    `states` are the fetches that write them.
    """

    key: str
    of: str
    columns: tuple[str, ...]
    states: tuple[Source, ...]

    def empty(self) -> dict[str, Any]:
        """The columns, with the values that they have before the first fetch."""
        fields = {column: Package._meta.get_field(column) for column in self.columns}
        return {
            column: field.db_default if field.has_db_default() else field.get_default()
            for column, field in fields.items()
            if isinstance(field, models.Field)
        }


FACTS: Mapping[FactsSource, Facts] = {
    "repo": Facts("repo_key", "repo_facts_of", PACKAGE_COLUMNS.fetched_from(""), ("repo",)),
    "pypi": Facts("pypi_name", "pypi_facts_of", PACKAGE_COLUMNS.fetched_from("pypi"), ("pypi", "downloads")),
}
_KEYS = tuple(column for facts in FACTS.values() for column in (facts.key, facts.of))

TREND = "The gain of 30 days / (the number before + 100); null if it is not growing."

# The columns of each fetch state that `freshness` shows
STATE_FIELDS = ("last_success", "last_attempt", "outcome", "error", "failures", "next_due")
# The columns that are settled with the verdict, and that `health` shows beside it
HEALTH_FIELDS = ("since", "before", "reasons", "warnings", "valid_until")


def _begins(column: str, prefixes: Iterable[str]) -> Q:
    return reduce(or_, (Q((f"{column}__istartswith", prefix)) for prefix in prefixes))


class PackageQuerySet(models.QuerySet["Package"]):
    def for_api(self, fields: Iterable[str] = PACKAGE_COLUMNS.v4, select_related: Collection[str] = ()) -> Self:
        """The rows of the API's package documents, newest first: the columns of those fields and what they show of
        grids, and the category's columns if `select_related` names it."""
        chosen = set(fields)
        columns = PACKAGE_COLUMNS.stored(chosen)
        if "category" in select_related:
            columns |= {f"category__{column}" for column in CATEGORY_COLUMNS.stored(CATEGORY_COLUMNS.v4)}
        packages = self.select_related(*select_related) if select_related else self
        packages = packages.only("id", *columns).order_by("-id")
        if "grids" in chosen:
            packages = packages.annotate(grid_ids=hooks.grids.ids_of_a_package())
        if "grid_slugs" in chosen:
            packages = packages.annotate(slugs_of_grids=hooks.grids.slugs_of_a_package())
        if "category_slug" in chosen:
            packages = packages.annotate(category_slug=F("category__slug"))
        if "freshness" in chosen:
            packages = packages.with_freshness()
        if "pins" in chosen:
            packages = packages.with_pins()
        if "advisories" in chosen:
            packages = packages.with_advisories()
        return packages.with_health() if "health" in chosen else packages

    def with_freshness(self) -> Self:
        """Add the fetch states of each package's sources, in columns like `repo_outcome`; null where there is none."""
        packages = self
        for source in SOURCES:
            state = models.FilteredRelation("fetch_states", condition=Q(fetch_states__source=source))
            columns = {f"{source}_{name}": F(f"{source}_state__{name}") for name in ("target", *STATE_FIELDS)}
            packages = packages.annotate(**{f"{source}_state": state}).annotate(**columns)
        return packages

    def with_health(self) -> Self:
        """Add what is stored beside each package's verdict, in columns like `health_reasons`; null where it is not
        settled yet."""
        return self.annotate(**{f"health_{name}": F(f"health__{name}") for name in HEALTH_FIELDS})

    def with_pins(self) -> Self:
        """Add what everybody may know of each package's pins, as `pins_listed`; null where there are none."""
        names = {name: F(name) for name in ("column", "since", "reason")}
        pins = Pin.objects.filter(package=OuterRef("pk")).order_by("column")
        value = JSONObject(**names, upstream=Cast("upstream", models.TextField()))  # its JSON, on both databases
        return self.annotate(pins_listed=JSONList(pins.values(value=value)))

    def with_advisories(self) -> Self:
        """Add the vulnerabilities of each package's project, as `advisories_listed`; null where there are none."""
        return self.annotate(advisories_listed=of_package())

    def with_verdicts(self, verdicts: Iterable[Verdict]) -> Self:
        """Packages with one of these verdicts."""
        ranks = [rank(verdict) for verdict in verdicts]
        ranked = Q(verdict_rank__in=[each for each in ranks if each])
        return self.filter(ranked | Q(verdict_rank__isnull=True) if None in ranks else ranked)

    def of_levels(self, levels: Collection[str]) -> Self:
        """Packages whose verdict is of one of these levels."""
        return self.with_verdicts(verdict for verdict, level in LEVELS.items() if level in levels)

    def with_reply_ending(self, before: date) -> Self:
        """Packages with a reply that holds today, but ends before that day, the first to end first."""
        return self.filter(standing(timezone.now()), reply_until__lt=before).order_by("reply_until", "pk")

    def fetchable(self, source: Source) -> Self:
        """Packages that can be fetched from a source: with a repository on one of our hosts, or a project on PyPI."""
        if source == "repo":
            return self.filter(repo_host__in=forges(), repo_key__regex=FETCHABLE_KEY)
        return self.exclude(pypi_name="")

    def with_state(self, source: Source) -> Self:
        """Add the fetch state of that source as `state`, which may be missing."""
        return self.annotate(state=models.FilteredRelation("fetch_states", condition=Q(fetch_states__source=source)))

    def due(self, source: Source, now: datetime, fresh_for: timedelta, usual: timedelta | None = None) -> Self:
        """The packages whose last success is older than `fresh_for`, whose target is new, or whose next try is due.

        With `usual`, the time until a success is usually repeated, also those that an editor wants earlier. A last try
        that is as far ahead as a success is fresh was noted by a clock that was wrong.
        """
        earlier = Q(state__failures=0, state__next_due__lte=now, state__last_success__gt=now - usual) if usual else Q()
        return (
            self.fetchable(source)
            .with_state(source)
            .filter(
                Q(state__isnull=True)
                | ~Q(state__target=F(TARGET_COLUMNS[source]))
                | Q(state__failures=0, state__last_success__lte=now - fresh_for)
                | Q(state__failures__gt=0, state__next_due__lte=now)
                | Q(state__last_attempt__gte=now + (usual or fresh_for))
                | earlier
            )
        )

    def healthy_first(self, source: Source) -> Self:
        """Order packages that came from with_state(): those whose last try did not fail by the last success, never
        fetched ones first; then those that `failed` by the last try, the ones that were good before first."""
        failing = Q(state__failures__gt=0, state__target=F(TARGET_COLUMNS[source]))
        packages = self.annotate(
            failed=Case(When(failing & Q(state__last_success__isnull=False), then=1), When(failing, then=2), default=0)
        )
        return packages.order_by(
            "failed",
            Case(When(failed=0, then=F("state__last_success"))).asc(nulls_first=True),
            F("state__last_attempt").asc(nulls_first=True),
            "pk",
        )

    def sharing_repository(self, package: "Package") -> Self:
        """The other packages that live in the same repository as `package`."""
        return self.exclude(pk=package.pk).filter(repo_key=package.repo_key).exclude(repo_key="")

    def sharing_project(self, package: "Package") -> Self:
        """The other packages that are the same project on PyPI as `package`."""
        return self.exclude(pk=package.pk).filter(pypi_name=package.pypi_name).exclude(pypi_name="")

    def update(self, **columns: Any) -> int:
        """Update rows, and the columns that follow from repo_url and pypi_url, which are written with these alone; and
        what belongs to a reply: the day of a new one, unless it is given, or nothing once it is taken back. A pinned
        column stays, and the pin has what is written."""
        if apart := _pinned_apart(self, columns):
            with transaction.atomic(using=self.db, savepoint=False):
                updated = self.exclude(pk__in={pk for pks in apart.values() for pk in pks}).update(**columns)
                for kept, pks in apart.items():
                    rest = {name: value for name, value in columns.items() if name not in kept}
                    updated += Package.objects.filter(pk__in=pks).update(**rest) if rest else len(pks)
            return updated
        if isinstance(kind := columns.get("reply_kind"), str):
            columns = {**(_of_new_reply(kind) if kind else NO_REPLY), **columns}
        keys: dict[str, str] = {}
        for column, names in DERIVED.items():
            if isinstance(columns.get(column), str):
                keys |= derived(column, columns[column])
            elif column in columns or not columns.keys().isdisjoint(names):
                raise ValueError(f"update {column}, to a text: {' and '.join(names)} follow from it")
        if not keys:
            return super().update(**columns)
        with transaction.atomic(using=self.db, savepoint=False):
            updated = super().update(**{**columns, **keys})
            written = (Q((facts.key, keys[facts.key])) for facts in FACTS.values() if facts.key in keys)
            Package.objects.filter(reduce(or_, written)).forget_other_addresses()
        return updated

    def forget_other_addresses(self) -> int:
        """Empty the facts that are not of the package's present addresses, with all that belongs to them, and return
        the number of packages that had such facts. Those of an address that is only read otherwise than before get its
        present key. In a transaction: the rows are locked."""
        others = self.filter(reduce(or_, (~Q((facts.of, F(facts.key))) for facts in FACTS.values())))
        packages = list(others.order_by("pk").select_for_update().only("pk", "repo_url", *_KEYS))
        _respell([package for package in packages if package.is_respelled])
        forgotten: set[int] = set()
        for source, facts in FACTS.items():
            elsewhere = [each.pk for each in packages if getattr(each, facts.of) != getattr(each, facts.key)]
            Package.objects.filter(pk__in=elsewhere).forget(source)
            forgotten.update(elsewhere)
        return len(forgotten)

    def forget(self, source: FactsSource) -> None:
        """Empty the facts of that source, with the rows that belong to them: the fetch states, lest a later fetch asks
        for what is new since the last one, and the releases or the old URLs. Snapshots stay: they have their keys."""
        facts = FACTS[source]
        rows = list(self.only("pk", *_KEYS).order_by("pk").select_for_update(no_key=True))
        if not rows:
            return
        packages = [package.pk for package in rows]
        deciding: dict[FactsSource, list[int]] = {"repo": [], "pypi": []}
        for package in rows:
            decides = deciding_source(package.repo_key)
            if decides == source or (source == "repo" and deciding_source(package.repo_facts_of) == "repo"):
                deciding[decides].append(package.pk)
        FetchState.objects.filter(package__in=packages, source__in=facts.states).delete()
        (RepositoryAlias if source == "repo" else Release).objects.filter(package__in=packages).delete()
        pinned = [name for name, each in PINNABLE.items() if each.source == source]
        Pin.objects.filter(package__in=packages, column__in=pinned).update(upstream=None, is_elsewhere=True)
        Package.objects.filter(pk__in=packages).update(**facts.empty(), **{facts.of: F(facts.key)})
        for decides, pks in deciding.items():
            state = FetchState.objects.filter(
                package=OuterRef("pk"), source=decides, target=OuterRef(TARGET_COLUMNS[decides])
            )
            Package.objects.filter(pk__in=pks).update(
                last_fetched=Subquery(state.values("last_success")), gone_since=None, gone_reason=""
            )

    def bulk_create(self, objs: Iterable["Package"], *args: Any, **kwargs: Any) -> list["Package"]:
        packages = list(objs)
        if not kwargs.get("update_fields"):
            return super().bulk_create(_with_derived(packages), *args, **kwargs)
        _keep_pinned(packages, kwargs["update_fields"])
        packages = _with_derived(packages)
        kwargs["update_fields"] = _and_derived(kwargs["update_fields"])
        with transaction.atomic(using=self.db, savepoint=False):
            created = super().bulk_create(packages, *args, **kwargs)
            if not _OF_ADDRESSES.isdisjoint(kwargs["update_fields"]):
                (unique,) = kwargs["unique_fields"]
                values = [getattr(package, unique) for package in packages]
                Package.objects.filter(**{f"{unique}__in": values}).forget_other_addresses()
        return created

    def bulk_update(self, objs: Iterable["Package"], fields: Iterable[str], *args: Any, **kwargs: Any) -> int:
        packages, fields = list(objs), list(fields)
        if "reply_kind" in fields and "reply_since" not in fields:
            _date_other_replies(packages)
        columns = _and_derived(fields)
        _keep_pinned(packages, columns)
        packages = _with_derived(packages)
        rows: models.QuerySet[Package] = models.QuerySet(self.model, self.query.chain(), self.db)
        with transaction.atomic(using=self.db, savepoint=False):
            updated = rows.bulk_update(packages, columns, *args, **kwargs)
            if not _OF_ADDRESSES.isdisjoint(columns):
                Package.objects.filter(pk__in=[package.pk for package in packages]).forget_other_addresses()
        return updated


def _pinned_apart(packages: PackageQuerySet, columns: Mapping[str, Any]) -> dict[frozenset[str], list[int]]:
    """Have the pins of these packages take what an update writes, and return the packages that keep columns from it, by
    these columns."""
    kept: dict[int, set[str]] = {}
    if PINNABLE.keys().isdisjoint(columns):
        return {}
    rows = Pin.objects.filter(package__in=packages.order_by().values("pk"), column__in=columns)
    pins = list(rows)
    for pin in pins:
        if hasattr(columns[pin.column], "resolve_expression"):
            raise ValueError(f"update {pin.column} to a value: it is pinned")
        if not pin.take(columns[pin.column]):
            kept.setdefault(pin.package_id, set()).add(pin.column)
    Pin.objects.bulk_update(pins, PIN_VALUES)
    apart: dict[frozenset[str], list[int]] = {}
    for pk, names in kept.items():
        apart.setdefault(frozenset(names), []).append(pk)
    return apart


def _keep_pinned(packages: Sequence["Package"], columns: Iterable[str]) -> None:
    """Give packages, which are to be stored, the pinned values of these columns, and the pins the values that they
    had. Who has not seen the pins writes the pinned value back: then nothing is known of upstream's."""
    by_id = {package.pk: package for package in packages if package.pk is not None and not package.is_past_pins}
    pinnable = PINNABLE.keys() & set(columns)
    if not by_id or not pinnable:
        return
    moved = []
    for pin in Pin.objects.filter(package__in=by_id, column__in=pinnable):
        written = getattr(by_id[pin.package_id], pin.column)
        if stored(written) != pin.pinned:
            moved.append(pin)
            if not pin.take(written):
                setattr(by_id[pin.package_id], pin.column, restored(pin.column, pin.pinned))
    Pin.objects.bulk_update(moved, PIN_VALUES)


def _respell(packages: Collection["Package"]) -> None:
    """Give the facts of the packages' repositories, with all that belongs to them, the keys that these have by now."""
    pks = [package.pk for package in packages]
    if not pks:
        return
    for package in packages:
        package.repo_facts_of = package.repo_key
    key = Subquery(Package.objects.filter(pk=OuterRef("package")).values("repo_key"))
    Snapshot.objects.filter(package__in=pks, repo_key=F("package__repo_facts_of")).update(repo_key=key)
    FetchState.objects.filter(package__in=pks, source="repo", target=F("package__repo_facts_of")).update(target=key)
    Package.objects.filter(pk__in=pks).update(repo_facts_of=F("repo_key"))


def _date_other_replies(packages: Collection["Package"]) -> None:
    """Have replies of another kind than the stored one be of today."""
    kinds = dict(Package.objects.filter(pk__in=[each.pk for each in packages]).values_list("pk", "reply_kind"))
    for package in packages:
        if package.reply_kind and package.reply_kind != kinds.get(package.pk):
            package.reply_since = None


def _of_new_reply(kind: str) -> dict[str, Any]:
    """Return the day of a reply of that kind: today, where it is a new one."""
    day = Value(today(timezone.now()), DateField())
    return {"reply_since": Case(When(reply_kind=kind, reply_since__isnull=False, then=F("reply_since")), default=day)}


# The columns that follow from others
_FOLLOWING: dict[str, tuple[str, ...]] = {**DERIVED, "reply_kind": tuple(NO_REPLY)}


def _and_derived(columns: Iterable[str]) -> list[str]:
    """`columns` and those that follow from them."""
    columns = list(columns)
    return list(dict.fromkeys([*columns, *(name for column in columns for name in _FOLLOWING.get(column, ()))]))


def _with_derived(packages: Iterable["Package"]) -> list["Package"]:
    packages = list(packages)
    for package in packages:
        package.derive()
    return packages


class Package(Document):
    """A package: columns that editors type, and columns that only fetches write."""

    # Editors' columns
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="packages")
    repo_url = models.CharField("repository URL", max_length=500, blank=True)
    pypi_url = models.CharField(
        "PyPI project", max_length=255, blank=True, help_text="The project's name or its URL on PyPI."
    )
    documentation_url = models.CharField("documentation URL", max_length=500, blank=True, null=True, default="")
    deprecated = models.BooleanField(default=False)
    replaced_by = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replaces")
    # An editor's word on the package (packages/replies.py)
    reply_kind = models.CharField(
        "reply",
        max_length=20,
        blank=True,
        default="",
        db_default="",
        choices=[(kind, words) for kind, words in REPLIES.items()],
        help_text="“Finished” says that the package is complete, and needs no releases: unless it supports nothing that"
        " is supported itself, it counts as finished as long as the reply holds.",
    )
    reply_note = models.CharField(
        "note",
        max_length=MOST_CHARACTERS,
        blank=True,
        default="",
        db_default="",
        help_text="Shown beside the reply, to everybody: why, or whom to write to.",
    )
    reply_since = models.DateField("replied on", null=True, blank=True, editable=False)
    reply_until = models.DateField(
        "until", null=True, blank=True, help_text="The last day on which the reply holds. It ends by itself."
    )

    # Derived from the editors' columns
    repo_host = models.CharField("repository host", max_length=500, blank=True, editable=False, db_index=True)
    repo_key = models.CharField("repository key", max_length=500, blank=True, editable=False, db_index=True)
    pypi_name = models.CharField("PyPI name", max_length=255, blank=True, editable=False, db_index=True)

    # The repo_key and the pypi_name that the fetched columns are of. Where one differs from the package's, as after SQL
    # by hand, its facts are of something else, and are forgotten.
    repo_facts_of = models.CharField(
        "key of the repository facts", max_length=500, blank=True, editable=False, default="", db_default=""
    )
    pypi_facts_of = models.CharField(
        "name of the PyPI facts", max_length=255, blank=True, editable=False, default="", db_default=""
    )

    # Fetched columns, named as v4 names them
    repo_description = models.TextField("description", blank=True, editable=False)
    repo_watchers = models.PositiveIntegerField("watchers", default=0, editable=False)
    repo_forks = models.PositiveIntegerField("forks", default=0, editable=False)
    commits_over_52 = models.JSONField(
        "weekly commits",
        default=list,
        blank=True,
        editable=False,
        help_text="52 counts, oldest first, or none.",
    )
    participants = models.JSONField(default=list, blank=True, editable=False, help_text="Logins, most active first.")
    last_updated = models.DateTimeField("last commit", null=True, blank=True, editable=False)
    pypi_version = models.CharField("latest version", max_length=100, null=True, blank=True, editable=False)
    last_fetched = models.DateTimeField(null=True, blank=True, editable=False)

    # Fetched columns beyond v4
    repo_id = models.CharField("provider's id", max_length=100, blank=True, editable=False)
    last_human_commit = models.DateTimeField("last commit not by a bot", null=True, blank=True, editable=False)
    archived = models.BooleanField(null=True, blank=True, editable=False)
    weeks_end = models.DateField("weekly commits until", null=True, blank=True, editable=False)
    requires_python = models.CharField(max_length=255, blank=True, editable=False)
    requires_django = models.CharField(
        max_length=255,
        null=True,
        blank=True,
        editable=False,
        help_text="The versions of Django that it requires, extras left out: empty for any, null if it requires none.",
    )
    classifiers = models.JSONField(default=list, blank=True, editable=False)
    licence = models.CharField(max_length=MAX_LENGTH, blank=True, editable=False)
    released = models.DateTimeField("latest release", null=True, blank=True, editable=False)
    pypi_repo_url = models.CharField(
        "repository named on PyPI", max_length=500, blank=True, editable=False, default="", db_default=""
    )
    pypi_status = models.CharField(
        "PyPI status", max_length=20, blank=True, editable=False, help_text=f"One of {', '.join(STATUSES)}."
    )
    pypi_status_reason = models.CharField(
        "reason of the PyPI status", max_length=300, blank=True, editable=False, default="", db_default=""
    )
    pypi_downloads = models.PositiveBigIntegerField("downloads a month", null=True, blank=True, editable=False)
    # Counted with each snapshot (packages/trends.py)
    stars_30d = models.IntegerField(
        "stars gained in 30 days",
        null=True,
        blank=True,
        editable=False,
        help_text="Counted to the last successful fetch; null until there is enough history.",
    )
    stars_90d = models.IntegerField(
        "stars gained in 90 days", null=True, blank=True, editable=False, help_text="As stars_30d."
    )
    stars_trend = models.FloatField("trend by stars", null=True, blank=True, editable=False, help_text=TREND)
    downloads_30d = models.BigIntegerField(
        "downloads gained in 30 days",
        null=True,
        blank=True,
        editable=False,
        help_text="The downloads of the last 30 days, less those of the 30 days before; null until there is enough"
        " history.",
    )
    downloads_trend = models.FloatField("trend by downloads", null=True, blank=True, editable=False, help_text=TREND)
    gone_since = models.DateTimeField(null=True, blank=True, editable=False)
    gone_reason = models.CharField(max_length=300, blank=True, editable=False)

    # Settled from the columns above, the releases and the fetch states (packages/health/)
    verdict_rank = models.SmallIntegerField(
        "verdict",
        null=True,
        blank=True,
        editable=False,
        choices=[(rank, verdict) for rank, verdict in enumerate(RANKED, 1)],
        help_text="Its place among the verdicts, the best is 1; null for unknown.",
    )

    # Settled with the verdict, from the advisories on the project (packages/advisories/)
    vulnerable = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="An advisory affects the latest version.",
    )

    objects = PackageQuerySet.as_manager()

    # True of a package that is written by who knows its pins (packages.pins.past)
    is_past_pins: bool = False

    class Meta(Document.Meta):
        ordering = ("title", "id")
        permissions = (("merge_package", "Can merge packages"),)
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            *Document.Meta.constraints,
            models.CheckConstraint(
                condition=Q(documentation_url__isnull=True)
                | Q(documentation_url="")
                | _begins("documentation_url", HTTP_PREFIXES),
                name="package_documentation_url_http",
                violation_error_message="The documentation URL must begin with http:// or https://.",
            ),
            models.CheckConstraint(
                condition=_begins("repo_url", REPO_URL_PREFIXES) | ~Q(repo_url__contains=":"),
                name="package_repo_url_scheme",
                violation_error_message="The repository URL must be an http(s), git or ssh address.",
            ),
            models.CheckConstraint(
                condition=_begins("pypi_url", HTTP_PREFIXES) | ~Q(pypi_url__contains=":"),
                name="package_pypi_url_http",
                violation_error_message="The PyPI project must be a name or begin with http:// or https://.",
            ),
            models.CheckConstraint(condition=Q(repo_watchers__gte=0), name="package_repo_watchers_not_negative"),
            models.CheckConstraint(condition=Q(repo_forks__gte=0), name="package_repo_forks_not_negative"),
            models.CheckConstraint(
                condition=Q(pypi_downloads__isnull=True) | Q(pypi_downloads__gte=0),
                name="package_pypi_downloads_not_negative",
            ),
            models.CheckConstraint(condition=IsList("classifiers"), name="package_classifiers_list"),
            models.CheckConstraint(condition=IsWeeklyCounts("commits_over_52"), name="package_commits_52_or_none"),
            models.CheckConstraint(condition=IsList("participants"), name="package_participants_list"),
            models.CheckConstraint(
                condition=Q(verdict_rank__isnull=True) | Q(verdict_rank__range=(1, len(RANKED))),
                name="package_verdict_rank",
            ),
            models.CheckConstraint(
                condition=Q(replaced_by__isnull=True) | ~Q(replaced_by=models.F("id")),
                name="package_not_replaced_by_itself",
                violation_error_message="A package cannot be replaced by itself.",
            ),
            models.CheckConstraint(
                condition=Q(reply_kind__in=("", *REPLIES)),
                name="package_reply_kind",
            ),
            models.CheckConstraint(
                condition=Q(reply_kind="", reply_until__isnull=True) | Q(reply_kind__gt="", reply_until__isnull=False),
                name="package_reply_until",
                violation_error_message="A reply needs the day until which it holds, and nothing else has one.",
            ),
            models.CheckConstraint(
                condition=Q(reply_note="") | Q(reply_until__isnull=False),
                name="package_reply_note",
                violation_error_message="Without a reply there is no note.",
            ),
            models.CheckConstraint(
                condition=Q(reply_since__isnull=True, reply_until__isnull=True)
                | Q(reply_since__isnull=False, reply_until__isnull=False, reply_until__gte=F("reply_since")),
                name="package_reply_since",
                violation_error_message="A reply cannot end before it begins.",
            ),
        )
        # For the lists. Indexes that only PostgreSQL can have are in a migration.
        indexes = (
            models.Index(fields=["category", "id"], name="package_category"),
            models.Index(fields=["repo_watchers", "id"], name="package_watchers"),
            models.Index(fields=["repo_forks", "id"], name="package_forks"),
            models.Index(fields=["created", "id"], name="package_created"),
            models.Index(fields=["modified", "id"], name="package_modified"),
            models.Index(fields=["pypi_downloads", "id"], name="package_downloads"),
            models.Index(fields=["last_updated", "id"], name="package_updated"),
            models.Index(fields=["released", "id"], name="package_released"),
            models.Index(fields=["licence", "id"], name="package_licence"),
            models.Index(fields=["requires_python"], name="package_requires_python"),
            models.Index(fields=["requires_django"], name="package_requires_django"),
            models.Index(fields=["pypi_status", "id"], name="package_pypi_status"),
            models.Index(fields=["stars_30d", "id"], name="package_stars_30d"),
            models.Index(fields=["stars_90d", "id"], name="package_stars_90d"),
            models.Index(fields=["downloads_30d", "id"], name="package_downloads_30d"),
            # Few packages are trending.
            models.Index(
                fields=["stars_trend", "id"], condition=Q(stars_trend__isnull=False), name="package_stars_trend"
            ),
            models.Index(
                fields=["downloads_trend", "id"],
                condition=Q(downloads_trend__isnull=False),
                name="package_downloads_trend",
            ),
            models.Index(AsciiLower("title"), "id", name="package_title"),
            models.Index(fields=["verdict_rank", "id"], name="package_verdict"),
            models.Index(fields=["id"], condition=Q(vulnerable=True), name="package_vulnerable"),
            # Few packages have a reply.
            models.Index(fields=["reply_until", "id"], condition=Q(reply_until__isnull=False), name="package_reply"),
        )

    @property
    def verdict(self) -> Verdict:
        return ranked(self.verdict_rank)

    def derive(self) -> None:
        """Set the columns that follow from repo_url and pypi_url, and the day of a reply that has none. The facts of a
        new row are of its own addresses."""
        for column in DERIVED:
            for name, value in derived(column, getattr(self, column)).items():
                setattr(self, name, value)
        for facts in FACTS.values() if self._state.adding else ():
            setattr(self, facts.of, getattr(self, facts.of) or getattr(self, facts.key))
        if "reply_kind" in vars(self):  # many rows are read without these columns, and saved without them
            self._date_reply()

    def _date_reply(self) -> None:
        """Set the day of a reply that has none; empty what is left of one that was taken back."""
        if self.reply_kind and not self.reply_since:
            self.reply_since = today(timezone.now())
        elif not self.reply_kind and self.reply_since:
            for column, empty in NO_REPLY.items():
                setattr(self, column, empty)

    @property
    def is_settled(self) -> bool:
        """True if all facts are of the present addresses."""
        return all(getattr(self, facts.of) == getattr(self, facts.key) for facts in FACTS.values())

    @property
    def is_respelled(self) -> bool:
        """True if the repository facts are of the present address, which was read otherwise when they were fetched."""
        return "" != self.repo_facts_of != self.repo_key and is_one_repository(self.repo_facts_of, self.repo_url)

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        update_fields = None if update_fields is None else list(update_fields)
        if not self._state.adding:
            _keep_pinned([self], PINNABLE if update_fields is None else update_fields)
        self.derive()
        is_new, columns = self._state.adding, None if update_fields is None else _and_derived(update_fields)
        if is_new or (columns is not None and _OF_ADDRESSES.isdisjoint(columns)):
            super().save(*args, update_fields=columns, **kwargs)
            return
        with transaction.atomic(savepoint=False):
            super().save(*args, update_fields=columns, **kwargs)
            if Package.objects.filter(pk=self.pk).forget_other_addresses() or not self.is_settled:
                self.refresh_from_db(fields=PACKAGE_COLUMNS.fetched)


PIN_VALUES = ("pinned", "upstream")


class PinQuerySet(models.QuerySet["Pin"]):
    def moved(self) -> Self:
        """The pins that an editor should look at again, with their packages: upstream says something else than when
        they were made, or the package has got another address."""
        return self.filter(Q(is_elsewhere=True) | Q(Differ("upstream", "upstream_then"))).select_related("package")


class Pin(models.Model):
    """A column of a package that an editor has corrected: `pinned` is its value, and `upstream` what upstream says.

    `upstream_then` is what it said when an editor last saved the pin. Each is as packages.pins.columns stores it: null
    is an empty value, and upstream's is null too where it has said nothing. `is_elsewhere`: the package has got another
    address since.
    """

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="pins")
    column = models.CharField(max_length=20, choices=[(name, each.label) for name, each in PINNABLE.items()])
    pinned = models.JSONField("value", null=True, blank=True)
    upstream = models.JSONField("upstream says", null=True, blank=True, editable=False)
    upstream_then = models.JSONField("upstream said", null=True, blank=True, editable=False)
    is_elsewhere = models.BooleanField("another address since", default=False, editable=False)
    reason = models.CharField(max_length=200, help_text="Why: everybody can read it.")
    since = models.DateTimeField(editable=False)
    by = models.CharField("by whom", max_length=150, blank=True, editable=False)

    objects = PinQuerySet.as_manager()

    class Meta:
        ordering = ("package_id", "column")
        constraints = (
            models.UniqueConstraint(
                fields=["package", "column"], name="pin_unique", violation_error_message="This is pinned already."
            ),
            models.CheckConstraint(condition=Q(column__in=tuple(PINNABLE)), name="pin_column"),
            models.CheckConstraint(
                condition=~Q(reason=""), name="pin_reason", violation_error_message="A pin needs a reason."
            ),
        )

    def __str__(self) -> str:
        return str(self.get_column_display())

    @property
    def is_moved(self) -> bool:
        """True of a pin that moved() selects."""
        return self.is_elsewhere or self.upstream != self.upstream_then

    def take(self, written: Any) -> bool:
        """Take a value that is written into the column. Return True if it is an editor's, which the column takes too:
        of a column that editors type, and while they write."""
        is_editors = PINNABLE[self.column].edited and core_hooks.is_recording()
        setattr(self, "pinned" if is_editors else "upstream", stored(written))
        return is_editors


class PackageHealth(models.Model):
    """The reasons of the verdict on a package (Package.verdict_rank), the warnings beside it, and its history.

    `since` is when it became this one, and `before` the one that it was before that ("" if none is known). At
    `valid_until` it has to be settled again although no fact changes; null if never.
    """

    package = models.OneToOneField(Package, on_delete=models.CASCADE, primary_key=True, related_name="health")
    since = models.DateTimeField(null=True, blank=True)
    before = models.CharField(max_length=12, blank=True)
    reasons = models.JSONField(default=list, blank=True, help_text="Rules that were tried; the last one decided.")
    warnings = models.JSONField(default=list, blank=True)
    valid_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "package health"
        constraints = (
            models.CheckConstraint(condition=IsList("reasons"), name="package_health_reasons_list"),
            models.CheckConstraint(condition=IsList("warnings"), name="package_health_warnings_list"),
            models.CheckConstraint(condition=Q(before__in=("", *VERDICTS)), name="package_health_before_verdict"),
        )
        indexes = (models.Index(fields=["valid_until"], name="package_health_valid_until"),)

    def __str__(self) -> str:
        return f"{self.package}: {self.package.verdict}"


class UnsettledPackage(models.Model):
    """A package with facts that were written since its verdict was settled. Triggers add the rows (packages.triggers).

    `marked_by` is the transaction that wrote the facts, so that it can settle its own packages and no others; 0 on
    SQLite, where there is one writer at a time. A row is no foreign key's: it must not stand in the way of a deletion.
    """

    package_id = models.BigIntegerField(db_index=True)
    marked_by = models.BigIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["marked_by", "package_id"], name="unsettled_package_unique"),)

    def __str__(self) -> str:
        return f"package {self.package_id}"


class SettledRules(models.Model):
    """The version of the rules by which the verdicts were settled, in one row."""

    version = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.version


class ReadinessCount(models.Model):
    """The number of packages that say a thing of a version of Django or of Python (packages.readiness), and their
    downloads a month. All rows are counted in one pass, at `as_of`."""

    platform = models.CharField(max_length=10)
    version = models.CharField(max_length=10)
    says = models.CharField(max_length=10)
    packages = models.PositiveBigIntegerField()
    downloads = models.PositiveBigIntegerField()
    as_of = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["platform", "version", "says"], name="readiness_count_unique"),
            models.CheckConstraint(condition=Q(platform__in=PLATFORMS), name="readiness_count_platform"),
            models.CheckConstraint(condition=Q(says__in=SAYS), name="readiness_count_says"),
        )

    def __str__(self) -> str:
        return f"{self.platform} {self.version} {self.says}: {self.packages}"


class Release(models.Model):
    """A version of a package on PyPI."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="releases")
    version = models.CharField(max_length=100)
    uploaded_at = models.DateTimeField(null=True, blank=True)
    yanked = models.BooleanField(default=False)
    requires_python = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ("-uploaded_at", "-id")
        constraints = (models.UniqueConstraint(fields=["package", "version"], name="release_unique"),)
        indexes = (models.Index(fields=["uploaded_at", "id"], name="release_newest"),)

    def __str__(self) -> str:
        return self.version


class RepositoryAlias(models.Model):
    """A URL that a package's repository had before it was renamed or moved, or the one of a package that was merged
    into this one."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="aliases")
    repo_url = models.CharField("repository URL", max_length=500)
    repo_key = models.CharField("repository key", max_length=500, db_index=True)
    until = models.DateTimeField()

    class Meta:
        verbose_name_plural = "repository aliases"
        ordering = ("-until", "-id")
        constraints = (models.UniqueConstraint(fields=["package", "repo_key"], name="repository_alias_unique"),)

    def __str__(self) -> str:
        return self.repo_url


# The validator of a fetch state that says that another repository has the name now, and which: it stays until a fetch
# finds the old one again.
ANOTHER_REPOSITORY = "another_repository"


class FetchState(models.Model):
    """The state of fetching one source of one package, for the API, admin and cron.

    `target` is the repository's key or the project's name in the last request: if an editor has changed it since, the
    row no longer describes the package. `missing_days` counts the days on which the source answered "not found",
    until it finds the package again.
    """

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="fetch_states")
    source = models.CharField(max_length=10, choices=[(name, name) for name in SOURCES])
    target = models.CharField(max_length=500, blank=True, db_column="subject")
    last_success = models.DateTimeField(null=True, blank=True)
    last_attempt = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=20, choices=[(each.value, each.value) for each in Outcome])
    error = models.CharField(max_length=300, blank=True)
    failures = models.PositiveIntegerField("failures in a row", default=0)
    next_due = models.DateTimeField()
    validators = models.JSONField(default=dict, blank=True)
    missing_days = models.PositiveSmallIntegerField(default=0)
    missing_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ("package", "source")
        constraints = (
            models.UniqueConstraint(fields=["package", "source"], name="fetch_state_unique"),
            models.CheckConstraint(condition=Q(source__in=SOURCES), name="fetch_state_source"),
            models.CheckConstraint(
                condition=Q(outcome__in=[each.value for each in Outcome]), name="fetch_state_outcome"
            ),
        )
        indexes = (models.Index(fields=["source", "last_success"], name="fetch_state_stalest"),)

    def __str__(self) -> str:
        return f"{self.package}: {self.source} {self.outcome}"


class SnapshotQuerySet(models.QuerySet["Snapshot"]):
    def of_present_addresses(self) -> Self:
        """The days with numbers of the package's present repository or project, as `present_stars` and so on; those
        of another one are null."""
        of_repository = Q(repo_key=F("package__repo_key"))
        of_project = Q(pypi_name=F("package__pypi_name"))
        has_stars = Q(stars__isnull=False) | Q(forks__isnull=False)
        shown = (of_repository & has_stars) | (of_project & Q(downloads__isnull=False))
        return self.filter(shown).annotate(
            present_stars=Case(When(of_repository, then="stars")),
            present_forks=Case(When(of_repository, then="forks")),
            present_downloads=Case(When(of_project, then="downloads")),
        )


class Snapshot(models.Model):
    """The numbers of a package on one day (UTC): stars and forks of the repository with that key, and downloads of the
    project with that name. A package that gets its old address again has its history again."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="snapshots")
    day = models.DateField()
    stars = models.PositiveIntegerField(null=True, blank=True)
    forks = models.PositiveIntegerField(null=True, blank=True)
    downloads = models.PositiveBigIntegerField(null=True, blank=True)
    repo_key = models.CharField("repository key", max_length=500, blank=True, default="", db_default="")
    pypi_name = models.CharField("PyPI name", max_length=255, blank=True, default="", db_default="")

    objects = SnapshotQuerySet.as_manager()

    class Meta:
        ordering = ("-day",)
        constraints = (models.UniqueConstraint(fields=["package", "day"], name="snapshot_unique"),)
        indexes = (models.Index(fields=["day"], name="snapshot_day"),)

    def __str__(self) -> str:
        return f"{self.package} on {self.day}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Without keys of their own, the numbers of a new row are of the package's present addresses."""
        if self._state.adding:
            self.repo_key = self.repo_key or self.package.repo_key
            self.pypi_name = self.pypi_name or self.package.pypi_name
        super().save(*args, **kwargs)
