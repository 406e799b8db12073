"""How many requests one credential may make in an hour, shared by everything that asks with it.

Nobody is told beforehand how many the cloud allows, and several doors may share a credential: so the kiosk counts by
itself. What is left is free to use while it is plenty; below half of it, each use gets the pace at which what is left
lasts until more comes back. The less urgent a use, the more it leaves untouched for the others.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from kiosk import clock
from kiosk.errors import Paced
from kiosk.plan import LONGEST_ASKED_S, SHORTEST_ASKED_S

HOUR_MIN = 61
"""How many minutes are counted: a request is forgotten at the end of the minute in which it is an hour old."""

BURST = 4
"""How many requests of one use that has a pace may follow each other at once after a rest."""

UNLIMITED = 1_000_000_000

HOLD_S = 10.0
"""How long a credential rests after a 429 that does not say how long."""


class Use(Enum):
    """What requests are for, most urgent first; the value is the share of the budget that it leaves to the others."""

    DELIVERY = 0.0
    LIST = 0.1
    OTHER_DOORS = 0.25
    LOOKUP = 0.5  # whoever waves unknown codes must not be able to keep the list from being current


class Budget:
    """Counts by the clock that nobody sets. May be used from any thread."""

    def __init__(self, limit: int, seconds: Callable[[], float] = lambda: clock.boottime_ns() / 1e9) -> None:
        self.limit = limit
        self._seconds = seconds
        self._lock = threading.Lock()
        self._used: Counter[int] = Counter()
        self._due_s: dict[Use, float] = {}
        self._held_until_s = 0.0

    def claim(self, use: Use) -> None:
        """Count a request that is about to be made. Raises Paced when it must wait, with for how long."""
        with self._lock:
            now_s = self._seconds()
            wait_s = self._wait_s(use, now_s)
            if wait_s > 0:
                raise Paced(f"only {self.limit} requests an hour are allowed", wait_s=wait_s)
            space_s = self._space_s(use, now_s)
            self._due_s[use] = max(self._due_s.get(use, 0.0), now_s - BURST * space_s) + space_s
            self._used[_minute(now_s)] += 1

    def wait_s(self, use: Use) -> float:
        """Return how long a request for this must wait; 0 when it need not."""
        with self._lock:
            return self._wait_s(use, self._seconds())

    def hold(self, wait_s: float | None) -> None:
        """Let nothing go out for as long as the cloud asked, within bounds."""
        asked_s = HOLD_S if wait_s is None else min(max(wait_s, SHORTEST_ASKED_S), LONGEST_ASKED_S)
        with self._lock:
            self._held_until_s = max(self._held_until_s, self._seconds() + asked_s)

    def facts(self) -> dict[str, Any]:
        """Return what is left, for people, and what was used in which minute of this boot, for the next process."""
        with self._lock:
            return {"limit": self.limit, "left": self._left(self._seconds()), "used": sorted(self._used.items())}

    def resume(self, facts: object) -> None:
        """Take over what an earlier process of this boot has used; anything else is no such thing."""
        used = facts.get("used") if isinstance(facts, Mapping) else None
        pairs = [pair for pair in used if _is_count(pair)] if isinstance(used, list) else []
        with self._lock:
            now = _minute(self._seconds())
            self._used.update({minute: count for minute, count in pairs if minute <= now and count > 0})

    def _wait_s(self, use: Use, now_s: float) -> float:
        if now_s < self._held_until_s:
            return self._held_until_s - now_s
        if self._left(now_s) - use.value * self.limit < 1:
            return self._spent_for_s(use, now_s)
        return max(0.0, self._due_s.get(use, 0.0) - now_s)

    def _left(self, now_s: float) -> int:
        self._forget(_minute(now_s))
        return self.limit - self._used.total()

    def _forget(self, minute: int) -> None:
        for old in [used for used in self._used if used <= minute - HOUR_MIN]:
            del self._used[old]

    def _spent_for_s(self, use: Use, now_s: float) -> float:
        """How long until enough of what was used is an hour old."""
        spare = self._left(now_s) - use.value * self.limit
        for minute in sorted(self._used):
            spare += self._used[minute]
            if spare >= 1:
                return 60.0 * (minute + HOUR_MIN) - now_s
        return LONGEST_ASKED_S

    def _space_s(self, use: Use, now_s: float) -> float:
        """Return how far apart requests are to be, so that what is spare lasts until more comes back; 0 for freely."""
        left = self._left(now_s)
        if 2 * left >= self.limit:
            return 0.0
        minute, spare = _minute(now_s), left - use.value * self.limit
        rate = spare  # a minute
        for ahead in range(1, HOUR_MIN):
            rate = min(rate, spare / ahead)
            spare += self._used[minute + ahead - HOUR_MIN]
        return min(LONGEST_ASKED_S, 60.0 / rate)


@dataclass(frozen=True, slots=True)
class Share:
    """A budget as one use sees it."""

    budget: Budget
    use: Use

    def claim(self) -> None:
        """Count a request that is about to be made. Raises Paced when it must wait, with for how long."""
        self.budget.claim(self.use)

    def wait_s(self) -> float:
        return self.budget.wait_s(self.use)

    def hold(self, wait_s: float | None) -> None:
        self.budget.hold(wait_s)


def _minute(seconds: float) -> int:
    return int(seconds // 60)


def _is_count(pair: object) -> bool:
    return isinstance(pair, list | tuple) and len(pair) == 2 and all(type(part) is int for part in pair)
