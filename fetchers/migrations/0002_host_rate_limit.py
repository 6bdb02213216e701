from django.db import migrations

OLD, NEW = ("hostpace", "host pace"), ("hostratelimit", "host rate limit")


def rename_permissions(old, new):
    """Rename the four permissions in place, so that users and groups keep what they were granted."""

    def rename(apps, schema_editor):
        # Only on the database being migrated. Django renames the content type itself, after RenameModel.
        permissions = apps.get_model("auth", "Permission").objects.using(schema_editor.connection.alias)
        for action in ("add", "change", "delete", "view"):
            permissions.filter(content_type__app_label="fetchers", codename=f"{action}_{old[0]}").update(
                codename=f"{action}_{new[0]}", name=f"Can {action} {new[1]}"
            )

    return rename


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('contenttypes', '0002_remove_content_type_name'),
        ('fetchers', '0001_runs_and_paces'),
    ]

    operations = [
        # The table keeps its name: neither operation runs any SQL.
        migrations.AlterModelTable(name='hostpace', table='fetchers_hostpace'),
        migrations.RenameModel(old_name='HostPace', new_name='HostRateLimit'),
        migrations.RunPython(rename_permissions(OLD, NEW), rename_permissions(NEW, OLD)),
    ]
