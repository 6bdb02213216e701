"""A PostgreSQL of a test's own, which it may stop, fill, lock and restart."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg2

MOST_CONNECTIONS = 12


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs, which Debian leaves out of PATH."""
    installed = sorted(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")))
    path = shutil.which(name) or (installed or [""])[-1]
    assert path, f"{name} is not installed: .ci/run installs it"
    return path


def run(*command: str) -> None:
    """Run a program of PostgreSQL, which refuses to work for root."""
    user = "postgres" if os.getuid() == 0 else None
    subprocess.run(command, check=True, user=user, group=user, cwd="/", stdout=subprocess.DEVNULL, timeout=120)


def _signal(processes: list[int], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # one whose client had gone
            os.kill(process, number)


@dataclass(frozen=True)
class Cluster:
    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://owner@127.0.0.1:{self.port}/postgres"

    def control(self, *arguments: str) -> None:
        log = str(self.folder.with_name("log"))
        run(program("pg_ctl"), "--silent", "--wait", "--pgdata", str(self.folder), "--log", log, *arguments)

    def connect(self) -> "psycopg2.extensions.connection":
        return psycopg2.connect(self.url)

    def is_stopped(self) -> bool:
        return not (self.folder / "postmaster.pid").exists()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop its processes where they stand: the kernel goes on acknowledging for them."""
        postmaster = int((self.folder / "postmaster.pid").read_text(encoding="ascii").split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text(encoding="ascii")
        processes = [postmaster, *map(int, children.split())]
        _signal(processes, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(processes, signal.SIGCONT)

    @contextmanager
    def down(self) -> Iterator[None]:
        self.control("stop", "--mode=immediate")
        try:
            yield
        finally:
            self.control("start")

    @contextmanager
    def full(self) -> Iterator[None]:
        """Take all connections that are left, and end those that others have."""
        taken = [self.connect()]
        with taken[0].cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        try:
            while True:
                taken.append(self.connect())
        except psycopg2.OperationalError:
            pass
        try:
            yield
        finally:
            for connection in taken:
                connection.close()

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        connection = self.connect()
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        try:
            yield
        finally:
            connection.close()


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Run a PostgreSQL in a folder and on a port of its own."""
    with tempfile.TemporaryDirectory() as name:
        parent = Path(name)
        if os.getuid() == 0:
            shutil.chown(parent, "postgres", "postgres")
        folder = parent / "data"
        run(program("initdb"), "--auth=trust", "--username=owner", "--no-sync", "--encoding=UTF8", str(folder))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        settings = {"port": port, "max_connections": MOST_CONNECTIONS, "fsync": "off", "unix_socket_directories": "''"}
        with (folder / "postgresql.auto.conf").open("a", encoding="ascii") as file:
            file.writelines(f"{key} = {value}\n" for key, value in settings.items())
        started = Cluster(folder, port)
        started.control("start")
        try:
            yield started
        finally:
            started.control("stop", "--mode=immediate")


@contextmanager
def silent_listener() -> Iterator[tuple[int, list[socket.socket]]]:
    """Accept connections and say nothing; yields the port, and the connections as they come."""
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    accepted.append(listener.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1], accepted
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for each in accepted:
                each.close()
