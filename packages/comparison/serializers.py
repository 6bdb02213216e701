"""The form of a comparison, for the schema."""

from typing import Any, get_args

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers

from packages.comparison.columns import Better, Kind
from packages.health.verdicts import VERDICTS, Level, WarningName


class ComparedVerdictSerializer(serializers.Serializer[Any]):
    """The verdict on a package."""

    verdict = serializers.ChoiceField(VERDICTS)
    level = serializers.ChoiceField(get_args(Level))
    warnings = serializers.ListField(child=serializers.ChoiceField(get_args(WarningName)))


class ComparedCellSerializer(serializers.Serializer[Any]):
    """The cell of a feature."""

    text = serializers.CharField()
    sign = serializers.IntegerField(
        min_value=-3, max_value=3, allow_null=True, help_text="What the text says; null where it does not apply."
    )


class ValueField(serializers.JSONField):
    """The value of a column of any kind."""


class ValueSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # it registers itself
    """One of the forms that values have."""

    target_class = ValueField

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> Any:
        objects = [
            auto_schema.resolve_serializer(each, direction).ref
            for each in (ComparedVerdictSerializer, ComparedCellSerializer)
        ]
        plain = {"type": ["string", "number", "boolean", "null"]}
        lists = [{"type": "array", "items": {"type": each}} for each in ("string", "integer")]
        return {"anyOf": [plain, *lists, *objects]}


_VALUES = (
    "In the order of the columns, null where nothing is known. By the kind of the column: a text; a number; a time;"
    " true or false; a list of texts; a URL; a verdict with its level and warnings; 52 weekly counts, or none; a cell"
    " with its text and its sign from -3 to 3, null where it does not apply."
)


class ColumnSerializer(serializers.Serializer[Any]):
    """A column of a comparison."""

    key = serializers.CharField(help_text="Chooses the column in `columns`, and orders by it in `ordering`.")
    title = serializers.CharField()
    kind = serializers.ChoiceField(get_args(Kind), help_text="What its values are.")
    group = serializers.CharField(help_text="Columns of one group stand together.")
    unit = serializers.CharField(required=False)
    better = serializers.ChoiceField(
        [each for each in get_args(Better) if each], required=False, help_text="Which values are better, if any are."
    )
    help = serializers.CharField(help_text="What it shows.")


class RowSerializer(serializers.Serializer[Any]):
    """A package with its values."""

    package = serializers.URLField()
    slug = serializers.CharField()
    title = serializers.CharField()
    values = serializers.ListField(child=ValueField(), help_text=_VALUES)


class HiddenSerializer(serializers.Serializer[Any]):
    """Packages that are left out."""

    reason = serializers.CharField(help_text="The levels that are not shown (`level=poor`), or `filters`.")
    count = serializers.IntegerField(min_value=1)
    url = serializers.URLField(help_text="The comparison with them.")


class ComparisonSerializer(serializers.Serializer[Any]):
    """Packages side by side. `shown` and `hidden`, `best` and `as_of` are of all pages."""

    as_of = serializers.DateTimeField(
        allow_null=True, help_text="When a source of one of the shown packages was last fetched."
    )
    columns = ColumnSerializer(many=True)
    rows = RowSerializer(many=True)
    best = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="By the key of a column: the slugs of the packages that are the best in it.",
    )
    total = serializers.IntegerField(min_value=0, help_text="Shown and hidden packages.")
    shown = serializers.IntegerField(min_value=0)
    hidden = HiddenSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
