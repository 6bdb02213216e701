"""The small internet of tests, for pages that ask upstreams."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from fetchers import hosts
from tests.upstream import Project, Repo, World, environment, serving


@pytest.fixture
def world(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in ("GITHUB", "GITHUB_ANONYMOUS_TOO", "GITHUB_GRAPHQL", "PYPI"):
        monkeypatch.setattr(hosts, name, None)
    world = World()
    with serving(world) as base:
        for name, value in environment(base).items():
            setattr(settings, name, value)
        yield world


def publish(world: World, name: str, *, owner: str = "acme", project: bool = True) -> None:
    """Put a repository on GitHub, and a project with its name, which names it, on PyPI."""
    number = len(world.repos) + 1
    world.repos[f"{owner}/{name}".lower()] = Repo(number, f"{owner}/{name}", stars=10 * number, head=f"{number:040x}")
    if project:
        world.projects[name] = Project(name, source=f"https://github.com/{owner}/{name}")
