"""An admission that is taken back: a check-out that makes up for it, recorded and delivered like any other.

For guests who were admitted and did not pass: with the check-out the ticket may come in again. Only for the newest
passage of a ticket, and only where the turnstile saw that nobody passed, or a person insists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from kiosk import words
from kiosk.model import (
    ANNULS,
    Annulment,
    Answer,
    Direction,
    Passage,
    Passed,
    Reading,
    Reason,
    Result,
    Scan,
    Ticket,
    Verdict,
)


class Book(Protocol):
    """What is asked of the journal. All of it raises NotRecorded."""

    def admission(self, seq: int) -> tuple[Scan | None, Passed | None]: ...
    def append(self, reading: Reading, verdict: Verdict) -> Scan: ...


def take_back(book: Book, wish: Annulment, reading: Reading, history: Callable[[Ticket], Sequence[Passage]]) -> Answer:
    """Take an admission back; where that cannot be, the answer has no scan and says why. Raises NotRecorded."""
    scan, passed = book.admission(wish.seq)
    ticket = scan.verdict.ticket if scan is not None else None
    if scan is None or ticket is None:
        return Answer(None, f"there is no scan {wish.seq} of a ticket here: `kiosk scans` shows them")
    if no := refusal(wish, scan, passed, history(ticket)):
        return Answer(None, no)
    recorded = book.append(*compensation(reading, scan, ticket))
    return Answer(recorded, words.sentence(recorded.verdict, recorded.at))


def refusal(wish: Annulment, scan: Scan, passed: Passed | None, history: Sequence[Passage]) -> str | None:
    """Return why this admission cannot be taken back, None where it can; `history` is the ticket's."""
    if scan.verdict.result is not Result.APPROVED or scan.verdict.direction is not Direction.CHECKIN:
        return f"scan {wish.seq} let nobody in: there is nothing to take back"
    if not history or history[-1].seq != scan.seq:
        return f"scan {wish.seq} is taken back already, or its ticket was in or out since: only the newest can be"
    if wish.force:
        return None
    if passed is Passed.TURNED:
        return f"the guest of scan {wish.seq} has passed the turnstile: --force takes the admission back all the same"
    if passed is None:
        return f"no turnstile said that the guest of scan {wish.seq} did not pass: --force if you know it"
    return None


def compensation(reading: Reading, scan: Scan, ticket: Ticket) -> tuple[Reading, Verdict]:
    """Return what is recorded: a check-out of the same ticket, by whoever asked."""
    out = replace(reading, code=scan.barcode, raw=scan.barcode.encode("utf-8", "surrogateescape"))
    facts = {ANNULS: str(scan.seq)}
    return out, Verdict(Direction.CHECKOUT, Result.APPROVED, Reason.ANNULLED, ticket, facts)
