"""How often a PIN may be tried: a few times at once, then after ever longer waits.

Each try counts as a failed one from its beginning, so that many at the same time gain nothing. Pure: the time since
boot is an argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FREE = 3
"""How many tries in a row cost no wait."""

FIRST_WAIT_S, LONGEST_WAIT_S = 30, 900
"""After these the wait doubles, up to a quarter of an hour: 10,000 PINs would take three months."""

FORGOTTEN_AFTER_S = 3_600
"""After an hour without a try the count begins anew."""


class Attempts:
    """The tries of all who come: a thief may change his browser, not the kiosk."""

    def __init__(self, failed: int = 0, last_ns: int = 0) -> None:
        self.failed, self._last_ns = failed, last_ns

    def begin(self, now_ns: int) -> int:
        """Return for how many seconds no try is taken; 0: this one is, and counts as failed until `succeed`."""
        if now_ns - self._last_ns > FORGOTTEN_AFTER_S * 1_000_000_000:
            self.failed = 0
        wait_s = self.wait_s(now_ns)
        if not wait_s:
            self.failed, self._last_ns = self.failed + 1, now_ns
        return wait_s

    def wait_s(self, now_ns: int) -> int:
        """Return the seconds until the next try is taken, rounded up."""
        if self.failed < FREE:
            return 0
        wait_ns = min(FIRST_WAIT_S << min(self.failed - FREE, 10), LONGEST_WAIT_S) * 1_000_000_000
        return max(0, -(-(self._last_ns + wait_ns - now_ns) // 1_000_000_000))

    def succeed(self) -> None:
        self.failed = 0

    def facts(self) -> dict[str, int]:
        """Return what a program must keep in mind when it is started anew within the same boot."""
        return {"failed": self.failed, "lastNs": self._last_ns}


def resumed(facts: object) -> Attempts:
    """Return the count as these facts left it; what cannot be read begins anew."""
    found = facts if isinstance(facts, Mapping) else {}
    return Attempts(_number(found.get("failed")), _number(found.get("lastNs")))


def _number(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
