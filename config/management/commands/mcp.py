"""Serve the catalogue to language models over stdio, as a server of MCP: `manage.py mcp [--url URL]`."""

import logging
import signal
import warnings
from argparse import ArgumentParser
from importlib.util import find_spec
from typing import Any
from wsgiref.types import WSGIApplication

from django.core.management.base import BaseCommand, CommandError

from packages.models import Package

MISSING = "The Python SDK of MCP is not installed: pip install '.[mcp]' in this folder installs it."


class Command(BaseCommand):
    help = "Serve the catalogue to language models over stdin and stdout (MCP): search, get, compare and pick packages."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", help="another site of this software to read from; by default, this catalogue")

    def handle(self, *args: Any, **options: Any) -> None:
        if find_spec("mcp") is None:
            raise CommandError(MISSING)
        # The SDK takes a second to import, and only this command needs it.
        from config.mcp_server.catalogue import OwnCatalogue, RemoteCatalogue, origin_of  # noqa: PLC0415
        from config.mcp_server.server import server_of  # noqa: PLC0415

        logging.getLogger().setLevel(logging.WARNING)  # a client shows its user what comes on stderr
        try:
            url = options["url"]
            catalogue = OwnCatalogue(_application()) if url is None else RemoteCatalogue(origin_of(url))
        except ValueError as error:
            raise CommandError(str(error)) from error
        # Python's own way to stop would wait for the next line of stdin; nothing is written that could be torn.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        server_of(catalogue).run("stdio")


def _application() -> WSGIApplication:
    """Return the application that a server runs, with its limits of statements and waits. A database that cannot be
    used is an error now, of one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # static files that were not collected are of no consequence here
        from config.wsgi import application  # noqa: PLC0415 (it changes how this process waits for the database)
    Package.objects.exists()
    return application
