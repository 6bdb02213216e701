"""The dumps of the catalogue in API v4: the list of them, and the way to their files, which are sent without a view."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from django.http import HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from core import dumps
from core.api.errors import UnreadableDumps
from core.api.images import OneFormView
from core.api.schema import ALWAYS, errors
from core.api.serializers import localize
from core.api.views import CatalogueView
from core.caching.dependencies import on
from core.dumps import MANIFEST, Dump
from core.links import Links
from core.pages.dumps import DumpsPage

logger = logging.getLogger(__name__)
MOST = 20  # dumps of the list
LATEST = "latest"
LATEST_SECONDS = 60  # for which a redirect to the newest dump may be cached
_NONE = "This site offers no dumps."


class DumpFileSerializer(serializers.Serializer[Any]):
    """A file of a dump, which never changes."""

    name = serializers.CharField()
    url = serializers.URLField()
    rows = serializers.IntegerField(min_value=0, help_text="Of a database: those of all its tables.")
    bytes = serializers.IntegerField(min_value=0)
    sha256 = serializers.RegexField("^[0-9a-f]{64}$")


class DumpSerializer(serializers.Serializer[Any]):
    """The whole catalogue at one moment."""

    name = serializers.CharField(help_text="The folder of its files.")
    time = serializers.DateTimeField()
    change = serializers.IntegerField(min_value=0, help_text="The number of the last change that is in it.")
    changes = serializers.URLField(help_text="What has changed since.")
    licence = serializers.CharField(allow_null=True, help_text="Of the data; null if the site names none.")
    manifest = serializers.URLField(help_text="The same as JSON in a file of the dump, with times in UTC.")
    files = DumpFileSerializer(many=True)


class DumpsSerializer(serializers.Serializer[Any]):
    """The newest dumps."""

    latest = serializers.URLField(allow_null=True, help_text="The manifest of the newest one; null if there is none.")
    results = DumpSerializer(many=True)


class ManifestFileSerializer(serializers.Serializer[Any]):
    """A file of a dump, as the manifest tells of it."""

    rows = serializers.IntegerField(min_value=0)
    bytes = serializers.IntegerField(min_value=0)
    sha256 = serializers.RegexField("^[0-9a-f]{64}$")


class ManifestSerializer(serializers.Serializer[Any]):
    """The contents of a dump, as its file `manifest.json` tells them."""

    time = serializers.DateTimeField(help_text="In UTC.")
    change = serializers.IntegerField(min_value=0, help_text="The number of the last change that is in it.")
    licence = serializers.CharField(allow_null=True, help_text="Of the data; null if the site names none.")
    files = serializers.DictField(child=ManifestFileSerializer(), help_text="By their names.")


class DumpsView(CatalogueView):
    """Dumps of the whole catalogue as files, the newest 20: an SQLite database, JSON lines and CSV.

    A dump and `changes/?since=` its number are the catalogue as it is now. `dumps/latest/FILE` leads to the newest file
    of that name."""

    page_class = DumpsPage
    depends_on = on(states=[dumps.state])

    @extend_schema(operation_id="dumps", responses={200: DumpsSerializer, **errors(*ALWAYS)})
    def get(self, request: Request) -> Response:
        links = Links.of(request)
        with _reading():
            results = [_document(dump, links) for dump in islice(dumps.dumps(_root()), MOST)]
        latest = f"{links.root}dumps/{LATEST}/{MANIFEST}" if results else None
        return Response({"latest": latest, "results": results})

    def get_view_name(self) -> str:
        return "Dumps"


class DumpFileView(OneFormView):
    """A file of a dump, or of the newest one where the name is `latest`, which redirects to it.

    It may be read in parts (`Range`), and has an ETag. All but the database itself and the manifest are compressed."""

    depends_on = on(states=[dumps.state])

    @extend_schema(
        operation_id="dump_file",
        parameters=[
            OpenApiParameter(
                "name",
                str,
                OpenApiParameter.PATH,
                description=f"The name of a dump, or `{LATEST}`.",
                examples=[OpenApiExample("The newest", LATEST)],
            ),
            OpenApiParameter(
                "file",
                str,
                OpenApiParameter.PATH,
                description=f"One that `{MANIFEST}` names, or that.",
                examples=[OpenApiExample("What there is", MANIFEST)],
            ),
        ],
        responses={
            (200, "application/json"): ManifestSerializer,
            (200, "application/gzip"): OpenApiResponse(OpenApiTypes.BINARY, "The file, which never changes."),
            (200, "application/vnd.sqlite3"): OpenApiTypes.BINARY,
            302: OpenApiResponse(description="It is at the URL of the newest dump."),
            **errors(400, 404, 503),
        },
    )
    def get(self, request: Request, name: str, file: str) -> HttpResponseBase:
        # Redirects to the newest dump: a request for a file of another one comes no further than core.downloads.
        with _reading():
            folder = _folder(_root(), name)
            if not dumps.find(_root(), folder, file):
                raise NotFound(f"There is no such file in this dump: its {MANIFEST} names all of them.")
            if name != LATEST:
                raise PermissionError(f"{folder}/{file} cannot be opened")
        response = HttpResponseRedirect(f"{Links.of(request).root}dumps/{folder}/{file}")
        response["Cache-Control"] = f"public, max-age={LATEST_SECONDS}"
        return response

    def get_view_name(self) -> str:
        return "File of a dump"


@contextmanager
def _reading() -> Iterator[None]:
    """Log why dumps cannot be read, and respond with 503."""
    try:
        yield
    except OSError as error:
        logger.error("DUMP_ROOT cannot be read: %s", error)  # noqa: TRY400 (the traceback says nothing more)
        raise UnreadableDumps from error


def _folder(root: Path, name: str) -> str:
    """Return the name of the newest dump for LATEST, and for another name that name itself; NotFound without one."""
    if name == LATEST:
        if newest := next(dumps.dumps(root), None):
            return newest.name
        raise NotFound("There is no dump yet.")
    if name in dumps.names(root):
        return name
    raise NotFound(f"There is no dump {name[:50]}, or no longer.")


def _root() -> Path:
    root = dumps.root()
    if root is None:
        raise NotFound(_NONE)
    return root


def _document(dump: Dump, links: Links) -> dict[str, Any]:
    manifest, folder = dump.manifest, f"{links.root}dumps/{dump.name}"
    return {
        "name": dump.name,
        "time": localize(manifest.time, timezone.get_current_timezone()),
        "change": manifest.change,
        "changes": links.below("changes/", since=str(manifest.change)),
        "licence": manifest.licence,
        "manifest": f"{folder}/{MANIFEST}",
        "files": [
            {"name": name, "url": f"{folder}/{name}", **entry._asdict()} for name, entry in manifest.files.items()
        ],
    }
