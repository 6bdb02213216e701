from django.db import migrations, models


def move_content_type(apps, using, old, new):
    """Keep the permissions that somebody was given for the model."""
    types = apps.get_model("contenttypes", "ContentType").objects.using(using)
    if not types.filter(app_label=new, model="revision").exists():
        types.filter(app_label=old, model="revision").update(app_label=new)


def forwards(apps, schema_editor):
    move_content_type(apps, schema_editor.connection.alias, "changes", "core")


def backwards(apps, schema_editor):
    move_content_type(apps, schema_editor.connection.alias, "core", "changes")


class Migration(migrations.Migration):
    """The table stays where changes.0001 has created it; changes.0003 gives up the model."""

    initial = True

    dependencies = [
        ("changes", "0002_revisions_never_repeat"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Revision",
                    fields=[
                        ("kind", models.CharField(max_length=10, primary_key=True, serialize=False)),
                        ("number", models.BigIntegerField()),
                        ("rows", models.BigIntegerField()),
                    ],
                    options={"db_table": "changes_revision"},
                ),
            ],
        ),
        migrations.RunPython(forwards, backwards),
    ]
