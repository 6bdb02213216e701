"""An editor at work while the site is under load: logs in, edits, undoes; and what every worker responds after that."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any

import requests

from tests.bench.catalogue import COMPARED, GRIDS, PACKAGES, query
from tests.bench.load import Server
from tests.pages import Fields, data_of, fields_of
from tests.soak import workers
from tests.soak.mix import COMPARED_GRIDS

NAME, PASSWORD = "soak", "Quite-a-Long-Password-7"
PAUSE = 1.0  # seconds between two edits
TRIES = 3  # of a form that somebody else's changes have overtaken
CREATE = (
    "from django.contrib.auth.models import Group, User; from editing.roles import EDITORS; "
    f"user = User.objects.create_user({NAME!r}, password={PASSWORD!r}, is_staff=True); "
    "user.groups.add(Group.objects.get(name=EDITORS))"
)


class StaleError(Exception):
    """A response that does not have what had been saved before it was requested."""


class Editor(threading.Thread):
    def __init__(self, server: Server, seed: int) -> None:
        super().__init__(daemon=True)
        self.server, self.choose = server, Random(seed)
        self.session = requests.Session()
        self.session.trust_env = False
        self.stopped = threading.Event()
        self.done: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.breaches: list[str] = []
        self.checked = 0
        self.touched: set[int] = set()

    # --- Admin

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.port}{path}"

    def get(self, path: str) -> requests.Response:
        response = self.session.get(self.url(path), timeout=60)
        response.raise_for_status()
        return response

    def post(self, path: str, fields: Any) -> requests.Response:
        begin = time.monotonic()
        response = self.session.post(self.url(path), fields, timeout=60, allow_redirects=False)
        self.seconds.append(time.monotonic() - begin)
        if response.status_code >= 400:
            response.raise_for_status()
        return response

    def log_in(self) -> None:
        path = "/admin/login/"
        token = {"csrfmiddlewaretoken": [self._token(self.get(path))]}
        response = self.post(path, token | {"username": [NAME], "password": [PASSWORD], "next": ["/admin/"]})
        if response.status_code != 302:
            raise StaleError("the editor cannot log in")

    def _token(self, _: requests.Response) -> str:
        return str(self.session.cookies["csrftoken"])

    def save(self, path: str, form: str, change: Callable[[Fields], Fields]) -> None:
        """Open a form, change it and send it, until it is saved."""
        for _ in range(TRIES):
            fields = fields_of(self.get(path), form)
            if self.post(path, change(fields)).status_code == 302:
                return
        raise StaleError(f"{path} is not saved after {TRIES} tries")

    def undo(self) -> None:
        """Undo the editor's last edit."""
        [(batch,)] = query(self.server.url, f"SELECT max(id) FROM editing_editbatch WHERE user_name = '{NAME}'")
        path = f"/admin/editing/editbatch/{batch}/change/"
        if self.post(path, {"csrfmiddlewaretoken": self._token(self.get(path))}).status_code != 302:
            raise StaleError(f"{path} is not undone")

    # --- What is seen then

    def expect(self, path: str, is_there: Callable[[bytes], bool], etag: str = "") -> str:
        """Check the next responses of all workers to a client that has an older response; return the ETag."""
        seen = ""
        for response in workers.responses(self.server, path, {"If-None-Match": etag} if etag else {}):
            self.checked += 1
            if response.status != 200:
                raise StaleError(f"{path}: {response.status} of worker {response.worker}, {response.body[:200]!r}")
            if not is_there(response.body):
                raise StaleError(
                    f"{path}: worker {response.worker} does not have what was saved: {response.body[:500]!r}"
                )
            seen = response.etag
        return seen

    def row(self, table: str, pk: int) -> tuple[str, datetime]:
        [(title, modified)] = query(self.server.url, f"SELECT title, modified FROM {table} WHERE id = {pk}")
        assert isinstance(modified, datetime)
        return str(title), modified

    def document(self, table: str, path: str, pk: int, title: str, etag: str) -> str:
        """Check that a document has a title, and a time of its last change that is not before the database's."""
        stored, modified = self.row(table, pk)
        if stored != title:
            raise StaleError(f"{path}: the database has {stored!r} in place of {title!r}")

        def is_there(body: bytes) -> bool:
            found = json.loads(body)
            return bool(found["title"] == title and datetime.fromisoformat(found["modified"]) >= modified)

        return self.expect(path, is_there, etag)

    # --- Deeds

    def edit_package(self) -> None:
        pk = self.choose.randint(1, PACKAGES)
        self.touched.add(pk)
        self.edit("packages_package", f"/admin/packages/package/{pk}/change/", f"/api/v4/packages/{pk}/", pk)

    def edit_grid(self) -> None:
        pk = self.choose.randint(COMPARED_GRIDS + 1, GRIDS)
        self.edit("grids_grid", f"/admin/grids/grid/{pk}/change/", f"/api/v4/grids/{pk}/", pk)

    def edit(self, table: str, admin: str, path: str, pk: int) -> None:
        """Rename a document, look at it, undo that, and look again; at its page and at the log of changes too."""
        form, old = f"{admin.split('/')[3]}_form", self.row(table, pk)[0]
        new = f"{old[:150]} {time.time_ns()}"
        etag = self.document(table, path, pk, old, "")
        [(number,)] = query(self.server.url, "SELECT max(number) FROM changes_change")
        self.save(admin, form, lambda fields: fields | {"title": [new]})
        etag = self.document(table, path, pk, new, etag)
        self.expect(f"{path}?format=api", lambda body: new.encode() in body)
        self.expect(f"/api/v4/changes/?since={number}&limit=1000", lambda body: _names(body, table, pk))
        self.undo()
        self.document(table, path, pk, old, etag)

    def edit_cell(self) -> None:
        """Change a cell in the grid editor, look at the comparison, and change it back."""
        pk = self.choose.randint(1, COMPARED[0][0])
        page = self.get(f"/admin/grids/grid/{pk}/editor/").content.decode()
        state = data_of(page, "grid-state")
        row = self.choose.randrange(len(state["members"]))
        column = self.choose.randrange(len(state["features"]))
        place = {"feature": state["features"][column]["id"], "package": state["members"][row]["id"]}
        old, new = state["texts"][row][column], f"partly, {time.time_ns()}"
        path = f"/api/v4/grids/{pk}/comparison/?level=all"
        self.send_cell(pk, {**place, "text": new, "was": old})
        self.expect(path, lambda body: new.encode() in body)
        self.send_cell(pk, {**place, "text": old, "was": new})
        self.expect(path, lambda body: new.encode() not in body)

    def send_cell(self, grid: int, cell: dict[str, Any]) -> None:
        [(user,)] = query(self.server.url, f"SELECT id FROM auth_user WHERE username = '{NAME}'")
        response = self.session.post(
            self.url(f"/admin/grids/grid/{grid}/editor/save/"),
            json={"user": user, "cells": [cell]},
            headers={"X-CSRFToken": str(self.session.cookies["csrftoken"])},
            timeout=60,
        )
        if response.status_code != 200:
            raise StaleError(f"a cell of grid {grid} is not saved: {response.status_code} {response.text[:300]}")

    def run(self) -> None:
        try:
            self.log_in()
            while not self.stopped.wait(PAUSE):
                deed = self.choose.choice([self.edit_package, self.edit_package, self.edit_grid, self.edit_cell])
                try:
                    deed()
                    self.done[deed.__name__] += 1
                except (StaleError, workers.MissingError, OSError, ValueError, LookupError, AssertionError) as error:
                    self.breaches.append(f"{deed.__name__}: {type(error).__name__}: {error}")
        except (StaleError, OSError, LookupError) as error:
            self.breaches.append(f"the editor: {error!r}")

    def report(self) -> str:
        deeds = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in sorted(self.done.items()))
        slowest = f", a form {max(self.seconds):.1f} s at most" if self.seconds else ""
        return f"the editor: {deeds or 'nothing'}{slowest}; {self.checked} responses of workers checked after a save"


