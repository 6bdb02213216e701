"""The tools over the test's own database, without a server and without the SDK's threads."""

import json
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from config.mcp_server.catalogue import OwnCatalogue, Raw
from config.mcp_server.server import Tools


class OpenCatalogue(OwnCatalogue):
    """Our catalogue, whose connection stays open, as with Django's test client: it is that of the test."""

    def __init__(self) -> None:
        super().__init__(WSGIHandler())

    def fetch(self, target: str) -> Raw:
        signals = (request_started, request_finished)
        for signal in signals:
            signal.disconnect(close_old_connections)
        try:
            return super().fetch(target)
        finally:
            for signal in signals:
                signal.connect(close_old_connections)

    def close(self) -> None:
        """Keep the connection."""


def tools() -> Tools:
    """Return the tools of the test's catalogue."""
    return Tools(OpenCatalogue())


def parsed(answer: str) -> Any:
    """Return an answer of a tool, which is JSON."""
    return json.loads(answer)
