"""What the filters of every list share: values that are wrong get 400 with the way to mend them.

Values are written as people type them; a filter form of the same filters stands on the browsable pages.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, ClassVar, TypeVar

import django_filters
from django import forms
from django.core.exceptions import ValidationError as FormError
from django.core.validators import slug_re
from django.db.models import F, Model, Q, QuerySet
from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError

from core.api.parameters import nearest, no_such
from core.api.references import is_id
from core.caching.dependencies import Dependencies, on, union
from core.database.functions import AsciiLower, Joined, ascii_lower

M = TypeVar("M", bound=Model)
MAX_VALUES = 1_000  # in a list of values with commas
MAX_WORDS = 20


class DocumentFilters(django_filters.FilterSet):
    """The filters of a list of documents, among them its `ordering`.

    `parameters_add` names the filters that look up documents of another kind, or whose rows change as time passes.
    """

    parameters_add: ClassVar[Mapping[str, Dependencies]] = {}

    @classmethod
    def dependencies_of(cls, parameters: Mapping[str, str]) -> Dependencies:
        """Return what the filters among these parameters add to the dependencies of the list."""
        found = union(cls.parameters_add[name] for name in parameters.keys() & cls.parameters_add.keys())
        names = {word.strip().removeprefix("-") for word in parameters.get("ordering", "").split(",")}
        return found | union(on(ages=seconds) for name, seconds in cls.ordering_ages.items() if name in names)

    # The orderings whose order changes as time passes, and the seconds for which a response may keep it.
    ordering_ages: ClassVar[Mapping[str, int]] = {}

    def ordered(self, queryset: QuerySet[M]) -> QuerySet[M]:
        """Other rows of the same kind in the order that was asked for, if any was."""
        value = self.form.cleaned_data.get("ordering")
        found: QuerySet[M] = self.filters["ordering"].filter(queryset, value) if value else queryset
        return found


class StrictFilterBackend(DjangoFilterBackend):
    """As django-filter's, which makes the form of a page; unknown parameters are the view's to refuse, wrong values the
    filter set's."""

    def filterset(self, request: Any, queryset: QuerySet[Any], view: Any) -> DocumentFilters:
        """The filters that the request names, over a queryset; ValidationError if a value is wrong."""
        names = frozenset(view.filterset_class.base_filters.keys() & request.query_params.keys())
        filters = narrowed(view.filterset_class, names)(**self.get_filterset_kwargs(request, queryset, view))
        if not filters.is_valid():  # their messages are whole, and may hold a "%" that somebody typed
            raise ValidationError({name: [str(each) for each in said] for name, said in filters.errors.items()})
        return filters

    def get_filterset_class(self, view: Any, queryset: Any = None) -> Any:
        return None if getattr(view, "detail", False) else super().get_filterset_class(view, queryset)


@lru_cache(maxsize=256)
def narrowed(filters: type[DocumentFilters], names: frozenset[str]) -> type[DocumentFilters]:
    """A filter set with some of its filters alone: each request makes all of them anew."""
    some: Any = type(filters.__name__, (filters,), {"__module__": filters.__module__})
    some.base_filters = {name: each for name, each in filters.base_filters.items() if name in names}
    return some  # type: ignore[no-any-return]


class WordsField(forms.CharField):
    """Words: all of them must be there."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=500, **options)

    def clean(self, value: Any) -> list[str]:
        words = super().clean(value).split()
        if len(words) > MAX_WORDS:
            raise FormError(f"At most {MAX_WORDS} words.")
        return [ascii_lower(word) for word in words]


class FlagField(forms.Field):
    widget = forms.Select(choices=[("", "any"), ("true", "yes"), ("false", "no")])

    def clean(self, value: Any) -> bool | None:
        if value in (None, ""):
            return None
        if value.lower() not in {"true", "false"}:
            raise FormError("Must be true or false.")
        return bool(value.lower() == "true")


class WholeField(forms.CharField):
    def __init__(self, least: int = 0, most: int = 2**31 - 1, **options: Any) -> None:
        self.least, self.most = least, most
        super().__init__(**options)

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        number = int(text) if re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII) else None
        if number is None or not self.least <= number <= self.most:
            raise FormError(f"Must be a whole number from {self.least} to {self.most}.")
        return number


class MomentField(forms.CharField):
    """A time, or a day: for an upper bound the whole day. Without an offset they are in the site's zone."""

    def __init__(self, whole_day: bool = False, **options: Any) -> None:
        self.whole_day = whole_day
        super().__init__(**options)

    def clean(self, value: Any) -> datetime | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return self._moment(text)
        except (ValueError, OverflowError) as error:
            raise FormError("Must be a day like 2026-05-01 or a time like 2026-05-01T07:25:10-04:00.") from error

    def _moment(self, text: str) -> datetime:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            day = date.fromisoformat(text)
            if self.whole_day and day.year == MAXYEAR:  # the end of all days, in any zone
                return datetime(MAXYEAR, 12, 31, 23, 59, 59, tzinfo=UTC)
            day += timedelta(days=self.whole_day)
            midnight = timezone.make_aware(datetime.combine(day, time.min)).astimezone(UTC)
            return midnight - timedelta(microseconds=self.whole_day)
        if not re.fullmatch(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*", text, re.ASCII):
            raise ValueError(text)
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else timezone.make_aware(read)).astimezone(UTC)


