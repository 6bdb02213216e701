"""make bench-refresh: the cost of a first and of a daily sweep of a whole catalogue, against a local upstream.

PACKAGES (5300), LATENCY in seconds (0.05) and CHANGED, the share that changes before the daily sweep (0.1), come from
the environment. The local GitHub's hourly quota is lifted, so that a first sweep shows its whole cost in one run; its
secondary limits are enforced, and no request may be over them. The local PyPI lists as many projects as the real one.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.documents import catalogue, category, package, write_folder
from tests.upstream import Project, Repo, World, environment, serving

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = int(os.environ.get("PACKAGES", "5300"))
LATENCY = float(os.environ.get("LATENCY", "0.05"))
QUOTA = 5_000  # GitHub's, an hour; a fiftieth is left to others
CHANGED = float(os.environ.get("CHANGED", "0.1"))


def build(world: World, folder: Path, packages: int = PACKAGES) -> None:
    """Create the same packages in the world and in a folder to import."""
    documents = []
    for number in range(1, packages + 1):
        repo = Repo(number, f"owner{number}/name{number}", stars=number, head=f"{number:040x}", people=("a", "b") * 6)
        project = Project(f"project-{number}", serial=number)
        world.repos[repo.name], world.projects[project.name] = repo, project
        urls = {"repo_url": f"https://github.com/{repo.name}", "pypi_url": project.name}
        unfetched: dict[str, Any] = {
            "last_fetched": None,
            "last_updated": None,
            "commits_over_52": [],
            "participants": [],
        }
        documents.append(package(number, repo_watchers=0, repo_forks=0) | urls | unfetched)
    write_folder(folder, catalogue([category()], [], documents))


# The peak memory of a process includes that of its parent before exec, so a small process starts the command, not we.
_SMALL = """
import resource, subprocess, sys
subprocess.run([sys.executable, "manage.py", *sys.argv[1:]], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def manage(environ: dict[str, str], *arguments: str) -> tuple[str, int]:
    """Run the command, and return its output and its peak memory in MB."""
    command = [sys.executable, "-c", _SMALL, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environ, check=True, stdout=subprocess.PIPE, text=True)
    *printed, peak = done.stdout.splitlines()
    return "\n".join(printed), int(peak)


def sweep(world: World, environ: dict[str, str]) -> dict[str, Any]:
    """Run the command in a process of its own, and return its figures."""
    world.requests.clear()
    world.points = world.most_in_flight = 0
    started = time.monotonic()
    printed, peak = manage(environ, "refresh_packages", "--all", "--json")
    summary = json.loads(printed)
    requests = dict(world.requests)
    for source, hosts in summary["sources"].items():
        assert sum(host["left"] for host in hosts.values()) == 0, (source, hosts)
    assert world.limited.total() == 0, f"requests over the limits: {world.limited}"
    return {
        "wall seconds": round(time.monotonic() - started, 1),
        "GitHub GraphQL points": world.points,
        "GitHub REST requests": requests.get("rest", 0),
        "GitHub, a package": round((world.points + requests.get("rest", 0)) / PACKAGES, 3),
        "GitHub, hourly quotas": -(-requests.get("rest", 0) // (QUOTA - QUOTA // 50)),
        "GitHub, most at a time": world.most_in_flight,
        "PyPI index": requests.get("pypi index", 0),
        "PyPI JSON": requests.get("pypi json", 0),
        "PyPI status": requests.get("pypi status", 0),
        "PyPI, a package": round(
            sum(count for kind, count in requests.items() if kind.startswith("pypi ")) / PACKAGES, 3
        ),
        "peak memory, MB": peak,
    }


def main() -> None:
    world = World(latency=LATENCY, limit=10**6, strangers=650_000, strict=True)
    with tempfile.TemporaryDirectory() as scratch, serving(world) as base:
        build(world, Path(scratch, "catalogue"))
        environ = {
            "PATH": os.environ["PATH"],
            "DEBUG": "true",
            "DATABASE_URL": f"sqlite:///{scratch}/db.sqlite3",
            **environment(base),
        }
        manage(environ, "migrate", "--verbosity", "0")
        manage(environ, "import_catalogue", f"{scratch}/catalogue")
        first = sweep(world, environ)
        every = round(1 / CHANGED)
        for number in range(1, PACKAGES + 1, every):
            world.commit(world.repos[f"owner{number}/name{number}"])
            world.release(world.projects[f"project-{number}"])
        daily = sweep(world, environ)
    table = Table(title=f"{PACKAGES} packages, {LATENCY * 1000:.0f} ms latency, {CHANGED:.0%} changed")
    for column in ("", "first sweep", "daily sweep"):
        table.add_column(column, justify="right" if column else "left")
    for figure, value in first.items():
        table.add_row(figure, str(value), str(daily[figure]))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
