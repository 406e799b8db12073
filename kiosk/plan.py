"""What sync does next about the scans it owes the cloud: facts in, the next action out. Pure; exactly-once lives here.

First what may have arrived is cleared up, then the oldest is sent. Nothing of which nobody knows whether it arrived is
sent again before a look at what the cloud has, and that look counts only once no request can be at work any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from kiosk.model import Direction, Result, Scan

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 300.0
"""Back-off: a fleet that lost its network at once must not come back at once."""

SHORTEST_ASKED_S, LONGEST_ASKED_S = 1.0, 600.0
"""The bounds within which the cloud's own wish to be left alone is obeyed."""

SETTLE_S = 3.0
"""How long a request that the other side has ended is left to come to rest before we look what became of it."""

GIVE_UP_S = 20.0
"""How long a request is waited for in all."""

RUN_S = 30.0
"""How long a request of which we never heard the end may still be at work in the cloud, after we gave it up."""

LOOK_AGAIN_S = 60.0
"""How often it is tried again whether reading back is allowed by now."""

MENDING_S = 15.0
"""How long at most while a credential or an address is wrong: a person is mending it, and wants to see it work."""

OnUnknown = Literal["hold", "resend"]


@dataclass(frozen=True, slots=True)
class Doubt:
    """When to look what became of what is unknown. Seconds of one monotonic clock.

    From `look_at_s` on a look may find it; only one from `over_at_s` on may find it missing: until then a request may
    still be at work. `forbidden`: the last look was not allowed. `sent_s` is when the last request went out, if that
    is known.
    """

    look_at_s: float = 0.0
    over_at_s: float = 0.0
    forbidden: bool = False
    sent_s: float | None = None

    def beside(self, older: Doubt) -> Doubt:
        """Return the doubt about this and about what was unknown before."""
        sent_s = None if older.sent_s is None or self.sent_s is None else min(older.sent_s, self.sent_s)
        return replace(self, over_at_s=max(self.over_at_s, older.over_at_s), sent_s=sent_s)

    def hurried(self, now_s: float) -> Doubt:
        """The cloud is back: look soon."""
        return replace(self, look_at_s=min(self.look_at_s, now_s + SETTLE_S))

    def looked(self) -> Doubt:
        return replace(self, look_at_s=max(self.look_at_s, self.over_at_s), forbidden=False)

    def not_allowed(self, now_s: float) -> Doubt:
        return replace(self, look_at_s=now_s + LOOK_AGAIN_S, forbidden=True)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where delivery stands. Times in seconds of one monotonic clock.

    `pending`: the oldest scans in that state. `unknown`: whether there are any of which nobody knows whether they
    arrived. `size`: how many may go in one batch now. `looking`: a look is under way. `waits_s`: for how long the
    oldest still waits for somebody who knows what time it was, None when none does; `may_ask_time`: whether the cloud
    may be asked for that.
    """

    pending: Sequence[int] = ()
    unknown: bool = False
    doubt: Doubt = field(default_factory=Doubt)
    looking: bool = False
    on_unknown: OnUnknown = "hold"
    size: int = 200
    now_s: float = 0.0
    not_before_s: float = 0.0
    waits_s: float | None = None
    may_ask_time: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    numbers: Sequence[int]


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Look at what the cloud has; what a `final` look does not find did not arrive."""

    final: bool


@dataclass(frozen=True, slots=True)
class SendBlindly:
    """Reading back is not allowed, and who runs this kiosk prefers doubles to gaps."""


@dataclass(frozen=True, slots=True)
class AskTime:
    """Nobody here knows what time it is: let the cloud say so with any answer."""


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


@dataclass(frozen=True, slots=True)
class AskPerson:
    """Nobody knows what became of some scans, and looking is not allowed: a person has to decide."""

    again_s: float


@dataclass(frozen=True, slots=True)
class Nothing:
    """All is delivered, as far as it can be."""


Action = Post | ReadBack | SendBlindly | AskTime | Wait | AskPerson | Nothing


