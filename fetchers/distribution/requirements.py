"""Everything that a distributed run needs, and a line for what is missing. Nothing of Celery is imported here."""

from importlib.util import find_spec
from urllib.parse import urlsplit

import redis
from django.conf import settings

from fetchers.distribution.quota import client


def missing() -> str:
    """Return what is missing for a distributed run, in one line; "" if nothing is."""
    if find_spec("celery") is None:
        return "--distribute needs Celery, which is not installed: .venv/bin/pip install '.[celery]'"
    if not settings.CELERY_BROKER_URL:
        return (
            "--distribute needs a broker: set CELERY_BROKER_URL to redis://host:6379/1 or amqp://user:password@host//"
        )
    if urlsplit(settings.CACHE_URL).scheme not in {"redis", "rediss"}:
        return (
            "--distribute needs a Redis that all workers share, for rate limits: set CACHE_URL to redis://host:6379/0"
        )
    try:
        client(settings.CACHE_URL).ping()
    except redis.RedisError:
        return "--distribute needs the Redis of CACHE_URL, which cannot be reached"
    return ""
