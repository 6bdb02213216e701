"""Identity of packages: the columns that follow from their addresses, and what they say of repositories."""

import re
from collections.abc import Mapping
from typing import Literal, get_args

from django.conf import settings

from packages.facts import Source
from packages.keys import KNOWN_HOSTS, Forge, folder, pypi_project, repository

FactsSource = Literal["repo", "pypi"]

# The column with the name of a package at each source
TARGET_COLUMNS: Mapping[Source, str] = {"repo": "repo_key", "pypi": "pypi_name", "downloads": "pypi_name"}

# Columns that follow from others: code that writes the left one writes the right ones too.
DERIVED = {"repo_url": ("repo_host", "repo_key"), "pypi_url": ("pypi_name",)}


def forges() -> Mapping[str, Forge]:
    """The hosts whose repositories can be fetched: the well-known ones, and those that the operator lists."""
    return {**KNOWN_HOSTS, **settings.FORGE_HOSTS}


# Keys of repositories that can be fetched, on one of those hosts
FETCHABLE_KEY = "^[^/]+/[^/]+/."


def is_fetchable(repo_host: str, repo_key: str) -> bool:
    """Tell whether a repository can be fetched."""
    return repo_host in forges() and re.match(FETCHABLE_KEY, repo_key) is not None


def derived(column: str, value: str) -> dict[str, str]:
    """The columns that follow from `column`, with their values if it is `value`."""
    if column == "repo_url":
        read = repository(value, forges())
        return {"repo_host": read.host, "repo_key": read.key}
    return {"pypi_name": pypi_project(value)}


def deciding_source(repo_key: str) -> FactsSource:
    """The source that decides when a package with that repository was fetched, and whether it is gone."""
    host, _, path = repo_key.partition("/")
    return "repo" if host in forges() and "/" in path else "pypi"


def is_one_repository(key: str, url: str) -> bool:
    """Tell whether `key` is of the repository at `url`, read by other settings: its host has become one of ours, or is
    one no more. Of a host that is none of ours every kind is tried, but the URL must have nothing after the repository
    that is not one of its pages."""
    hosts = forges()
    read = repository(url, hosts)
    if read.host in hosts:
        return repository(key, hosts).key == read.key
    as_ours: list[Mapping[str, Forge]] = [{read.host: kind} for kind in get_args(Forge)]
    return any(
        repository(url, host).key == key and (folder(url, host) or host[read.host] == "gitlab") for host in as_ours
    )


def is_shared(repo_url: str, others: int) -> bool:
    """Tell whether a repository is known to be of several packages: `others` have its key too, or the URL names a
    folder of it."""
    return others > 0 or bool(folder(repo_url, forges()))
