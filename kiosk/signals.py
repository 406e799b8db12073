"""What lamps, sounds and relays are told of an answer. The screen's colours follow the same distinctions."""

from __future__ import annotations

from enum import StrEnum

from kiosk.model import Answer, Direction, Reason, Result, Verdict
from kiosk.words import SEE_STAFF


class Signal(StrEnum):
    APPROVED = "approved"
    CHECKOUT = "checkout"
    REPEATED = "repeated"
    DECLINED = "declined"
    SEE_STAFF = "see_staff"


STAFF = SEE_STAFF | {Reason.NOT_INSIDE}
"""What wants a person to look."""

SHUT = frozenset({Reason.ANNULLED, Reason.PRACTICE})
"""What is approved, and lets nobody pass."""


def signal(answer: Answer) -> Signal | None:
    """Return how an answer looks and sounds. None for an admission that was taken back: nobody stands there."""
    return Signal.SEE_STAFF if answer.scan is None else of(answer.scan.verdict, repeated=answer.repeated)


def of(verdict: Verdict, *, repeated: bool) -> Signal | None:
    """Return the same of a recorded verdict. A declined one that is shown again must not sound any better."""
    reason = verdict.played or verdict.reason
    if reason is Reason.ANNULLED:
        return None
    if verdict.untimed or reason in STAFF:
        return Signal.SEE_STAFF
    if reason is Reason.ALREADY_IN:
        return Signal.REPEATED
    if verdict.result is Result.DECLINED:
        return Signal.DECLINED
    return Signal.REPEATED if repeated else _way(verdict)


def passage(answer: Answer) -> Signal | None:
    """Return which way somebody may pass now, None for nobody.

    Only for a scan that is approved and recorded, once: who is shown the verdict again has had the gate open. An exit
    opens for whoever is let out, those worth a look included, and nothing opens in practice.
    """
    if answer.scan is None or answer.repeated:
        return None
    verdict = answer.scan.verdict
    return _way(verdict) if verdict.result is Result.APPROVED and verdict.reason not in SHUT else None


def _way(verdict: Verdict) -> Signal:
    return Signal.CHECKOUT if verdict.direction is Direction.CHECKOUT else Signal.APPROVED
