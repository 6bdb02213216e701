"""A distributed run: as a local one, but that workers fetch the packages.

The batches' rows in the database say what is to be done and what was; messages only tell workers of them. So a message
that is late, repeated or lost costs time at most: who has a batch holds its lock, which ends with the process.
"""

import logging
import secrets
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import redis
from kombu.exceptions import OperationalError as BrokerError

from fetchers.batches import MOST_LOSSES, cut, lose, saved
from fetchers.distribution.app import app
from fetchers.distribution.quota import SharedUpstreams, forget, of_run, upstream_of
from fetchers.distribution.tasks import fetch_batch
from fetchers.distribution.worker import as_attempt
from fetchers.locks import forget_batch_locks
from fetchers.models import Batch, BatchState
from fetchers.queues import HostQueue
from fetchers.refresh import Refresh, quota
from fetchers.steps import Steps
from fetchers.summary import Tally
from fetchers.sweeps import Part
from packages.facts import Outcome, Source
from packages.models import Package
from packages.results import Attempt
from packages.settling import Settled

logger = logging.getLogger(__name__)

AHEAD = 8  # batches of a host that are sent or started: as many as there may be requests to it
ROWS = 100  # batches that are created together
TICK_SECONDS = 0.3
LOOK_SECONDS = 2.0  # between two looks for workers that have died
RESEND_SECONDS = 60.0  # without any progress, after which messages are taken to be lost
GIVE_UP_SECONDS = 600.0
EXPIRES_SECONDS = 6 * 3600
UNSERVED = f"no worker took it for {GIVE_UP_SECONDS / 60:.0f} minutes"


def reaches_broker() -> bool:
    """Return whether the broker can be reached."""
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0.2, timeout=10)
    except (BrokerError, OSError):
        return False
    return True


class DistributedRefresh(Refresh):
    """One run, whose packages workers fetch. It holds the locks of its sources as a local run does."""

    def _make_upstreams(self) -> SharedUpstreams:
        self.key = secrets.token_hex(8)
        return SharedUpstreams(self.key, "coordinator", self.clock, concurrency=self.options.workers, saves=True)

    def _fetch(self, source: Source, parts: dict[str, Part]) -> None:
        serials = self._serials(source, parts)
        if serials is not None:
            _Distribution(self, source, parts, serials).run()

    def _serials(self, source: Source, parts: Mapping[str, Part]) -> Mapping[str, int] | None:
        """Fetch PyPI's index, once for all batches; nothing for other sources. Return None if that failed."""
        steps = Steps(source, self.upstreams, self.clock, self.summary, force=self.options.force)
        if self.end_reason() or not any(steps.needs_index(part.due) for part in parts.values()):
            return {}
        return steps.serials()

    @property
    def ends_at(self) -> datetime | None:
        """The end of the time budget."""
        if self.options.budget is None:
            return None
        return self.clock() + timedelta(seconds=self.started + self.options.budget - time.monotonic())

    def _quotas(self) -> dict[str, dict[str, Any]]:
        self.row.batches.all().delete()
        if not Batch.objects.exists():
            forget_batch_locks()
        owners: dict[str, dict[str, dict[str, Any]]] = {}
        try:
            owners = of_run(self.key)
        except redis.RedisError:
            self.summary.notes.append("Redis could not be reached in the end, so requests are not counted")
        quotas = {name: _quota(list(documents.values()), self.clock()) for name, documents in sorted(owners.items())}
        return {name: quota for name, quota in quotas.items() if quota["requests"] or quota["may_go_on_at"]}


def _quota(documents: list[dict[str, Any]], now: datetime) -> dict[str, Any]:
    """Return what the summary says of an upstream, whose owners of quotas each have a document."""
    left = [each["state"]["remaining"] for each in documents if each["state"]["remaining"] is not None]
    pauses = [datetime.fromtimestamp(each["state"]["paused_until"] or 0, UTC) for each in documents]
    until = min(pauses)
    return quota(
        sum(each["requests"] for each in documents), sum(left) if left else None, until if until > now else None
    )


@dataclass
class _Host:
    """The batches of one host: those that wait, and those that are sent or started."""

    part: Part
    tally: Tally
    waiting: deque[int] = field(default_factory=deque)
    out: set[int] = field(default_factory=set)
    partly: set[int] = field(default_factory=set)  # begun by workers that died, or whose quota was spent
    missing: list[Attempt] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)  # owners of quotas that cannot go on
    moved: float = field(default_factory=time.monotonic)  # when a batch was ended, or another owner was refused

    def stop(self, reason: str) -> None:
        self.tally.stopped = self.tally.stopped or reason


