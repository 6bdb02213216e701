"""Every constraint of a stored row can be asked by full_clean(), and refuses what it is there to refuse."""

from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils import timezone

from fetchers.models import HostRateLimit, Run
from packages.models import (
    Advisory,
    FetchState,
    PackageAdvisory,
    PackageHealth,
    Pin,
    ReadinessCount,
    Release,
    RepositoryAlias,
    Snapshot,
    UnsettledPackage,
)
from tests.factories import CellFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db


def stored_rows() -> list[Model]:
    """One row of each model with constraints."""
    now = timezone.now()
    member = MembershipFactory.create(package__commits_over_52=[1] * 52, package__participants=["me"])
    package = member.package
    cell = CellFactory.create(feature__grid=member.grid, membership=member)
    return [
        member,
        cell,
        cell.feature,
        member.grid,
        package,
        package.category,
        Release.objects.create(package=package, version="1.0"),
        RepositoryAlias.objects.create(package=package, repo_url="https://a.test/b", repo_key="a.test/b", until=now),
        FetchState.objects.create(package=package, source="repo", outcome="ok", next_due=now),
        Snapshot.objects.create(package=package, day=now.date(), stars=1),
        PackageHealth.objects.create(package=package, since=now, before="quiet"),
        Pin.objects.create(package=package, column="licence", pinned="MIT", reason="a slip", since=now),
        Advisory.objects.create(osv_id="X-1", pypi_name="a", modified=now),
        PackageAdvisory.objects.create(package=package, osv_id="X-1", modified=now),
        UnsettledPackage.objects.create(package_id=package.pk, marked_by=-1),
        ReadinessCount.objects.create(
            platform="django", version="5.2", says="named", packages=1, downloads=1, as_of=now
        ),
    ]


def test_every_stored_row_is_valid(caplog: pytest.LogCaptureFixture) -> None:
    rows = stored_rows()
    for row in rows:
        row.refresh_from_db()
        row.full_clean()
    assert caplog.messages == []  # Django takes a condition that fails in the database for fulfilled, and logs it
    ours = {"categories", "packages", "grids"}
    models = {model for model in apps.get_models() if model._meta.app_label in ours and model._meta.constraints}
    assert models == {type(row) for row in rows}


@pytest.mark.parametrize(
    ("column", "value", "constraint"),
    [
        ("participants", {"a": 1}, "package_participants_list"),
        ("participants", "text", "package_participants_list"),
        ("classifiers", 5, "package_classifiers_list"),
        ("commits_over_52", [1] * 51, "package_commits_52_or_none"),
        ("commits_over_52", [1] * 51 + [-1], "package_commits_52_or_none"),
        ("commits_over_52", [1] * 51 + ["1"], "package_commits_52_or_none"),
        ("commits_over_52", {"a": 1}, "package_commits_52_or_none"),
        ("repo_watchers", -1, "package_repo_watchers_not_negative"),
    ],
)
def test_a_value_that_a_constraint_forbids_is_invalid(column: str, value: Any, constraint: str) -> None:
    package = PackageFactory.create()
    setattr(package, column, value)
    with pytest.raises(ValidationError) as raised:
        package.validate_constraints()
    assert raised.value.messages == [f"Constraint “{constraint}” is violated."]


def test_runs_and_rate_limits_have_no_constraints() -> None:
    assert (Run._meta.constraints, HostRateLimit._meta.constraints) == ([], [])
