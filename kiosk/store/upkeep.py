"""What is done for the journal beside the scans, on a thread of its own that no scan waits for.

The witness follows the journal where it does not stand beside it: a second medium that is slow, full or pulled out
costs no scan anything, and is caught up with from the journal. Now and then the two are compared, the whole file is
checked, a copy is made. What is found goes to the pen's own thread, which mends it in its next pause.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kiosk import clock
from kiosk.errors import NoListYet, StoreError
from kiosk.store import backup, witness
from kiosk.store.database import is_damage
from kiosk.store.journal import FILE, reader
from kiosk.store.scanrows import COLUMNS
from kiosk.store.witness import Witness

log = logging.getLogger(__name__)

PORTION = 100
PAUSE_S = 0.02
"""So much is followed at once, then the door is let in: a witness that lacks a million scans has them in minutes."""

SYNC_S = 1.0
QUIET_NS = 2_000_000_000
"""The whole file is checked while nobody has come for so long, and not any more once somebody comes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done how often, in seconds; `mirror` is where the witness stands, None for beside the journal."""

    mirror: Path | None = None
    sync: Literal["each", "second", "none"] = "second"
    backup_s: float = 3_600.0
    backups: int = 3
    check_s: float = 3_600.0
    first_check_s: float = 60.0
    tidy_s: float = 60.0


class Upkeep:
    """The thread, and what it has found. `note` is for the thread of the journal's pen, and never waits."""

    def __init__(self, directory: Path, plan: Plan) -> None:
        self._directory, self._plan = directory, plan
        self._place = plan.mirror or directory
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._journal: sqlite3.Connection | None = None
        self._inode = 0
        self._noted_ns = 0
        now = clock.boottime_ns()
        self._due = {"tidy": now, "check": now + int(plan.first_check_s * 1e9), "backup": now}
        self.witness: Witness | None = None
        self.beside = False
        self.problem: str | None = None
        self.damage: str | None = None
        self.ahead = False
        self.open()

    def open(self) -> None:
        """Find the witness. What keeps it away is a problem to tell, and no more."""
        try:
            self.beside = self._place.stat().st_dev == self._directory.stat().st_dev
            self.witness = Witness(self._place, each=self._plan.sync == "each" and self.beside)
        except OSError as error:
            self._tell(error)
        else:
            self._tell(None)

    def start(self) -> None:
        self._thread.start()

    def note(self, row: Sequence[object]) -> None:
        """Take a scan that is in the journal. It is in the witness, too, when this returns, if that is beside it."""
        self._noted_ns = clock.boottime_ns()
        try:
            if self.witness is not None and self.beside and self.witness.note(row):
                return
        except OSError as error:
            self._tell(error)
        self._wake.set()

    def _tell(self, error: Exception | None) -> None:
        text = f"{self._place}: {error}" if error is not None else None
        if text != self.problem:
            log.log(
                logging.WARNING if text else logging.INFO, "the second record of scans: %s", text or "as it should be"
            )
        self.problem = text

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait(SYNC_S)
            self._wake.clear()
            self._step()
        self._close_journal()

    def _step(self) -> None:
        try:
            journal = self._open_journal()
        except (NoListYet, OSError):  # it is being put together again
            return
        except (StoreError, sqlite3.Error) as error:
            self._suspect(error)
            return
        for work in (self._keep_witness, self._do_what_is_due):
            try:
                work(journal)
            except sqlite3.Error as error:
                self._suspect(error)

    def _suspect(self, error: Exception) -> None:
        """What says that the file is damaged is for the pen; what was interrupted or is locked comes again."""
        if is_damage(error):
            self.damage = str(error)

    def _open_journal(self) -> sqlite3.Connection:
        inode = (self._directory / FILE).stat().st_ino
        if self._journal is None or inode != self._inode:
            self._close_journal()
            self._journal, self._inode = reader(self._directory), inode
        return self._journal

    def _close_journal(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _keep_witness(self, journal: sqlite3.Connection) -> None:
        try:
            if self.witness is None:
                self.open()
                self.compare(journal)
            self._bring_up(journal)
        except OSError as error:
            self._tell(error)
            if self._plan.mirror is not None:  # it may have been pulled out: what comes back is looked at anew
                self._leave()

    def _bring_up(self, journal: sqlite3.Connection) -> None:
        self.follow(journal)
        if self.witness is not None:
            if self._plan.sync != "none":
                self.witness.sync()
            self._tell(None)

    def _leave(self) -> None:
        if self.witness is not None:
            with suppress(OSError):
                self.witness.seal()
            self.witness = None

    def follow(self, journal: sqlite3.Connection, most: float = float("inf")) -> None:
        """Bring the witness up to the journal, portion by portion. Raises OSError, sqlite3.Error."""
        query = f"SELECT {COLUMNS} FROM scan WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
        done = 0
        while (there := self.witness) is not None and done < most and not self._stopped.is_set():
            rows = journal.execute(query, (there.upto, PORTION)).fetchall()
            there.extend(rows)
            done += len(rows)
            if len(rows) < PORTION:
                return
            self._stopped.wait(PAUSE_S)

    def compare(self, journal: sqlite3.Connection) -> None:
        """See that the witness is this journal's, and which of the two knows more. Raises OSError, sqlite3.Error."""
        there = self.witness
        if there is not None and not witness.is_of(there.directory, journal):
            self.put_away()
        elif there is not None:
            newest = journal.execute("SELECT coalesce(max(seq), 0) FROM scan").fetchone()[0]
            found = witness.last(there.directory)
            self.ahead = found is not None and found[witness.SEQ] > newest

    def put_away(self) -> None:
        """Begin a witness of our own; the other one stays, under another name. Raises OSError."""
        if self.witness is not None:
            self._leave_for(witness.put_away(self.witness.directory))

    def _leave_for(self, other: Path) -> None:
        log.error("the second record of scans belongs to another journal: it is kept as %s", other)
        self._leave()
        self.open()

    def _do_what_is_due(self, journal: sqlite3.Connection) -> None:
        now = clock.boottime_ns()
        try:
            if now >= self._due["tidy"] and self.witness is not None:
                self._due["tidy"] = now + int(self._plan.tidy_s * 1e9)
                self.witness.tidy(journal)
            if now >= self._due["backup"]:
                self._due["backup"] = now + int(self._plan.backup_s * 1e9)
                if backup.is_due(self._directory, journal):
                    backup.make(self._directory, journal, self._plan.backups, self._stopped.is_set)
            if now >= self._due["check"] and self._is_quiet() and self._check(journal):
                self._due["check"] = now + int(self._plan.check_s * 1e9)
        except OSError as error:
            log.warning("the journal's upkeep: %s", error)

    def _is_quiet(self) -> bool:
        return not self._stopped.is_set() and clock.boottime_ns() - self._noted_ns > QUIET_NS

    def _check(self, journal: sqlite3.Connection) -> bool:
        """Look the whole file through and compare it with the witness; return whether nobody came meanwhile."""
        journal.set_progress_handler(lambda: int(not self._is_quiet()), 2_000)
        try:
            found = journal.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                return False
            raise
        finally:
            journal.set_progress_handler(None, 0)
        if found != "ok":
            self.damage = found.replace("\n", " ")
        self.compare(journal)
        return True

    def close(self) -> None:
        """Stop, with what was written on disk."""
        self._stopped.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(5.0)
        if self.witness is not None:
            self.witness.close()


def age_s(directory: Path, now_s: float) -> int | None:
    """Return how old the newest copy of the journal is, None where there is none."""
    found = backup.newest(directory)
    try:
        return max(0, round(now_s - found.stat().st_mtime)) if found is not None else None
    except OSError:
        return None
