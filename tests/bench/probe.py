"""How many SQL queries an answer takes: counted in a process of its own, by Django's test client.

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


def counted(url: str, paths: dict[str, list[str]]) -> dict[str, dict[str, int]]:
    """What this module writes when it runs as a program."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.probe"],
        cwd=ROOT,
        env=environment(url),
        input=json.dumps(paths),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    found: dict[str, dict[str, int]] = json.loads(ran.stdout)
    return found


def _queries(client: Client, path: str, status: int = 200, **headers: str) -> dict[str, Any]:
    """The queries of one answer, and its ETag; none if it is not the answer that was expected."""
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path, headers={"host": "127.0.0.1", **headers})
    return {"number": len(captured) if answer.status_code == status else None, "etag": answer.get("ETag", "")}


def _of(client: Client, paths: list[str]) -> dict[str, int]:
    """The first answer prepares statements, which a worker does once: the next one is counted."""
    with override_settings(CACHE_URL="dummy://"):
        _queries(client, paths[0])
        found = {"cold": _queries(client, paths[-1])["number"]}
    with override_settings(CACHE_URL="locmem://"):
        _queries(client, paths[0])
        again = _queries(client, paths[0])
        unchanged = _queries(client, paths[0], status=304, **{"if-none-match": again["etag"]})
        if "?" in paths[0] and "limit" not in paths[0]:  # another page of the same list
            found["counted"] = _queries(client, f"{paths[0]}&limit=19")["number"]
    return found | {"warm": again["number"], "304": unchanged["number"]}


def main() -> None:
    import_module("config.wsgi")  # sets Django up, and limits statements as for a server
    client = Client(raise_request_exception=False)
    json.dump({name: _of(client, paths) for name, paths in json.load(sys.stdin).items()}, sys.stdout)


if __name__ == "__main__":
    main()
