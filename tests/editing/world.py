"""A small catalogue with a user of each role, and the URLs of all pages of admin about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone

from categories.models import Category
from editing.models import EditBatch
from editing.recorder import recording
from editing.roles import EDITORS, MODERATORS, create_roles
from fetchers.models import HostRateLimit, Run
from grids.models import Cell, Feature, Grid, GridPackage
from packages.models import Advisory, Package
from tests.factories import CategoryFactory, CellFactory, FeatureFactory, GridFactory, PackageFactory
from tests.pages import Fields, fields_of

# In the order of the columns below: nobody, a user of admin without a group, and so on.
WHO = ("nobody", "staff", "editor", "moderator", "superuser")


@dataclass
class World:
    """A client for each of WHO, and a row of each kind."""

    clients: Mapping[str, Client]
    package: Package
    grid: Grid
    member: GridPackage
    feature: Feature
    cell: Cell
    category: Category
    batch: EditBatch
    other_package: Package
    other_grid: Grid
    other_feature: Feature
    user: User
    group: Group
    run: Run
    advisory: Advisory
    limit: HostRateLimit
    rows: Mapping[str, int]  # the id of a row by the label of its model
    attempt: Any  # a failed login

    forms: dict[str, Fields] = field(default_factory=dict)

    @property
    def superuser(self) -> Client:
        return self.clients["superuser"]

    def form(self, url: str, model: str) -> Fields:
        """Return the fields of a form as a superuser has it."""
        if url not in self.forms:
            self.forms[url] = fields_of(self.clients["superuser"].get(url), f"{model}_form")
            assert self.forms[url]
        return self.forms[url]


def user_of(name: str) -> User:
    user = User.objects.create_user(name, password="x", is_staff=True, is_superuser=name == "superuser")
    group = {"editor": EDITORS, "moderator": MODERATORS}.get(name)
    if group:
        user.groups.add(Group.objects.get(name=group))
    return user


def build() -> World:
    """Store the rows and the users."""
    create_roles("default")  # a test that empties all tables may have come before
    clients = {"nobody": Client()}
    for name in WHO[1:]:
        clients[name] = Client()
        clients[name].force_login(user_of(name))
    cell = CellFactory.create(text="no")
    category = CategoryFactory.create(title="Empty")
    now = timezone.now()
    with recording("another", "Renamed"):
        Package.objects.filter(pk=cell.membership.package_id).update(title="Renamed")
    package, grid, batch = cell.membership.package, cell.feature.grid, EditBatch.objects.get()
    user, group = User.objects.create_user("other"), Group.objects.create(name="Others")
    run, limit = Run.objects.create(started=now, sources=["repo"]), HostRateLimit.objects.create(name="github")
    advisory = Advisory.objects.create(osv_id="X-1", pypi_name="nobody", modified=now)
    listed = (
        package,
        grid,
        cell,
        cell.feature,
        category,
        batch,
        user,
        group,
        run,
        limit,
        advisory,
        *(logins := _logins()),
    )
    rows = {each._meta.label_lower: each.pk for each in listed}
    others = PackageFactory.create(pypi_url="x"), GridFactory.create(), FeatureFactory.create(grid=grid)
    return World(
        *(clients, package, grid, cell.membership, cell.feature, cell, category, batch),
        *(*others, user, group, run, advisory, limit, rows),
        attempt=logins[0],
    )


def _logins() -> tuple[Any, ...]:
    login = {"username": "other", "ip_address": "192.0.2.7", "user_agent": "Browser"}
    return (
        AccessAttempt.objects.create(**login, failures_since_start=3),
        AccessFailureLog.objects.create(**login),
        AccessLog.objects.create(**login),
    )


ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "desk_chart": {"source": "repo"},
    "desk_list": {"name": "no-project"},
    "desk_undo": {"name": "no-project", "batch": 0},
    "view_on_site": {"content_type_id": "0", "object_id": "0"},
    "app_list": {"app_label": "packages"},
}

QUERIES: Mapping[str, str] = {
    "autocomplete": "?app_label=packages&model_name=package&field_name=category",
    "grids_cell_sign": "?text=no",
}


def patterns(below: Sequence[Any] | None = None, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name and the route of every URL of admin. Those without a name of their own get one."""
    for each in admin.site.get_urls() if below is None else below:
        route = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from patterns(each.url_patterns, route)
        elif isinstance(each, URLPattern):
            parts = route.split("/")
            yield each.name or ("_".join([*parts[:2], "redirect"]) if len(parts) > 2 else "rest"), route


def url_of(name: str, world: World) -> str:
    if name == "rest":
        return "/admin/nothing/here/"
    if name in QUERIES:
        return reverse(f"admin:{name}") + QUERIES[name]
    if name in ARGUMENTS:
        return reverse(f"admin:{name}", kwargs=dict(ARGUMENTS[name]))
    app, _, rest = name.partition("_")
    model = rest.partition("_")[0]
    pk = world.rows.get(f"{app}.{model}")
    if name.endswith("_redirect"):
        return f"/admin/{app}/{model}/{pk}/"
    is_of_a_row = pk and (name.endswith(("_change", "_delete", "_history", "_why")) or "_editor" in name)
    return reverse(f"admin:{name}", args=[pk] if is_of_a_row else [])
