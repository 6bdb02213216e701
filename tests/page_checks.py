"""Pages as tests look at them: whole, cached, and as the words that people read."""

import re
from html import unescape

from tests.conftest import Get


def page(get: Get, path: str) -> str:
    """Return the HTML of a page below /api/v4/, which is cached: what it shows is declared, and a second request is
    told so by its ETag."""
    response = get(path, accept="text/html")
    assert (response.status_code, response["Cache-Control"]) == (200, "public, no-cache"), path
    if not _is_current(get, path, response["ETag"]):  # a minute has begun in between, and the page shows an age
        response = get(path, accept="text/html")
        assert _is_current(get, path, response["ETag"]), path
    html: str = response.content.decode()
    assert "style=" not in html
    assert "<style" not in html
    return html


def _is_current(get: Get, path: str, etag: str) -> bool:
    return bool(get(path, accept="text/html", if_none_match=etag).status_code == 304)


def words(html: str) -> str:
    """Return what a page says from its heading to its JSON, with single blanks; a link as [words](path)."""
    main = html.partition("<h1>")[2].partition('<details class="json"')[0]
    linked = re.sub(r'<a [^>]*?href="(?:http://testserver)?([^"]*)"[^>]*>(.*?)</a>', r"[\2](\1)", main, flags=re.DOTALL)
    apart = re.sub(r"</(?:td|th|li|p|dt|dd|h\d|option|summary)>", r" \g<0>", linked)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", apart))).strip()
