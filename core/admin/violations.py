"""The message to an editor for a constraint of the database that refused a save."""

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError
from django.db.models import Model, UniqueConstraint

OTHERWISE = (
    "The database refuses this: meanwhile a value was taken, or something that is named here was deleted. "
    "Nothing is saved."
)


def message(error: IntegrityError, models: Iterable[type[Model]]) -> str:
    """Return the message of the constraint of these models that the error names."""
    text = str(error)
    for model in models:
        for constraint in model._meta.constraints:
            columns = constraint.fields if isinstance(constraint, UniqueConstraint) else ()
            if constraint.name in text or (columns and _names(text, model, columns)):
                is_default = constraint.violation_error_message == constraint.default_violation_error_message
                if columns and is_default:
                    return _taken(model, columns)
                return str(constraint.get_violation_error_message())
        for field in model._meta.concrete_fields:
            if field.unique and (f"{model._meta.db_table}_{field.column}" in text or _names(text, model, [field.name])):
                return _taken(model, [field.name])
    return OTHERWISE


def _names(text: str, model: type[Model], fields: Iterable[str]) -> bool:
    """Return True if it is SQLite's message for the columns of these fields, which must be unique."""
    concrete: Any = [model._meta.get_field(name) for name in fields]
    columns = [f"{model._meta.db_table}.{field.column}" for field in concrete]
    return text == f"UNIQUE constraint failed: {', '.join(columns)}"


def _taken(model: type[Model], fields: Iterable[str]) -> str:
    error = model().unique_error_message(model, tuple(fields))
    return str(error.messages[0])
