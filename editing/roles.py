"""Two groups of editors, which `migrate` creates: Editors do the daily work, Moderators all of it.

A group that exists already is left alone, with whatever permissions it has: who runs the site may have changed them. So
a permission that a later version brings is given by hand. Neither group manages users.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.apps import apps as installed
from django.contrib.auth import get_permission_codename

EDITORS, MODERATORS = "Editors", "Moderators"

_EDIT, _ALL = ("view", "add", "change"), ("view", "add", "change", "delete")
# What a group may do with the rows of a model. A member or a cell that goes is no document that goes.
_OF_EDITORS: Mapping[str, Sequence[str]] = {
    "packages.package": _EDIT,
    "packages.pin": _ALL,
    "grids.grid": _EDIT,
    "grids.gridpackage": _ALL,
    "grids.feature": _ALL,
    "grids.cell": _ALL,
    "categories.category": ("view",),
    "packages.advisory": ("view",),
    "fetchers.run": ("view",),
    "fetchers.hostratelimit": ("view",),
    "editing.editbatch": ("view",),
}
_OF_MODERATORS: Mapping[str, Sequence[str]] = {
    **_OF_EDITORS,
    "packages.package": (*_ALL, "merge"),
    "grids.grid": (*_ALL, "unlock"),
    "categories.category": _ALL,
}
ROLES: Mapping[str, Mapping[str, Sequence[str]]] = {EDITORS: _OF_EDITORS, MODERATORS: _OF_MODERATORS}


def permissions(role: str) -> set[tuple[str, str]]:
    """Return the permissions of a role, as far as the models have them, each as an app and a codename."""
    wanted: set[tuple[str, str]] = set()
    for label, actions in ROLES[role].items():
        options = installed.get_model(label)._meta
        known = {get_permission_codename(action, options) for action in options.default_permissions}
        known.update(codename for codename, _ in options.permissions)
        names = {get_permission_codename(action, options) for action in actions}
        wanted.update((options.app_label, name) for name in names & known)
    return wanted


def create_roles(using: str, apps: Any = installed, **_: Any) -> None:
    """Create the groups that are missing; nothing before all of their permissions are there, as after a migration up to
    an early version. It is called after each migrate, and after a flush."""
    try:
        groups, stored = (apps.get_model("auth", name).objects.using(using) for name in ("Group", "Permission"))
    except LookupError:  # there are no users yet
        return
    missing = ROLES.keys() - set(groups.filter(name__in=ROLES).values_list("name", flat=True))
    if not missing:
        return
    wanted = {role: permissions(role) for role in missing}
    every = set[tuple[str, str]]().union(*wanted.values())
    rows = stored.filter(codename__in={codename for _, codename in every})
    ids = {(app, name): pk for pk, app, name in rows.values_list("pk", "content_type__app_label", "codename")}
    if every <= ids.keys():
        for role in sorted(missing):
            groups.create(name=role).permissions.set([ids[each] for each in sorted(wanted[role])])
