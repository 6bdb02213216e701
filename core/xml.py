"""Text that XML can hold."""

import re

from django.utils.text import Truncator

# Characters that XML 1.0 cannot hold, even escaped
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(value: str) -> str:
    """Return `value` without characters that XML cannot hold, and cut to 500 characters."""
    return _NOT_XML.sub("\ufffd", Truncator(value).chars(500))
