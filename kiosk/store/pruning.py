"""Retention: settled scans that are old enough leave `journal.db`, a few in each pause of the gate, its one writer.

Settled is what the ledger calls acked or local; without a ledger of this journal nothing is. Old enough is what was
recorded before a scan that is itself old by a clock worth trusting: by the wall clock, by the newest scan, and, for
scans of this boot, by the time since boot. So a clock that jumps ahead takes nothing away, and neither does one that
stood still while the power was off. The newest scan always stays: numbers and times go on from it.

What stays of the others has no name and no code: how many there were, and that a ticket's id went in or out at a time,
or its copy would be admitted.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from kiosk.errors import StoreError
from kiosk.model import ClockQuality, Delivery, Moment
from kiosk.store import dates, ledger
from kiosk.store.database import to_ms, transaction
from kiosk.store.dates import Date
from kiosk.store.scanrows import first_at

TABLES = (
    # Which portion went when; `upto` is the newest scan that ever went.
    "CREATE TABLE pruned (upto INTEGER PRIMARY KEY, scans INTEGER NOT NULL, at_ms INTEGER NOT NULL) STRICT",
    """
    CREATE TABLE tally (
        type TEXT NOT NULL, result TEXT NOT NULL, reason TEXT NOT NULL, number INTEGER NOT NULL,
        PRIMARY KEY (type, result, reason)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE passage (
        ticket_id TEXT NOT NULL, seq INTEGER NOT NULL, type TEXT NOT NULL, time_ms INTEGER NOT NULL,
        device_id TEXT NOT NULL, PRIMARY KEY (ticket_id, seq)
    ) STRICT, WITHOUT ROWID
    """,
    "DROP TRIGGER scan_is_never_removed",
    """
    CREATE TRIGGER scan_is_removed_by_retention_only BEFORE DELETE ON scan
    WHEN old.seq > (SELECT coalesce(max(upto), 0) FROM pruned) OR old.seq = (SELECT max(seq) FROM scan)
    BEGIN SELECT raise(ABORT, 'the journal is append-only'); END
    """,
)

PORTION = 25
"""How many scans go in one pause. A guest who comes just then waits for it: each costs up to three pages of the log."""

ROUND_S = 10
"""How often it begins anew with the oldest: what was not delivered may be by now."""

LOOK_BACK = 1_000
"""So far back is looked for a scan that a clock worth trusting has stamped."""

SETTLED = frozenset({Delivery.ACKED, Delivery.LOCAL})

_TAKEN_BACK = (
    "SELECT 1 FROM scan AS later WHERE later.ticket_id = scan.ticket_id AND later.result = 'approved' "
    "AND later.reason = 'annulled' AND json_extract(later.facts, '$.annuls') = CAST(scan.seq AS TEXT)"
)

_CHOSEN = "FROM scan WHERE seq IN (SELECT value FROM json_each(?))"


class Pruning:
    """Goes round the old scans portion by portion. Belongs to the thread of the journal's pen."""

    def __init__(self, database: sqlite3.Connection, directory: Path, retention_days: float) -> None:
        self._database, self._directory = database, directory
        self._kept_ms = int(retention_days * 86_400_000)
        self._after = self._upto = self._again_ns = 0

    def step(self, now: Moment) -> int:
        """Take at most one portion away and return how many scans that were. Raises sqlite3.Error."""
        if self._after >= self._upto:
            self._begin(now)
        after, self._after = self._after, self._upto  # where this fails, the round is over
        rows = self._database.execute(
            "SELECT seq, boot_id, boottime_ns FROM scan WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            (after, self._upto, PORTION),
        ).fetchall()
        if not rows:
            return 0
        settled, dated = self._settled(rows[0][0], rows[-1][0])
        gone = [seq for seq, boot_id, at_ns in rows if seq in settled and not self._is_fresh(boot_id, at_ns, now)]
        if gone:
            _take_away(self._database, gone, to_ms(now.at), dated)
        self._after = rows[-1][0]
        return len(gone)

    def _begin(self, now: Moment) -> None:
        if now.boottime_ns >= self._again_ns:
            self._after, self._upto = 0, self._old_upto(now)
            self._again_ns = now.boottime_ns + ROUND_S * 1_000_000_000

    def _old_upto(self, now: Moment) -> int:
        """Return the last scan that was made by a clock worth trusting long enough ago: all before it are older."""
        newest = self._database.execute("SELECT time_ms FROM scan ORDER BY seq DESC LIMIT 1").fetchone()
        if newest is None or now.quality is ClockQuality.GUESSED:
            return 0
        end = first_at(self._database, min(to_ms(now.at), newest[0]) - self._kept_ms)
        query = (
            "SELECT coalesce(max(seq), 0) FROM (SELECT seq, clock FROM scan WHERE seq < ? ORDER BY seq DESC LIMIT ?) "
            "WHERE clock <> 'guessed'"
        )
        return int(self._database.execute(query, (end, LOOK_BACK)).fetchone()[0])

    def _is_fresh(self, boot_id: str, at_ns: int, now: Moment) -> bool:
        return boot_id == now.boot_id and now.boottime_ns - at_ns < self._kept_ms * 1_000_000

    def _settled(self, first: int, last: int) -> tuple[set[int], dict[int, Date]]:
        """Return which of these the ledger calls settled, and which times it gave them.

        Its mark stays, by which it knows its journal.
        """
        try:
            with closing(ledger.reader(self._directory)) as entered:
                mark = entered.execute("SELECT seq, scan_id FROM journal").fetchone()
                if mark is None or not self._has(*mark):
                    return set(), {}
                states = ledger.states(entered, first, min(last, mark[0] - 1))
                dated = dates.of(entered, states)
        except (StoreError, sqlite3.Error):  # sync says what is wrong with it
            return set(), {}
        return {seq for seq, (state, _) in states.items() if state in SETTLED}, dated

    def _has(self, seq: int, scan_id: str) -> bool:
        found = self._database.execute("SELECT 1 FROM scan WHERE seq = ? AND id = ?", (seq, scan_id)).fetchone()
        return found is not None


def _take_away(database: sqlite3.Connection, numbers: Sequence[int], at_ms: int, dated: Mapping[int, Date]) -> None:
    """Remove these scans and write down that they were there, in one transaction.

    Who went in or out stays with the time that the cloud was told, by which it is known when it comes back from there.
    """
    chosen = json.dumps(numbers)
    with transaction(database):
        database.execute(
            "INSERT INTO pruned SELECT max(?, (SELECT coalesce(max(upto), 0) FROM pruned)), ?, ? WHERE true "
            "ON CONFLICT (upto) DO UPDATE SET scans = scans + excluded.scans, at_ms = excluded.at_ms",
            (numbers[-1], len(numbers), at_ms),
        )
        database.execute(
            f"INSERT INTO tally SELECT type, result, reason, count(*) {_CHOSEN} GROUP BY 1, 2, 3 "
            "ON CONFLICT (type, result, reason) DO UPDATE SET number = number + excluded.number",
            (chosen,),
        )
        database.execute(
            f"INSERT INTO passage SELECT ticket_id, seq, type, time_ms, device_id {_CHOSEN} "
            "AND result = 'approved' AND ticket_id IS NOT NULL AND reason <> 'annulled' "
            f"AND NOT EXISTS ({_TAKEN_BACK})",
            (chosen,),
        )
        database.executemany(
            "UPDATE passage SET time_ms = ? WHERE seq = ? AND ticket_id = (SELECT ticket_id FROM scan WHERE seq = ?)",
            [(dated[seq].time_ms, seq, seq) for seq in numbers if seq in dated],
        )
        database.execute("DELETE FROM turn WHERE seq IN (SELECT value FROM json_each(?))", (chosen,))
        database.execute(f"DELETE {_CHOSEN}", (chosen,))
