"""The language of responses: admin is in the browser's, of those that Django has; all else is in LANGUAGE_CODE.

A thread keeps the language of its last request. Here each request sets its own, so that no response of the API depends
on Accept-Language, nor on who used admin before it.
"""

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from core.admin_path import is_admin


class AdminLocaleMiddleware(LocaleMiddleware):
    """Stands before everything that responds, the cache of the API too."""

    def process_request(self, request: HttpRequest) -> None:
        if is_admin(request):
            super().process_request(request)
        else:
            translation.activate(settings.LANGUAGE_CODE)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return super().process_response(request, response) if is_admin(request) else response
