"""The page for adding packages by their addresses: a form for one, and one for a list."""

from functools import update_wrapper
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from editing.adding import one, several
from editing.adding.one import AddressForm
from editing.adding.several import ListForm
from fetchers.on_demand import SECONDS

NAME = "packages_package_add_by_address"


def pages(model_admin: Any) -> list[URLPattern]:
    """Return the pages, for the admin of packages."""

    def view(request: HttpRequest) -> HttpResponseBase:
        if not model_admin.has_add_permission(request):
            raise PermissionDenied
        return _respond(model_admin, request)

    wrapped = update_wrapper(model_admin.admin_site.admin_view(view), view)
    return [path("add/by-address/", wrapped, name=NAME)]


def _respond(model_admin: Any, request: HttpRequest) -> HttpResponseBase:
    """Do what the button that was pressed is for; without one, show the empty forms."""
    address, listed = AddressForm(), ListForm()
    if request.method == "POST":
        if "save" in request.POST:
            return one.save(model_admin, request)
        if "create" in request.POST:
            return several.create(model_admin, request)
        if "preview" in request.POST:
            listed = ListForm(request.POST)
            if listed.is_valid():
                return several.preview(model_admin, request, listed.cleaned_data["lines"])
        else:
            address = AddressForm(request.POST)
            if address.is_valid():
                return one.propose(model_admin, request, address)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Add package by address",
        "opts": model_admin.opts,
        "media": model_admin.media,
        "address": address,
        "listed": listed,
        "seconds": round(SECONDS),
    }
    return TemplateResponse(request, "editing/adding.html", context)
