"""The page of the grid editor, and what it asks the server for: to save, and to read what is pasted into it."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_POST
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from core.kinds import Kind
from core.links import Links
from grids.cells import MOST, in_words, sign
from grids.editor.edits import (
    MOST_CELLS,
    MOST_MEMBERS,
    MOST_OF_A_DESCRIPTION,
    MOST_OF_A_TITLE,
    Edits,
    MistakeError,
    parse,
)
from grids.editor.members import LONGEST_LINE, MOST_LINES, resolve
from grids.editor.pasting import texts_of
from grids.editor.save import GoneError, LockedError, save
from grids.editor.state import state_of
from grids.locks import may_change, may_unlock, refusal
from grids.models import MOST_CHARACTERS, MOST_FEATURES, Grid

GONE = "This grid was deleted meanwhile. Nothing is saved; what you typed is on this page still, to be copied."
MOST_BYTES = 10_000_000  # of a request, where the site has no bound of its own
# The permissions that each part of an edit needs besides that to change grids
NEEDS = {
    "cells": ("add_cell", "change_cell", "delete_cell"),
    "features": ("change_feature",),
    "order": ("change_feature",),
    "created": ("add_feature",),
    "deleted": ("delete_feature", "delete_cell"),
    "added": ("add_gridpackage",),
    "removed": ("delete_gridpackage", "delete_cell"),
}
_PARTS = {
    "cells": "change cells",
    "features": "change features",
    "order": "change features",
    "created": "add features",
    "deleted": "delete features and cells",
    "added": "add members",
    "removed": "remove members and delete cells",
}


class _Read(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Pasted(_Read):
    """A block of a spreadsheet, and the texts that the cells show into which it is pasted."""

    text: str
    shown: list[list[str]] = Field(default=[], max_length=MOST_CELLS)


class Texts(_Read):
    texts: list[str] = Field(max_length=MOST_CELLS)


class Lines(_Read):
    lines: list[str] = Field(max_length=MOST_LINES)


def pages(model_admin: ModelAdmin[Any]) -> list[URLPattern]:
    """Return the routes of the editor, for the admin of grids."""
    editor = GridEditor(model_admin)
    views: dict[str, tuple[str, Callable[..., HttpResponseBase]]] = {
        "": ("grids_grid_editor", require_GET(editor.page)),
        "save/": ("grids_grid_editor_save", require_POST(editor.save)),
        "paste/": ("grids_grid_editor_paste", require_POST(editor.paste)),
        "signs/": ("grids_grid_editor_signs", require_POST(editor.signs)),
        "members/": ("grids_grid_editor_members", require_POST(editor.members)),
    }
    return [
        path(f"<int:pk>/editor/{end}", model_admin.admin_site.admin_view(view), name=name)
        for end, (name, view) in views.items()
    ]


class GridEditor:
    def __init__(self, model_admin: ModelAdmin[Any]) -> None:
        self.admin = model_admin

    def page(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        grid = Grid.objects.filter(pk=pk).first()
        if grid is None:
            raise Http404("There is no grid with this number, or not any more.")
        if not self.admin.has_view_or_change_permission(request, grid):
            raise PermissionDenied
        may = self._may(request, grid)
        context = self.admin.admin_site.each_context(request) | {
            "title": f"Editor: {grid}",
            "opts": self.admin.opts,
            "grid": grid,
            "public": Links.paths().document(Kind.GRID, grid.pk),
            "may_edit": any(may.values()),
            "refusal": "" if may_change(request, grid) else refusal(grid),
            "settings": self._settings(request, grid) | {"may": may},
            "state": state_of(grid),
        }
        return TemplateResponse(request, "admin/grids/grid/editor.html", context)

    def _may(self, request: HttpRequest, grid: Grid) -> dict[str, bool]:
        """Return which parts of a grid a user may edit."""
        user: Any = request.user
        may = self.admin.has_change_permission(request, grid)
        return {part: may and user.has_perms([f"grids.{name}" for name in names]) for part, names in NEEDS.items()}

    def _settings(self, request: HttpRequest, grid: Grid) -> dict[str, Any]:
        site = self.admin.admin_site.name
        urls = {
            each: reverse(f"{site}:grids_grid_editor_{each}", args=[grid.pk])
            for each in ("save", "paste", "signs", "members")
        }
        urls["autocomplete"] = reverse(f"{site}:autocomplete")
        urls["login"] = reverse(f"{site}:login")
        urls["package"] = reverse(f"{site}:packages_package_change", args=[0])
        return {
            "grid": grid.pk,
            "title": str(grid),
            "user": request.user.pk,
            "name": request.user.get_username(),
            "urls": urls,
            "cookie": settings.CSRF_COOKIE_NAME,
            "most": {
                "cells": MOST_CELLS,
                "characters": MOST_CHARACTERS,
                "title": MOST_OF_A_TITLE,
                "description": MOST_OF_A_DESCRIPTION,
                "features": MOST_FEATURES,
                "members": MOST_MEMBERS,
                "lines": MOST_LINES,
                "bytes": settings.DATA_UPLOAD_MAX_MEMORY_SIZE or MOST_BYTES,
            },
            "words": {str(number): in_words(number) for number in range(-MOST, MOST + 1)} | {"null": in_words(None)},
        }

    def save(self, request: HttpRequest, pk: int) -> JsonResponse:
        """Save what the body has. 409 if somebody else has changed some of it: the rest is saved."""
        try:
            edits = parse(_body(request))
            if refused := self._not_allowed(request, edits):
                return refused
            saved = save(pk, edits, request.user, may_unlock=may_unlock(request))
        except MistakeError as error:
            return _refused(error)
        except GoneError:
            return JsonResponse({"detail": GONE}, status=404)
        except LockedError as error:
            return JsonResponse({"detail": f"{refusal(error.grid)} Nothing is saved."}, status=403)
        body = {name: getattr(saved, name) for name in ("words", "created", "conflicts", "state")}
        return JsonResponse(body, status=409 if saved.conflicts else 200)

    def _not_allowed(self, request: HttpRequest, edits: Edits) -> JsonResponse | None:
        if edits.user != request.user.pk:
            now = {"user": request.user.pk, "name": request.user.get_username()}
            detail = f"You are logged in as “{now['name']}” by now. Nothing is saved: save again to save as this user."
            return JsonResponse({"detail": detail, **now}, status=403)
        if why := self._forbidden(request, edits):
            return JsonResponse({"detail": f"{why} Nothing is saved."}, status=403)
        return None

    def _forbidden(self, request: HttpRequest, edits: Edits) -> str:
        """Return why a user may not make these edits, "" if he may."""
        user: Any = request.user
        if not self.admin.has_change_permission(request):
            return "You may not change grids."
        for part, names in NEEDS.items():
            if getattr(edits, part) and not user.has_perms([f"grids.{name}" for name in names]):
                return f"You may not {_PARTS[part]}."
        return ""

    def paste(self, request: HttpRequest, pk: int) -> JsonResponse:
        """Respond with the texts that cells get if a block is pasted into them."""
        return self._read(request, Pasted, lambda body: {"texts": texts_of(body.text, body.shown)})

    def signs(self, request: HttpRequest, pk: int) -> JsonResponse:
        """Respond with the signs of texts that nobody has saved yet."""
        return self._read(request, Texts, lambda body: {"signs": [sign(each[:MOST_CHARACTERS]) for each in body.texts]})

    def members(self, request: HttpRequest, pk: int) -> JsonResponse:
        """Respond with the packages that lines name."""
        return self._read(request, Lines, lambda body: {"lines": resolve(line[:LONGEST_LINE] for line in body.lines)})

    def _read(self, request: HttpRequest, kind: type[Any], respond: Callable[[Any], dict[str, Any]]) -> JsonResponse:
        if not self.admin.has_view_or_change_permission(request):
            return JsonResponse({"detail": "You may not view grids."}, status=403)
        try:
            body = TypeAdapter(kind).validate_json(_body(request))
        except MistakeError as error:
            return _refused(error)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))[:100]
            return JsonResponse({"detail": f"The request cannot be read: {place}: {first['msg']}."}, status=400)
        return JsonResponse(respond(body))


class TooLargeError(MistakeError):
    """The body of a request is larger than the site reads."""


def _body(request: HttpRequest) -> bytes:
    # The guard against forms of other sites has read a form; what the page sends is none.
    if request.content_type in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        raise MistakeError("The request is a form: send JSON, as the page does. Nothing is saved.")
    try:
        return request.body
    except RequestDataTooBig as error:
        most = (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0) / 1_000_000
        raise TooLargeError(f"This is too much at once: at most {most:.1f} MB. Nothing is saved.") from error


def _refused(error: MistakeError) -> JsonResponse:
    status = 413 if isinstance(error, TooLargeError) else 400
    return JsonResponse({"detail": str(error), "places": error.places}, status=status)
