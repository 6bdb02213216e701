"""Pages of lists: their rows as a table, a pager, orderings, the filters in use as chips, and a form of filters."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from django import forms
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.text import capfirst

from core.api.pagination import neighbour
from core.pages.page import Link, Page
from core.words import counted

# Parameters that choose rows of a list, but are no filters
_PLACES = frozenset({"limit", "offset", "cursor"})
Choices = Sequence[tuple[str, str]]


class Chip(NamedTuple):
    """A filter in use, in words, and the URL of the list without it."""

    name: str
    value: str
    url: str


class Pager(NamedTuple):
    """The place of a page in its list: `first` to `last` of `total` (None where it is not known), and its neighbours.

    `is_least` says that there may be more than `total`.
    """

    first: int
    last: int
    total: int | None
    previous: str | None
    next: str | None
    is_least: bool = False

    @property
    def words(self) -> str:
        """The place in words: “21–40 of 5,308”, “21–40 of 1,000 or more”; "" where it is not known."""  # noqa: RUF002 (a dash)
        if not self.last:
            return ""
        of = "" if self.total is None else f" of {intcomma(self.total)}{' or more' if self.is_least else ''}"
        last = "" if self.first == self.last else f"–{intcomma(self.last)}"  # noqa: RUF001 (a dash)
        return f"{intcomma(self.first)}{last}{of}"

    @property
    def is_whole(self) -> bool:
        """True if the page shows all rows of the list."""
        return self.first == 1 and self.last == self.total and not self.is_least


class ListPage(Page):
    """The page of a list: by itself a row for each of its documents, with their keys as columns."""

    template = "pages/list.html"
    is_folded = True
    rows_template: ClassVar[str] = "pages/rows.html"
    noun: ClassVar[str] = "result"
    plural: ClassVar[str] = ""  # of the noun, where it is not the noun with an s
    intro: ClassVar[str] = ""  # a sentence on what the list is for
    # The orderings that stand above the list as links, with their words. "" is the list's own order.
    orderings: ClassVar[Mapping[str, str]] = {}
    # The filters that the form shows at once; further ones are folded away.
    main_filters: ClassVar[Sequence[str]] = ()
    more_filters: ClassVar[Sequence[str]] = ()

    @cached_property
    def rows(self) -> Sequence[Any]:
        """The rows as the template shows them; by themselves the documents of the response."""
        return self._documents

    @property
    def _documents(self) -> Sequence[Any]:
        documents: Sequence[Any] = self.data["results"] if isinstance(self.data, dict) else self.data
        return documents

    @property
    def number_of_rows(self) -> int:
        return len(self._documents)

    @cached_property
    def count(self) -> int | None:
        """The number of all rows of the list; None where it is not known."""
        return self.data.get("count") if isinstance(self.data, dict) else None

    @property
    def counted(self) -> str:
        """The number of all rows with the noun: “5,308 packages”."""
        return "" if self.count is None else counted(self.count, self.noun, self.plural)

    @property
    def place(self) -> str:
        """The rows that are shown, and how many there are: “21–40 of 5,308 packages”, “12 packages”."""  # noqa: RUF002 (a dash)
        pager = self.pager
        if pager.words and not pager.is_whole:
            return f"{pager.words} {self.counted.partition(' ')[2]}".rstrip()
        return self.counted

    @property
    def nouns(self) -> str:
        """The noun in the plural."""
        return self.plural or f"{self.noun}s"

    @cached_property
    def pager(self) -> Pager:
        parameters = self.request.query_params
        offset = parameters.get("offset", "0")
        first = int(offset) + 1 if offset.isdecimal() and "cursor" not in parameters else 0
        number = self.number_of_rows
        data = self.data if isinstance(self.data, dict) else {}
        return Pager(
            first if number else 0,
            first + number - 1 if number and first else 0,
            self.count,
            data.get("previous"),
            data.get("next"),
        )

    @cached_property
    def ordered_by(self) -> list[Link]:
        """The orderings as links, with the present one if it is none of them."""
        filters = self._filters
        if not filters or "ordering" not in filters.base_filters:
            return []
        chosen = self.request.query_params.get("ordering", "")
        links = [
            Link(
                neighbour(self.request, ordering=ordering or None, offset=None, cursor=None), words, ordering == chosen
            )
            for ordering, words in self.orderings.items()
        ]
        if links and chosen not in self.orderings:
            words = dict(filters.base_filters["ordering"].field.widget.choices)
            in_words = ", then ".join(words.get(name.strip(), name) for name in chosen.split(","))
            links.append(Link(neighbour(self.request), in_words.replace("_", " "), is_current=True))
        return links

    @cached_property
    def first_page(self) -> str:
        """The URL of the list from its beginning; "" on a page that begins there."""
        places = _PLACES - {"limit"} & self.request.query_params.keys()
        return neighbour(self.request, **dict.fromkeys(places)) if places else ""

    @cached_property
    def chips(self) -> list[Chip]:
        """The filters in use."""
        labels = self._labels
        return [
            Chip(
                labels.get(name, name),
                self.value_in_words(name, value),
                neighbour(self.request, **{name: None}, offset=None, cursor=None),
            )
            for name, value in self._parameters.items()
            if name in labels and value
        ]

    @cached_property
    def without_filters(self) -> str:
        """The URL of the list without any filter; "" where none is in use."""
        if not self.chips:
            return ""
        names = self._labels.keys() & self.request.query_params.keys()
        return neighbour(self.request, **dict.fromkeys([*names, "offset", "cursor"]))

    def value_in_words(self, name: str, value: str) -> str:
        """Return the value of a filter as its chip shows it; each of several with commas."""
        words = self.words_of_values(name)
        return words.get(value) or ", ".join(words.get(each, each) for each in value.split(","))

    def words_of_values(self, name: str) -> Mapping[str, str]:
        """Return the words for the values of a filter that has choices."""
        widget: Any = self._filters.base_filters[name].field.widget
        choices: Any = self._choices.get(name) or getattr(widget, "choices", ())
        return {str(value): str(words) for value, words in choices}

    @cached_property
    def _choices(self) -> Mapping[str, Choices]:
        names = (*self.main_filters, *self.more_filters)
        return {name: choices for name in names if (choices := self.choices(name)) is not None}

    @cached_property
    def _parameters(self) -> dict[str, str]:
        """The parameters of the request, each of which stands there once."""
        return {name: str(value) for name, value in self.request.query_params.items()}

    @cached_property
    def _labels(self) -> Mapping[str, str]:
        """The filters of the list with their names in words."""
        filters = self._filters.base_filters if self._filters else {}
        return {
            name: self.labels.get(name) or capfirst(str(each.label or name.replace("_", " ")))
            for name, each in filters.items()
            if name != "ordering"
        }

    # The names of filters in words, where their labels are too long, or tell programs what people see.
    labels: ClassVar[Mapping[str, str]] = {}

    @property
    def _filters(self) -> Any:
        """The filters of the view's list; None where it has none, or is one document."""
        has_filters = getattr(self.view, "filter_backends", ()) and not getattr(self.view, "detail", False)
        return getattr(self.view, "filterset_class", None) if has_filters else None

    def choices(self, name: str) -> Choices | None:  # noqa: ARG002 (for the pages that know some)
        """Return the values that a filter can have, with their words; None where it can have any."""
        return None

    @cached_property
    def form(self) -> forms.Form | None:
        """The form of the filters, with what was asked for, and with what was wrong of it; None where the list has none
        to show."""
        names = [*self.main_filters, *self.more_filters]
        if self._filters is None or not names:
            return None
        from core.api.filters import subset  # noqa: PLC0415 (it imports what imports this)

        form: forms.Form = subset(self._filters, frozenset(names))(
            self.request.query_params, self.view.documents.none(), request=self.request
        ).form
        form.order_fields(names)
        form.auto_id = "filter-%s"
        for name, field in form.fields.items():
            field.label = self._labels[name]
            if name in self._choices:
                field.widget = forms.Select(choices=self._with_present(name))
        for name in form.fields.keys() & self._mistakes.keys() - form.errors.keys():
            form.add_error(name, self._mistakes[name])
        return form

    def _with_present(self, name: str) -> Choices:
        """Return the choices of a filter with "any" before them, and the present value if it is none of them."""
        value, choices = self._parameters.get(name, ""), [("", "any"), *self._choices[name]]
        return choices if value in dict(choices) else [*choices, (value, self.value_in_words(name, value))]

    @property
    def _mistakes(self) -> Mapping[str, Any]:
        """The mistakes in the request, by its parameters."""
        return self.data if self.response.exception and isinstance(self.data, Mapping) else {}

    @property
    def main_fields(self) -> Iterable[Any]:
        return [self.form[name] for name in self.main_filters] if self.form else ()

    @property
    def more_fields(self) -> Iterable[Any]:
        return [self.form[name] for name in self.more_filters] if self.form else ()

    @property
    def is_more_open(self) -> bool:
        """True if one of the further filters is in use."""
        return any(name in self.request.query_params for name in self.more_filters)

    @cached_property
    def kept(self) -> list[tuple[str, str]]:
        """The parameters that the form of filters keeps as they are: all but its own, the place in the list, and those
        that were refused."""
        others = {*self.main_filters, *self.more_filters, *_PLACES, *self._mistakes}
        return [(name, value) for name, value in self._parameters.items() if name not in others]
