"""A way into the venue: its scanner, how that is opened, and how it does. What the ears keep of each.

Whoever listens must be able to tell a person what is wrong: a scanner that is missing, one that never ends a code, one
that sends rubbish.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kiosk.errors import ScannerLost
from kiosk.model import Direction, Moment, Reading

log = logging.getLogger(__name__)

HALVES = 2
"""So many halves in a row and no whole code between them are no accident."""

MOST_FLAWS, FLAWS_A_S = 200, 50
"""So many unreadable codes of one lane in a row, and so many a second from then on, are heard: no scanner sends more
codes, and whatever does would fill the disk with rubbish."""

NOISE = "it sends hardly anything but rubbish: look at its cable, and at its speed and parity"

NO_END = 'its codes have no end: set the scanner to send Enter after each, or configure terminator = "none"'


class Scanner(Protocol):
    """An open device. `read` returns what is whole by now and raises ScannerLost when the device is gone.

    `due_ns`: the time since boot at which it wants to be read even if nothing has come; None for never.
    """

    def fileno(self) -> int: ...
    def read(self, moment: Moment) -> list[Reading]: ...
    def due_ns(self) -> int | None: ...
    def close(self) -> None: ...


class Plugs(Protocol):
    """Tells when something is plugged in: its descriptor is readable then, until `changed` was called."""

    def fileno(self) -> int: ...
    def changed(self) -> bool: ...


class Loan(Protocol):
    """Has a lane's device for a while, in place of the door. `over` ends it, and is asked at `due_ns` at the latest.

    `open` comes on a thread of its own, the rest on the ears'. `lose` tells that the device is not to be had.
    """

    def open(self) -> Scanner: ...
    def due_ns(self) -> int: ...
    def over(self, now_ns: int) -> bool: ...
    def lose(self, problem: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Lane:
    """A way into the venue: a scanner's name and direction, and the recipe that opens its device."""

    name: str
    kind: str
    device: str
    open: Callable[[], Scanner]
    direction: Direction | None = None
    ends: bool = False
    """Whether this scanner may come to an end by itself, as a recording does; then it is not opened again."""


@dataclass(slots=True, eq=False)
class Ear:
    lane: Lane
    scanner: Scanner | None = None
    opening: threading.Thread | None = None
    loan: Loan | None = None
    retry_ns: int = 0
    problem: str | None = None
    over: bool = False
    halves: int = 0
    flaws_left: float = MOST_FLAWS
    flawed_ns: int = 0
    resting_ns: int = 0
    """Until when it is not read, because too much of it waits; 0 when it is."""

    @property
    def recipe(self) -> Callable[[], Scanner]:
        """What opens its device now."""
        return self.lane.open if self.loan is None else self.loan.open

    @property
    def missing(self) -> bool:
        """Whether it is to be opened, as soon as its time has come."""
        return self.scanner is None and self.opening is None and not self.over

    def due_ns(self) -> float:
        """When it wants to be read even if nothing has come."""
        if self.scanner is None:
            return math.inf
        due_ns = self.resting_ns or self.scanner.due_ns()
        return math.inf if due_ns is None else due_ns

    def begin_anew(self) -> None:
        """Forget how its device did: another hand has it, or it is set in another way."""
        self.problem, self.retry_ns, self.halves, self.flaws_left = None, 0, 0, MOST_FLAWS

    def state(self) -> dict[str, object]:
        """Say how it does, for people. What is lent is no door, connected or not."""
        return {
            "name": self.lane.name,
            "kind": self.lane.kind,
            "device": self.lane.device,
            "connected": self.scanner is not None and self.loan is None,
            "calibrating": self.loan is not None,
            "problem": self.problem,
            "hint": self.hint(),
        }

    def hint(self) -> str | None:
        """What a person should know of a scanner that is missing, or of little use."""
        missing = self.problem if self.scanner is None and not self.over else None
        return NO_END if self.halves >= HALVES else NOISE if self.flaws_left < 1 else missing

    def note_half(self, half: Reading) -> None:
        self.halves += 1
        log.warning("scanner %s: %d bytes without an end were dropped", self.lane.name, len(half.raw))

    def may_say(self, reading: Reading) -> bool:
        """Tell whether a code is worth being heard, as all are that can be read; the first that is not is logged."""
        if reading.flaw is None:
            self.flaws_left = max(1, self.flaws_left)
            return True
        now_ns = reading.moment.boottime_ns
        more = (now_ns - self.flawed_ns) / 1e9 * FLAWS_A_S
        before, self.flawed_ns = self.flaws_left, now_ns
        self.flaws_left = min(MOST_FLAWS, before + more) - 1
        if self.flaws_left >= 0:
            return True
        if before >= 0:
            log.warning("scanner %s: %s", self.lane.name, NOISE)
        self.flaws_left = max(self.flaws_left, -1)
        return False


def lost(ear: Ear, error: Exception) -> ScannerLost:
    """A scanner that fails as nobody foresaw is lost like any other; the log tells where."""
    if isinstance(error, ScannerLost):
        return error
    found = ScannerLost(f"unforeseen: {error!r}")
    if ear.problem != str(found):
        log.error("scanner %s: unforeseen", ear.lane.name, exc_info=error)
    return found
