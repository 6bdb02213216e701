"""The base of the filters of every list. A wrong value gets 400 with the way to mend it.

Values are written as people type them; a filter form of the same filters stands on the browsable pages.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
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
from core.api.references import example_of, is_id, is_url, reference_in
from core.caching.dependencies import Dependencies, on, union
from core.database.functions import AsciiLower, WithBlanks, ascii_lower
from core.kinds import Kind
from core.links import root

M = TypeVar("M", bound=Model)
MAX_VALUES = 1_000  # in a list of values with commas
MAX_WORDS, MAX_WORDS_LENGTH = 20, 500


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

    @classmethod
    def lists(cls) -> list[str]:
        """Return the names of the filters that take a list of values."""
        return [name for name, each in cls.base_filters.items() if isinstance(each.field, ListField | OrderingField)]

    def count(self) -> int:
        """Return the number of rows that the filters leave."""
        number: int = self.qs.count()
        return number

    # The orderings whose order changes as time passes, and the seconds for which a response may keep it.
    ordering_ages: ClassVar[Mapping[str, int]] = {}

    @property
    def form(self) -> forms.Form:
        """The form of the filters, whose references may be URLs of documents at the address of the request."""
        is_new = not hasattr(self, "_form")
        form: forms.Form = super().form
        if is_new and self.request is not None:
            for field in form.fields.values():
                if isinstance(field, ReferencesField):
                    field.root = root(self.request)
        return form

    def ordered(self, queryset: QuerySet[M]) -> QuerySet[M]:
        """Return other rows of the same kind in the requested order, if there is one."""
        value = self.form.cleaned_data.get("ordering")
        ordered: QuerySet[M] = self.filters["ordering"].filter(queryset, value) if value else queryset
        return ordered


class StrictFilterBackend(DjangoFilterBackend):
    """django-filter's backend, which builds the form of a page. The view refuses unknown parameters, and the filter set
    wrong values."""

    def filterset(self, request: Any, queryset: QuerySet[Any], view: Any) -> DocumentFilters:
        """Return the filters that the request names, over a queryset; ValidationError if a value is wrong."""
        names = frozenset(view.filterset_class.base_filters.keys() & request.query_params.keys())
        filters = subset(view.filterset_class, names)(**self.get_filterset_kwargs(request, queryset, view))
        if not filters.is_valid():  # their messages are whole, and may hold a "%" that somebody typed
            raise ValidationError({name: [str(each) for each in messages] for name, messages in filters.errors.items()})
        return filters

    def get_filterset_class(self, view: Any, queryset: Any = None) -> Any:
        return None if getattr(view, "detail", False) else super().get_filterset_class(view, queryset)


@lru_cache(maxsize=256)
def subset(filters: type[DocumentFilters], names: frozenset[str]) -> type[DocumentFilters]:
    """Return a filter set with some of its filters alone: each request would build all of them."""
    some: Any = type(filters.__name__, (filters,), {"__module__": filters.__module__})
    some.base_filters = {name: each for name, each in filters.base_filters.items() if name in names}
    return some  # type: ignore[no-any-return]


class WordsField(forms.CharField):
    """Words, all of which must match."""

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value)
        words = text.split()
        if len(text) > MAX_WORDS_LENGTH:
            raise FormError(f"At most {MAX_WORDS_LENGTH} characters, like “rest framework”.")
        if len(words) > MAX_WORDS:
            raise FormError(f"At most {MAX_WORDS} words, like “rest framework”.")
        return [ascii_lower(word) for word in words]


class FlagField(forms.Field):
    widget = forms.Select(choices=[("", "any"), ("true", "yes"), ("false", "no")])

    def clean(self, value: Any) -> bool | None:
        if value in (None, ""):
            return None
        if value.lower() not in {"true", "false"}:
            raise FormError("Must be true or false.")
        return bool(value.lower() == "true")


class WholeNumberField(forms.CharField):
    widget = forms.TextInput(attrs={"inputmode": "numeric"})

    def __init__(self, least: int = 0, most: int = 2**31 - 1, **options: Any) -> None:
        self.least, self.most = least, most
        super().__init__(**options)

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        number = int(text) if re.fullmatch(r"-?[0-9]{1,19}", text, re.ASCII) else None
        if number is None or not self.least <= number <= self.most:
            raise FormError(f"Must be a whole number from {self.least} to {self.most}.")
        return number


_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class DayInput(forms.TextInput):
    """A field for a day, which becomes one for text where something else stands in it, as a time."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        with suppress(ValueError):
            if not value or (_DAY.fullmatch(value) and date.fromisoformat(value)):
                context["widget"]["type"] = "date"
        return context


