"""How gunicorn serves in production (`make serve`): bind address from HOST and PORT, workers from WEB_CONCURRENCY."""

import os
from importlib import import_module

# A wrong setting stops here, in one line, before any worker is forked.
import_module("config.settings")

wsgi_app = "config.wsgi"
bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 2
max_requests = 10_000
max_requests_jitter = 1_000
accesslog = None
# Forwarded headers are Django's to judge (BEHIND_PROXY): gunicorn would believe them from the loopback on its own.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
