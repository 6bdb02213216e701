"""The configuration of gunicorn in production (`make serve`)."""

import gc
import json
import socket

from gunicorn import util

# The settings are read first: a wrong one stops the start, in one line, before any worker is forked.
from config.settings import HOST, PORT, WEB_CONCURRENCY

wsgi_app = "config.wsgi"
bind = f"{HOST}:{PORT}"
workers = WEB_CONCURRENCY
threads = 2
limit_request_line = 8190  # gunicorn's maximum: a list of a thousand ids fits into a URL
max_requests = 10_000
max_requests_jitter = 1_000
control_socket_disable = True
# Django judges forwarded headers (BEHIND_PROXY): gunicorn would believe them from the loopback on its own.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}


_CLUES = {
    400: "Characters beyond ASCII and blanks in a URL must be percent-encoded: é is %C3%A9.",
    414: f"A request line has at most {limit_request_line} characters.",
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
        "Access-Control-Allow-Origin: *",
        f"Content-Length: {len(body)}",
    ]
    util.write_nonblock(sock, "\r\n".join([*head, "", ""]).encode("latin-1") + body)


util.write_error = write_error  # gunicorn has no setting for it


def post_worker_init(_worker: object) -> None:
    """Exempt everything that a new worker holds from garbage collection: it stays until the worker ends."""
    gc.collect()
    gc.freeze()
