"""How gunicorn serves in production (`make serve`)."""

import gc

# Reading the settings first stops the start at a wrong one, in one line, before any worker is forked.
from config.settings import HOST, PORT, WEB_CONCURRENCY

wsgi_app = "config.wsgi"
bind = f"{HOST}:{PORT}"
workers = WEB_CONCURRENCY
threads = 2
limit_request_line = 8190  # gunicorn's most: a list of a thousand ids fits into an address
max_requests = 10_000
max_requests_jitter = 1_000
control_socket_disable = True
# Forwarded headers are Django's to judge (BEHIND_PROXY): gunicorn would believe them from the loopback on its own.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}


def post_worker_init(_worker: object) -> None:
    """What is there once a worker has begun stays: no collection of garbage needs to look at it again."""
    gc.collect()
    gc.freeze()
