"""The filters of the list of packages."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, get_args

import django_filters
from django import forms
from django.core.exceptions import ValidationError as FormError
from django.db.models import BigIntegerField, Exists, F, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.functional import cached_property
from rest_framework.exceptions import ValidationError

from categories.models import Category
from core.api.filters import (
    MAX_VALUES,
    DocumentFilters,
    FieldFilter,
    Flag,
    IdsField,
    NamesField,
    NumberBound,
    Ordering,
    ReferencesField,
    SlugsField,
    TimeBound,
    ValueList,
    Words,
    refuse_unknown,
)
from core.api.parameters import nearest
from core.api.references import by_references
from core.caching import revisions
from core.caching.dependencies import DAY, on
from core.caching.values import CachedValue
from core.database.functions import AsciiLower, ascii_lower
from core.kinds import Kind
from packages import hooks
from packages.classifiers import stored_classifier
from packages.compatibility import admits_python3
from packages.documents import PACKAGE_COLUMNS
from packages.facts import MAX_DOWNLOADS, STATUSES
from packages.fields import Lists, ListsFolded
from packages.health.verdicts import VERDICTS, Level, Verdict
from packages.identity import forges
from packages.keys import pypi_project, repository
from packages.licences import FAMILIES, names, spdx
from packages.models import FetchState, Package, PackageQuerySet, ReadinessCount
from packages.readiness.conditions import (
    REQUIREMENT_COLUMNS,
    Requirements,
    is_listed,
    with_classifier_text,
    works_with_django,
    works_with_python,
)
from packages.readiness.lists import UNKNOWN, VERSION, ReadinessList
from packages.readiness.rule import Platform
from packages.replies import NONE, REPLIES, standing
from packages.requirements import EXAMPLE, projects_in
from packages.score import by_score
from packages.trends import GAINS

MANY = 100_000  # packages, of which it takes a second to count those that say nothing of a version
_ORDER = {
    "title": AsciiLower("title"),
    "repo_watchers": "repo_watchers",
    "repo_forks": "repo_forks",
    "pypi_downloads": "pypi_downloads",
    "stars_30d": "stars_30d",
    "stars_90d": "stars_90d",
    "downloads_30d": "downloads_30d",
    "score": "score",
    "last_updated": "last_updated",
    "released": "released",
    "created": "created",
    "modified": "modified",
    "health": "verdict_rank",
}


class RepositoryField(forms.CharField):
    """Reads any spelling of a repository's URL, and returns the repository's key."""

    widget = forms.TextInput(attrs={"placeholder": "https://github.com/…"})

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        key = repository(text, forges()).key if text else ""
        if text and (not key or len(key) > 500):
            raise FormError("Not the URL of a repository, like https://github.com/owner/name.")
        return key


class RepositoriesField(forms.CharField):
    """Reads URLs of repositories in any spelling, with commas or line breaks between them, and returns their keys."""

    def clean(self, value: Any) -> list[str]:
        text: str = super().clean(value)
        return _at_most(map(self._key, re.findall(r"[^\s,]+", text) or [text])) if text else []

    def _key(self, url: str) -> str:
        try:
            return RepositoryField().clean(url)
        except FormError as error:
            raise FormError(f"“{url[:100]}” is {error.message[0].lower()}{error.message[1:]}") from error


class ProjectsField(forms.CharField):
    """Reads names of projects on PyPI, as a requirements file has them, and returns them normalised."""

    widget = forms.Textarea(attrs={"rows": 2, "placeholder": "django>=5.2\nrequests"})

    def clean(self, value: Any) -> list[str]:
        text: str = super().clean(value)
        try:
            projects = projects_in(text)
            if text and not projects:
                raise ValueError("It names no project.")  # noqa: TRY301 (with the example of all others)
        except ValueError as error:
            raise FormError(f"{error} Write {EXAMPLE}, for example.") from error
        return _at_most(projects)


def _at_most(values: Iterable[str]) -> list[str]:
    different = list(dict.fromkeys(values))
    if len(different) > MAX_VALUES:
        raise FormError(f"At most {MAX_VALUES} values.")
    return different


class ProjectField(forms.CharField):
    """Reads the name or the URL of a project on PyPI, and returns its normalised name."""

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        name = pypi_project(text) if text else ""
        if text and not name:
            raise FormError(
                "Not the name of a project on PyPI, like django-filter: letters and digits, with - _ . between them."
            )
        return name


class HostField(forms.CharField):
    widget = forms.TextInput(attrs={"placeholder": "github.com"})

    def clean(self, value: Any) -> str:
        text = super().clean(value).strip()
        host = ascii_lower(text).removeprefix("www.").rstrip(".")
        if text and not re.fullmatch(r"[^\s/@?#]{1,255}", host):
            raise FormError("Must be a host name like github.com.")
        return host


class DayField(forms.CharField):
    def clean(self, value: Any) -> date | None:
        text = super().clean(value)
        wrong = FormError("Must be a day like 2026-05-01.")
        if text and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise wrong
        try:
            return date.fromisoformat(text) if text else None
        except ValueError as error:
            raise wrong from error


class VersionField(forms.CharField):
    """Reads a version like `example`."""

    def __init__(self, example: str, **options: Any) -> None:
        self.example = example
        super().__init__(widget=forms.TextInput(attrs={"placeholder": example}), **options)

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        if text and not re.fullmatch(VERSION, text):
            raise FormError(f"Must be a version with one dot, like {self.example}.")
        return text


class ReadinessField(forms.CharField):
    """Reads a platform, a version and what packages say of it, like django-5.2-named; or "unknown"."""

    widget = forms.TextInput(attrs={"placeholder": "django-5.2-named"})

    def clean(self, value: Any) -> ReadinessList | None:
        text: str = super().clean(value)
        packages = ReadinessList.of_name(text)
        if text and not packages:
            raise FormError(_NO_READINESS)
        return packages


_NO_READINESS = (
    "Must be django or python, a version with one dot, and named, refused, others or silent, with hyphens between them,"
    " like django-5.2-named; or unknown."
)


class LicenceField(forms.CharField):
    """Reads a licence, and returns it; an SPDX expression in its canonical spelling."""

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        return spdx(text) or text


class StatusField(forms.CharField):
    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        if text and text not in STATUSES:
            raise FormError(f"Must be one of {', '.join(STATUSES)}.")
        return text


class Lookups:
    """Values that the filters compare packages with, read in one query, if there is anything to read: the ids of named
    documents, and the distinct requirements and licences.

    Any catalogue has few distinct requirements and licences, and only Python code can interpret them: so all are read,
    and packages are compared with those that match.
    """

    def __init__(self, cleaned: Mapping[str, Any]) -> None:
        self.wanted = {name: cleaned[name] for name in ("category", "grid") if cleaned.get(name)}
        self.by_score = any(word.removeprefix("-") == "score" for word in cleaned.get("ordering", ()))
        readiness: ReadinessList | None = cleaned.get("readiness")
        platform = readiness.platform if readiness else ""
        columns = {
            "requires_python": cleaned.get("python") or self.by_score or platform == "python",
            "requires_django": platform == "django",
            "licence": cleaned.get("licence"),
        }
        self.columns = [column for column, needed in columns.items() if needed]

    def ids(self, name: str) -> list[int]:
        """The ids of the documents that the value of a filter names; ValidationError if one of them does not exist."""
        rows = [(pk, text) for subject, pk, text in self.rows if subject == name]
        slugs = _DOCUMENTS[name]().order_by().values_list("slug", flat=True)[:1_000]
        refuse_unknown(name, name, self.wanted[name], rows, lambda: slugs)
        return [pk for pk, _ in rows]

    def requirements(self, platform: Platform) -> Requirements:
        """The function that gives the values of requires_django or requires_python which fit."""
        stored = [text for subject, _, text in self.rows if subject == REQUIREMENT_COLUMNS[platform]]
        return lambda fits: [text for text in stored if fits(text)]

    def licences(self, wanted: str) -> list[str]:
        """The licences with that name; ValidationError if none has it, and it is neither SPDX nor a family."""
        stored = [text for subject, _, text in self.rows if subject == "licence"]
        found = [text for text in stored if wanted.lower() in names(text)]
        families = [family.lower() for family in FAMILIES]
        if not (found or spdx(wanted) or wanted.lower() in families):
            known = {name: None for text in [*FAMILIES, *stored] for name in (text, *text.split(", "))}
            raise ValidationError({"licence": [f"{_NO_LICENCE.format(wanted[:100])}{nearest(wanted, known)}"]})
        return found

    @cached_property
    def rows(self) -> list[tuple[str, int, str]]:
        """Rows of the name of a filter or column, the id of a document (0 for a column), and its slug or the value."""
        values = {column: CachedValue(on(Kind.PACKAGE), column) for column in self.columns}
        queries: list[QuerySet[Any, Any]] = [
            _DOCUMENTS[name]().filter(by_references(references)).order_by().values_list(Value(name), "pk", "slug")
            for name, references in self.wanted.items()
        ]
        for column in (column for column, cached in values.items() if cached.value is None):
            packages = Package.objects.filter(**{f"{column}__gt": ""}).order_by().distinct()
            queries.append(packages.values_list(Value(column), Value(0, BigIntegerField()), Cast(column, TextField())))
        rows: list[tuple[str, int, str]] = list(queries[0].union(*queries[1:], all=True)) if queries else []
        for column, cached in values.items():
            if cached.value is None:
                cached.set([text for subject, _, text in rows if subject == column])
            else:
                rows += [(column, 0, text) for text in cached.value]
        return rows


_NO_LICENCE = (
    "No package has the licence “{}”, and it is neither an SPDX licence, like MIT, BSD-3-Clause or Apache-2.0 OR MIT,"
    " nor a family, like BSD or GPL."
)

# The documents that the values of a filter name
_DOCUMENTS: Mapping[str, Callable[[], QuerySet[Any]]] = {
    "category": Category.objects.all,
    "grid": lambda: hooks.grids.documents(),  # noqa: PLW0108 (the hook is filled later)
}


class PackageFilters(DocumentFilters):
    parameters_add = {"category": on(Kind.CATEGORY), "grid": on(Kind.GRID), "stale": on(ages=60), "reply": on(ages=DAY)}
    may_have_lines = ("pypi_name__in", "repo_url__in")
    ordering_ages = {"score": PACKAGE_COLUMNS.ages(["score"])}
    q = Words("repo_description")
    category = FieldFilter(ReferencesField, kind=Kind.CATEGORY, label="category", method="in_categories")
    grid = FieldFilter(ReferencesField, kind=Kind.GRID, label="grid", method="in_grids")
    id__in = ValueList(IdsField, field_name="id", label="ids")
    slug__in = ValueList(SlugsField, field_name="slug", label="slugs")
    repo_url = FieldFilter(RepositoryField, "repo_key", label="repository URL")
    repo_url__in = ValueList(RepositoriesField, "repo_key", label="repository URLs, with commas between them")
    pypi_name = FieldFilter(ProjectField, "pypi_name", label="PyPI project")
    pypi_name__in = ValueList(ProjectsField, "pypi_name", label="PyPI projects, as a requirements file names them")
    repo_host = FieldFilter(HostField, "repo_host", label="repository host")
    participant = django_filters.CharFilter(label="participant", method="with_participant")
    licence = FieldFilter(LicenceField, label="licence", method="under_licence")
    classifier = FieldFilter(forms.CharField, label="classifier", method="with_classifier")
    django = FieldFilter(VersionField, example="5.2", label="works with Django", method="for_django")
    python = FieldFilter(VersionField, example="3.12", label="works with Python", method="for_python")
    readiness = FieldFilter(ReadinessField, label="word on a version, like django-5.2-named", method="by_readiness")
    archived = Flag(Q(archived=True), label="archived")
    deprecated = Flag(Q(deprecated=True), label="deprecated")
    gone = Flag(Q(gone_since__isnull=False), label="gone")
    pypi_status = FieldFilter(StatusField, "pypi_status", label="status on PyPI")
    vulnerable = Flag(Q(vulnerable=True), label="known vulnerability of the latest version")
    health = FieldFilter(NamesField, label="verdict", method="with_verdicts", what="verdict", names=VERDICTS)
    level = FieldFilter(
        NamesField,
        label="level of the verdict",
        method="of_levels",
        what="level",
        names=get_args(Level),
    )
    reply = FieldFilter(NamesField, label="editor's word", method="with_replies", what="reply", names=(*REPLIES, NONE))
    has_pypi = Flag(~Q(pypi_name=""), label="on PyPI")
    repo_watchers__gte = NumberBound("repo_watchers", "gte", label="watchers, at least")
    repo_watchers__lte = NumberBound("repo_watchers", "lte", label="watchers, at most")
    repo_forks__gte = NumberBound("repo_forks", "gte", label="forks, at least")
    repo_forks__lte = NumberBound("repo_forks", "lte", label="forks, at most")
    pypi_downloads__gte = NumberBound("pypi_downloads", "gte", most=MAX_DOWNLOADS, label="downloads a month, at least")
    last_updated__gte = TimeBound("last_updated", "gte", label="last commit since")
    last_updated__lte = TimeBound("last_updated", "lte", label="last commit until")
    released__gte = TimeBound("released", "gte", label="latest release since")
    released__lte = TimeBound("released", "lte", label="latest release until")
    created__gte = TimeBound("created", "gte", label="added since")
    created__lte = TimeBound("created", "lte", label="added until")
    modified__gte = TimeBound("modified", "gte", label="edited since")
    stale = NumberBound(least=0, most=36_500, label="days without a successful fetch", method="without_success")
    ordering = Ordering(
        _ORDER,
        nullable=("pypi_downloads", *GAINS, "last_updated", "released", "health"),
        ties={"health": F("repo_watchers").desc()},
    )

    @cached_property
    def lookups(self) -> Lookups:
        return Lookups(self.form.cleaned_data)

    @cached_property
    def now(self) -> datetime:
        return timezone.now()

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        filtered: QuerySet[Any] = super().filter_queryset(self._scored(queryset))
        return filtered

    def ordered(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return super().ordered(self._scored(queryset))

    def count(self) -> int:
        """Take the stored number of a list of readiness in a catalogue that takes seconds to count."""
        packages: ReadinessList | None = self.form.cleaned_data.get("readiness")
        is_alone = self.base_filters.keys() <= {"readiness", "ordering"}
        if packages and is_alone and revisions.current().rows.get(Kind.PACKAGE.plural, 0) > MANY:
            rows = ReadinessCount.objects.filter(says=packages.says)
            if packages != UNKNOWN:
                rows = rows.filter(platform=packages.platform, version=packages.version)
            stored = rows.first()
            if stored:
                return stored.packages
        return super().count()

    def _scored(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.lookups.by_score:
            return queryset
        score = by_score(self.now, self.lookups.requirements("python")(admits_python3))
        scored: QuerySet[Any] = queryset.alias(classifier_text=Cast("classifiers", TextField())).alias(score=score)
        return scored

    def in_categories(self, packages: PackageQuerySet, name: str, value: list[str]) -> PackageQuerySet:
        return packages.filter(category__in=self.lookups.ids("category"))

    def in_grids(self, packages: PackageQuerySet, name: str, value: list[str]) -> PackageQuerySet:
        return packages.filter(hooks.grids.contain_a_package(self.lookups.ids("grid")))

    def with_participant(self, packages: PackageQuerySet, name: str, value: str) -> PackageQuerySet:
        return packages.filter(ListsFolded("participants", Value(ascii_lower(value))))

    def with_classifier(self, packages: PackageQuerySet, name: str, value: str) -> PackageQuerySet:
        return packages.filter(Lists("classifiers", Value(stored_classifier(value))))

    def under_licence(self, packages: PackageQuerySet, name: str, value: str) -> PackageQuerySet:
        return packages.filter(licence__in=self.lookups.licences(value))

    def for_django(self, packages: PackageQuerySet, name: str, value: str) -> PackageQuerySet:
        return with_classifier_text(packages).filter(works_with_django(value))

    def for_python(self, packages: PackageQuerySet, name: str, value: str) -> PackageQuerySet:
        return with_classifier_text(packages).filter(works_with_python(value, self.lookups.requirements("python")))

    def by_readiness(self, packages: PackageQuerySet, name: str, value: ReadinessList) -> PackageQuerySet:
        return with_classifier_text(packages).filter(is_listed(value, self.lookups.requirements(value.platform)))

    def with_verdicts(self, packages: PackageQuerySet, name: str, value: list[Verdict]) -> PackageQuerySet:
        return packages.with_verdicts(value)

    def of_levels(self, packages: PackageQuerySet, name: str, value: list[str]) -> PackageQuerySet:
        return packages.of_levels(value)

    def with_replies(self, packages: PackageQuerySet, name: str, value: list[str]) -> PackageQuerySet:
        holds = standing(self.now)
        chosen = holds & Q(reply_kind__in=[each for each in value if each != NONE])
        return packages.filter(chosen | ~holds if NONE in value else chosen)

    def without_success(self, packages: PackageQuerySet, name: str, value: int) -> PackageQuerySet:
        """Packages older than so many days, of which no source was fetched successfully in that time."""
        since = self.now - timedelta(days=value)
        succeeded = FetchState.objects.filter(package=OuterRef("pk"), last_success__gte=since)
        fetched = Q(last_fetched__isnull=False, last_fetched__gte=since)
        return packages.filter(~fetched, ~Exists(succeeded), created__lt=since)


class HistoryFilters(django_filters.FilterSet):
    since = FieldFilter(DayField, "day", lookup_expr="gte", label="from this day on")
    until = FieldFilter(DayField, "day", lookup_expr="lte", label="until this day")
