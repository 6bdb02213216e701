"""The configuration of gunicorn in production (`make serve`)."""

import gc

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


def post_worker_init(_worker: object) -> None:
    """Exempt everything that a new worker holds from garbage collection: it stays until the worker ends."""
    gc.collect()
    gc.freeze()
