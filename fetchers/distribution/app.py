"""Celery's application: `celery -A fetchers.distribution.app worker`. Messages are JSON, and name batches alone."""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

VISIBILITY_SECONDS = 3600  # after which Redis gives an unacknowledged message to another worker
LONGEST_SECONDS = 3000  # that a batch may take
SEND_RETRIES = {"max_retries": 2, "interval_start": 0.2, "interval_step": 0.5}

app = Celery("package_grids", broker=settings.CELERY_BROKER_URL, include=["fetchers.distribution.tasks"])
app.conf.update(
    accept_content=["json"],
    broker_connection_retry_on_startup=True,
    broker_transport_options=(
        {"confirm_publish": True}
        if settings.CELERY_BROKER_URL.startswith("amqp")
        else {"visibility_timeout": VISIBILITY_SECONDS, "socket_timeout": 30, "socket_connect_timeout": 5}
    ),
    enable_utc=True,
    event_serializer="json",
    result_accept_content=["json"],
    result_backend=None,  # results are in the database, as a batch's row
    result_serializer="json",
    task_acks_late=True,
    task_default_queue="package-grids",
    task_ignore_result=True,
    task_publish_retry_policy=SEND_RETRIES,
    task_reject_on_worker_lost=True,
    task_serializer="json",
    task_time_limit=LONGEST_SECONDS,
    worker_enable_remote_control=False,  # who reaches the broker commands no worker
    worker_hijack_root_logger=False,  # log lines are Django's
    worker_prefetch_multiplier=1,  # a worker holds back no batch that another could take
)
