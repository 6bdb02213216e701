"""The work that goes on under load: refreshes against a local upstream, imports, dumps, verdicts, a mirror."""

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.bench.catalogue import PACKAGES, ROOT
from tests.documents import catalogue, category, package, write_folder
from tests.upstream import Project, Repo, World

FIRST_IMPORTED, IMPORTED = 900_001, 60
OWNERS = 9_001  # as the catalogue of the bench has them


def build_world(world: World) -> None:
    """Have the upstream serve every package of the bench's catalogue."""
    for number in range(1, PACKAGES + 1):
        repo = Repo(number, f"owner{number % OWNERS}/package-{number}", stars=number, head=f"{number:040x}")
        world.repos[repo.name] = repo
        world.projects[f"package-{number}"] = Project(f"package-{number}")


def change_world(world: World, choose: Random) -> None:
    """Push commits to some repositories, and release some projects."""
    for number in choose.sample(range(1, PACKAGES + 1), PACKAGES // 50):
        world.commit(world.repos[f"owner{number % OWNERS}/package-{number}"])
        world.release(world.projects[f"package-{number}"])


def write_documents(folder: Path, turn: int) -> None:
    """Write a catalogue of packages that are not in the bench's, with other values each time."""
    of_bench = {"title": "Category 1", "description": "Reusable pieces.", "title_plural": "Categories"}
    documents: list[dict[str, Any]] = [
        package(pk, title=f"Imported {pk}, {turn}", modified=f"2030-01-01T00:{turn // 60:02}:{turn % 60:02}-05:00")
        | {"repo_url": f"https://example.org/imported/{pk}", "pypi_url": "", "participants": [f"user{turn}"]}
        for pk in range(FIRST_IMPORTED, FIRST_IMPORTED + IMPORTED)
    ]
    write_folder(folder, catalogue([category(1, **of_bench)], [], documents))


@dataclass(eq=False)
class Job(threading.Thread):
    """A command of manage.py that runs again and again, with a pause between; `before` prepares each run."""

    label: str
    arguments: Sequence[str]
    pause: float
    environment: dict[str, str]
    before: Callable[[int], None] = lambda _: None
    stopped: threading.Event = field(default_factory=threading.Event)
    seconds: list[float] = field(default_factory=list)
    codes: Counter[int] = field(default_factory=Counter)
    breaches: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        turn = 0
        while not self.stopped.is_set():
            turn += 1
            self.before(turn)
            begin = time.monotonic()
            done = subprocess.run(
                [sys.executable, "manage.py", *self.arguments],
                cwd=ROOT,
                env=self.environment,
                check=False,
                capture_output=True,
                text=True,
            )
            self.seconds.append(time.monotonic() - begin)
            self.codes[done.returncode] += 1
            if done.returncode:
                self.breaches.append(
                    f"{self.label}: exit code {done.returncode}: {done.stderr[-500:]}{done.stdout[-300:]}"
                )
            self.stopped.wait(self.pause)

    def report(self) -> str:
        if not self.seconds:
            return f"{self.label}: never"
        longest = max(self.seconds)
        codes = ", ".join(f"{number} × exit code {code}" for code, number in self.codes.items())  # noqa: RUF001
        return f"{self.label}: {codes}, {sum(self.seconds) / len(self.seconds):.1f} s each, {longest:.1f} s at most"
