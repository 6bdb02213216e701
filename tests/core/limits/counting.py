"""A counter whose clock stands still, for tests of what requests spend."""

from collections.abc import Callable

from core.limits.allowance import Allowance
from core.limits.counters import WorkerCounter

ME = bytes([127, 0, 0, 1])  # the client of the test client
RATE = 60  # units a minute: a second each
Spent = Callable[[], int]


class Standing(WorkerCounter):
    """A counter that knows the time as the test has set it, in microseconds."""

    def __init__(self) -> None:
        super().__init__(lambda: self.now)
        self.now = 1_000_000

    def wait(self, seconds: float) -> None:
        self.now += round(seconds * 1_000_000)

    def take_back(self, client: bytes = ME) -> int:
        """Return the units that a client has spent, and give it a full bucket."""
        return (self.full_at.pop(client, self.now) - self.now) // Allowance.of(RATE).interval