class _Distribution:
    """The batches of one source in a run."""

    def __init__(
        self, refresh: DistributedRefresh, source: Source, parts: Mapping[str, Part], serials: Mapping[str, int]
    ) -> None:
        self.refresh = refresh
        self.source = source
        self.summary = refresh.summary
        self.hosts = {host: _Host(part, self.summary.tallies[source][host]) for host, part in parts.items()}
        self.batches = Batch.objects.filter(run=refresh.row, source=source)
        self.states: dict[int, str] = {}
        self.moved = self.resent = self.looked = time.monotonic()
        rows = self._rows()
        while chunk := list(islice(rows, ROWS)):
            for batch in Batch.objects.bulk_create(self._with_serials(chunk, serials)):
                self.hosts[batch.host].waiting.append(batch.pk)

    def _rows(self) -> Iterator[Batch]:
        refresh = self.refresh
        ends_at = refresh.ends_at
        for name, host in self.hosts.items():
            for part in cut(host.part):
                work: dict[str, Any] = {
                    "run": refresh.key,
                    "since": refresh.row.started.isoformat(),
                    "until": ends_at.isoformat() if ends_at else None,
                    "healthy": part.due.healthy,
                    "failed": part.due.failed,
                    "good": part.due.good,
                    "total": part.total,
                    "share": part.share,
                    "workers": refresh.options.workers,
                    "force": refresh.options.force,
                    "trusted": list(refresh.options.trusted),
                    "serials": {},
                    "missing": [],
                }
                yield Batch(run=refresh.row, source=self.source, host=name, work=work)

    def _with_serials(self, rows: list[Batch], serials: Mapping[str, int]) -> list[Batch]:
        """Add the serials of their projects to batches, if there are any."""
        if serials:
            ids = [pk for batch in rows for pk in batch.work["healthy"] + batch.work["failed"]]
            names = dict(Package.objects.filter(pk__in=ids).values_list("pk", "pypi_name"))
            for batch in rows:
                projects = {names.get(pk, "") for pk in batch.work["healthy"] + batch.work["failed"]}
                batch.work["serials"] = {name: serials[name] for name in projects if name in serials}
        return rows

    def run(self) -> None:
        """Send the batches, and count their results until none is left."""
        while True:
            if reason := self.refresh.end_reason():
                self._revoke(self.hosts.values(), reason)
            self._send()
            if not any(host.out for host in self.hosts.values()):
                break
            if not self._receive():
                time.sleep(TICK_SECONDS)
            self.refresh.show(self.source)
        self._count_partly_done()
        sweep = self.refresh.sweep(self.source)
        for name, host in self.hosts.items():
            queue = HostQueue(name, iter(()), host.tally, 1, 1, host.part.total, host.part.previously_found)
            queue.missing = host.missing
            sweep.save_missing(queue)
        self.refresh.upstreams.save()

    def _send(self) -> None:
        """Send as many batches of each host as may be ahead, a batch of each host in its turn."""
        for _ in range(AHEAD):
            for host in self.hosts.values():
                if host.waiting and len(host.out) < AHEAD:
                    pk = host.waiting.popleft()
                    host.out.add(pk)
                    self.batches.filter(pk=pk, state=BatchState.WAITING).update(state=BatchState.SENT)
                    if not self._publish(pk):
                        return

    def _publish(self, pk: int) -> bool:
        """Send a message of a batch, and return whether it was sent. One that was not is like one that is lost."""
        try:
            fetch_batch.apply_async((self.refresh.key, pk), expires=EXPIRES_SECONDS)
        except (BrokerError, OSError) as error:
            logger.warning("the broker cannot be reached: %s", error)
            return False
        return True

    def _revoke(self, hosts: Iterable[_Host], reason: str) -> None:
        """Take back the batches of hosts that no worker has begun."""
        for host in hosts:
            host.waiting.clear()
            self.batches.filter(pk__in=host.out, state=BatchState.SENT).update(state=BatchState.REVOKED)
            host.stop(reason)

    def _receive(self) -> bool:
        """Count what has come, look for what is lost, and return whether anything has moved."""
        out = {pk: host for host in self.hosts.values() for pk in host.out}
        states = dict(self.batches.filter(pk__in=out).values_list("pk", "state"))
        moved, self.states = states != self.states, states
        for batch in self.batches.filter(pk__in=out, state=BatchState.DONE):
            self._take(out[batch.pk], batch)
        for pk, host in out.items():
            if states.get(pk, BatchState.REVOKED) == BatchState.REVOKED:
                host.out.discard(pk)
        now = time.monotonic()
        if moved:
            self.moved = self.resent = now
        if now - self.looked > LOOK_SECONDS:
            self.looked = now
            for pk, state in states.items():
                if state == BatchState.STARTED and lose(pk):
                    self._take_lost(out[pk], self.batches.get(pk=pk))
            self.refresh.upstreams.save()
        if BatchState.STARTED not in states.values():
            self._resend([pk for pk, state in states.items() if state == BatchState.SENT], now)
        return moved

    def _take(self, host: _Host, batch: Batch) -> None:
        """Count the result of a batch. If the quota of its worker is spent, but others have quotas of their own, they
        go on with it, unless none of them has ended a batch for long."""
        result = batch.result
        self.summary.notes += result["notes"]
        self.summary.health.add(Settled(**result["health"]))
        host.out.discard(batch.pk)
        if result["distrusted"]:
            host.tally.distrust(result["stopped"])
        if result["stopped"]:
            if result["owner"] not in host.refused:
                host.moved = time.monotonic()
            host.refused.add(result["owner"])
            if self._can_go_on(batch.host):
                batch.work["missing"] = result["missing"]
                batch.state = BatchState.WAITING
                batch.save(update_fields=["state", "work"])
                host.partly.add(batch.pk)
                host.waiting.append(batch.pk)
                return
            self._revoke([host], result["stopped"])
        else:
            host.moved = time.monotonic()
        host.partly.discard(batch.pk)
        batch.state = BatchState.COUNTED
        batch.save(update_fields=["state"])
        host.tally.tried += result["tried"]
        host.tally.outcomes.update({Outcome(name): number for name, number in result["outcomes"].items()})
        host.missing += [as_attempt(self.source, each) for each in result["missing"]]

    def _can_go_on(self, name: str) -> bool:
        """Return whether workers with other quotas than those that are spent go on with a host."""
        host = self.hosts[name]
        is_stuck = time.monotonic() - host.moved > GIVE_UP_SECONDS
        return bool(not host.tally.stopped and not is_stuck and self._owners(name) - host.refused)

    def _owners(self, host: str) -> set[str]:
        """Return the owners of quotas that workers have at a host."""
        name = upstream_of(self.refresh.upstreams, self.source, host).name
        with suppress(redis.RedisError):
            documents = of_run(self.refresh.key).get(name, {})
            return {owner for owner, document in documents.items() if document["fetches"]}
        return set()

    def _take_lost(self, host: _Host, batch: Batch) -> None:
        """Send a batch again whose worker has died. What that has saved is not fetched again."""
        logger.warning("a worker has died: batch %s of %s", batch.pk, batch.host)
        with suppress(redis.RedisError):
            forget(self.refresh.key, str(batch.pk))
        host.out.discard(batch.pk)
        host.partly.add(batch.pk)
        if batch.losses >= MOST_LOSSES:
            note = f"{batch.losses} workers died with the same packages of {batch.host}: {batch.work['healthy'][:3]} …"
            self.summary.notes.append(note)
        elif not host.tally.stopped:
            host.waiting.appendleft(batch.pk)

    def _count_partly_done(self) -> None:
        """Count what was done of batches that nobody has ended."""
        for batch in self.batches.filter(pk__in=[pk for host in self.hosts.values() for pk in host.partly]):
            host, missing = self.hosts[batch.host], batch.work["missing"]
            done = saved(self.source, batch.work["healthy"] + batch.work["failed"], self.refresh.row.started)
            host.tally.tried += len(done) + len(missing)
            host.tally.outcomes.update(done.values())
            host.missing += [as_attempt(self.source, each) for each in missing]

    def _resend(self, sent: list[int], now: float) -> None:
        """Send messages again that seem to be lost, and give up in the end."""
        if now - self.moved > GIVE_UP_SECONDS:
            self._revoke(self.hosts.values(), UNSERVED)
            self.summary.unserved = True
        elif now - self.resent > RESEND_SECONDS:
            self.resent = now
            logger.warning("no worker has taken a batch for %.0f s: is one running?", now - self.moved)
            all(self._publish(pk) for pk in sent)
