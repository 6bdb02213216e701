"""The base of every view of the API: documents by id or slug, and errors in the format that the client requested."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpResponseRedirect
from django.utils.functional import cached_property
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from core.api.errors import RedirectError, TooSlow, log_failure
from core.api.fieldsets import Fieldset, check_expanded, words
from core.api.filters import StrictFilterBackend
from core.api.pages import MAX_DOCUMENTS, is_page, rows_that_fit
from core.api.pagination import CataloguePages, neighbour
from core.api.parameters import check
from core.api.references import by_reference
from core.api.renderers import CsvRenderer
from core.api.row_sources import SECONDS, AllRows, CheckedRows, FilteredRows, RowSource, prepared_document
from core.api.tables import BOM, Documents, Path, Table, check_bom, paths_of
from core.caching.dependencies import Dependencies, on, union
from core.caching.values import cached_count
from core.database.sessions import limited, was_ended
from core.documents import Columns, Relation
from core.kinds import Kind
from core.links import Links
from core.models import Document, Edited
from core.pages.lists import ListPage
from core.pages.page import Page

D = TypeVar("D", bound=Edited)

# Each kind's view set, for documents of one kind that show documents of another.
VIEWSETS: dict[Kind, Any] = {}


class CatalogueView(APIView):
    """A view that refuses parameters which it does not know. Its errors come as a page where the client accepts HTML,
    even if the error is in how it said so."""

    # What its responses depend on; the server refuses to start while a view does not say it.
    depends_on: ClassVar[Dependencies | None] = None
    # What a parameter adds to that. A page, which may show more than its JSON, says itself what it adds.
    parameters_add: ClassVar[Mapping[str, Dependencies]] = {}
    # Whether it costs much more to build its responses than those of a list of twenty documents.
    is_expensive: ClassVar[bool] = False
    # What people see of its responses, and of those that are lists.
    page_class: type[Page] = Page
    list_page_class: type[Page] = ListPage

    @property
    def known_parameters(self) -> Collection[str]:
        return {"format"}

    @property
    def all_parameters(self) -> Collection[str]:
        """The known parameters, and the one of CSV where the response is a list."""
        return {*self.known_parameters, BOM} if CsvRenderer in self.renderer_classes else self.known_parameters

    may_be_empty: Collection[str] = {"cursor"}
    # Lists, which a form of a page gives once for each box that is ticked, and some clients once for each value: the
    # response is at the URL with one list.
    may_be_repeated: Collection[str] = ()
    # Those whose values may be pasted from a file.
    may_have_lines: Collection[str] = ()
    parser_classes = ()  # the API is read-only

    @classmethod
    def dependencies_of(cls, parameters: Mapping[str, str]) -> Dependencies:
        """Return what the parameters of a request add to `depends_on`."""
        return union(cls.parameters_add[name] for name in parameters.keys() & cls.parameters_add.keys())

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method not in SAFE_METHODS:
            return
        if is_page(request) and (url := self._without_empty(request)):
            raise RedirectError(url)
        check(
            request,
            self.all_parameters,
            may_be_empty=self.may_be_empty,
            may_be_repeated=self.may_be_repeated,
            may_have_lines=self.may_have_lines,
        )
        check_bom(request)
        values = {name: request.query_params.getlist(name) for name in self.may_be_repeated}
        if repeated := {name: self.in_one(name, each) for name, each in values.items() if len(each) > 1}:
            raise RedirectError(neighbour(request, **repeated))

    def in_one(self, name: str, values: Sequence[str]) -> str:
        """Return the one value of a parameter that says what these of it say."""
        return ",".join(values)

    def handle_exception(self, exc: Exception) -> Any:
        if isinstance(exc, RedirectError):
            return HttpResponseRedirect(exc.url)
        if not was_ended(exc):
            return super().handle_exception(exc)
        response = super().handle_exception(TooSlow())
        log_failure(self.request._request, response, exc)
        return response

    def as_documents(self, data: Any) -> Documents:
        """Return the documents of the view's list, which `data` is in JSON, for JSON lines."""
        return Documents.of(data)

    def as_table(self, data: Any) -> Table:
        """Return the table that CSV has of the view's list."""
        return Table.of(self.as_documents(data), tuple(self.paths()))

    def paths(self) -> Iterator[Path]:
        """Yield the paths of the values of a document, which are the columns of CSV."""
        serializer: Any = self.serializer_class  # type: ignore[attr-defined]  # a view of a list has one
        for paths in paths_of(serializer).values():
            yield from paths

    def _without_empty(self, request: Request) -> str:
        """Return the URL without the fields of a form that were left empty; "" if none was."""
        filled = request.query_params.copy()
        for name in self.known_parameters:
            if name not in self.may_be_empty and "" in (values := filled.getlist(name)):
                if set(values) == {""}:
                    del filled[name]
                elif name in self.may_be_repeated:
                    filled.setlist(name, [value for value in values if value])
        if filled == request.query_params:
            return ""
        return f"{request.path}?{filled.urlencode()}" if filled else request.path

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        try:
            return super().perform_content_negotiation(request)
        except Exception:
            if not force:
                raise
            accepts_html = "text/html" in request.META.get("HTTP_ACCEPT", "")
            renderers = self.get_renderers()
            chosen = next((r for r in renderers if accepts_html and r.media_type == "text/html"), renderers[0])
            return chosen, chosen.media_type


