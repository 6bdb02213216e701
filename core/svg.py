"""The frame of every SVG image that the server draws: its colours, light and dark, and what is allowed in it.

An image may be opened by itself, as a page: its policy allows the one style, by its digest, and nothing else.
"""

from base64 import b64encode
from hashlib import sha256

from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.xml import text

STYLE = (
    "svg{color-scheme:light dark}text{font:12px system-ui,sans-serif}"
    ".weak{fill:#57606a}.strong{font-weight:600;fill:#1f2328}"
    ".paper{fill:#fff;stroke:#d0d7de}.axis{stroke:#d0d7de}.area{fill:#0969da}"
    ".line{fill:none;stroke:#0969da;stroke-width:2;stroke-linejoin:round}"
    ".inverse{fill:#fff}.good{fill:#1a7f37}.fair{fill:#9a6700}.poor{fill:#cf222e}.none{fill:#59636e}"
    "@media(prefers-color-scheme:dark){.weak{fill:#8d96a0}.strong{fill:#e6edf3}"
    ".paper{fill:#0d1117;stroke:#30363d}.axis{stroke:#30363d}.area{fill:#4493f8}.line{stroke:#4493f8}"
    ".inverse{fill:#fff}.good{fill:#238636}.fair{fill:#9e6a03}.poor{fill:#da3633}.none{fill:#6e7681}}"
)
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
)


def image(title: str, description: str, width: int, height: int, *parts: SafeString) -> SafeString:
    """Return an SVG image of that size, with rounded paper behind its parts."""
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img">'
        "<title>{2}</title><desc>{3}</desc><style>{4}</style>"
        '<rect class="paper" x="0.5" y="0.5" width="{5}" height="{6}" rx="6"/>{7}</svg>',
        width,
        height,
        text(title),
        text(description),
        STYLE,
        width - 1,
        height - 1,
        SafeString("".join(parts)),
    )
