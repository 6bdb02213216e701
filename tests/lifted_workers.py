"""Celery's application for workers that keep to no published rate, since a local upstream has none:
`celery -A tests.lifted_workers worker`."""

from typing import Any

from celery.signals import worker_process_init

from fetchers.distribution.app import app

__all__ = ["app"]
RATES = ("GITHUB", "GITHUB_ANONYMOUS_TOO", "GITHUB_GRAPHQL", "PYPI")
IN_FLIGHT = 64  # at one upstream, from all workers together


@worker_process_init.connect  # type: ignore[untyped-decorator]  # Celery has no types
def lift(**_: Any) -> None:
    """Publish no rates in this process."""
    from fetchers import hosts  # noqa: PLC0415 (needs Django's models)
    from fetchers.distribution import quota  # noqa: PLC0415

    for name in RATES:
        setattr(hosts, name, None)
    init = quota.SharedRateLimit.__init__

    def lifted(self: quota.SharedRateLimit, quota: hosts.Quota, *arguments: Any, **options: Any) -> None:
        init(self, quota._replace(concurrency=IN_FLIGHT), *arguments, **options)

    quota.SharedRateLimit.__init__ = lifted  # type: ignore[method-assign]
