"""Guests and their scans as staff see them: more than the screen at the door tells, of a code still only the end."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from kiosk import words
from kiosk.admit import inside
from kiosk.desk import overridable
from kiosk.display.snapshot import describe, short
from kiosk.display.staff.labels import DELIVERIES, STATUSES, label
from kiosk.model import Direction, Passage, Result, Scan, Ticket
from kiosk.store import anchors, ledger, past, tickets
from kiosk.store.database import from_ms
from kiosk.words import Language

MOST = 50
LOOK_BACK = 20_000
"""So far back declined scans of a ticket are looked for: they have no index."""


def known(scans: sqlite3.Connection, found: Iterable[Scan]) -> list[Scan]:
    """Return scans with the times that are known by now: what the clock said then stands in their moment."""
    listed = list(found)
    times = anchors.known_ms(scans, [scan.seq for scan in listed])
    return [replace(scan, at=from_ms(times[scan.seq])) if scan.seq in times else scan for scan in listed]


def scan_facts(scan: Scan, now: datetime, language: Language, since: str | None = None) -> dict[str, Any]:
    """Return a scan with everything that staff may know; `since`: when its ticket was admitted after all."""
    facts, ticket = describe(scan, now, language, repeated=False), scan.verdict.ticket
    del facts["repeated"]
    facts["scanResult"] = facts.pop("result")
    more = {
        "time": words.stamp(scan.at),
        "ticketId": ticket.id if ticket is not None else None,
        "overridable": overridable(scan) and since is None,
        "admittedSince": since,
    }
    return {**facts, **more}


def guest_facts(ticket: Ticket, names: Mapping[str, str], history: list[Passage], language: Language) -> dict[str, Any]:
    return {
        "ticketId": ticket.id,
        "name": short(ticket.name),
        "ticketName": short(ticket.ticket_name),
        "eventId": ticket.event_id,
        "event": short(names.get(ticket.event_id, ticket.event_id)),
        "status": short(ticket.status),
        "statusLabel": label(STATUSES, ticket.status, language),
        "area": short(ticket.area),
        "row": short(ticket.row),
        "seat": short(ticket.seat),
        "codeEnd": ticket.barcode[-4:],
        "inside": inside(history),
    }


def passages(scans: sqlite3.Connection | None, listed: sqlite3.Connection, ticket_id: str) -> list[Passage]:
    """Return when this ticket went in and out, here and elsewhere."""
    ours = past.passages(scans, ticket_id) if scans is not None else ()
    return [*ours, *tickets.elsewhere(listed, ticket_id)]


class Files(NamedTuple):
    """What is read of a guest; what is not there yet is None."""

    scans: sqlite3.Connection | None
    listed: sqlite3.Connection
    delivered: sqlite3.Connection | None


def history(files: Files, ticket_id: str, language: Language) -> list[dict[str, Any]]:
    """Return everything that is known of a ticket, newest first."""
    scans, listed, delivered = files
    ours = known(scans, past.scans_of(scans, ticket_id, LOOK_BACK, MOST)) if scans is not None else []
    rows = [_own(scan, delivered, language) for scan in ours]
    told = {row["time"] for row in rows}
    kept = past.passages(scans, ticket_id) if scans is not None else ()
    rows += [row for row in map(_passage, (*kept, *tickets.elsewhere(listed, ticket_id))) if row["time"] not in told]
    return sorted(rows, key=lambda row: str(row["time"]), reverse=True)[:MOST]


def _own(scan: Scan, delivered: sqlite3.Connection | None, language: Language) -> dict[str, Any]:
    verdict = scan.verdict
    states = ledger.states(delivered, scan.seq, scan.seq) if delivered is not None else {}
    state, error = states.get(scan.seq, (scan.begins_as, None))
    return {
        "time": words.stamp(scan.at),
        "type": verdict.direction,
        "scanResult": verdict.result,
        "reason": verdict.reason,
        "message": short(words.sentence(verdict, scan.at, language)),
        "gate": scan.device_id,
        "lane": short(scan.lane),
        "seq": scan.seq,
        "delivery": state,
        "deliveryLabel": label(DELIVERIES, state, language),
        "deliveryError": short(error),
        "why": short(verdict.facts.get("why")),
        "by": short(verdict.facts.get("by")),
    }


def _passage(passage: Passage) -> dict[str, Any]:
    """A scan of another door, or one of ours that is no longer kept: only that somebody went in or out."""
    direction = "in" if passage.direction is Direction.CHECKIN else "out"
    nothing = dict.fromkeys(("reason", "lane", "seq", "delivery", "deliveryLabel", "deliveryError", "why", "by"))
    return {
        "time": words.stamp(passage.at),
        "type": passage.direction,
        "scanResult": Result.APPROVED,
        "message": direction,
        "gate": short(passage.gate),
        **nothing,
    }