class TimeField(forms.CharField):
    """A time, or a day: for an upper bound the whole day. Without an offset they are in the site's zone."""

    widget = DayInput

    def __init__(self, whole_day: bool = False, **options: Any) -> None:
        self.whole_day = whole_day
        super().__init__(**options)

    def clean(self, value: Any) -> datetime | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return self._parse(text)
        except (ValueError, OverflowError) as error:
            if re.search(r":\d\d(\.\d+)? \d\d:?\d\d$", text, re.ASCII):
                raise FormError(_PLUS) from error
            raise FormError("Must be a day like 2026-05-01 or a time like 2026-05-01T07:25:10-04:00.") from error

    def _parse(self, text: str) -> datetime:
        if _DAY.fullmatch(text):
            day = date.fromisoformat(text)
            if self.whole_day and day.year == MAXYEAR:  # the end of all days, in any zone
                return datetime(MAXYEAR, 12, 31, 23, 59, 59, tzinfo=UTC)
            day += timedelta(days=self.whole_day)
            midnight = timezone.make_aware(datetime.combine(day, time.min)).astimezone(UTC)
            return midnight - timedelta(microseconds=self.whole_day)
        if not re.fullmatch(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*", text, re.ASCII):
            raise ValueError(text)
        parsed = datetime.fromisoformat(text)
        return (parsed if parsed.tzinfo else timezone.make_aware(parsed)).astimezone(UTC)


_PLUS = "A “+” in a URL stands for a blank: write %2B for it, as in 2026-05-01T07:25:10%2B02:00."


class ListField(forms.CharField):
    """Values with commas between them; `example` is a value of the field."""

    example = ""

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value)
        values = [word.strip() for word in text.split(",")] if text else []
        if len(values) > MAX_VALUES:
            raise FormError(f"At most {MAX_VALUES} values.")
        if "" in values:
            like = f" Write {self.example}, for example." if self.example else ""
            raise FormError(f"An empty value stands between two commas.{like}")
        return list(dict.fromkeys(values))


class IdsField(ListField):
    example = "81,2647"

    def clean(self, value: Any) -> Any:
        values = super().clean(value)
        for each in values:
            if not is_id(each):
                raise FormError(
                    f"“{each[:50]}” is not an id: a whole number from 1 up, without leading zeros, like 2647."
                )
        return [int(each) for each in values]


class SlugsField(ListField):
    example = "ralph,django-filter"

    def clean(self, value: Any) -> list[str]:
        values = super().clean(value)
        for each in values:
            if not slug_re.match(each):
                raise FormError(f"“{each[:50]}” is not a slug: letters A to Z, digits, - and _, like django-filter.")
        return values


class ReferencesField(ListField):
    """Ids and slugs of documents of `kind`, as they stand in URLs; or those URLs, below `root`."""

    widget = forms.TextInput(attrs={"placeholder": "slug or id"})

    def __init__(self, kind: Kind, root: str = "", **options: Any) -> None:
        self.kind, self.root = kind, root
        self.example = example_of(kind)
        super().__init__(**options)

    def clean(self, value: Any) -> list[str]:
        return list(dict.fromkeys(map(self._reference, super().clean(value))))

    def _reference(self, text: str) -> str:
        if is_url(text):
            try:
                text = reference_in(text, self.kind, self.root)
            except ValueError as error:
                raise FormError(str(error)) from error
        if not (is_id(text) if re.fullmatch(r"[1-9][0-9]*", text, re.ASCII) else slug_re.match(text)):
            raise FormError(f"“{text[:50]}” is neither an id nor a slug, like {self.example}.")
        return text


class NamesField(ListField):
    """Names out of a closed list; `what` they are stands in the messages."""

    def __init__(self, what: str, names: Sequence[str], **options: Any) -> None:
        self.what, self.names = what, names
        self.example = ",".join(names[:2])
        super().__init__(widget=forms.TextInput(attrs={"placeholder": ", ".join(names)}), **options)

    def clean(self, value: Any) -> list[str]:
        values = super().clean(value)
        for each in values:
            if each not in self.names:
                raise FormError(no_such(self.what, each, self.names))
        return values


