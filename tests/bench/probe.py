"""Count the SQL queries that a response takes, in a process of its own, with Django's test client.

Reads {endpoint: [paths]} as JSON, writes {endpoint: {kind: queries}}; started by tests.bench with its settings.
"""

import json
import subprocess
import sys
from importlib import import_module
from typing import Any

from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from tests.bench.catalogue import ROOT, environment


def count_queries(url: str, paths: dict[str, list[str]]) -> dict[str, dict[str, int]]:
    """Run this module as a program, and return what it writes."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.probe"],
        cwd=ROOT,
        env=environment(url),
        input=json.dumps(paths),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    queries: dict[str, dict[str, int]] = json.loads(ran.stdout)
    return queries


def _queries(client: Client, path: str, status: int = 200, **headers: str) -> dict[str, Any]:
    """Return the number of queries of a response, None if it has another status than expected, and its ETag."""
    with CaptureQueriesContext(connection) as captured:
        response = client.get(path, headers={"host": "127.0.0.1", **headers})
    return {"number": len(captured) if response.status_code == status else None, "etag": response.get("ETag", "")}


def _by_kind(client: Client, paths: list[str]) -> dict[str, int]:
    """Count the queries of the second response: the first prepares statements, which a worker does once."""
    with override_settings(CACHE_URL="dummy://"):
        _queries(client, paths[0])
        numbers = {"cold": _queries(client, paths[-1])["number"]}
    with override_settings(CACHE_URL="locmem://"):
        _queries(client, paths[0])
        again = _queries(client, paths[0])
        unchanged = _queries(client, paths[0], status=304, **{"if-none-match": again["etag"]})
        if "?" in paths[0] and "limit" not in paths[0]:  # another page of the same list
            numbers["counted"] = _queries(client, f"{paths[0]}&limit=19")["number"]
    return numbers | {"warm": again["number"], "304": unchanged["number"]}


def main() -> None:
    import_module("config.wsgi")  # sets Django up, and limits statements as for a server
    client = Client(raise_request_exception=False)
    json.dump({name: _by_kind(client, paths) for name, paths in json.load(sys.stdin).items()}, sys.stdout)


if __name__ == "__main__":
    main()
