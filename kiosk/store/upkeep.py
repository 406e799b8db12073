"""What is done for the journal beside the scans, on a thread of its own that no scan waits for.

The witness is kept up and put on disk; now and then the two are compared, the whole file is checked, a copy is made.
What is found goes to the pen's own thread, which mends it in its next pause.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kiosk import clock
from kiosk.errors import NoListYet, StoreError
from kiosk.store import backup
from kiosk.store.database import is_damage
from kiosk.store.follower import Follower
from kiosk.store.journal import FILE, reader

log = logging.getLogger(__name__)

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
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._journal: sqlite3.Connection | None = None
        self._inode = 0
        self._noted_ns = 0
        now = clock.boottime_ns()
        first = now + int(plan.first_check_s * 1e9)
        self._due = {"tidy": now, "check": first, "backup": first}
        self.follower = Follower(directory, plan.mirror, plan.sync)
        self.damage: str | None = None

    def start(self) -> None:
        self._thread.start()

    def look_soon(self) -> None:
        """The journal was put together again: a copy and a check are due as they are after a start."""
        soon = clock.boottime_ns() + int(self._plan.first_check_s * 1e9)
        self._due["check"] = self._due["backup"] = soon

    def note(self, row: Sequence[object]) -> None:
        """Take a scan that is in the journal. It is in the witness, too, when this returns, if that is beside it."""
        self._noted_ns = clock.boottime_ns()
        if not self.follower.note(row):
            self._wake.set()

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
        for work in (self.follower.keep, self._do_what_is_due):
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

    def _do_what_is_due(self, journal: sqlite3.Connection) -> None:
        now = clock.boottime_ns()
        try:
            if now >= self._due["tidy"] and self.follower.witness is not None:
                self._due["tidy"] = now + int(self._plan.tidy_s * 1e9)
                self.follower.witness.tidy(journal)
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
        """Look the whole file through and compare it with the witness; return whether nobody came meanwhile.

        The quick check would not see that the index lacks a ticket, which would be let in again.
        """
        journal.set_progress_handler(lambda: int(not self._is_quiet()), 2_000)
        try:
            found = journal.execute("PRAGMA integrity_check(1)").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                return False
            raise
        finally:
            journal.set_progress_handler(None, 0)
        if found != "ok":
            self.damage = found.replace("\n", " ")
        self.follower.compare(journal)
        return True

    def close(self) -> None:
        """Stop, with what was written on disk."""
        self._stopped.set()
        self.follower.stop()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(5.0)
        self.follower.close()


def age_s(directory: Path, now_s: float) -> int | None:
    """Return how old the newest copy of the journal is, None where there is none."""
    found = backup.newest(directory)
    try:
        return max(0, round(now_s - found.stat().st_mtime)) if found is not None else None
    except OSError:
        return None
