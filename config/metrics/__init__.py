"""The metrics of the site for Prometheus (/metrics): those of requests, of all workers together, and those that are
read from the database when somebody asks."""

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from config.metrics import stored
from core.metrics import NAMESPACE, REGISTRY


def metrics(request: HttpRequest, parts: Mapping[str, bool]) -> HttpResponse:
    """Respond with all metrics, in the format that is asked for; `parts` are what the site needs, and whether it has
    it."""
    encode, content_type = choose_encoder(request.META.get("HTTP_ACCEPT", ""))
    registry = CollectorRegistry()
    registry.register(_Collected([*_of_site(parts), *_of_requests(), *_of_database(parts)]))
    return HttpResponse(encode(registry), content_type=content_type)


class _Collected(Collector):
    def __init__(self, found: list[Metric]) -> None:
        self.found = found

    def collect(self) -> Iterable[Metric]:
        return self.found


def _of_site(parts: Mapping[str, bool]) -> Iterator[Metric]:
    info = GaugeMetricFamily(f"{NAMESPACE}_info", "Always 1; the version is a label.", labels=["version"])
    info.add_metric([settings.VERSION], 1)
    yield info
    ready = GaugeMetricFamily(
        f"{NAMESPACE}_ready", "1 for what the site needs and has, as in /readyz.", labels=["part"]
    )
    for part, is_ready in parts.items():
        ready.add_metric([part], is_ready)
    yield ready


def _of_requests() -> Iterable[Metric]:
    """Return the metrics of requests: of all of gunicorn's workers, or of the only process."""
    folder = Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", ""))
    if not folder.name or not folder.is_dir():
        return REGISTRY.collect()
    with (folder / "lock").open("ab") as lock:  # config.gunicorn adds up what dead workers have left
        fcntl.flock(lock, fcntl.LOCK_SH)
        found: Iterable[Metric] = MultiProcessCollector(None, str(folder)).collect()
        return found


def _of_database(parts: Mapping[str, bool]) -> Iterable[Metric]:
    return stored.STORED.collect() if parts["database"] and parts["migrations"] else ()
