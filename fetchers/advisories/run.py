"""A run of the source: the list, then the documents that have changed since, or the whole archive.

A document has changed if the list has another time than the stored row, whatever the clocks say: so nothing is lost,
however old a time is that the feed comes up with. The oldest are read first, at most MOST of them a run, and the next
runs read the rest. A state that is far behind takes the archive. What the list has no more is deleted.
"""

import json
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from fetchers.advisories import archive, osv
from fetchers.network.http import FetchError, NotAskedError, Upstream
from fetchers.summary import Tally
from packages.advisories import write
from packages.advisories.facts import AdvisoryDocument
from packages.advisories.models import AdvisoryFeed
from packages.facts import InvalidFactError, Outcome
from packages.settling import Settled

MOST = 100  # documents a run
FAR_BEHIND = 10 * MOST  # changes, from which on the archive costs less
SAVED_TOGETHER = 25
QUARTER = timedelta(minutes=15)
ARCHIVE_AGAIN = timedelta(hours=20)
MOST_GONE, GONE_PART = 20, 20  # more than 20, which are more than a twentieth, are a fault of the list
ODD_PART = 20  # of an archive: more than a twentieth of odd documents are a fault of the archive
TRIES = 4  # of a version that cannot be read, before its tries become daily
MOST_UNREAD = 1_000  # that are noted


def is_due(now: datetime) -> bool:
    """Return whether the list was not requested yet in this quarter of an hour."""
    feed = AdvisoryFeed.objects.first()
    return feed is None or feed.asked_at is None or _quarter(feed.asked_at) != _quarter(now)


def _quarter(time: datetime) -> int:
    return int(time.timestamp()) // int(QUARTER.total_seconds())


@dataclass
class Report:
    """The outcomes of a run, notes for an editor, and the verdicts that were settled."""

    tally: Tally = field(default_factory=Tally)
    notes: list[str] = field(default_factory=list)
    health: Settled = field(default_factory=Settled)


class Advisories:
    """One run, which keeps `report` up to date. `force`: all is read again, and a list that lacks much is believed."""

    def __init__(
        self,
        upstream: Upstream,
        clock: Callable[[], datetime],
        *,
        force: bool = False,
        end_reason: Callable[[], str] = lambda: "",
    ) -> None:
        self.upstream = upstream
        self.clock = clock
        self.force = force
        self.end_reason = end_reason
        self.report = Report()
        self.feed, _ = AdvisoryFeed.objects.get_or_create(pk=1)
        self.unread = Unread(self.feed.unread, clock().date())

    def run(self) -> Report:
        self.feed.asked_at = self.clock()
        self.feed.save()
        try:
            self._run()
        except FetchError as error:
            self._stop(error)
        self.feed.unread = self.unread.stored()
        self.feed.save()
        return self.report

    def _stop(self, error: FetchError) -> None:
        tally = self.report.tally
        if not isinstance(error, NotAskedError):
            tally.tried += 1
            tally.outcomes[error.outcome] += 1
        tally.due = max(tally.due, tally.tried)
        tally.stopped = str(error)
        self.report.notes.append(
            f"OSV's feed could not be read, and is read again in the next quarter of an hour: {error}"
        )

    def _run(self) -> None:
        is_afresh = self.force or self.unread.is_waiting
        listing = osv.read_list(
            self.upstream,
            etag="" if is_afresh else self.feed.etag,
            last_modified="" if is_afresh else self.feed.last_modified,
        )
        if listing is None:
            return
        # What is not read in this run must be read in the next, though the list is the same then.
        self.feed.etag = self.feed.last_modified = ""
        listed = listing.modified
        known = write.versions_read()
        self._forget(listing, known)
        changed = _changed(listed)
        self.unread.keep(changed, listed)
        if self._is_for_archive(known, changed):
            self._read_archive(listed, known)
            changed = _changed(listed)
            self.unread.keep(changed, listed)
        self._read(listed, changed)
        if all(map(self.unread.is_given_up, _changed(listed))):
            self.feed.etag, self.feed.last_modified = listing.etag, listing.last_modified

    def _forget(self, listing: osv.Listing, known: Mapping[str, datetime]) -> None:
        """Delete what the list has no more; not what its odd lines may be of."""
        gone = sorted(known.keys() - listing.modified.keys())
        if len(gone) <= listing.odd:
            return
        if len(gone) > MOST_GONE and len(gone) * GONE_PART > len(known) and not self.force:
            self.report.notes.append(
                f"OSV's list lacks {len(gone):,} of {len(known):,} advisories, which is too many: not believed;"
                " --force believes it"
            )
            return
        self.report.health.add(write.forget(gone))

    def _is_for_archive(self, known: Collection[str], changed: Sequence[str]) -> bool:
        if self.force or not known:
            return True
        new = [osv_id for osv_id in changed if not self.unread.tries(osv_id)]
        last = self.feed.archive_at
        return len(new) > FAR_BEHIND and (last is None or self.clock() - last >= ARCHIVE_AGAIN)

    def _read_archive(self, listed: Mapping[str, datetime], known: Mapping[str, datetime]) -> None:
        """Read the archive, which may be behind the list: what that has no more, or was read newer, is left out."""
        tally, odd = self.report.tally, 0
        batch: list[AdvisoryDocument] = []
        with tempfile.TemporaryFile() as file:
            osv.download(self.upstream, file)
            for osv_id, body in archive.members(file):
                tally.tried += 1
                try:
                    found = _dated(_parsed(osv_id, body), listed)
                except InvalidFactError:
                    odd += 1
                    continue
                if osv_id in listed and found.modified >= known.get(osv_id, found.modified):
                    batch.append(found)
                if len(batch) == write.BATCH:
                    self._save(batch)
                    batch = []
                    if reason := self.end_reason():
                        raise NotAskedError(reason)
            self._save(batch)
        tally.due = max(tally.due, tally.tried)
        tally.outcomes[Outcome.INVALID] += odd
        if odd * ODD_PART > tally.tried or not tally.tried:
            raise FetchError(f"{odd:,} of {tally.tried:,} documents of the archive are odd")
        self.feed.archive_at = self.clock()

    def _save(self, documents: Sequence[AdvisoryDocument]) -> None:
        if not documents:
            return
        self.report.health.add(write.save(documents))
        self.report.tally.outcomes[Outcome.OK] += len(documents)

    def _read(self, listed: Mapping[str, datetime], changed: Sequence[str]) -> None:
        """Read MOST of the changed documents: the oldest first, and last those that could not be read before."""
        tally = self.report.tally
        waiting = [osv_id for osv_id in changed if self.unread.may_try(osv_id)]
        waiting.sort(key=lambda osv_id: (self.unread.tries(osv_id) > 0, listed[osv_id], osv_id))
        tally.due += len(waiting)
        batch: list[AdvisoryDocument] = []
        try:
            for osv_id in waiting[:MOST]:
                if reason := self.end_reason():
                    tally.stopped = reason
                    break
                if found := self._document(osv_id, listed):
                    batch.append(found)
                if len(batch) == SAVED_TOGETHER:
                    self._save(batch)
                    batch = []
        finally:
            self._save(batch)
        if len(waiting) > MOST and not tally.stopped:
            tally.stopped = f"at most {MOST} documents are read a run"

    def _document(self, osv_id: str, listed: Mapping[str, datetime]) -> AdvisoryDocument | None:
        """Return a document; None if it cannot be read. That is noted as a try, and so is one that is older than the
        list says: a cache between us may be behind. FetchError if the others may be unreadable too: if it is this
        one alone, it comes after the others by the next run."""
        found = None
        try:
            found = _dated(osv.read(self.upstream, osv_id), listed)
        except FetchError as error:
            if error.retryable:
                self.unread.note(osv_id, listed[osv_id], most=TRIES - 1)
            if error.retryable or error.upstream_wide or isinstance(error, NotAskedError):
                raise
            self.report.tally.outcomes[error.outcome] += 1
        self.report.tally.tried += 1
        if found is None or found.modified != listed[osv_id]:
            self.unread.note(osv_id, listed[osv_id])
        return found


