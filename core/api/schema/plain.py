"""Operations of views that are no views of REST framework: each has `operation`, which describes it."""

from typing import Any

from django.urls import URLPattern
from django.utils.regex_helper import normalize


def operations_of_plain_views(resolver: Any) -> dict[str, Any]:
    """Return the paths of all views that describe themselves so, each with its operation."""
    patterns = [each for each in resolver.url_patterns if isinstance(each, URLPattern)]
    views: list[tuple[URLPattern, Any]] = [(each, getattr(each.callback, "__self__", None)) for each in patterns]
    return {_template(each): {"get": view.operation(each.name)} for each, view in views if hasattr(view, "operation")}


def _template(pattern: URLPattern) -> str:
    """Return the path of a pattern, with the names of its parameters in braces."""
    path, names = normalize(str(pattern.pattern.regex.pattern))[0]
    return f"/{path}" % {name: f"{{{name}}}" for name in names}
