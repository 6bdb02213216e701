"""Programs of npm, which `make test-more` installs."""

import subprocess
from pathlib import Path

MODULES = Path(__file__).resolve().parent.parent.parent / ".venv/node/node_modules"


def run(folder: Path, program: str, *arguments: str) -> str:
    """Run a program in a folder and return what it writes; AssertionError with that if it fails."""
    path = MODULES / ".bin" / program
    assert path.exists(), f"{program} is not installed: make test-more installs it"
    done = subprocess.run(
        [path, *arguments],
        check=False,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
