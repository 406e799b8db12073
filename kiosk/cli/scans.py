"""`kiosk scans`: the journal, with what the cloud has of it."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import click

from kiosk import dating, languages, words
from kiosk.cli.options import Setup, with_setup
from kiosk.dating import Stamp
from kiosk.errors import NoListYet
from kiosk.model import Anchor, ClockQuality, Scan
from kiosk.store import anchors, dates, journal, ledger, past, spoken, turns
from kiosk.store.database import from_ms, to_ms
from kiosk.store.dates import Date
from kiosk.words import Language


@click.command("scans")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
@click.option("--since", metavar="SEQ", type=click.IntRange(min=0), default=0, help="Only scans after this number.")
@with_setup
def command(setup: Setup, as_json: bool, since: int) -> None:
    """Print the journal, oldest first: what was scanned, what was decided and why, and what the cloud has of it.

    `delivery` is one of pending, inflight, unknown, acked, refused, local; `local` scans stay here, because the cloud
    takes no scan without a ticket.
    """
    for row in rows(setup, since):
        click.echo(json.dumps(row, ensure_ascii=False) if as_json else _line(row))


def rows(setup: Setup, since: int = 0) -> Iterator[dict[str, Any]]:
    """Return the scans after this number as the outside sees them."""
    directory = setup.config.device.data_dir
    try:
        database = journal.reader(directory)
    except NoListYet:
        return
    scans, deliveries = past.scans_after(database, since), _Deliveries(setup, anchors.anchors(database))
    language = languages.read(spoken.in_force(setup.config).value)
    for batch in _batched(scans, 500):
        states, passed = deliveries.of(batch), turns.between(database, batch[0].seq, batch[-1].seq)
        for scan in batch:
            row = describe(scan, language, deliveries.date(scan))
            yield row | {"passed": passed.get(scan.seq)} | states[scan.seq]


def describe(scan: Scan, language: Language, date: Date | None = None) -> dict[str, Any]:
    """Return one scan by the names of the interface; its message in words, as of then.

    `date` is the time that the cloud has of it, or will get, where that is not the journal's.
    """
    ticket, time_ms = scan.verdict.ticket, date.time_ms if date is not None else to_ms(scan.at)
    return {
        "seq": scan.seq,
        "time": words.stamp(from_ms(time_ms)),
        "barcode": scan.barcode,
        "type": scan.verdict.direction,
        "scanResult": scan.verdict.result,
        "reason": scan.verdict.reason,
        "message": words.sentence(scan.verdict, scan.at, language),
        "ticketId": ticket.id if ticket is not None else None,
        "eventId": ticket.event_id if ticket is not None else None,
        "ticketTypeId": ticket.ticket_type_id if ticket is not None else None,
        "ticketName": ticket.ticket_name if ticket is not None else None,
        "name": ticket.name if ticket is not None else None,
        "deviceId": scan.device_id,
        "scanner": scan.lane,
        "clock": scan.moment.quality,
        "wallTime": words.stamp(scan.moment.at) if to_ms(scan.moment.at) != time_ms else None,
        "timeEstimated": date is not None and date.estimated,
        "rule": scan.verdict.rule,
        "flaw": scan.verdict.facts.get("flaw"),
        "why": scan.verdict.facts.get("why"),
    }


class _Deliveries:
    """What the ledger says; without a ledger everything is still to be delivered."""

    def __init__(self, setup: Setup, known: list[Anchor]) -> None:
        self._anchors = known
        self._dates: dict[int, Date] = {}
        self._database: sqlite3.Connection | None = None
        try:
            self._database = ledger.reader(setup.config.device.data_dir)
        except NoListYet:
            return

    def of(self, scans: tuple[Scan, ...]) -> dict[int, dict[str, Any]]:
        found = ledger.states(self._database, scans[0].seq, scans[-1].seq) if self._database is not None else {}
        self._dates = dates.of(self._database, [scan.seq for scan in scans]) if self._database is not None else {}
        states = ((scan.seq, found.get(scan.seq) or (scan.begins_as, None)) for scan in scans)
        return {seq: {"delivery": state, "deliveryError": error} for seq, (state, error) in states}

    def date(self, scan: Scan) -> Date | None:
        """Return the time that was given to this scan, or what it would be by what is known now."""
        if (given := self._dates.get(scan.seq)) is not None or scan.moment.quality is ClockQuality.SYNCED:
            return given
        known_ms = dating.known_ms(_stamp(scan), self._anchors)
        return Date(known_ms) if known_ms is not None else None


def _stamp(scan: Scan) -> Stamp:
    moment = scan.moment
    return Stamp(scan.seq, to_ms(scan.at), to_ms(moment.at), moment.boot_id, moment.boottime_ns, moment.quality)


def _batched(scans: Iterator[Scan], size: int) -> Iterator[tuple[Scan, ...]]:
    while batch := tuple(itertools.islice(scans, size)):
        yield batch


def _line(row: dict[str, Any]) -> str:
    """For people: no name, and of the code only its end."""
    code = ascii(row["barcode"][-4:])[1:-1]
    return (
        f"{row['seq']:>7}  {row['time']}  {row['scanner']:<12}  {row['type']:<8}  {row['scanResult']:<8}  "
        f"{row['reason']:<16}  …{code:<4}  {row['delivery']}"
        + (f": {row['deliveryError']}" if row["deliveryError"] else "")
    )
