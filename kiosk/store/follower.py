"""How the witness keeps up with the journal, beside it or on a second medium that may be slow, full or pulled out.

Beside the journal each scan is written before its answer. On a medium of its own the witness follows, from the journal:
a scan waits for neither, and what could not be written is caught up with once it can be.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal

from kiosk import clock
from kiosk.errors import StoreError
from kiosk.store import holes, witness
from kiosk.store.journal import reader
from kiosk.store.scanrows import COLUMNS
from kiosk.store.witness import Witness

log = logging.getLogger(__name__)

PORTION = 100
PAUSE_S = 0.02
"""So much is followed at once, then the door is let in: a witness that lacks a million scans has them in minutes."""

AT_ONCE = 1_000
"""So many scans the witness may lack for the start to wait until it has them."""

ANSWER_S = 2.0
"""How long a second medium is waited for at the start."""

HANGING_NS = 10_000_000_000
"""A medium that takes longer for anything does not answer."""


class Follower:
    """The witness of one journal, and what keeps it from being whole. `note` never waits for a second medium."""

    def __init__(self, directory: Path, mirror: Path | None, sync: Literal["each", "second", "none"]) -> None:
        self._directory, self._place, self._sync = directory, mirror or directory, sync
        self._away = mirror is not None
        self._stopped = threading.Event()
        self._compared = self._filled = False
        self._busy_since_ns = 0
        self._problem: str | None = None
        self.witness: Witness | None = None
        self.beside = False
        self.ahead = False
        self.left: Path | None = None
        self.within(self.open)

    @property
    def problem(self) -> str | None:
        since_ns = self._busy_since_ns
        if self._away and since_ns and clock.boottime_ns() - since_ns > HANGING_NS:
            return f"{self._place}: does not answer"
        return self._problem

    def note(self, row: Sequence[object]) -> bool:
        """Take a scan that is in the journal; return whether it is in the witness now."""
        try:
            return self.witness is not None and self.beside and self.witness.note(row)
        except OSError as error:
            self._tell(error)
            return False

    def settle(self) -> None:
        """Hold witness and journal beside each other before the door opens. Raises OSError, sqlite3.Error.

        A second medium that does not answer is not waited for; the thread does it later.
        """

        def work() -> None:
            with closing(reader(self._directory)) as journal:
                self.compare(journal)
                if self.beside:
                    self.follow(journal, AT_ONCE)

        self.within(work)

    def within(self, work: Callable[[], None]) -> None:
        """Do it at once, or on a thread of its own that is left alone after a while where a medium may hang."""
        if not self._away:
            return work()
        errors: list[Exception] = []

        def guarded() -> None:
            try:
                work()
            except (OSError, sqlite3.Error, StoreError) as error:
                errors.append(error)

        thread = threading.Thread(target=guarded, name="second medium", daemon=True)
        thread.start()
        thread.join(ANSWER_S)
        if thread.is_alive():
            self._tell(TimeoutError("does not answer"))
        for error in errors:
            raise error
        return None

    def open(self) -> None:
        """Find the witness. What keeps it away is a problem to tell, and no more."""
        try:
            self.beside = self._place.stat().st_dev == self._directory.stat().st_dev
            self.witness = Witness(self._place, each=self._sync == "each" and self.beside)
        except OSError as error:
            self._tell(error)
        else:
            self._tell(None)

    def _tell(self, error: Exception | None) -> None:
        text = f"{self._place}: {error}" if error is not None else None
        if text != self._problem:
            log.log(
                logging.WARNING if text else logging.INFO, "the second record of scans: %s", text or "as it should be"
            )
        self._problem = text

    def keep(self, journal: sqlite3.Connection) -> None:
        """Find it, compare it once, bring it up to the journal and put it on disk. Raises sqlite3.Error."""
        self._busy_since_ns = clock.boottime_ns()
        try:
            if self.witness is None:
                self.open()
            if not self._compared:
                self.compare(journal)
            self._bring_up(journal)
        except OSError as error:
            self._tell(error)
            if self._away:  # it may have been pulled out: what comes back is looked at anew
                self._leave()
        finally:
            self._busy_since_ns = 0

    def _bring_up(self, journal: sqlite3.Connection) -> None:
        self.follow(journal)
        if self.witness is not None:
            if not self._filled:
                holes.fill(self.witness, journal)
                self._filled = True
            if self._sync != "none":
                self.witness.sync()
            self._tell(None)

    def _leave(self) -> None:
        if self.witness is not None:
            with suppress(OSError):
                self.witness.seal()
            self.witness, self._compared, self._filled = None, False, False

    def follow(self, journal: sqlite3.Connection, most: float = float("inf")) -> None:
        """Bring the witness up to the journal, portion by portion. Raises OSError, sqlite3.Error."""
        query = f"SELECT {COLUMNS} FROM scan WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
        done = 0
        while (there := self.witness) is not None and done < most and not self._stopped.is_set():
            rows = journal.execute(query, (there.upto, PORTION)).fetchall()
            if rows:
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
            self._compared = True

    def put_away(self) -> None:
        """Begin a witness of our own; the other one stays, under another name. Raises OSError."""
        if self.witness is not None:
            self._leave_for(witness.put_away(self.witness.directory))

    def _leave_for(self, other: Path) -> None:
        log.error("the second record of scans belongs to another journal: it is kept as %s", other)
        self.left = other
        self._leave()
        self.open()

    def stop(self) -> None:
        self._stopped.set()

    def close(self) -> None:
        if self.witness is not None:
            self.within(self.witness.close)
