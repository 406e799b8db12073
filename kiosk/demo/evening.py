"""The evening: what happens at the door, in order, and whether the cloud has all of it exactly once at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from kiosk import clock
from kiosk.demo.stage import EVENT_ID, SEED, TICKETS, Stage
from kiosk.model import Delivery, Scan
from kiosk.sandbox import generate_tickets
from kiosk.store import journal, ledger, past
from kiosk.store.outlook import Outlook
from kiosk.words import stamp

UNKNOWN_CODE = "NOBODYSTICKET"
BETWEEN_GUESTS_S = 0.6
HELD_OFF_S = 1.2
"""A little longer than the demo's hold-off: the same code then is a second guest with a copied ticket."""


@dataclass(frozen=True, slots=True)
class Act:
    """A part of the evening, and what is done in it."""

    title: str
    play: Callable[[], None]


class Evening:
    """Plays on a stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        tickets = list(generate_tickets(TICKETS, EVENT_ID, SEED))
        self.valid = [ticket["barcode"] for ticket in tickets if ticket.get("status", "VALID") == "VALID"]
        self.cancelled = next(ticket["barcode"] for ticket in tickets if ticket.get("status") == "INVALID")
        self._scanned = 0

    def acts(self) -> Iterator[Act]:
        yield Act("The ticket list arrives", self._wait_for_list)
        yield Act("Six guests are admitted", lambda: self._admit(self.valid[:6]))
        yield Act("The first one's ticket comes again: already in", lambda: self._copy(self.valid[0]))
        yield Act("A code nobody knows", lambda: self._admit([UNKNOWN_CODE]))
        yield Act("A cancelled ticket", lambda: self._admit([self.cancelled]))
        yield Act("The network goes down", self._stage.cut_network)
        yield Act("Six more guests are admitted all the same", lambda: self._admit(self.valid[6:12]))
        yield Act("The network comes back", self._stage.mend_network)
        yield Act("Everything is delivered, nobody touches anything", self._wait_for_delivery)

    def _wait_for_list(self) -> None:
        with closing(Outlook(self._stage.data_dir)) as outlook:
            self._stage.wait_for(
                "the ticket list is complete", lambda: bool(outlook.tickets([EVENT_ID], clock.now())["complete"])
            )
        self._stage.wait_for("the gate is open", self._stage.gate_is_open)

    def _admit(self, codes: list[str]) -> None:
        """Scan one after the other, each when the one before it is on disk, as people come to a door."""
        for code in codes:
            self._scanned += 1
            self._stage.scan(code)
            self._stage.wait_for("the scan is recorded", self._is_recorded)
            time.sleep(BETWEEN_GUESTS_S)

    def _copy(self, code: str) -> None:
        time.sleep(HELD_OFF_S)
        self._admit([code])

    def _is_recorded(self) -> bool:
        with closing(Outlook(self._stage.data_dir)) as outlook:
            return outlook.newest() >= self._scanned

    def _wait_for_delivery(self) -> None:
        self._stage.wait_for("everything is delivered", lambda: outstanding(self._stage) == 0)


def outstanding(stage: Stage) -> int:
    """Return how many scans the cloud could have and does not have yet."""
    with closing(Outlook(stage.data_dir)) as outlook:
        outbox = outlook.outbox(clock.now())
    return sum(outbox[state] or 0 for state in ("pending", "inflight", "unknown", "refused"))


def recorded(stage: Stage) -> list[tuple[Scan, Delivery]]:
    """Return every scan of the evening with what became of it."""
    with closing(journal.reader(stage.data_dir)) as database:
        scans = list(past.scans_after(database, 0))
    with closing(ledger.reader(stage.data_dir)) as database:
        states = ledger.states(database, 0, len(scans))
    return [(scan, states[scan.seq][0] if scan.seq in states else scan.begins_as) for scan in scans]


def compare(scans: list[Scan], delivered: list[dict[str, Any]]) -> tuple[int, int, int]:
    """Return how many scans are in the cloud exactly once, are missing there, and are there too often."""
    ours = Counter((stamp(scan.at), scan.barcode, scan.verdict.result.value) for scan in scans if scan.deliverable)
    theirs = Counter((scan["time"], scan["barcode"], scan["scanResult"]) for scan in delivered)
    return sum((ours & theirs).values()), (ours - theirs).total(), (theirs - ours).total()