class DocumentViewSet(CatalogueView, ReadOnlyModelViewSet[D]):
    """The list of the documents of one kind, and each of them by id or slug. Kind and columns are the serializer's."""

    kind: ClassVar[Kind]
    columns: ClassVar[Columns]
    documents: ClassVar[Any]
    pagination_class: Any = CataloguePages
    filter_backends: Any = (StrictFilterBackend,)
    filterset_class: Any
    serializer_class: Any
    lookup_url_kwarg = "reference"
    lookup_value_regex = "[^/]+"
    parameter_names: Collection[str] = ()
    document: D | None = None
    ids: Sequence[int] = ()  # of the documents of the list that was requested, in its order

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.columns = cls.serializer_class.Meta.columns
        cls.kind = cls.columns.kind
        VIEWSETS.setdefault(cls.kind, cls)  # a further one of the kind is a list of some of its documents
        cls.depends_on = on(cls.kind) | cls.depends_on if cls.depends_on else on(cls.kind)

    @classmethod
    def dependencies_of(cls, parameters: Mapping[str, str]) -> Dependencies:
        """Add those of the fields and the expanded relations, and those of the filters."""
        found: Dependencies = super().dependencies_of(parameters)
        found |= cls.filterset_class.dependencies_of(parameters)
        names = words(parameters, "fields") if "fields" in parameters else cls.columns.v4
        shown = cls.columns.served if "all" in names else names
        found |= _on_shown(cls.columns.shows(shown)) | on(ages=cls.columns.ages(shown))
        expanded = words(parameters, "expand")
        views = [VIEWSETS[relation.kind] for name, relation in cls.columns.relations.items() if name in expanded]
        return found | union(view.depends_on | on(ages=view.columns.ages(view.columns.v4)) for view in views)

    @property
    def known_parameters(self) -> Collection[str]:
        own = {"fields", "expand"} if self.columns.expandable else {"fields"}
        if self.parameter_names:
            return {"format", *self.parameter_names}
        if self.detail:
            return {"format", *own}
        return {"format", "limit", "offset", "cursor", *own, *self.filterset_class.base_filters}

    @property
    def may_be_repeated(self) -> Collection[str]:  # type: ignore[override]  # it follows from the filters
        return ("fields", "expand", *self.filterset_class.lists())

    @cached_property
    def fieldset(self) -> Fieldset:
        return Fieldset.of(self.request.query_params, self.columns, self.default_fields)

    @property
    def default_fields(self) -> tuple[str, ...]:
        """The keys of a document unless the request names them."""
        keys: tuple[str, ...] = self.serializer_class().default_fields
        return keys

    @property
    def preserialized(self) -> tuple[str, ...]:
        """The columns of JSON that need no parsing, since the response is JSON as well."""
        return self.columns.preserialized if self.takes_serialized else ()

    @property
    def takes_serialized(self) -> bool:
        """Return whether the response's data may contain values that are serialized already."""
        renderer: Any = self.request.accepted_renderer
        fits: bool = renderer.takes_serialized(self.request.accepted_media_type)
        return fits

    def get_queryset(self) -> QuerySet[D]:
        return self._documents_of(self.fieldset)

    def _documents_of(self, fieldset: Fieldset) -> QuerySet[D]:
        related = {"select_related": fieldset.select_related} if fieldset.select_related else {}
        documents: QuerySet[D] = self.documents.for_api(fieldset.fields, **related)
        return documents

    def find(self, reference: str) -> D:
        """Return the document with that id or slug, with the columns of its title and its address alone."""
        names = ("id", "title", "slug") if issubclass(self.documents.model, Document) else ("id", "title")
        self.document = by_reference(self.documents.only(*names), reference)
        return self.document

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        pages: Any = self.paginator
        # Not every combination of filters has an index.
        with limited(SECONDS):
            rows = pages.paginate(self._row_source(request), request)
        self.ids = [row.pk for row in rows]
        return self.get_paginated_response(self.serialized(rows, many=True))

    def paths(self) -> Iterator[Path]:
        """Yield those of the requested keys; of a document in place of a link, those of its keys."""
        if self.action != "list":
            yield from super().paths()
            return
        expanded = {each.name: VIEWSETS[each.kind] for each in self.expanded_relations if not each.many}
        for name in self.fieldset.fields:
            if view := expanded.get(name):
                yield from ((name, key) for key in view.columns.v4)
            else:
                yield from paths_of(self.serializer_class)[name]

    def _row_source(self, request: Request) -> RowSource:
        rows_of = self._filtered(request) or self._all
        rows = rows_of(self.fieldset, self.preserialized)
        relations = self.expanded_relations
        if not relations or not (is_page(request) or any(each.many for each in relations)):
            return rows  # no more documents take the place of links than there are rows
        links = rows_of(Fieldset(tuple(each.name for each in relations)), ())
        return CheckedRows(links, rows, self._check_expanded)

    def _all(self, fieldset: Fieldset, preserialized: tuple[str, ...]) -> AllRows:
        return AllRows(self.kind, self.documents, fieldset.fields, preserialized)

    def _filtered(self, request: Request) -> Callable[[Fieldset, tuple[str, ...]], RowSource] | None:
        """Return the function that gives the rows which the filters leave; None if all rows are requested."""
        names = self.filterset_class.base_filters.keys() & request.query_params.keys()
        if not names and not self.fieldset.select_related:
            return None
        filters = StrictFilterBackend().filterset(request, self.documents.order_by("-pk"), self)
        filtering = urlencode(sorted((name, request.query_params[name]) for name in names - {"ordering"}))

        def count() -> int:
            if not filtering:
                return self._all(self.fieldset, ()).count()
            depends_on = on(self.kind) | self.filterset_class.dependencies_of(request.query_params)
            return cached_count(depends_on, request.path_info, filtering, filters.count)

        def rows(fieldset: Fieldset, preserialized: tuple[str, ...]) -> RowSource:
            return FilteredRows(filters.qs, filters.ordered(self._documents_of(fieldset)), preserialized, count)

        return rows

    @property
    def expanded_relations(self) -> tuple[Relation, ...]:
        return tuple(self.columns.relations[name] for name in sorted(self.fieldset.expand))

    def _check_expanded(self, rows: Sequence[D]) -> None:
        """ValidationError if a response would show too many documents in place of links; RedirectError to a page with
        fewer rows, if there is one."""
        if not self.detail:
            pages: Any = self.paginator
            rows = rows[: pages.size]  # a cursor reads one more
        of_relations = [relation.ids_of_each(rows) for relation in self.expanded_relations]
        expanded = [sum(map(len, of_row)) for of_row in zip(*of_relations, strict=True)]
        if is_page(self.request) and (fitting := rows_that_fit(expanded)) < len(rows):
            if fitting:
                raise RedirectError(neighbour(self.request, limit=fitting))
            raise ValidationError(
                {
                    "expand": [
                        f"A page shows at most {MAX_DOCUMENTS} documents, and {expanded[0]} would take the place of"
                        " links: leave expand out, or add format=json."
                    ]
                }
            )
        check_expanded(sum(expanded), on_a_list=not self.detail)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.document = self._document(kwargs["reference"])
        return Response(self.serialized(self.document, many=False))

    def _document(self, reference: str) -> D:
        if self.fieldset.select_related:
            return by_reference(self.get_queryset(), reference)
        key = (self.kind, self.fieldset.fields)
        document: D = prepared_document(self.documents.model, key, self.get_queryset, reference)
        return document

    def serialized(self, rows: Any, *, many: bool) -> Any:
        links = Links.of(self.request)
        renderer: Any = self.request.accepted_renderer
        context = {
            "links": links,
            "fieldset": self.fieldset,
            "takes_serialized": renderer.takes_serialized(self.request.accepted_media_type),
        }
        if self.fieldset.expand:
            context["expanded"] = self._expanded(rows if many else [rows], context)
        documents = self.serializer_class(context=context).documents(rows if many else [rows])
        return documents if many else documents[0]

    def _expanded(self, rows: Sequence[D], context: dict[str, Any]) -> dict[str, dict[int, Any]]:
        """Return the documents that replace links: for each expanded key, by their ids."""
        relations = self.expanded_relations
        self._check_expanded(rows)  # again, since others may be linked to by now
        ids = {each.name: [pk for of_row in each.ids_of_each(rows) for pk in of_row] for each in relations}
        expanded = {}
        for relation in relations:
            view = VIEWSETS[relation.kind]
            if relation.select_related:
                linked = [getattr(row, relation.name) for row in rows]
            else:
                linked = view.documents.for_api().filter(pk__in=set(ids[relation.name]))
            expanded[relation.name] = view.plain(linked, context["links"])
        return expanded

    @classmethod
    def plain(cls, rows: Iterable[D], links: Links) -> dict[int, Any]:
        """Return the v4 documents of these rows, by their ids."""
        different = {row.pk: row for row in rows}
        ids = list(different)
        documents = cls.serializer_class(context={"links": links}).documents(list(different.values()))
        return dict(zip(ids, documents, strict=True))

    def get_view_name(self) -> str:
        if self.document is not None:
            return str(self.document)
        model = self.documents.model._meta
        return str(model.verbose_name if self.detail else model.verbose_name_plural).capitalize()


def _on_shown(shown: Iterable[Kind | tuple[Kind, str]]) -> Dependencies:
    """Return the dependencies on these kinds, and on single columns of kinds."""
    kinds = [each for each in shown if isinstance(each, Kind)]
    columns = [each for each in shown if isinstance(each, tuple)]
    return on(*kinds, columns=columns)


class UndefinedView(CatalogueView):
    """A 404 for every URL that is not defined."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        APIView.initial(self, request, *args, **kwargs)  # whatever the parameters are
        raise NotFound("There is nothing at this address; the API begins at /api/v4/.")

    def get_view_name(self) -> str:
        return "Not found"
