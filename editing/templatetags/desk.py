"""The tag with which the start page of admin shows the desk."""

from typing import Any

from django import template
from django.utils import timezone

from editing.desk.front import front, may_use

register = template.Library()


@register.inclusion_tag("editing/desk/front.html", takes_context=True)
def desk(context: Any) -> dict[str, Any]:
    """Show the desk to those who may use it."""
    request = context["request"]
    if not may_use(request):
        return {"front": None}
    return {"front": front(request, timezone.now())}
