"""Pages of errors: what was wrong, how to mend it, and a way on."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse
from django.template.loader import get_template

from core.headers import PAGE_POLICY
from core.pages.page import Frame, Link, Page, page_class_for


class Mistake:
    """A mistake in a parameter (or in the whole request: `name` is ""), in one or more sentences."""

    def __init__(self, name: str, messages: Any) -> None:
        self.name = "" if name in {"detail", "non_field_errors"} else name
        self.messages = [str(each) for each in messages] if isinstance(messages, list) else [str(messages)]


class ErrorPage(Page):
    """The page of an error of the API, with the filter form of the list that it is about."""

    template = "pages/error.html"
    is_folded = True
    canonical = ""  # what does not exist has no URL

    @cached_property
    def title(self) -> str:  # type: ignore[override]
        return _phrase(self.response.status_code)

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def description(self) -> str:  # type: ignore[override]
        return ""

    @property
    def mistakes(self) -> Iterator[Mistake]:
        if self._missing:
            yield Mistake("", f"There is no {self._noun} “{self._missing[:100]}”.")
            return
        data = self.data if isinstance(self.data, Mapping) else {"detail": self.data}
        for name, messages in data.items():
            yield Mistake(name, messages)

    @property
    def list_of_all(self) -> Link | None:
        """The list in which what is missing would be; None where nothing is."""
        section = next((link for link in self.sections if link.is_current), None)
        return section if section and self._missing else None

    @cached_property
    def words_to_search(self) -> str:
        """The reference that was looked for, as words for the search."""
        return " ".join(self._missing.replace("-", " ").replace("_", " ").split())[:100]

    @cached_property
    def _missing(self) -> str:
        """The id or the slug of the document that there is not; "" where the error is another one."""
        if self.status != HTTPStatus.NOT_FOUND or "format" in self.request.GET or not hasattr(self.view, "documents"):
            return ""
        return str(self._match.kwargs.get("reference", "")) if self._match else ""

    @property
    def _noun(self) -> str:
        return str(self.view.documents.model._meta.verbose_name)

    @cached_property
    def of(self) -> Page:
        """The page that would have been shown, of which the filter form is."""
        return page_class_for(self.view)(
            self.data, {"view": self.view, "request": self.request, "response": self.response}
        )

    @cached_property
    def form(self) -> Any:
        """The filter form of the page that failed, with what was typed; None if it has none, or was not found."""
        return getattr(self.of, "form", None) if self.status == HTTPStatus.BAD_REQUEST else None


class PlainErrorPage(Frame):
    """The page of an error that no view of the API has met. It needs no database, and nothing of the request."""

    description = ""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.title = _phrase(status)
        self.mistakes = [Mistake("", message)]

    def response(self) -> HttpResponse:
        # Without the request: no middleware has seen it in some of these cases.
        content = get_template("pages/error.html").render({"page": self})
        headers = {"Cache-Control": "no-store", "Content-Security-Policy": PAGE_POLICY}
        return HttpResponse(content, status=self.status, headers=headers)


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase.capitalize()
