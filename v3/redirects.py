"""Redirects from the pages of the site that v3 was a part of, which clients build of slugs, to the documents of v4."""

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.utils.cache import patch_cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from core.kinds import Kind
from core.links import Links
from core.pages.addresses import path_of
from core.pages.handlers import missing
from v3.documents import DOCUMENTS
from v3.version import is_read_as_id

SECONDS = 3_600  # for which a redirect may be cached


@csrf_exempt
@require_safe
def to_v4(request: HttpRequest, kind: Kind, slug: str) -> HttpResponse:
    """Redirect to the document of v4, which says itself where it has gone. Only a slug that v4 reads as an id needs a
    look at the database."""
    url = f"{Links.paths().root}{kind.plural}/{slug}/"
    if is_read_as_id(slug):
        pk = DOCUMENTS[kind].rows().filter(slug=slug).values_list("pk", flat=True).first()
        if pk is None:
            return missing(request)
        url = path_of(kind, pk, slug)
    response = HttpResponsePermanentRedirect(url)
    patch_cache_control(response, public=True, max_age=SECONDS)
    return response
