"""The configuration of gunicorn in production (`make serve`).

The master reads the settings in a process of its own and imports no code of ours, and each worker imports everything
anew. So a reload (HUP) takes new code and a new `.env`.
"""

import fcntl
import gc
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, MutableMapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from gunicorn import glogging, util
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from pythonjsonlogger.orjson import OrjsonFormatter

NAMES = (
    "HOST",
    "PORT",
    "WEB_CONCURRENCY",
    "ACCESS_LOG",
    "TIME_ZONE",
    "LOG_FORMAT",
    "LOG_LINE",
    "LOG_TIME",
    "METRICS",
    "DOWNLOADS",
)
# What the site notes of a request in its environment (core.noted), by the fields of its log line
_NOTED = {"view": "grids.view", "cache": "grids.cache"}
_CHECKED_OUT = Path(__file__).resolve().parent.parent / ".git" / "logs" / "HEAD"
SPARE_REQUESTS = 100  # more than a worker has threads
BOOT_SECONDS = 60.0  # for which a reload waits for the check, and for new workers before it ends the old ones


def _run(program: str) -> tuple[str, str]:
    """Return the output of a Python program, and the last line of its errors if it fails."""
    command = [sys.executable, "-c", program]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=BOOT_SECONDS)  # noqa: S603 (ours)
    except subprocess.TimeoutExpired:
        return "", f"It took more than {BOOT_SECONDS:.0f} s"
    return done.stdout, done.stderr.strip().rpartition("\n")[2] or "It fails" if done.returncode else ""


# Where workers count for Prometheus: a variable of prometheus-client, its files with the bytes of each, and in place of
# a worker's number the name of the sum of those that have died.
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_FILES = {"histogram_{pid}.db": 2**20, "counter_{pid}.db": 2**18, "gauge_livesum_{pid}.db": 2**12}
_RETIRED = "retired"

# The settings are read first: a wrong one stops the start, in one line, before any worker is forked.
_output, _mistake = _run(
    f"import json; from config import settings; print(json.dumps({{n: getattr(settings, n) for n in {NAMES}}}))"
)
if _mistake:
    sys.exit(_mistake)
_SETTINGS: dict[str, Any] = json.loads(_output)
os.environ["TZ"] = _SETTINGS["TIME_ZONE"]  # as Django does in the workers: all log lines have one time zone
time.tzset()


def _formatter() -> logging.Formatter:
    """Return the formatter of the master's lines: in the form of core.logs, which it must not import."""
    line, time_format = _SETTINGS["LOG_LINE"], _SETTINGS["LOG_TIME"]
    if _SETTINGS["LOG_FORMAT"] == "json":
        names = {"asctime": "time", "levelname": "level", "name": "logger", "exc_info": "exception"}
        return OrjsonFormatter(["asctime", "levelname", "name", "message"], time_format, rename_fields=names)
    return logging.Formatter(line, time_format, defaults={"in_request": ""})


def _use(log: glogging.Logger, formatter: logging.Formatter) -> None:
    """Give all lines of a log this form from now on. After a reload it is still the object of the former program."""
    for handler in (*log.error_log.handlers, *log.access_log.handlers):
        handler.setFormatter(formatter)


class Log(glogging.Logger):
    """Gunicorn's log, in the form of all other log lines."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        _use(self, _formatter())

    def access(self, resp: Any, req: Any, environ: MutableMapping[str, Any], request_time: timedelta) -> None:
        """Log a request in one line, and its parts as fields besides."""
        if not self.access_log_enabled:
            return
        atoms = self.atoms_wrapper_class(self.atoms(resp, req, environ, request_time))
        fields = {
            "client": environ.get("REMOTE_ADDR", ""),
            "method": environ.get("REQUEST_METHOD", ""),
            "path": environ.get("RAW_URI", ""),
            "status": getattr(resp, "status_code", None),  # none where the site has failed to answer
            "seconds": request_time.total_seconds(),
            "bytes": getattr(resp, "sent", 0),
            **{field: environ[key] for field, key in _NOTED.items() if key in environ},
        }
        self.access_log.info(self.cfg.access_log_format, atoms, extra=fields)

    def atoms(self, resp: Any, req: Any, environ: Any, request_time: timedelta) -> Any:
        """Return the parts of a line. A client that nobody has named, behind a UNIX socket, is a dash."""
        parts: Any = super().atoms(resp, req, environ, request_time)
        return parts | {"h": parts["h"] or "-"}

    def exception(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Log in one line that a client has stopped reading (core.downloads sets the deadline)."""
        if isinstance(sys.exc_info()[1], TimeoutError):
            self.info("A client has stopped reading: its connection is closed.")
        else:
            super().exception(msg, *args, **kwargs)


