"""make bench-admin: the time that each page of admin takes at 5,300 packages, of the database and of everything else.

The pages are found by walking the URLs of admin. Each is requested by an editor with every right, in this process and
in a transaction that is rolled back. It fails where a page is no page.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import django
from rich.console import Console
from rich.table import Table

from tests.bench.catalogue import database, describe_catalogue, environment

ROUNDS = 5
MOST_MS = 300
SELECTED = 50
# Of no page of their own: they redirect, answer in JSON, or need something that is not there.
WITHOUT_PAGE = ("autocomplete/", "jsi18n/", "logout/", "login/", "r/<", "(?P<url>", "cell/sign/")


@dataclass(frozen=True)
class Request:
    """A page that is requested; with `data`, by a form."""

    name: str
    path: str
    data: dict[str, Any] | None = None


def requests() -> Iterator[Request]:
    """Yield a request for each page of admin, of its first row where it is about a row, and for that of each action."""
    from django.contrib.admin import site  # noqa: PLC0415 (settings are read now)
    from django.urls import get_resolver  # noqa: PLC0415

    yield from _walked(get_resolver().url_patterns, "")
    from packages.models import Package  # noqa: PLC0415

    ids = list(Package.objects.order_by("title", "pk").values_list("pk", flat=True)[:SELECTED])
    path = "/admin/packages/package/"
    model_admin: Any = site.get_model_admin(Package)
    for _, name, label in model_admin._get_base_actions():
        data = {"action": name, "_selected_action": ids, "index": "0", "select_across": "0"}
        yield Request(f"{label} ({SELECTED} selected)", path, data)
    for query in ("?q=admin", "?category__id__exact=1&o=5", "?p=80", "?o=-5"):
        yield Request("", f"{path}{query}")


def _walked(patterns: Any, prefix: str, model: Any = None) -> Iterator[Request]:
    from django.contrib.admin import site  # noqa: PLC0415

    for each in patterns:
        path = prefix + str(each.pattern)
        if not "admin/".startswith(path[:6]) or any(word in path for word in WITHOUT_PAGE):
            continue
        if hasattr(each, "url_patterns"):
            found = [key for key in site._registry if path.endswith(f"{key._meta.app_label}/{key._meta.model_name}/")]
            yield from _walked(each.url_patterns, path, found[0] if found else model)
        elif filled := _filled(path, model):
            yield Request("", f"/{filled}")


def _filled(path: str, model: Any) -> str:
    """Return a path with the id of the first row of its model in it; "" if it cannot be filled in."""
    if "<" in path and model is not None:
        row = model._base_manager.order_by("pk").values_list("pk", flat=True).first()
        for name in ("<path:object_id>", "<int:pk>", "<int:object_id>", "<id>"):
            path = path.replace(name, str(row)) if row is not None else path
    return "" if "<" in path or path.startswith("^") or "(?P" in path else path


def measured(client: Any, request: Request) -> tuple[float, float, int, int] | None:
    """Return the milliseconds that a page takes, those of them that the database takes, its queries and its bytes; None
    if there is no page, since a path takes forms alone."""
    from django.db import connection  # noqa: PLC0415

    spent = [0.0, 0]

    def timed(execute: Any, *arguments: Any) -> Any:
        begin = perf_counter()
        try:
            return execute(*arguments)
        finally:
            spent[0] += perf_counter() - begin
            spent[1] += 1

    with connection.execute_wrapper(timed):
        begin = perf_counter()
        response = client.get(request.path) if request.data is None else client.post(request.path, request.data)
        seconds = perf_counter() - begin
    if response.status_code in {403, 405}:  # nobody adds rows of the log; a path takes forms alone
        return None
    if response.status_code not in {200, 302}:
        raise SystemExit(f"{request.name or request.path}: status {response.status_code}")
    size = 0 if response.streaming else len(response.content)
    return seconds * 1000, spent[0] * 1000, int(spent[1]), size


def main() -> None:
    url = database()
    os.environ |= environment(url) | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "ALLOWED_HOSTS": "testserver",
        "CACHE_URL": "dummy://",
    }
    django.setup()
    from django.conf import settings  # noqa: PLC0415 (settings are read now)
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.db import connection, transaction  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from core.database.sessions import begin_session  # noqa: PLC0415

    begin_session(connection)  # as a server has it

    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    words = [word for argument in sys.argv[1:] for word in argument.split()]
    table = Table("page", "ms", "of the database", "queries", "KB", box=None)
    slow = 0
    with transaction.atomic():
        client = Client()
        client.force_login(User.objects.create_superuser("bench"))
        for request in requests():
            name = request.name or request.path
            if words and not any(word in name for word in words):
                continue
            rounds = [found for _ in range(1 + ROUNDS) if (found := measured(client, request))][1:]
            if not rounds:
                continue
            ms, of_database = (median(each[column] for each in rounds) for column in (0, 1))
            slow += ms > MOST_MS
            mark = " !" if ms > MOST_MS else ""
            table.add_row(
                f"{name}{mark}", f"{ms:.0f}", f"{of_database:.0f}", str(rounds[0][2]), str(rounds[0][3] // 1024)
            )
        transaction.set_rollback(True)
    Console(width=140).print(f"{describe_catalogue(url)}; medians of {ROUNDS}; {slow} pages over {MOST_MS} ms", table)


if __name__ == "__main__":
    main()