class OrderingField(forms.CharField):
    def __init__(self, names: Iterable[str], **options: Any) -> None:
        self.names = list(names)
        signed = [sign + name for name in self.names for sign in ("", "-")]
        choices = [(name, f"{name.lstrip('-')}, {'descending' if name[0] == '-' else 'ascending'}") for name in signed]
        super().__init__(widget=forms.Select(choices=[("", "newest first"), *choices]), **options)

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value)
        chosen = [word.strip() for word in text.split(",")] if text else []
        for word in chosen:
            if word.removeprefix("-") not in self.names:
                raise FormError(f"{no_such('ordering', word, self.names)} Prefix a name with “-” to sort descending.")
        if len({word.removeprefix("-") for word in chosen}) < len(chosen):
            raise FormError(f"The same name stands there twice. Write each once, like {','.join(self.names[:2])}.")
        return chosen


class Words(django_filters.Filter):
    """The words of `q`, each of which must be somewhere in the title, the slug or the description."""

    field_class = WordsField

    def __init__(self, description: str) -> None:
        self.text = WithBlanks("title", "slug", description)
        super().__init__(label="words in title, slug or description")

    def filter(self, qs: QuerySet[Any], value: list[str]) -> QuerySet[Any]:
        if not value:
            return qs
        condition = Q(*(Q(searched__contains=word) for word in value))
        matching: QuerySet[Any] = qs.alias(searched=AsciiLower(self.text)).filter(condition)
        return matching


class Flag(django_filters.Filter):
    """A condition that must hold (true) or not (false). An unknown value counts as false."""

    field_class = FlagField

    def __init__(self, condition: Q, **options: Any) -> None:
        self.condition = condition
        super().__init__(**options)

    def filter(self, qs: QuerySet[M], value: bool | None) -> QuerySet[M]:
        if value is None:
            return qs
        return qs.filter(self.condition) if value else qs.exclude(self.condition)


class NumberBound(django_filters.Filter):
    field_class = WholeNumberField


class TimeBound(django_filters.Filter):
    field_class = TimeField

    def __init__(self, field_name: str, lookup_expr: str, **options: Any) -> None:
        super().__init__(field_name, lookup_expr, whole_day=lookup_expr == "lte", **options)


class FieldFilter(django_filters.Filter):
    """A filter with a form field of its own."""

    def __init__(self, field_class: type[forms.Field], field_name: str | None = None, **options: Any) -> None:
        self.field_class = field_class  # an instance's own, as django-filter reads it
        super().__init__(field_name, **options)


class ValueList(FieldFilter):
    """A list of values, one of which must match. If none does, the page is empty."""

    def filter(self, qs: QuerySet[M], value: list[Any]) -> QuerySet[M]:
        return qs.filter(**{f"{self.field_name}__in": value}) if value else qs


class Ordering(django_filters.Filter):
    """An order by one or more names: missing values last either way; ties as `ties` has it for the last name, then by
    id in its direction."""

    field_class = OrderingField

    def __init__(
        self, columns: Mapping[str, Any], nullable: Iterable[str] = (), ties: Mapping[str, Any] | None = None
    ) -> None:
        self.columns, self.nullable, self.ties = columns, frozenset(nullable), ties or {}
        super().__init__(names=columns, label="order")

    def filter(self, qs: QuerySet[M], value: list[str]) -> QuerySet[M]:
        if not value:
            return qs
        keys = [self._key(word.removeprefix("-"), descending=word.startswith("-")) for word in value]
        last = value[-1]
        if last.removeprefix("-") in self.ties:
            keys.append(self.ties[last.removeprefix("-")])
        return qs.order_by(*keys, "-pk" if last.startswith("-") else "pk")

    def _key(self, name: str, *, descending: bool) -> Any:
        column = self.columns[name]
        expression = F(column) if isinstance(column, str) else column
        nulls = {"nulls_last": True} if name in self.nullable else {}
        return expression.desc(**nulls) if descending else expression.asc(**nulls)


def refuse_unknown(name: str, what: str, wanted: Iterable[str], rows: Iterable[tuple[int, str]], every: Any) -> None:
    """Raise ValidationError for the first of `wanted` that is neither an id nor a slug of `rows`.

    `every` returns slugs for the nearest spelling; it is called only when there is a mistake.
    """
    ids, slugs = {str(pk) for pk, _ in rows}, {slug for _, slug in rows}
    for word in wanted:
        if word not in (ids if is_id(word) else slugs):
            slugs_of_all = list(every())
            like = nearest(word, slugs_of_all) or (
                f" There is “{slugs_of_all[0]}”, for example." if slugs_of_all else ""
            )
            raise ValidationError({name: [f"There is no {what} “{word[:100]}”.{like}"]})