_host: str = _SETTINGS["HOST"]
wsgi_app = "config.wsgi"
bind = f"[{_host}]:{_SETTINGS['PORT']}" if ":" in _host else f"{_host}:{_SETTINGS['PORT']}"
workers: int = _SETTINGS["WEB_CONCURRENCY"]
threads = 2 + _SETTINGS["DOWNLOADS"]
limit_request_line = 8190  # gunicorn's maximum: a list of a thousand ids fits into a URL
max_requests = 10_000
max_requests_jitter = 1_000
control_socket_disable = True
# Django judges forwarded headers (TRUSTED_PROXIES): gunicorn would believe them from the loopback on its own, and from
# whoever is at the other end of a UNIX socket, paths included.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""  # nor SCRIPT_NAME and PATH_INFO, which it would believe from a UNIX socket
logger_class = Log
accesslog = "-" if _SETTINGS["ACCESS_LOG"] else None
# Client, method, path, status, seconds, bytes. The path is as it was sent: decoded, it could hold a line break. The
# client is REMOTE_ADDR, to which core.clients has written the one that a trusted proxy names.
access_log_format = "%(h)s %(m)s %({raw_uri}e)s %(s)s %(L)s s %(B)s bytes"


_CLUES = {
    400: "Characters beyond ASCII and blanks in a URL must be percent-encoded: é is %C3%A9.",
    414: f"A request line has at most {limit_request_line} characters.",
    431: "There are at most 100 headers, of 8190 characters each.",
}


def write_error(sock: socket.socket, status_int: int, reason: str, mesg: str) -> None:  # noqa: ARG001 (gunicorn's signature)
    """Answer a request that gunicorn itself cannot read in JSON, as the API answers mistakes; by itself it answers in
    HTML, and repeats the request there."""
    detail = f"The server cannot read this request: {reason}. {_CLUES.get(status_int, '')}".strip()
    body = json.dumps({"detail": detail}).encode()
    head = [
        f"HTTP/1.1 {status_int} {reason}",
        "Connection: close",
        "Content-Type: application/json",
        "X-Content-Type-Options: nosniff",
        "X-Frame-Options: DENY",
        "Referrer-Policy: strict-origin-when-cross-origin",
        "Access-Control-Allow-Origin: *",
        f"Content-Length: {len(body)}",
    ]
    util.write_nonblock(sock, "\r\n".join([*head, "", ""]).encode("latin-1") + body)


util.write_error = write_error  # gunicorn has no setting for it


def post_worker_init(worker: Any) -> None:
    """Give a new worker's lines the ids of requests, and have them tell no secrets, such as a token that a client has
    put into a URL. And exempt everything that it holds from garbage collection: it stays until the worker ends."""
    from core.logs import formatter  # noqa: PLC0415 (the master imports no code of ours)
    from core.requests import REQUEST_ID  # noqa: PLC0415

    _use(worker.log, formatter(*(_SETTINGS[name] for name in ("LOG_FORMAT", "LOG_LINE", "LOG_TIME"))))
    handle, program = worker.handle, _program()

    def handle_alone(*arguments: object) -> object:
        """Handle a request; what its thread logs later is of another one."""
        _stay_while_upgrading(worker, program)
        try:
            return handle(*arguments)
        finally:
            REQUEST_ID.set("")

    worker.handle = handle_alone
    gc.collect()
    gc.freeze()


def _program() -> int:
    """Return what changes whenever git writes another version of the program; 0 where there is no git."""
    try:
        return _CHECKED_OUT.stat().st_mtime_ns
    except OSError:
        return 0


def _stay_while_upgrading(worker: Any, program: int) -> None:
    """Let a worker go on that has had its max_requests between `git pull` and the reload. The one in its place would
    import the new program before its libraries and tables are there."""
    if worker.nr + SPARE_REQUESTS >= worker.max_requests and _program() != program:
        worker.nr = 0


def on_starting(arbiter: Arbiter) -> None:
    """Make a reload check new code and settings first, and end the old workers only when new ones serve. And make the
    folder in which workers count for Prometheus."""
    os.environ.pop(_FOLDER, None)  # that of a master which has started this one
    _make_folder()
    arbiter.reload = partial(_reload, arbiter, arbiter.reload)  # type: ignore[method-assign]  # there is no hook
    arbiter.manage_workers = partial(_manage_workers, arbiter, arbiter.manage_workers)  # type: ignore[method-assign]


