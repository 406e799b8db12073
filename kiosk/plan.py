"""What sync does next about the scans it owes the cloud: facts in, the next action out. Pure; exactly-once lives here.

pending ──post──▶ inflight ──a valid answer────────────▶ acked
   ▲                 │──────nothing was sent──────────▶ pending
   │                 │──────sent, no valid answer─────▶ unknown ──read back──▶ acked, or pending again
   │                 └──────the data was refused──────▶ pending in halves, until one stands alone: refused
   └── a person hands it out again ───────────────────────────────────────────────────────────────┘
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from kiosk.model import Direction, Result, Scan

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 300.0
"""Back-off: a fleet that lost its network at once must not come back at once."""

SHORTEST_ASKED_S, LONGEST_ASKED_S = 1.0, 600.0
"""The bounds within which the cloud's own wish to be left alone is obeyed."""

SETTLE_S = 3.0
"""How long a request without an answer may still be at work in the cloud before we look what became of it."""


MENDING_S = 15.0
"""How long at most while a credential or an address is wrong: a person is mending it, and wants to see it work."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where delivery stands. Times in seconds of one monotonic clock.

    `pending`, `unknown`: the oldest scans in those states. `size`: how many may go in one batch now.
    """

    pending: Sequence[int] = ()
    unknown: Sequence[int] = ()
    size: int = 200
    now_s: float = 0.0
    not_before_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Post:
    numbers: Sequence[int]


@dataclass(frozen=True, slots=True)
class ReadBack:
    numbers: Sequence[int]


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


@dataclass(frozen=True, slots=True)
class Nothing:
    """All is delivered, as far as it can be."""


Action = Post | ReadBack | Wait | Nothing


def next_action(standing: Standing) -> Action:
    """Choose the next step: first clear up what may have arrived, then send the oldest."""
    if not standing.pending and not standing.unknown:
        return Nothing()
    if standing.now_s < standing.not_before_s:
        return Wait(standing.not_before_s - standing.now_s)
    if standing.unknown:
        return ReadBack(standing.unknown)
    return Post(standing.pending[: standing.size])


def back_off_s(failures: int, chance: float, asked_s: float | None = None) -> float:
    """Return how long to wait after so many failures in a row: full jitter, `chance` being a random number below 1.

    What the cloud asked for counts more, within bounds.
    """
    if asked_s is not None:
        return min(max(asked_s, SHORTEST_ASKED_S), LONGEST_ASKED_S)
    ceiling = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures, 16))
    return chance * ceiling


def smaller(size: int) -> int:
    """Return the batch size after a batch of this size was refused."""
    return max(1, size // 2)


def larger(size: int, full: int) -> int:
    """Return the batch size after a batch went through, or after the one bad scan was found."""
    return min(full, size * 2)


@dataclass(frozen=True, slots=True)
class Mark:
    """What names a scan on both sides: the device and its time, which the journal makes one of a kind, and the rest."""

    device_id: str | None
    at: datetime
    barcode: str
    direction: Direction
    result: Result


def mark(scan: Scan) -> Mark:
    return Mark(scan.device_id, scan.at, scan.barcode, scan.verdict.direction, scan.verdict.result)


def arrived(ours: Iterable[Scan], theirs: Iterable[Mark]) -> set[int]:
    """Return which of our scans the cloud has, whatever else it has of other devices."""
    stored = set(theirs)
    return {scan.seq for scan in ours if mark(scan) in stored}


def by_event(scans: Iterable[Scan]) -> Mapping[str, list[Scan]]:
    """Sort deliverable scans by their ticket's event, for reading back event by event."""
    found: dict[str, list[Scan]] = {}
    for scan in scans:
        if scan.verdict.ticket is not None:
            found.setdefault(scan.verdict.ticket.event_id, []).append(scan)
    return found


@dataclass(frozen=True, slots=True)
class Pace:
    """How delivery is going: batch size, failures in a row, and when the next request may go out."""

    size: int
    full: int
    failures: int = 0
    not_before_s: float = 0.0
    asked_until_s: float = field(default=0.0, compare=False)

    def went_through(self) -> Pace:
        return Pace(larger(self.size, self.full), self.full)

    def looked(self) -> Pace:
        """We know now what had arrived; only a batch that goes through ends a row of failures."""
        return replace(self, not_before_s=0.0)

    def was_refused(self, size: int) -> Pace:
        """A batch of this size was refused: halve it, or go on behind the one bad scan."""
        return replace(self, size=smaller(size) if size > 1 else larger(1, self.full), failures=0)

    def failed(self, now_s: float, chance: float, asked_s: float | None = None) -> Pace:
        failures, until_s = self.failures + 1, now_s + back_off_s(self.failures + 1, chance, asked_s)
        return replace(self, failures=failures, not_before_s=until_s, asked_until_s=until_s if asked_s else 0.0)

    def hurried(self, now_s: float) -> Pace:
        """The cloud is back: wait no longer than a request still at work there may need, or than it asked for."""
        return replace(self.at_most(now_s, SETTLE_S), failures=0)

    def at_most(self, now_s: float, wait_s: float) -> Pace:
        """Wait no longer than this, failure or not, unless the cloud asked for it."""
        return replace(self, not_before_s=max(min(self.not_before_s, now_s + wait_s), self.asked_until_s))

    def settling(self, now_s: float) -> Pace:
        """Something was sent and not answered: let it come to rest, and longer each time."""
        wait_s = min(LONGEST_WAIT_S, SETTLE_S * 2.0 ** min(self.failures, 16))
        return replace(self, failures=self.failures + 1, not_before_s=now_s + wait_s)
