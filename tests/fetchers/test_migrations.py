"""The migrations of the fetchers keep their tables and what groups were granted."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection

from fetchers.models import HostRateLimit

pytestmark = pytest.mark.django_db(transaction=True)


def codenames(group: Group) -> list[str]:
    return sorted(group.permissions.values_list("codename", flat=True))


def test_a_renamed_model_keeps_its_table_and_its_permissions() -> None:
    group = Group.objects.create(name="operators")
    group.permissions.set(Permission.objects.filter(codename__endswith="_hostratelimit"))
    granted = set(group.permissions.values_list("pk", flat=True))
    HostRateLimit.objects.create(name="github", remaining=5)
    try:
        call_command("migrate", "fetchers", "0001", verbosity=0)
        assert codenames(group) == ["add_hostpace", "change_hostpace", "delete_hostpace", "view_hostpace"]
        assert Permission.objects.get(codename="view_hostpace").name == "Can view host pace"
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, remaining FROM fetchers_hostpace")
            assert cursor.fetchall() == [("github", 5)]
    finally:
        call_command("migrate", verbosity=0)
    assert codenames(group) == [f"{action}_hostratelimit" for action in ("add", "change", "delete", "view")]
    assert set(group.permissions.values_list("pk", flat=True)) == granted
    assert Permission.objects.get(codename="view_hostratelimit").name == "Can view host rate limit"
    assert list(ContentType.objects.filter(app_label="fetchers").order_by("model").values_list("model", flat=True)) == [
        "batch",
        "hostratelimit",
        "run",
    ]
    assert HostRateLimit.objects.get().remaining == 5
