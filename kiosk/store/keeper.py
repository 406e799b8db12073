"""The gate's record: a journal that is mended when it is damaged, at the start and while scans come.

Whoever scans meanwhile waits for some seconds and is recorded then. Damage that comes back at once is a disk that dies:
then the answer is "see staff", as for anything that cannot be recorded.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from kiosk.errors import Damaged, NotRecorded, StoreError
from kiosk.model import Anchor, Moment, Passage, Passed, Reading, Scan, Ticket, Verdict
from kiosk.store import backup, recovery, salvage, witness
from kiosk.store.database import is_damage
from kiosk.store.journal import FILE, SCHEMA, Journal, reader
from kiosk.store.mending import Mending
from kiosk.store.upkeep import Upkeep

log = logging.getLogger(__name__)

T = TypeVar("T")

BOX_S = 0.25
"""How long a start looks for damage; the whole file is looked through once the door is open."""

AGAIN_S = 30.0
"""How soon after a recovery, or after one that failed, the next one may be tried."""


class Keeper:
    """Stands in for the journal, and belongs to the same thread. `notice` is what `words.journal` says to staff."""

    def __init__(
        self, directory: Path, device_id: str, retention_days: float, upkeep: Upkeep, *, mending: Mending | None = None
    ) -> None:
        """Open the journal, mended where it must be. Raises TooNew, StoreError."""
        self.mending = mending if mending is not None else Mending()
        self._directory, self._upkeep, self._follower = directory, upkeep, upkeep.follower
        self._open: Callable[[], Journal] = lambda: Journal(directory, device_id, retention_days, upkeep.note)
        self._device_id = device_id
        self._anchors: list[Anchor] = []
        self._next_s = 0.0
        self._opened_inode = 0
        self._broken: str | None = None
        self.notice: dict[str, int | None] | None = None
        try:
            self._journal = self._opened()
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{directory / FILE}: {error}") from error

    def append(self, reading: Reading, verdict: Verdict) -> Scan:
        """Record one scan and return it once it is on disk. Raises NotRecorded."""
        try:
            return self._sound().append(reading, verdict)
        except Damaged as error:
            self._recover(str(error))
        for scan in self._sound().recent(reading.moment.boot_id, reading.moment.boottime_ns):
            same = scan.lane == reading.lane and scan.barcode == reading.code
            if same and scan.moment.boottime_ns == reading.moment.boottime_ns:
                return scan  # it had been recorded all the same
        return self._sound().append(reading, verdict)

    def want(self, barcode: str, moment: Moment) -> None:
        self._mended(lambda journal: journal.want(barcode, moment))

    def turn(self, seq: int, passed: Passed, moment: Moment) -> None:
        self._mended(lambda journal: journal.turn(seq, passed, moment))

    def admission(self, seq: int) -> tuple[Scan | None, Passed | None]:
        return self._mended(lambda journal: journal.admission(seq))

    def history(self, ticket: Ticket) -> Sequence[Passage]:
        return self._mended(lambda journal: journal.history(ticket))

    def recent(self, boot_id: str, since_ns: int) -> Sequence[Scan]:
        return self._mended(lambda journal: journal.recent(boot_id, since_ns))

    def anchor(self, anchor: Anchor) -> None:
        self._mended(lambda journal: journal.anchor(anchor))
        self._anchors.append(anchor)

    def anchors(self) -> list[Anchor]:
        self._anchors = self._mended(lambda journal: journal.anchors())
        return list(self._anchors)

    def high_water_ms(self) -> int:
        return self._mended(lambda journal: journal.high_water_ms())

    def rest(self, now: Moment) -> None:
        """Use a pause: mend what the upkeep has found, or what rests have always been for. Raises NotRecorded."""
        found, self._upkeep.damage = self._upkeep.damage, None
        if found is not None:
            self._recover(found)
        elif self._broken is None and self._inode() != self._opened_inode:
            self._recover("it was removed, or replaced by another file")
        elif self._follower.ahead:
            self._follower.ahead = False
            self._complete(self._sound())
        else:
            self._mended(lambda journal: journal.rest(now))

    def _mended(self, work: Callable[[Journal], T]) -> T:
        try:
            return work(self._sound())
        except Damaged as error:
            self._recover(str(error))
        return work(self._sound())

    def _sound(self) -> Journal:
        if self._broken is not None:
            self._recover(self._broken)
        return self._journal

    def _recover(self, why: str) -> None:
        """Raises NotRecorded where that fails, or was done just now; it is tried again later."""
        self._broken = why
        if time.monotonic() < self._next_s:
            raise NotRecorded(f"journal.db: {why}")
        self._next_s = time.monotonic() + AGAIN_S
        self._journal.close()
        try:
            self._rebuild(why)
            self._journal = self._opened()
            self._anchor_again()
        except (StoreError, sqlite3.Error, OSError) as error:
            log.error("the journal could not be put together again: %s", error)
            raise NotRecorded(f"journal.db: {why}; and then: {error}") from error
        self._broken = None
        self._next_s = time.monotonic() + AGAIN_S

    def _anchor_again(self) -> None:
        """Write down what we know of the clocks and a damaged file did not: the witness has scans only."""
        try:
            kept = self._journal.anchors()
            for anchor in self._anchors:
                if anchor not in kept:
                    self._journal.anchor(anchor)
        except NotRecorded as error:  # scans come first
            log.warning("what is known of the clocks could not be written down again: %s", error)

    def facts(self) -> dict[str, object]:
        """Return what there is to tell: how the witness is, and what staff should know."""
        return {"witness": self._follower.problem or "ok", "notice": self.notice}

    # --- opening -----------------------------------------------------------------------------------------------------

    def _opened(self) -> Journal:
        why, left = self._wrong(), recovery.unfinished(self._directory, FILE)
        if why is not None:
            self._rebuild(why)
        elif left is not None:  # it had its name already, and nobody was told
            with closing(reader(self._directory)) as database:
                found = salvage.counted(database)
            self._report({"reason": "it was damaged", "quarantine": str(left), **found}, left)
        try:
            return self._compared(self._open())
        except StoreError as error:
            if not is_damage(error):
                raise
            self._rebuild(str(error))
        return self._compared(self._open())

    def _wrong(self) -> str | None:
        path = self._directory / FILE
        if (odd := recovery.no_file(self._directory, FILE)) is not None:
            return f"{odd} is no file"
        if not path.exists():
            if recovery.unfinished(self._directory, FILE) is not None:
                return "putting it together again was interrupted"
            return "it is missing" if self._has_more() else None
        why = recovery.damage(path, BOX_S)
        if path.stat().st_size == 0:
            return why if self._has_more() else None
        return why or ("its tables are gone" if recovery.lacks(path, "scan") else None)

    def _has_more(self) -> bool:
        """Tell whether there is anything from which a journal can be put together that is not there."""
        log_ = self._directory / f"{FILE}-wal"
        return (
            (log_.exists() and log_.stat().st_size > 0)
            or backup.newest(self._directory) is not None
            or ((place := self._witness()) is not None and witness.last(place) is not None and not self._is_strange())
        )

    def _witness(self) -> Path | None:
        return self._follower.witness.directory if self._follower.witness is not None else None

    def _is_strange(self) -> bool:
        """Tell whether the witness, which came on a medium of its own, is another kiosk's."""
        place = self._witness()
        found = witness.last(place) if place is not None else None
        device = witness.NAMES.index("device_id")
        return found is not None and place != self._directory / witness.DIRECTORY and found[device] != self._device_id

    def _rebuild(self, why: str) -> None:
        started = time.monotonic()
        log.error("the journal is damaged and is put together again: %s", why)
        with self.mending.going_on():
            place = recovery.set_aside(self._directory, FILE, unfinished=recovery.unfinished(self._directory, FILE))
            second = None if self._is_strange() else self._witness()
            found = recovery.rebuild(self._directory, SCHEMA, second, place / FILE, self.mending)
        self._upkeep.look_soon()
        took_s = round(time.monotonic() - started, 1)
        self._report({"reason": why, "quarantine": str(place), **found, "seconds": took_s}, place)

    def _report(self, found: dict[str, Any], *places: Path) -> None:
        facts = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **found}
        self.notice = {"saved": facts["scans"], "lost": facts["missing"]}
        log.error("the journal is whole again: %s", facts)
        for place in (*places, self._directory):
            recovery.report(place / recovery.REPORT, facts)

    def _compared(self, journal: Journal) -> Journal:
        """Hold journal and witness beside each other: who lacks scans gets them from the other."""
        self._opened_inode = self._inode()
        try:
            if not journal.upto and self._is_strange():
                self._follower.put_away()
            self._follower.settle()
        except OSError as error:
            log.warning("the second record of scans: %s", error)
        except sqlite3.Error as error:
            journal.close()
            raise StoreError(f"{FILE}: {error}") from error
        if (other := self._follower.left) is not None:
            log.error("journal and second record were of two kiosks; the second is kept as %s", other.name)
            self.notice = {"strange": 1}
        if self._follower.ahead:
            self._follower.ahead = False
            self._complete(journal)
        return journal

    def _complete(self, journal: Journal) -> None:
        """Take over what only the witness has: where that cannot be done the door goes on without. Raises Damaged."""
        place, before = self._witness(), journal.upto
        try:
            number = journal.restore(witness.rows_after(place, before)) if place is not None else 0
        except Damaged:
            journal.close()
            raise
        except (NotRecorded, OSError) as error:
            log.error("scans that only the second record has could not be taken over: %s", error)
            self.notice = {"saved": None, "lost": None}
            return
        if number:
            text = f"{number} scans after number {before} were missing and were taken from the second record"
            self._report({"reason": text, "quarantine": None, "scans": number, "missing": 0})

    def _inode(self) -> int:
        try:
            return (self._directory / FILE).stat().st_ino
        except OSError:
            return 0

    def close(self) -> None:
        self._upkeep.close()
        self._journal.close()
