"""The summary of a run: what was tried of each source and host, and what could not be."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from core.secrets import redacted
from packages.facts import FEEDS, SUCCESSES, Feed, Outcome, Source
from packages.settling import Settled


@dataclass
class Tally:
    """The counts of one host, for one source; `stopped` says why packages are left. `distrusted`: what the host tells
    is wrong, so that nothing more of it is saved."""

    due: int = 0
    tried: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    stopped: str = ""
    distrusted: bool = False

    def distrust(self, reason: str) -> None:
        self.stopped, self.distrusted = reason, True

    @property
    def succeeded(self) -> int:
        return sum(self.outcomes[outcome] for outcome in SUCCESSES)

    @property
    def failed(self) -> int:
        return sum(self.outcomes.values()) - self.succeeded


@dataclass
class Summary:
    """The result of a run: a tally for each source and host, notes for an editor, and the quotas of the upstreams.

    `nothing_to_ask` counts the packages that no source can be asked for, by the reason. `health` counts the
    verdicts that were settled. `unserved`: no worker has taken what was to be fetched.
    """

    tallies: dict[Source | Feed, dict[str, Tally]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)
    nothing_to_ask: dict[str, int] = field(default_factory=dict)
    pruned: int = 0
    health: Settled = field(default_factory=Settled)
    seconds: float = 0.0
    unserved: bool = False

    @property
    def exit_code(self) -> int:
        """1 if packages of a source, or of a host with four or more due, were tried and all of them failed, if nothing
        of a feed could be read, or if no worker was there to try; 4 if what a host tells is not believed; else 0."""
        if self.unserved:
            return 1
        for source, tallies in self.tallies.items():
            failed = [tally for tally in tallies.values() if tally.failed and not tally.succeeded]
            if any(tally.due >= 4 for tally in failed):
                return 1
            if source in FEEDS and any(tally.stopped for tally in failed):  # not for single documents
                return 1
            if failed and len(failed) == len(tallies) and sum(tally.due for tally in failed) >= 4:
                return 1
        return 4 if any(tally.distrusted for of in self.tallies.values() for tally in of.values()) else 0


def as_json(summary: Summary) -> dict[str, Any]:
    """Return the summary as it is stored with the run, and printed by --json."""
    return {
        "sources": {
            source: {
                host: {
                    "due": tally.due,
                    "tried": tally.tried,
                    "left": max(0, tally.due - tally.tried),
                    "outcomes": {outcome.value: count for outcome, count in sorted(tally.outcomes.items()) if count},
                    "stopped": redacted(tally.stopped) if tally.tried < tally.due else "",
                }
                for host, tally in tallies.items()
            }
            for source, tallies in summary.tallies.items()
        },
        "nothing_to_ask": summary.nothing_to_ask,
        "hosts": summary.hosts,
        "notes": [redacted(note) for note in summary.notes[:1_000]],
        "snapshots_pruned": summary.pruned,
        "health": asdict(summary.health),
        "seconds": summary.seconds,
        "exit_code": summary.exit_code,
    }
