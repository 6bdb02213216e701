"""The admin site: a form that is sent after the session has ended comes back with what was typed.

The session may have ended, or another tab may have logged in anew, so that the form's CSRF token is an old one. In
neither case anything is saved: the form comes back, after a login if there must be one, for the editor to look at and
save. The login page carries what was typed in hidden inputs of its own form, nowhere else.
"""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth import login
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.csrf import REASON_BAD_ORIGIN
from django.utils.decorators import method_decorator
from django.views import csrf
from django.views.decorators.cache import never_cache

from core import hooks
from core.admin.autocomplete import AutocompleteView
from core.admin.documents import DocumentAdmin
from core.api.references import is_id
from core.logins import LoginForm

LOGGED_OUT = (
    "You were logged out while this form was open. Nothing is saved yet: look through the form, and save again."
)
_OF_THE_LOGIN = {"csrfmiddlewaretoken", "username", "password", "next"}


def typed_into(request: HttpRequest) -> DocumentAdmin[Any] | None:
    """Return the admin whose form this request sends, if it is one of a document."""
    match = request.resolver_match
    if request.method != "POST" or match is None or not str(match.url_name).endswith(("_add", "_change")):
        return None
    model_admin = getattr(match.func, "model_admin", None)
    return model_admin if isinstance(model_admin, DocumentAdmin) else None


def give_back(request: HttpRequest, model_admin: DocumentAdmin[Any]) -> Any:
    match: Any = request.resolver_match
    return model_admin.refuse(request, match.kwargs.get("object_id"), LOGGED_OUT)


def without_odd_ticks(request: Any) -> None:
    """Take from the ticks of a list those that are no ids; Django would look for whatever is sent, and fail."""
    ticks = request.POST.getlist(ACTION_CHECKBOX_NAME)
    if not all(map(is_id, ticks)):
        request.POST = request.POST.copy()
        request.POST.setlist(ACTION_CHECKBOX_NAME, [each for each in ticks if is_id(each)])


class DocumentSite(AdminSite):
    login_form = LoginForm
    # Django lets browsers and proxies keep these two.
    password_change = method_decorator(never_cache)(AdminSite.password_change)
    password_change_done = method_decorator(never_cache)(AdminSite.password_change_done)

    def get_urls(self) -> list[Any]:
        return [*(page for pages in hooks.added_site_pages for page in pages(self)), *super().get_urls()]

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        checked: Any = super().admin_view(view, cacheable)

        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if (model_admin := typed_into(request)) and not self.has_permission(request):
                return LoginAgainView.as_view(model_admin=model_admin)(request)
            if str(getattr(request.resolver_match, "url_name", "")).endswith("_changelist"):
                without_odd_ticks(request)
            response: HttpResponseBase = checked(request, *args, **kwargs)
            return response

        return update_wrapper(inner, checked)

    def autocomplete_view(self, request: HttpRequest) -> Any:
        return AutocompleteView.as_view(admin_site=self)(request)


class LoginAgainView(LoginView):
    """The login page at the URL of a form: it carries what was typed, and gives the form back after the login."""

    model_admin: DocumentAdmin[Any] | None = None
    may_log_in = True
    authentication_form = LoginForm
    template_name = "admin/login_again.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if self.may_log_in and "username" in request.POST:
            return super().post(request, *args, **kwargs)
        return self.render_to_response(self.get_context_data(form=self.authentication_form(request)))

    def form_valid(self, form: AuthenticationForm) -> Any:
        login(self.request, form.get_user())
        return give_back(self.request, self._admin)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        typed = [
            (name, value) for name, values in self.request.POST.lists() if name not in _OF_THE_LOGIN for value in values
        ]
        page = {"title": "Log in", "subtitle": None, "app_path": self.request.get_full_path(), "typed": typed}
        name = {"username": self.request.user.get_username()}
        return super().get_context_data(**self._admin.admin_site.each_context(self.request), **page, **name, **kwargs)

    @property
    def _admin(self) -> DocumentAdmin[Any]:
        if self.model_admin is None:
            raise TypeError("The view needs the admin of the form")
        return self.model_admin


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Give a form of this site back whose token is an old one; refuse everything else as Django does.

    A browser names the origin of a form that it sends, and Django has compared it before the token.
    """
    model_admin = typed_into(request)
    of_this_site = "origin" in request.headers and not reason.startswith(REASON_BAD_ORIGIN.partition("%")[0])
    if model_admin is None or not of_this_site:
        return csrf.csrf_failure(request, reason)
    request.csrf_processing_done = True  # type: ignore[attr-defined]  # what follows saves nothing
    response: HttpResponseBase
    if model_admin.admin_site.has_permission(request):
        response = give_back(request, model_admin)
    else:
        response = LoginAgainView.as_view(model_admin=model_admin, may_log_in=False)(request)
    response.status_code = 403
    return response
