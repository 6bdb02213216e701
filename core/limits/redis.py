"""A counter for all nodes, in the Redis that has the responses too. If it is unreachable, everybody is let through."""

from collections.abc import Callable
from functools import partial

from core.caching.redis import Redis
from core.caching.stores import store
from core.limits.allowance import MOST_DEBT, WINDOW, Allowance, State

# As Allowance.spend and .owe, in one round trip. Redis's own clock counts, since the nodes' may differ. A bucket that
# is further from full than it can be shows that this clock was set back: it begins afresh.
_TAKE = f"""
local interval, units, may_owe, now = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1', tonumber(ARGV[4])
if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000000 + time[2]
end
local full_at = tonumber(redis.call('GET', KEYS[1]) or 0) or 0
local backlog = math.max(full_at - now, 0)
if backlog > {WINDOW + MOST_DEBT} then
    backlog = 0
end
local after = backlog + units * interval
if may_owe then
    after = math.min(after, {WINDOW + MOST_DEBT})
elseif after > {WINDOW} then
    return {{0, backlog}}
end
redis.call('SET', KEYS[1], string.format('%.0f', now + after), 'PX', math.ceil(after / 1000))
return {{1, after}}
"""


class SharedCounter:
    """A counter for all nodes. `clock` replaces that of Redis."""

    def __init__(self, url: str, clock: Callable[[], int] | None = None) -> None:
        redis = store(url)
        if not isinstance(redis, Redis):
            raise TypeError("CACHE_URL names no Redis")
        self.redis, self.clock = redis, clock
        self.script = redis.client.register_script(_TAKE)

    def spend(self, client: bytes, units: int, allowance: Allowance) -> State | None:
        return self._take(client, units, allowance, may_owe=0)

    def owe(self, client: bytes, units: int, allowance: Allowance) -> State | None:
        return self._take(client, units, allowance, may_owe=1)

    def _take(self, client: bytes, units: int, allowance: Allowance, *, may_owe: int) -> State | None:
        now = self.clock() if self.clock else ""
        arguments = [allowance.interval, units, may_owe, now]
        reply = self.redis.attempt(partial(self.script, keys=[b"allowance:" + client], args=arguments))
        return State(reply[0] == 1, reply[1]) if reply else None
