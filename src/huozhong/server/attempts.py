"""Growing waits for those who guess: passwords and join codes.

Failures are counted per name and address together, per address, and per name.  After a few free ones each further
failure doubles the wait.  A name alone waits little: otherwise anybody could lock out the owner by typing badly.
What lies an hour back is forgotten; the table is bounded, so that made-up names do not fill the memory.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FORGET_SECONDS = 3600.0
_ENTRIES = 20_000


@dataclass(frozen=True)
class Rule:
    """free: failures without a wait.  longest: seconds that a wait grows to."""

    free: int
    longest: float

    def wait(self, failures: int) -> float:
        over = failures - self.free
        return 0.0 if over < 0 else min(self.longest, 2.0 ** min(over, 20))


RULES = {"pair": Rule(4, 900), "address": Rule(19, 900), "name": Rule(49, 30)}


class Attempts:
    """clock: seconds that never go back (a parameter for tests).  Used from the event loop alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def seconds_to_wait(self, name: str, address: str) -> float:
        """0 when one may try now."""
        now = self._clock()
        return max(self._wait(kind, key, now) for kind, key in _keys(name, address))

    def failed(self, name: str, address: str) -> None:
        now = self._clock()
        for kind, key in _keys(name, address):
            count, last = self._failures.pop((kind, key), (0, now))
            self._failures[kind, key] = (1 if now - last > FORGET_SECONDS else count + 1, now)
        while len(self._failures) > _ENTRIES:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """The right one was among them: this person at this address begins anew; others' failures stay."""
        self._failures.pop(("pair", f"{name}\0{network_of(address)}"), None)

    def _wait(self, kind: str, key: str, now: float) -> float:
        count, last = self._failures.get((kind, key), (0, now))
        if now - last > FORGET_SECONDS:
            return 0.0
        return max(0.0, last + RULES[kind].wait(count) - now)


def _keys(name: str, address: str) -> tuple[tuple[str, str], ...]:
    network = network_of(address)
    return ("pair", f"{name}\0{network}"), ("address", network), ("name", name)


def network_of(address: str) -> str:
    """An IPv4 address; of an IPv6 address its /64, all of which one machine may use."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address
