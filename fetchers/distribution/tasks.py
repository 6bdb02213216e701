"""The task that workers carry out."""

from django.db import InterfaceError, OperationalError

from fetchers.distribution import worker
from fetchers.distribution.app import app


@app.task(  # type: ignore[untyped-decorator]  # Celery has no types
    name="package_grids.fetch_batch",
    autoretry_for=(InterfaceError, OperationalError),
    max_retries=5,
    retry_backoff=2,
    retry_backoff_max=60,
)
def fetch_batch(run: str, batch: int) -> None:
    """Fetch a batch of a run, and try again later if the database cannot be reached."""
    worker.perform(run, batch)
