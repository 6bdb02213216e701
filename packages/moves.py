"""Repositories that were renamed or moved to another owner: their packages follow, with all that is known of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Model, Q, QuerySet, Value, When

from packages.identity import forges, is_shared
from packages.keys import folder, repository
from packages.models import FetchState, Package, RepositoryAlias, Snapshot

MAX_URL = 500


@dataclass(frozen=True, slots=True)
class Move:
    """The new URL of a repository, and its id at its host."""

    url: str
    repo_id: str
    at: datetime


def move(moves: Mapping[str, Move], locked: Iterable[Package]) -> list[str]:
    """Give the packages of the repositories that moved, by their old keys, the new URLs. Return notes for an editor.

    Each package keeps the folder that its URL names, and its facts, its fetch state and its history go with it.
    `locked` has all packages with the old keys.
    """
    if not moves:
        return []
    members: dict[str, list[Package]] = {}
    for package in locked:
        moved = moves.get(package.repo_key)
        if moved and package.repo_id in {"", moved.repo_id}:  # of another id, it is another repository by now
            members.setdefault(package.repo_key, []).append(package)
    new_keys = {old: repository(each.url, forges()).key for old, each in moves.items()}
    holders: dict[str, int] = dict(Package.objects.filter(repo_key__in=new_keys.values()).values_list("repo_key", "pk"))
    notes: list[str] = []
    moving: dict[str, list[tuple[Package, str]]] = {}
    for old, packages in members.items():
        for package in packages:
            url = moves[old].url + folder(package.repo_url, forges())
            holder = holders.get(new_keys[old])
            if holder is not None and not is_shared(package.repo_url, len(packages) - 1):
                notes.append(f"{_label(package)} is the same repository as package {holder}: {url}")
            elif len(url) > MAX_URL:
                notes.append(f"{_label(package)} moved to {url}, which is too long to be stored")
            else:
                notes.append(f"{_label(package)} moved from {package.repo_url} to {url}")
                moving.setdefault(old, []).append((package, url))
        if old in moving:
            holders.setdefault(new_keys[old], moving[old][0][0].pk)
    _store(moving, moves, new_keys)
    return notes


def _store(
    moving: Mapping[str, list[tuple[Package, str]]], moves: Mapping[str, Move], new_keys: Mapping[str, str]
) -> None:
    packages: list[Package] = []
    aliases: list[RepositoryAlias] = []
    for old, followers in moving.items():
        for package, url in followers:
            aliases.append(
                RepositoryAlias(package=package, repo_key=old, repo_url=package.repo_url, until=moves[old].at)
            )
            package.repo_url = url
            package.derive()
            package.repo_facts_of = package.repo_key
            packages.append(package)
    RepositoryAlias.objects.bulk_create(
        aliases, update_conflicts=True, unique_fields=["package", "repo_key"], update_fields=["repo_url", "until"]
    )
    Package.objects.bulk_update(packages, ["repo_url", "repo_facts_of"])
    followed = {old: new_keys[old] for old in moving}
    of_followers = Q(package__in=packages)
    rename(FetchState.objects.filter(of_followers, source="repo"), "target", followed)
    rename(Snapshot.objects.filter(of_followers), "repo_key", followed)


def rename(rows: QuerySet[Model], column: str, keys: Mapping[str, str]) -> None:
    """Give rows whose `column` has one of the old keys the new one."""
    if keys:
        new = Case(*(When(**{column: old}, then=Value(to)) for old, to in keys.items()))
        rows.filter(**{f"{column}__in": keys}).update(**{column: new})


def _label(package: Package) -> str:
    return f"package {package.pk} ({package.slug})"
