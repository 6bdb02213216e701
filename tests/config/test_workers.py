"""Counts and log lines of gunicorn's workers: together for Prometheus, through deaths and reloads; and as JSON, with
the ids of requests."""

import fcntl
import json
import logging
import os
import re
import signal
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from django.urls import get_resolver
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.utils import floatToGoString

from config import gunicorn
from core.caching.dependencies import _endpoints
from core.metrics import _seconds
from tests.config.conftest import OLD, Site, settings

TOKEN = "0123456789abcdef0123"
MEASURED = f"{settings(OLD)}METRICS_TOKEN={TOKEN}\nLOG_FORMAT=json\n".replace("CONCURRENCY=1", "CONCURRENCY=2")
COUNTED = re.compile(
    r'^package_grids_requests_total\{method="GET",status="404",view="category-detail"\} (\d+)', re.MULTILINE
)


def until(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def folder_of(pid: int) -> Path | None:
    """Return the folder that a worker's metrics are in; None for one that has not begun to count."""
    files = (Path(f"/proc/{pid}/maps")).read_text().split()
    return next((Path(file).parent for file in files if re.search(r"/gauge_livesum_\d+\.db$", file)), None)


def workers_of(site: Site, *, but: list[int] | None = None) -> list[int]:
    """Return the two workers of a site, once both of them count, and none of those before is left."""

    def current() -> list[int]:
        pids = children(site.master)
        return pids if len(pids) == 2 and all(map(folder_of, pids)) and not {*pids} & {*(but or ())} else []

    found: list[int] = until(current)
    return found


def counted(site: Site) -> int:
    response = requests.get(f"{site.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
    assert response.status_code == 200
    found = COUNTED.findall(response.text)
    assert len(found) < 2, "the workers are added up"
    return int(found[0]) if found else 0


def ask(site: Site, times: int) -> list[str]:
    url = f"{site.url}/api/v4/categories/none/"
    return [requests.get(url, timeout=30).headers["X-Request-ID"] for _ in range(times)]


def test_workers_count_together_and_log_as_json(site: Site) -> None:
    (site.folder / ".env").write_text(MEASURED, encoding="utf-8")
    site.reload()
    site.wait_for("Worker exiting")
    before = len(site.log.splitlines())
    workers = workers_of(site)
    folder = folder_of(workers[0])
    assert folder
    ids = ask(site, 12)
    assert counted(site) == 12

    os.kill(workers[0], signal.SIGKILL)
    until(lambda: not list(folder.glob(f"*_{workers[0]}.db")))
    current = workers_of(site, but=workers[:1])
    assert counted(site) == 12, "what a dead worker has counted is not lost"
    ids += ask(site, 3)
    assert counted(site) == 15
    assert {each.name.split("_")[-1] for each in folder.glob("counter_*.db")} == {
        "retired.db",
        *(f"{pid}.db" for pid in current),
    }
    assert folder.stat().st_mode & 0o077 == 0, "nobody else reads it"

    site.wait_for(ids[-1])
    lines = [json.loads(line) for line in site.log.splitlines()[before:]]
    accesses = {line["request_id"]: line for line in lines if line["logger"] == "gunicorn.access"}
    assert {*ids} <= {*accesses}
    fields = {"method": "GET", "path": "/api/v4/categories/none/", "status": 404, "client": "127.0.0.1"}
    noted = {"view": "category-detail", "cache": "uncacheable"}
    for each in ids:
        assert accesses[each] | fields | noted == accesses[each]
        assert accesses[each]["bytes"] > 0
        assert 0 < accesses[each]["seconds"] < 60
    assert "gunicorn.error" in {line["logger"] for line in lines}

    os.kill(site.master, signal.SIGTERM)
    until(lambda: not folder.exists())


def test_the_times_of_all_urls_have_room(tmp_path: Path) -> None:
    """A file that has to grow has no room on the disk for what it grows by: a full disk would kill its worker."""
    file = tmp_path / "histogram.db"
    size = gunicorn._FILES["histogram_{pid}.db"]
    gunicorn._allocate(file, size)
    values = MmapedDict(str(file))
    views = {"none", "static", "healthz", "readyz", "metrics"}
    views |= {
        name or "django.views.generic.base.RedirectView" for name, *_ in _endpoints(get_resolver().url_patterns, "/")
    }
    assert len(views) > 100
    name, text = _seconds._name, _seconds._documentation
    for view in views:
        for bound in _seconds._upper_bounds:
            key = mmap_key(name, f"{name}_bucket", ["view", "le"], [view, floatToGoString(bound)], text)
            values.write_value(key, 1.0, 0.0)
        values.write_value(mmap_key(name, f"{name}_sum", ["view"], [view], text), 1.0, 0.0)
    values.close()
    assert file.stat().st_size == size


def counter(folder: Path, name: str, numbers: dict[str, float]) -> Path:
    file = folder / name
    values = MmapedDict(str(file))
    for key, number in numbers.items():
        values.write_value(key, number, 0.0)
    values.close()
    return file


def numbers(file: Path) -> dict[str, float]:
    return {key: value for key, value, *_ in MmapedDict.read_all_values_from_file(str(file))}


def test_dead_workers_are_added_up(tmp_path: Path) -> None:
    living = counter(tmp_path, "counter_3.db", {"a": 9})
    for number, of_worker in ((1, {"a": 1.0, "b": 2.0}), (2, {"a": 4.0})):
        counter(tmp_path, f"counter_{number}.db", of_worker)
        counter(tmp_path, f"gauge_livesum_{number}.db", {"c": 1})
        gunicorn._retire(tmp_path, {"3"})
        assert sorted(file.name for file in tmp_path.glob("*.db")) == ["counter_3.db", "counter_retired.db"]
    assert numbers(tmp_path / "counter_retired.db") == {"a": 5, "b": 2}
    assert numbers(living) == {"a": 9}


def test_while_they_are_read_they_wait(tmp_path: Path) -> None:
    counter(tmp_path, "counter_1.db", {"a": 1})
    with (tmp_path / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        gunicorn._retire(tmp_path, set())
        assert (tmp_path / "counter_1.db").exists()
    gunicorn._retire(tmp_path, set())
    assert numbers(tmp_path / "counter_retired.db") == {"a": 1}


def test_nothing_of_metrics_ends_the_master(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Log:
        lines: list[str] = []  # noqa: RUF012

        def warning(self, message: str, *arguments: object) -> None:
            self.lines.append(message % arguments)

    class Arbiter:
        WORKERS: dict[int, object] = {}  # noqa: RUF012
        log = Log()

    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    (tmp_path / "counter_1.db").write_bytes(struct.pack("iii", 96, 0, 2**30) + bytes(84))
    gunicorn.child_exit(Arbiter(), object())
    assert [line.split(":")[0] for line in Log.lines] == ["The metrics of a dead worker are lost"]
    assert not (tmp_path / "counter_1.db").exists(), "so that it is not tried again with every one"


def test_a_disk_without_room_leaves_a_worker_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the worker would be killed when it writes to a file in its memory that has no place on the disk."""

    class Worker:
        pid = 7
        lines: list[str] = []  # noqa: RUF012

        @property
        def log(self) -> "Worker":
            return self

        def warning(self, message: str, *arguments: object) -> None:
            self.lines.append(message % arguments)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(gunicorn._SETTINGS, "METRICS", True)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    gunicorn.post_fork(None, Worker())  # type: ignore[arg-type]
    assert {file.name: file.stat().st_size for file in tmp_path.iterdir()} == {
        "histogram_7.db": 2**20,
        "counter_7.db": 2**18,
        "gauge_livesum_7.db": 2**12,
    }
    monkeypatch.setattr(os, "posix_fallocate", full)
    gunicorn.post_fork(None, Worker())  # type: ignore[arg-type]
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
    assert Worker.lines == ["This worker is left out of metrics: [Errno 28] No space left on device"]


def test_no_worker_ends_by_itself_during_an_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one in its place would import a program whose libraries and tables are not there yet."""

    class Worker:
        log = type("Log", (), {"error_log": logging.getLogger("none"), "access_log": logging.getLogger("none")})
        nr, max_requests = 0, 1000

        def handle(self) -> None:
            self.nr += 1

    checked_out = tmp_path / "HEAD"
    checked_out.touch()
    monkeypatch.setattr(gunicorn, "_CHECKED_OUT", checked_out)
    monkeypatch.setattr("gc.freeze", lambda: None)
    worker, other = Worker(), Worker()
    for each in (worker, other):
        gunicorn.post_worker_init(each)
    for _ in range(1000):
        other.handle()
    assert other.nr == 1000, "then gunicorn ends it"
    os.utime(checked_out, (1, 1))
    for _ in range(3000):
        worker.handle()
        assert worker.nr < 1000
    checked_out.unlink()
    assert gunicorn._program() == 0
