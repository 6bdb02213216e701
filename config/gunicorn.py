"""The configuration of gunicorn in production (`make serve`).

The master reads the settings in a process of its own and imports no code of ours, and each worker imports everything
anew. So a reload (HUP) takes new code and a new `.env`.
"""

import gc
import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from gunicorn import glogging, util
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.workers.base import Worker

NAMES = (
    "HOST",
    "PORT",
    "WEB_CONCURRENCY",
    "ACCESS_LOG",
    "TIME_ZONE",
    "LOG_FORMAT",
    "LOG_TIME",
    "DOWNLOADS",
)
BOOT_SECONDS = 60.0  # for which a reload waits for the check, and for new workers before it ends the old ones


def _run(program: str) -> tuple[str, str]:
    """Return the output of a Python program, and the last line of its errors if it fails."""
    command = [sys.executable, "-c", program]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=BOOT_SECONDS)  # noqa: S603 (ours)
    except subprocess.TimeoutExpired:
        return "", f"It took more than {BOOT_SECONDS:.0f} s"
    return done.stdout, done.stderr.strip().rpartition("\n")[2] or "It fails" if done.returncode else ""


# The settings are read first: a wrong one stops the start, in one line, before any worker is forked.
_output, _mistake = _run(
    f"import json; from config import settings; print(json.dumps({{n: getattr(settings, n) for n in {NAMES}}}))"
)
if _mistake:
    sys.exit(_mistake)
_SETTINGS: dict[str, Any] = json.loads(_output)
os.environ["TZ"] = _SETTINGS["TIME_ZONE"]  # as Django does in the workers: all log lines have one time zone
time.tzset()


class Log(glogging.Logger):
    """Gunicorn's log, in the form of all other log lines."""

    error_fmt = access_fmt = _SETTINGS["LOG_FORMAT"]
    datefmt = _SETTINGS["LOG_TIME"]

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        for handler in self.access_log.handlers:
            handler.setFormatter(logging.Formatter(self.access_fmt, self.datefmt))

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> dict[str, Any]:
        """Return the parts of a line. A client that nobody has named, behind a UNIX socket, is a dash."""
        parts: dict[str, Any] = super().atoms(resp, req, environ, request_time)
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


def post_worker_init(worker: Worker) -> None:
    """Have gunicorn's own lines tell no secrets either, such as a token that a client has put into a URL. And exempt
    everything that a new worker holds from garbage collection: it stays until the worker ends."""
    from core.secrets import redact  # noqa: PLC0415 (only workers import code of ours)

    for handler in {*worker.log.access_log.handlers, *worker.log.error_log.handlers}:
        redact(handler)
    gc.collect()
    gc.freeze()


def on_starting(arbiter: Arbiter) -> None:
    """Make a reload check new code and settings first, and end the old workers only when new ones serve."""
    arbiter.reload = partial(_reload, arbiter, arbiter.reload)  # type: ignore[method-assign]  # there is no hook
    arbiter.manage_workers = partial(_manage_workers, arbiter, arbiter.manage_workers)  # type: ignore[method-assign]


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
