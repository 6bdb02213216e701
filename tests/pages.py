"""The JSON in pages for people."""

import json
import re
from html import unescape
from typing import Any


def shown_document(html: str) -> Any:
    """Return the JSON that a page shows."""
    inner = html.split("\n\n</span>", 1)[1].split("</pre>", maxsplit=1)[0]
    return json.loads(unescape(re.sub("<[^>]+>", "", inner)))
