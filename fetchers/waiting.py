"""The healthy packages of a host that wait for their first steps, some of which become probes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from fetchers.order import Due
from fetchers.queues import Step

CHUNK = 200  # packages in one query of the database


class Waiting:
    """The healthy packages among those due: `first` takes them in their order, `probes` from the end, as they are left.

    At the end are those that were fetched before. `steps` makes the steps of packages, each for `step_size` of them.
    """

    def __init__(self, due: Due, steps: Callable[[Sequence[int]], Iterable[Step]], step_size: int) -> None:
        self._ids = due.healthy
        self._steps = steps
        self._step_size = step_size
        self._loaded: deque[Step] = deque()
        self._good_steps = 1 - (self._last_size() - due.good) // step_size if due.good else 0

    def first(self) -> Iterator[Step]:
        """The steps of all that no probe has taken."""
        while self._ids or self._loaded:
            if not self._loaded:
                chunk, self._ids = self._ids[:CHUNK], self._ids[CHUNK:]
                self._loaded.extend(self._steps(chunk))
            else:
                yield self._loaded.popleft()

    def probes(self) -> Iterator[Step]:
        """The steps of packages that were fetched before, last ones first."""
        while self._good_steps and (self._ids or self._loaded):
            self._good_steps -= 1
            before = len(self._loaded)
            if self._ids:
                # As many as the last step would have: so probes cost no step more.
                start = len(self._ids) - self._last_size()
                last, self._ids = self._ids[start:], self._ids[:start]
                self._loaded.extend(self._steps(last))
                if len(self._loaded) == before:  # they are to be read later
                    continue
            yield self._loaded.pop()

    def _last_size(self) -> int:
        return len(self._ids) % self._step_size or self._step_size