def _make_folder() -> None:
    if _SETTINGS["METRICS"] and _FOLDER not in os.environ:
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="package-grids-")


def on_reload(arbiter: Any) -> None:
    """Give the master's lines the form of the new settings. A program without metrics may have started it."""
    _use(arbiter.log, _formatter())
    _make_folder()


def on_exit(_arbiter: Arbiter) -> None:
    shutil.rmtree(os.environ.pop(_FOLDER, ""), ignore_errors=True)


def _allocate(file: Path, size: int) -> None:
    """Make a file with room on the disk for all of it. Whoever maps a file without room into memory is killed when the
    disk is full."""
    with file.open("wb") as opened:
        os.posix_fallocate(opened.fileno(), 0, size)


def post_fork(_arbiter: Arbiter, worker: Any) -> None:
    """Make the files in which a worker counts. Where they have no room, it counts in its own memory, unseen."""
    if not _SETTINGS["METRICS"]:
        return
    try:
        for name, size in _FILES.items():
            _allocate(Path(os.environ[_FOLDER]) / name.format(pid=worker.pid), size)
    except OSError as error:
        del os.environ[_FOLDER]  # of this worker alone
        worker.log.warning("This worker is left out of metrics: %s", error)


def child_exit(arbiter: Any, _worker: object) -> None:
    """Add what dead workers have counted to one file: otherwise there would be more and more of them to read."""
    if _FOLDER not in os.environ:
        return
    try:
        _retire(Path(os.environ[_FOLDER]), {str(pid) for pid in arbiter.WORKERS})
    except Exception as error:  # noqa: BLE001 (nothing that metrics do may end the master)
        arbiter.log.warning("The metrics of a dead worker are lost: %s", error)


def _retire(folder: Path, living: set[str]) -> None:
    dead = [file for file in folder.glob("*_*.db") if file.stem.rpartition("_")[2] not in {*living, _RETIRED}]
    if not dead:
        return
    with (folder / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # somebody reads them: the next worker that dies takes this one along
            return
        for file in dead:
            kind = file.name.partition("_")[0]
            try:
                if kind != "gauge":  # which tells of the living alone
                    _add(file, folder / f"{kind}_{_RETIRED}.db")
            finally:
                file.unlink()  # a file that cannot be read is not tried again


def _add(file: Path, total: Path) -> None:
    """Add the numbers of one file to those of another one, as a whole or not at all."""
    from prometheus_client.mmap_dict import MmapedDict  # noqa: PLC0415 (few need it)

    sums: Counter[str] = Counter()
    for each in (total, file):
        if each.exists():
            for key, value, *_ in MmapedDict.read_all_values_from_file(str(each)):
                sums[key] += value
    new = total.with_suffix(".new")
    _allocate(new, 2**12 + sum(len(key.encode()) + 32 for key in sums))
    values = MmapedDict(str(new))
    for key, value in sums.items():
        values.write_value(key, value, 0.0)
    values.close()
    new.replace(total)


def _reload(arbiter: Arbiter, reload: Callable[[], None]) -> None:
    _, mistake = _run("import config.wsgi")
    if mistake:
        arbiter.log.error("Not reloaded: %s", mistake)  # type: ignore[union-attr]  # it is set before any hook
    else:
        reload()


def _manage_workers(arbiter: Arbiter, manage_workers: Callable[[], None]) -> None:
    """Start or end workers until there are as many as there should be. Where there are more, a reload has started new
    ones: these have to serve first, since the others stop accepting connections at once."""
    end = time.monotonic() + BOOT_SECONDS
    while len(arbiter.WORKERS) > arbiter.num_workers and time.monotonic() < end and not _new_workers_serve(arbiter):
        time.sleep(0.02)
        arbiter.reap_workers()  # those that have died, new ones too
    manage_workers()


def _new_workers_serve(arbiter: Arbiter) -> bool:
    by_age = sorted(arbiter.WORKERS.values(), key=lambda worker: worker.age)
    return all(map(_serves, by_age[-arbiter.num_workers :]))


def _serves(worker: Any) -> bool:
    """Return whether a worker has begun to serve. Only then is the time of its file monotonic, seconds since the start
    of the machine; before, it is the time of day."""
    return bool(worker.tmp.last_update() <= time.monotonic())
