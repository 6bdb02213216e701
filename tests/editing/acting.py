"""Editors who select packages in a list, choose an action, and send its page."""

import re
from collections.abc import Iterable
from html import unescape
from typing import Any

from django.test import Client

from tests.pages import fields_of

LIST = "/admin/packages/package/"
PAGE = "action_form"


def begin(client: Client, action: str, packages: Iterable[Any], query: str = "", *, across: bool = False) -> Any:
    """Choose an action for packages, or for all of the list; return the page."""
    selected = [package.pk for package in packages]
    typed = {"action": action, "index": "0", "select_across": str(int(across)), "_selected_action": selected}
    return client.post(LIST + query, typed)


def send(client: Client, page: Any, query: str = "", **typed: Any) -> Any:
    """Send the page of an action with other values typed."""
    fields = fields_of(page, PAGE)
    return client.post(LIST + query, fields | {name: [str(value)] for name, value in typed.items()})


def act(client: Client, action: str, packages: Iterable[Any], **typed: Any) -> Any:
    """Send the page of an action until it is done."""
    page = begin(client, action, packages)
    for _ in range(2):
        if page.status_code == 302:
            break
        page = send(client, page, **typed)
    return page


def undo_link(page: Any) -> str:
    """Return where the link "Undo" of a list leads."""
    [url] = re.findall(r'<a href="([^"]+)">Undo</a>', page.content.decode())
    return str(url)


def text_of(page: Any) -> str:
    """Return the text of a page, without its tags."""
    content = page.content.decode().partition('id="content-main"')[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", content)).split())
