"""Constraints of the database that refuse what a form has validated, as a race between two editors does."""

from typing import Any

import pytest
from django.db import IntegrityError
from django.db.models import Model
from django.test import Client

from core.admin import violations
from grids.memberships import MembershipFormSet
from grids.models import GridPackage
from packages.models import Package
from tests.core.admin.editors import change_url, errors_of, open_form, send
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory
from tests.pages import fields_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def _not_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Validate no constraint in forms, as if what breaks one came after the validation."""
    monkeypatch.setattr(Model, "full_clean", lambda *_, **__: None)
    monkeypatch.setattr(Model, "validate_unique", lambda *_, **__: None)
    monkeypatch.setattr(MembershipFormSet, "clean", lambda _: None)


@pytest.mark.usefixtures("_not_validated")
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("slug", "taken", "Package with this Slug already exists."),
        ("documentation_url", "ftp://a.test/", "The documentation URL must begin with http:// or https://."),
        ("repo_url", "javascript:alert(1)", "The repository URL must be an http(s), git or ssh address."),
        ("pypi_url", "javascript:x", "The PyPI project must be a name or begin with http:// or https://."),
        ("replaced_by", "self", "A package cannot be replaced by itself."),
    ],
)
def test_each_constraint_of_a_package(admin_client: Client, name: str, value: str, message: str) -> None:
    package, _ = PackageFactory.create(title="Before"), PackageFactory.create(slug="taken")
    form = open_form(admin_client, package)
    typed = {name: str(package.pk) if value == "self" else value, "title": "Typed"}
    response = send(admin_client, package, form, **typed)
    assert errors_of(response) == [message]
    assert {key: values for key, [values, *_] in fields_of(response, "package_form").items() if key in typed} == typed
    package.refresh_from_db()
    assert package.title == "Before"


@pytest.mark.usefixtures("_not_validated")
@pytest.mark.parametrize("factory", [CategoryFactory, GridFactory])
def test_a_slug_of_the_other_kinds(admin_client: Client, factory: Any) -> None:
    document, _ = factory.create(), factory.create(slug="taken")
    response = send(admin_client, document, open_form(admin_client, document), slug="taken")
    name = str(document._meta.verbose_name).capitalize()
    assert errors_of(response) == [f"{name} with this Slug already exists."]


@pytest.mark.usefixtures("_not_validated")
def test_a_membership_from_both_sides(admin_client: Client) -> None:
    member = MembershipFactory.create()
    for document, other in ((member.grid, member.package), (member.package, member.grid)):
        row = {f"memberships-0-{other._meta.model_name}": other.pk, "memberships-shown": ""}
        response = send(admin_client, document, open_form(admin_client, document), **row)
        assert errors_of(response) == ["Membership with this Grid and Package already exists."]
    assert GridPackage.objects.get() == member


@pytest.mark.usefixtures("_not_validated")
def test_a_new_document(admin_client: Client) -> None:
    GridFactory.create(slug="taken")
    url = "/admin/grids/grid/add/"
    form = fields_of(admin_client.get(url), "grid_form") | {"title": ["Typed"], "slug": ["taken"]}
    response = admin_client.post(url, form)
    assert errors_of(response) == ["Grid with this Slug already exists."]
    assert fields_of(response, "grid_form")["title"] == ["Typed"]


def test_a_refusal_that_the_next_validation_explains_is_told_by_it(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt meets a slug that was free when it was validated; the second one finds it taken."""
    package, _ = PackageFactory.create(), PackageFactory.create(slug="taken")
    form = open_form(admin_client, package)
    attempts = []
    validate = Package.validate_unique

    def blind_at_first(self: Package, exclude: Any = None) -> None:
        attempts.append(self)
        if len(attempts) > 1:
            validate(self, exclude)

    monkeypatch.setattr(Package, "validate_unique", blind_at_first)
    response = send(admin_client, package, form, slug="taken")
    assert response.context_data["adminform"].form.errors == {"slug": ["Package with this Slug already exists."]}
    assert len(attempts) == 2


def test_nothing_is_said_of_an_attempt_that_failed(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    package = PackageFactory.create()
    form = open_form(admin_client, package)
    Package.objects.update(slug="theirs")
    fails = iter([False, True])  # the second one saves `modified`, when the others' changes are told
    save = Package.save

    def fail_once(self: Package, *args: Any, **kwargs: Any) -> None:
        if next(fails, False):
            raise IntegrityError("something")
        save(self, *args, **kwargs)

    monkeypatch.setattr(Package, "save", fail_once)
    page = admin_client.post(change_url(package), form | {"title": ["Typed"]}, follow=True).content.decode()
    assert page.count("Slug was changed meanwhile") == 1
    assert page.count("was changed successfully") == 1


def test_a_package_is_not_replaced_by_itself(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    package = PackageFactory.create()
    monkeypatch.delattr(Package, "save")  # it is refused before
    monkeypatch.setattr(Model, "save", None)
    response = send(admin_client, package, open_form(admin_client, package), replaced_by=package.pk, title="Typed")
    assert errors_of(response) == ["A package cannot be replaced by itself."]
    assert fields_of(response, "package_form")["title"] == ["Typed"]


def test_other_errors_of_the_database_have_a_message_too() -> None:
    error = IntegrityError("FOREIGN KEY constraint failed")
    assert violations.message(error, [Package]).startswith("The database refuses this: meanwhile a value was taken")
