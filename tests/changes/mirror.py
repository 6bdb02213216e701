"""A mirror of the catalogue that follows the feed of changes."""

from typing import Any

from django.test import Client


class Mirror:
    """A copy of the catalogue that reads the feed from 0, and nothing but the API."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.documents: dict[tuple[str, int], Any] = {}
        self.memberships: set[tuple[str, str]] = set()
        self.seen: list[int] = []
        self.until = 0

    def follow(self) -> None:
        address: str | None = f"/api/v4/changes/?limit=50&since={self.until}"
        while address:
            body = self.client.get(address).json()
            for change in body["results"]:
                self.seen.append(change["number"])
                self._apply(change)
            self.until, address = body["until"], body["next"]

    def _apply(self, change: Any) -> None:
        if change["kind"] == "membership":
            pair = (change["grid"], change["package"])
            (self.memberships.discard if change["action"] == "deleted" else self.memberships.add)(pair)
            return
        # A cell is shown by its feature, whose id and URL it has.
        key = ("feature" if change["kind"] == "cell" else change["kind"], change["id"])
        response = self.client.get(change["url"]) if change["url"] else None
        if response is not None and response.status_code == 200:
            self.documents[key] = _own(response.json())
        else:
            self.documents.pop(key, None)


def _own(document: Any) -> Any:
    """A document without the keys that follow from memberships."""
    return {key: value for key, value in document.items() if key not in {"grids", "packages", "last_fetched"}}


def catalogue(client: Client) -> tuple[dict[tuple[str, int], Any], set[tuple[str, str]]]:
    documents, memberships = {}, set()
    names = {"categories": "category", "packages": "package", "grids": "grid", "features": "feature"}
    for kind, name in names.items():
        limit = 100 if kind == "features" else 1000
        for document in client.get(f"/api/v4/{kind}/?limit={limit}").json()["results"]:
            documents[name, document["id"]] = _own(document)
            link = f"http://testserver/api/v4/grids/{document['id']}/"
            memberships |= {(link, package) for package in document.get("packages", ())}
    return documents, memberships
