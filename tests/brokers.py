"""Brokers of messages, each in processes of its own that leave nothing behind."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import free_port

RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # Debian's own in the path changes the user


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(1_200):
        assert process.poll() is None, f"the broker has ended with {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the broker has not started within two minutes")


@contextmanager
def redis_server() -> Iterator[str]:
    """Run a Redis that stores nothing on disk, and yield its URL, without the number of a database."""
    program = shutil.which("redis-server")
    assert program, "redis-server is not installed: .ci/run more installs it"
    port = free_port()
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()


@contextmanager
def rabbitmq(folder: Path) -> Iterator[str]:
    """Run a RabbitMQ whose files are in the folder, and yield its URL."""
    assert Path(RABBITMQ).exists(), "rabbitmq-server is not installed: .ci/run more installs it"
    port, names = free_port(), free_port()
    (folder / "plugins").write_text("[].", encoding="utf-8")
    configuration = folder / "rabbitmq.conf"
    configuration.write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n", encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),  # of the cookie
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"grids-{port}@localhost",
        "RABBITMQ_CONFIG_FILE": str(configuration),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
    }
    epmd = shutil.which("epmd")
    assert epmd, "epmd is not installed, which comes with RabbitMQ"
    no = subprocess.DEVNULL
    with (
        subprocess.Popen(
            [epmd, "-address", "127.0.0.1", "-port", str(names)], env=environment, stdout=no, stderr=no
        ) as registry,
        subprocess.Popen([RABBITMQ], env=environment, stdout=no, stderr=no) as process,
    ):
        try:
            _wait_for(port, process)
            yield f"amqp://guest:guest@127.0.0.1:{port}//"
        finally:
            process.terminate()
            process.wait(60)
            registry.terminate()