class ListField(forms.CharField):
    """Values with commas between them."""

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value)
        values = [word.strip() for word in text.split(",")] if text else []
        if len(values) > MAX_VALUES:
            raise FormError(f"At most {MAX_VALUES} values.")
        if "" in values:
            raise FormError("An empty value stands between two commas.")
        return list(dict.fromkeys(values))


class IdsField(ListField):
    def clean(self, value: Any) -> Any:
        values = super().clean(value)
        for each in values:
            if not is_id(each):
                raise FormError(f"“{each[:50]}” is not an id: a whole number from 1 up, without leading zeros.")
        return [int(each) for each in values]


class SlugsField(ListField):
    def clean(self, value: Any) -> list[str]:
        values = super().clean(value)
        for each in values:
            if not slug_re.match(each):
                raise FormError(f"“{each[:50]}” is not a slug: letters A to Z, digits, - and _.")
        return values


class ReferencesField(ListField):
    """Ids and slugs, as they stand in addresses."""

    def clean(self, value: Any) -> list[str]:
        values = super().clean(value)
        for each in values:
            if not (is_id(each) if re.fullmatch(r"[1-9][0-9]*", each, re.ASCII) else slug_re.match(each)):
                raise FormError(f"“{each[:50]}” is neither an id nor a slug.")
        return values


class OrderingField(forms.CharField):
    def __init__(self, names: Iterable[str], **options: Any) -> None:
        self.names = list(names)
        signed = [sign + name for name in self.names for sign in ("", "-")]
        said = [(name, f"{name.lstrip('-')}, {'falling' if name[0] == '-' else 'rising'}") for name in signed]
        super().__init__(widget=forms.Select(choices=[("", "newest first"), *said]), **options)

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value)
        chosen = [word.strip() for word in text.split(",")] if text else []
        for word in chosen:
            if word.removeprefix("-") not in self.names:
                raise FormError(f"{no_such('ordering', word, self.names)} A “-” before one turns it round.")
        if len({word.removeprefix("-") for word in chosen}) < len(chosen):
            raise FormError("Names one thing twice.")
        return chosen


class Words(django_filters.Filter):
    """`q`: words, each of which is somewhere in the title, the slug or the description."""

    field_class = WordsField

    def __init__(self, description: str) -> None:
        self.text = Joined("title", "slug", description)
        super().__init__(label="words in title, slug or description")

    def filter(self, qs: QuerySet[Any], value: list[str]) -> QuerySet[Any]:
        if not value:
            return qs
        condition = Q(*(Q(searched__contains=word) for word in value))
        found: QuerySet[Any] = qs.alias(searched=AsciiLower(self.text)).filter(condition)
        return found


class Flag(django_filters.Filter):
    """true or false: whether `condition` holds. What is not known counts as false."""

    field_class = FlagField

    def __init__(self, condition: Q, **options: Any) -> None:
        self.condition = condition
        super().__init__(**options)

    def filter(self, qs: QuerySet[M], value: bool | None) -> QuerySet[M]:
        if value is None:
            return qs
        return qs.filter(self.condition) if value else qs.exclude(self.condition)


class Whole(django_filters.Filter):
    field_class = WholeField


class Moment(django_filters.Filter):
    field_class = MomentField

    def __init__(self, field_name: str, lookup_expr: str, **options: Any) -> None:
        super().__init__(field_name, lookup_expr, whole_day=lookup_expr == "lte", **options)


class Reading(django_filters.Filter):
    """A filter whose value a form field of its own reads."""

    def __init__(self, field_class: type[forms.Field], field_name: str | None = None, **options: Any) -> None:
        self.field_class = field_class  # an instance's own, as django-filter reads it
        super().__init__(field_name, **options)


class Listed(Reading):
    """One of the values given; none matching is an empty page."""

    def filter(self, qs: QuerySet[M], value: list[Any]) -> QuerySet[M]:
        return qs.filter(**{f"{self.field_name}__in": value}) if value else qs


class Ordering(django_filters.Filter):
    """`ordering`: by one or more names; missing values last either way, ties by id in the direction of the last."""

    field_class = OrderingField

    def __init__(self, columns: Mapping[str, Any], nullable: Iterable[str] = ()) -> None:
        self.columns, self.nullable = columns, frozenset(nullable)
        super().__init__(names=columns, label="order")

    def filter(self, qs: QuerySet[M], value: list[str]) -> QuerySet[M]:
        if not value:
            return qs
        keys = [self._key(word.removeprefix("-"), falling=word.startswith("-")) for word in value]
        return qs.order_by(*keys, "-pk" if value[-1].startswith("-") else "pk")

    def _key(self, name: str, *, falling: bool) -> Any:
        column = self.columns[name]
        expression = F(column) if isinstance(column, str) else column
        nulls = {"nulls_last": True} if name in self.nullable else {}
        return expression.desc(**nulls) if falling else expression.asc(**nulls)


def refuse_unknown(name: str, what: str, wanted: Iterable[str], rows: Iterable[tuple[int, str]], every: Any) -> None:
    """ValidationError for the first of `wanted` that none of `rows` (id, slug) is called by.

    `every` gives all slugs, for the nearest spelling; it is asked for only when there is a mistake.
    """
    ids, slugs = {str(pk) for pk, _ in rows}, {slug for _, slug in rows}
    for word in wanted:
        if word not in (ids if is_id(word) else slugs):
            raise ValidationError({name: [f"There is no {what} “{word[:100]}”.{nearest(word, every())}"]})
