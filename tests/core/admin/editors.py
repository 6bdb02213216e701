"""Editors who open forms in admin and send them."""

from typing import Any

from django.contrib.messages import get_messages
from django.db.models import Model
from django.test import Client

from categories.models import Category
from tests.pages import Fields, fields_of


def change_url(document: Model) -> str:
    return f"/admin/{document._meta.app_label}/{document._meta.model_name}/{document.pk}/change/"


def open_form(client: Client, document: Model) -> Fields:
    response = client.get(change_url(document))
    assert response.status_code == 200
    return fields_of(response, f"{document._meta.model_name}_form")


def send(client: Client, document: Model, fields: Fields, **typed: Any) -> Any:
    """Send an open form with other values typed; None for a box without a tick."""
    sent = fields | {name: [value] for name, value in typed.items() if value is not None}
    return client.post(change_url(document), {name: sent[name] for name in sent if typed.get(name, "") is not None})


def package_form(category: Category, **changes: Any) -> dict[str, Any]:
    formsets = ("memberships", "pins", "fetch_states", "aliases", "releases")
    management = {f"{name}-{part}_FORMS": 0 for name in formsets for part in ("TOTAL", "INITIAL")}
    typed = {"title": "New", "slug": "new", "category": category.pk, "repo_url": "", "pypi_url": "django"}
    return management | typed | {"documentation_url": ""} | changes


def grid_form(**changes: Any) -> dict[str, Any]:
    management = {f"{rows}-{part}_FORMS": 0 for rows in ("memberships", "features") for part in ("TOTAL", "INITIAL")}
    return management | {"title": "New", "slug": "new", "description": ""} | changes


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def errors_of(response: Any) -> list[str]:
    """Return every error of the form and of its inlines; a saved form redirects and has none."""
    if response.status_code == 302:
        return []
    context = response.context_data
    listed = [error for each in context["adminform"].form.errors.values() for error in each]
    for inline in context["inline_admin_formsets"]:
        listed += inline.formset.non_form_errors()
        listed += [error for form in inline.formset.errors for each in form.values() for error in each]
    return listed
