"""Practice: the codes of a printed sheet, and the verdict that each of them plays. Pure.

A practice code goes the whole way, scanner, decision, journal, screen, lamp and sound; it is no ticket's, so that it is
never delivered, and its reason keeps it out of every count. It plays only while practice is on: a sheet that lies
about, or its picture on a telephone, must not look like a ticket.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from kiosk.model import PLAYED, Direction, Reason, Result, Verdict

PREFIX = "PRACTICE-"

LONGEST_MINUTES = 120.0

EARLIER = timedelta(minutes=42)
LONGEST_BEFORE = 8
"""So much may a scanner put before a code: a symbology identifier, a station's letters."""


@dataclass(frozen=True, slots=True)
class Card:
    """One code of the sheet. `at`: how far from now its sentence's time lies."""

    name: str
    reason: Reason
    direction: Direction = Direction.CHECKIN
    result: Result = Result.DECLINED
    facts: Mapping[str, str] = field(default_factory=dict)
    at: timedelta | None = None

    @property
    def code(self) -> str:
        return PREFIX + self.name


CARDS = (
    Card("WELCOME", Reason.OK, result=Result.APPROVED),
    Card("GOODBYE", Reason.OK, Direction.CHECKOUT, Result.APPROVED),
    Card("ALREADY-IN", Reason.ALREADY_IN, at=-EARLIER),
    Card("UNKNOWN", Reason.UNKNOWN),
    Card("CANCELLED", Reason.INVALID),
    Card("TOO-EARLY", Reason.TOO_EARLY, at=EARLIER),
    Card("TOO-LATE", Reason.TOO_LATE, at=-EARLIER),
    Card("WRONG-GATE", Reason.NO_ENTRY),
    Card("SCAN-AGAIN", Reason.UNREADABLE, facts={"flaw": "gap"}),
    Card("SEE-STAFF", Reason.DETAILS_REQUIRED),
    Card("ODD-EXIT", Reason.NOT_INSIDE, Direction.CHECKOUT, Result.APPROVED),
    Card("BY-STAFF", Reason.OVERRIDDEN, result=Result.APPROVED),
)
"""All that staff should have seen once, in the order of the sheet."""

_BY_CODE = {card.code: card for card in CARDS}


def card(code: str) -> Card | None:
    """Return the card whose code this is, whatever its case and with what a scanner may put before it; or None."""
    start = code.upper().find(PREFIX)
    return _BY_CODE.get(code.upper()[start:]) if 0 <= start <= LONGEST_BEFORE else None


def played(found: Card, now: datetime) -> Verdict:
    """Return the verdict that a card plays."""
    at = {} if found.at is None else {"at": (now + found.at).isoformat()}
    return Verdict(found.direction, found.result, found.reason, facts={**found.facts, **at})


def verdict(found: Card, now: datetime, *, on: bool) -> Verdict:
    """Return what a practice code comes to; declined, and playing nothing, while practice is off."""
    if not on:
        return Verdict(found.direction, Result.DECLINED, Reason.PRACTICE)
    plays = played(found, now)
    return replace(plays, reason=Reason.PRACTICE, facts={PLAYED: found.reason, **plays.facts})


class Practice:
    """Whether the door practises. It ends by itself, with its time or with the gate: a door must not be left in it."""

    def __init__(self) -> None:
        self._until_ns = 0

    def begin(self, now_ns: int, minutes: float) -> None:
        """Practise from now on, since boot, for so long; 0 ends it. Raises ValueError for what is no such time."""
        if not 0 <= minutes <= LONGEST_MINUTES:
            raise ValueError(f"practice goes on for up to {LONGEST_MINUTES:.0f} minutes")
        self._until_ns = now_ns + int(minutes * 60e9)

    def left_s(self, now_ns: int) -> int:
        """Return for how many seconds practice goes on, 0 when there is none."""
        return max(0, self._until_ns - now_ns) // 1_000_000_000

    def on(self, now_ns: int) -> bool:
        return now_ns < self._until_ns
