"""Where admin is: at the path that the site's operator has chosen (ADMIN_PATH)."""

from django.conf import settings
from django.http import HttpRequest

USUAL = "admin"


def is_admin(request: HttpRequest) -> bool:
    """Return whether a request is for a page of admin, the last slash of its address given or not."""
    path, admin = request.path_info, f"/{settings.ADMIN_PATH}"
    return path == admin or path.startswith(f"{admin}/")


def is_told() -> bool:
    """Return whether pages may link to admin: a path that somebody has chosen is for those who know it."""
    return bool(settings.ADMIN_PATH == USUAL)
