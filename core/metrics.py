"""Metrics of requests, for Prometheus: how many, how long, how many at a time, and what the cache did.

Labels have few values: names of URLs, never paths. Each process counts for itself, and config.metrics adds the
processes up (prometheus-client's files in PROMETHEUS_MULTIPROC_DIR, which config.gunicorn makes).
"""

import time
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from core.noted import CACHE, VIEW

disable_created_metrics()  # the time at which each number was zero: as many lines again
REGISTRY = CollectorRegistry()
NAMESPACE = "package_grids"
METHODS = frozenset(("GET", "HEAD", "POST", "OPTIONS"))
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_requests = Counter(
    "requests",
    "Responses, by the name of the URL, the method and the status.",
    ("view", "method", "status"),
    namespace=NAMESPACE,
    registry=REGISTRY,
)
_seconds = Histogram(
    "request_duration_seconds",
    "Time from a request to the beginning of its response.",
    ("view",),
    namespace=NAMESPACE,
    registry=REGISTRY,
    buckets=SECONDS,
)
_in_flight = Gauge(
    "requests_in_flight",
    "Requests that are being answered.",
    namespace=NAMESPACE,
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
_cache = Counter(
    "cache_results",
    "Requests of cacheable URLs, by what became of them: not_modified (304), hit, waited (for another request), built, "
    "uncacheable.",
    ("result",),
    namespace=NAMESPACE,
    registry=REGISTRY,
)
# Found once for each combination of labels: looking them up costs more than counting.
_count = lru_cache(maxsize=4096)(_requests.labels)
_duration = lru_cache(maxsize=1024)(_seconds.labels)
_result = lru_cache(maxsize=16)(_cache.labels)


def measured(respond: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Return a function that responds as `respond`, and measures that."""

    def respond_measured(request: HttpRequest) -> HttpResponseBase:
        _in_flight.inc()
        begin = time.perf_counter()
        try:
            response = respond(request)
        finally:
            _in_flight.dec()
        view, method = _view(request), request.method
        _duration(view).observe(time.perf_counter() - begin)
        _count(view, method if method in METHODS else "other", response.status_code).inc()
        if result := request.META.get(CACHE):
            _result(result).inc()
        return response

    return respond_measured


def _view(request: HttpRequest) -> str:
    """Return the name of the URL of a request; "none" where nothing is there, or nobody looked."""
    if noted := request.META.get(VIEW):
        return str(noted)
    if match := request.resolver_match:
        return match.view_name
    return "static" if request.path_info.startswith(settings.STATIC_URL) else "none"