def _changed(listed: Mapping[str, datetime]) -> list[str]:
    """Return the ids of the documents of which another version was read than the list has, or none."""
    known = write.versions_read()
    return [osv_id for osv_id, modified in listed.items() if known.get(osv_id) != modified]


def _parsed(osv_id: str, body: bytes | None) -> AdvisoryDocument:
    """Parse a member of the archive; InvalidFactError if it is no document."""
    if body is None:
        raise InvalidFactError("it is too large, or broken")
    try:
        return osv.document(json.loads(body), osv_id)
    except (ValueError, RecursionError) as error:  # InvalidFactError too
        raise InvalidFactError(str(error)) from error


def _dated(document: AdvisoryDocument, listed: Mapping[str, datetime]) -> AdvisoryDocument:
    """Give a document the time that the list has for this version, which may be more exact or less."""
    of_list = listed.get(document.osv_id)
    if of_list is None or document.modified.replace(microsecond=0) < of_list.replace(microsecond=0):
        return document
    return replace(document, modified=of_list)


class Unread:
    """The documents of which a version could not be read: the time of that version, and the number of tries. After
    TRIES it is tried in the first run of a day alone."""

    def __init__(self, stored: Mapping[str, Any], today: date) -> None:
        self._today = today.isoformat()
        self._is_new_day = stored.get("day") != self._today
        self._tries: dict[str, tuple[str, int]] = {
            osv_id: (modified, tries) for osv_id, (modified, tries) in stored.get("tries", {}).items()
        }

    def stored(self) -> dict[str, Any]:
        return {"day": self._today, "tries": self._tries}

    def keep(self, changed: Collection[str], listed: Mapping[str, datetime]) -> None:
        """Forget what was read meanwhile, or has another version by now."""
        current = set(changed)
        self._tries = {
            osv_id: (modified, tries)
            for osv_id, (modified, tries) in self._tries.items()
            if osv_id in current and listed[osv_id].isoformat() == modified
        }

    def tries(self, osv_id: str) -> int:
        return self._tries.get(osv_id, ("", 0))[1]

    def is_given_up(self, osv_id: str) -> bool:
        return self.tries(osv_id) >= TRIES

    def may_try(self, osv_id: str) -> bool:
        return self._is_new_day or not self.is_given_up(osv_id)

    @property
    def is_waiting(self) -> bool:
        """True in the first run of a day, if there is anything that was given up."""
        return self._is_new_day and bool(self._tries)

    def note(self, osv_id: str, modified: datetime, most: int = TRIES) -> None:
        """Count a try; no more than `most`: with less than TRIES it is not given up."""
        if osv_id in self._tries or len(self._tries) < MOST_UNREAD:
            tries = self.tries(osv_id)
            self._tries[osv_id] = modified.isoformat(), max(tries, min(tries + 1, most))
