"""A bare machine within this one (machine.sh), on which commands are run as root."""

import hashlib
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers import ROOT

HERE = Path(__file__).resolve().parent
SITE = "packages.example.org"
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C",
    "CURL_CA_BUNDLE": "/etc/nginx/package-grids/fullchain.pem",  # certbot's certificate is our own here
}
# What changes from block to block of one shell; the page says so to those who log in again.
SHELL = f"export SITE={SITE} SOURCE=/shared/source; cd /srv/package-grids 2>/dev/null || cd /root\n"


class Machine:
    def __init__(self, folder: Path, pid: int) -> None:
        self.folder, self.pid = folder, pid
        assert not Path(f"/proc/{pid}/root").samefile("/"), "nothing may be run on the machine around this one"

    def start(self, script: str, **options: Any) -> "subprocess.Popen[str]":
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--net", "--pid", "--ipc", "--uts", "--root", "--wd"]
        shell = ["bash", "-e", "-o", "pipefail", "-c", SHELL + script]
        return subprocess.Popen([*enter, *shell], env=ENVIRONMENT, text=True, **options)

    def run(self, script: str, *, timeout: int = 300) -> str:
        """Run commands as the page has them, and return what they print. AssertionError where one of them fails."""
        with self.start(script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL) as shell:
            output, _ = shell.communicate(timeout=timeout)
        assert shell.returncode == 0, f"{script}\nended with {shell.returncode}:\n{output}\n{self.log()}"
        return output

    def python(self, program: str, *arguments: str) -> str:
        """Run one of the programs beside this file with what the site has installed; it trusts our certificate."""
        words = " ".join(map(shlex.quote, arguments))
        return self.run(f"REQUESTS_CA_BUNDLE=$CURL_CA_BUNDLE .venv/bin/python /shared/{program} {words}")

    def log(self) -> str:
        """Return the end of the log of the service."""
        with self.start("tail -n 30 /var/log/activator || true", stdout=subprocess.PIPE) as shell:
            return shell.communicate()[0]


@contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    assert os.getuid() == 0, "only root can run a machine within the machine"
    shared = folder / "shared"
    shared.mkdir()
    shutil.copytree(HERE / "stand_ins", shared / "stand_ins")
    for program in ("client.py", "edit.py"):
        shutil.copy(HERE / program, shared)
    copy_source(shared / "source")
    shutil.copytree(wheels(), shared / "wheels")
    command = ["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
    with subprocess.Popen([*command, str(HERE / "machine.sh"), str(folder)]) as unshare:
        try:
            while not (shared / "ready").exists():
                assert unshare.poll() is None, "the machine does not start"
                time.sleep(0.05)
            children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text(encoding="ascii")
            yield Machine(folder, int(children))
        finally:
            unshare.kill()


def copy_source(folder: Path) -> None:
    """Write a repository with the files of this one as they are, committed or not."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).exists() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main"], cwd=folder, check=True)
    commit(folder, "As it is")


def commit(folder: Path, message: str) -> None:
    identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    subprocess.run(["git", *identity, "commit", "--quiet", "--message", message], cwd=folder, check=True)


def wheels() -> Path:
    """Return a folder with what is locked, for the Python that the page uses. Hashes are compared here and when it is
    installed. It is filled once for each lock file."""
    lock = ROOT / "deploy" / "requirements.txt"
    folder = ROOT / ".venv" / "wheels" / hashlib.sha256(lock.read_bytes()).hexdigest()
    venv, part = folder.with_suffix(".venv"), folder.with_suffix(".part")
    what = ["--require-hashes", "--only-binary=:all:", "--requirement", str(lock)]
    for command in (
        ["python3", "-m", "venv", "--clear", str(venv)],
        [str(venv / "bin" / "pip"), "download", "--quiet", "--dest", str(part), *what],
        ["mv", str(part), str(folder)],
        ["rm", "-r", str(venv)],
    ):
        if not folder.exists() or venv.exists():
            environment = {**os.environ, "PATH": ENVIRONMENT["PATH"]}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    return folder
