"""Forms that may not be saved, as their editors typed them: all that was sent, to be copied."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import ForeignKey, Model
from django.http import QueryDict

# Parts of names that a form carries for itself
_OF_THE_FORM = ("csrfmiddlewaretoken", "initial-", "_FORMS", "-shown", "choice-", "__prefix__")


def typed(posted: QueryDict, models: Iterable[type[Model]]) -> Iterator[tuple[str, str]]:
    """Yield the label and the text of everything that a form of these models sends; of a row, its title."""
    models = list(models)
    for name, values in posted.lists():
        if name.startswith("_") or any(part in name for part in _OF_THE_FORM):
            continue
        field = _field(name.rpartition("-")[2], models)
        label = str(field.verbose_name) if field else name
        for value in values:
            yield label, _text(field, value)


def _field(name: str, models: Iterable[type[Model]]) -> Any:
    for model in models:
        with suppress(FieldDoesNotExist):
            return model._meta.get_field(name)
    return None


def _text(field: Any, value: str) -> str:
    if isinstance(field, ForeignKey) and value:
        with suppress(ValidationError, ValueError):  # no id
            row = field.related_model._base_manager.filter(pk=value).first()
            return str(row or value)
    return value