def next_action(standing: Standing) -> Action:
    """Choose the next step."""
    idle = not standing.pending and not standing.unknown
    if idle and standing.waits_s is None:
        return Nothing()
    if standing.now_s < standing.not_before_s:
        return Wait(standing.not_before_s - standing.now_s)
    if standing.unknown and (action := _clear_up(standing)):
        return action
    if standing.pending:
        return Post(standing.pending[: standing.size])
    if standing.waits_s is not None and (standing.may_ask_time or idle):
        return AskTime() if standing.may_ask_time else Wait(standing.waits_s)
    return AskPerson(max(0.0, standing.doubt.look_at_s - standing.now_s))


def _clear_up(standing: Standing) -> Action | None:
    """What is to be done about the unknown; None when they have to stand aside while the others go on."""
    doubt, now_s = standing.doubt, standing.now_s
    if standing.looking or now_s >= doubt.look_at_s:
        return ReadBack(final=now_s >= doubt.over_at_s)
    if not doubt.forbidden:
        return Wait(doubt.look_at_s - now_s)
    if standing.on_unknown == "hold":
        return None
    return SendBlindly() if now_s >= doubt.over_at_s else Wait(doubt.over_at_s - now_s)


def back_off_s(failures: int, chance: float, asked_s: float | None = None) -> float:
    """Return how long to wait after so many failures in a row: full jitter, `chance` being a random number below 1.

    What the cloud asked for counts more, within bounds.
    """
    if asked_s is not None:
        return min(max(asked_s, SHORTEST_ASKED_S), LONGEST_ASKED_S)
    ceiling = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures, 16))
    return chance * ceiling


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


@dataclass(frozen=True, slots=True)
class Pace:
    """How delivery is going: batch size, failures in a row, and when the next request may go out.

    `full` is the largest batch that is worth trying.
    """

    size: int
    full: int
    failures: int = 0
    not_before_s: float = 0.0
    asked_until_s: float = field(default=0.0, compare=False)

    def went_through(self) -> Pace:
        return Pace(min(self.full, self.size * 2), self.full)

    def looked(self, *, arrived: bool) -> Pace:
        """We know now more of what had arrived; only what did ends a row of failures."""
        return replace(self, not_before_s=0.0, failures=0 if arrived else self.failures)

    def was_refused(self, size: int) -> Pace:
        """A batch of this size was refused: halve it, or go on behind the one bad scan."""
        return replace(self, size=max(1, size // 2) if size > 1 else min(self.full, 2), failures=0)

    def was_too_large(self, size: int) -> Pace:
        """No batch of this size need be tried again."""
        half = max(1, size // 2)
        return replace(self, size=half, full=half if size > 1 else self.full, failures=0)

    def failed(self, now_s: float, chance: float, asked_s: float | None = None) -> Pace:
        failures, until_s = self.failures + 1, now_s + back_off_s(self.failures + 1, chance, asked_s)
        return replace(self, failures=failures, not_before_s=until_s, asked_until_s=until_s if asked_s else 0.0)

    def hurried(self, now_s: float) -> Pace:
        """The cloud is back: wait no longer than a request still at work there may need, or than it asked for."""
        return replace(self.at_most(now_s, SETTLE_S), failures=0)

    def at_most(self, now_s: float, wait_s: float) -> Pace:
        """Wait no longer than this, failure or not, unless the cloud asked for it."""
        return replace(self, not_before_s=max(min(self.not_before_s, now_s + wait_s), self.asked_until_s))

    def settling(self, now_s: float, *, running: bool) -> tuple[Pace, Doubt]:
        """Something was sent and not answered: let it come to rest, and longer each time."""
        rest_s = min(LONGEST_WAIT_S, SETTLE_S * 2.0 ** min(self.failures, 16))
        doubt = Doubt(now_s + rest_s, now_s + (RUN_S if running else SETTLE_S), sent_s=now_s)
        size = max(1, self.size // 2)  # a slow line may carry half of it in time
        return replace(self, size=size, failures=self.failures + 1, not_before_s=0.0), doubt