def _names(body: bytes, table: str, pk: int) -> bool:
    """Tell whether a page of the log has a change of that document."""
    kind = {"packages_package": "package", "grids_grid": "grid"}[table]
    return any(row["kind"] == kind and row["id"] == pk for row in json.loads(body)["results"])


class Follower(threading.Thread):
    """A mirror that reads the log of changes: numbers only rise, and nothing is added before what it has read."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.stopped = threading.Event()
        self.breaches: list[str] = []
        self.read: list[int] = []
        self.packages: set[int] = set()
        [(number,)] = query(server.url, "SELECT max(number) FROM changes_change")
        self.first = self.since = int(str(number))

    def run(self) -> None:
        while not self.stopped.wait(0.5):
            try:
                self.turn()
            except (OSError, ValueError, LookupError) as error:
                self.breaches.append(f"changes: {error!r}")

    def turn(self) -> None:
        path = f"http://127.0.0.1:{self.server.port}/api/v4/changes/?since={self.since}&limit=1000"
        response = requests.get(path, timeout=60)
        response.raise_for_status()
        page = response.json()
        numbers = [row["number"] for row in page["results"]]
        if numbers != sorted(set(numbers)) or page["newest"] < self.since or (numbers and numbers[0] <= self.since):
            self.breaches.append(
                f"changes: {numbers[:3]} … {numbers[-3:]}, newest {page['newest']}, since {self.since}"
            )
        self.read += numbers
        self.packages |= {
            row["id"] for row in page["results"] if row["kind"] == "package" and row["action"] != "deleted"
        }
        self.since = max(self.since, page["until"])

    def check(self) -> None:
        """Check, once nobody writes any more, that all numbers that are stored have been read."""
        while True:
            before = self.since
            self.turn()
            if self.since == before:
                break
        stored = query(self.server.url, f"SELECT number FROM changes_change WHERE number > {self.first}")
        missed = {int(str(number)) for (number,) in stored} - set(self.read)
        if missed:
            self.breaches.append(f"changes: {len(missed)} numbers were never read, such as {sorted(missed)[:5]}")

    def report(self) -> str:
        return f"the log of changes: {len(self.read)} read in order, of {len(self.packages)} packages"
