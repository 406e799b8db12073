"""A file of real blocks beside the journal, given up when the disk is full.

On a full disk SQLite can neither fold its log in nor delete anything: only somebody else's room helps. This is room for
some hundred scans. It is made again once there is room for several of it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from kiosk import disk
from kiosk.errors import StoreError

log = logging.getLogger(__name__)

R = TypeVar("R")

FILE = "ballast"
SIZE = 8 << 20
ROOM = 4 * SIZE
"""How much must be free before it is made: what is given up must not be taken again at once."""

NO_ROOM = 64 << 10
"""Bytes. With less than this free, a write that failed did so for want of room, whatever SQLite calls it."""


class Ballast:
    """Belongs to the journal's pen, and is made by it."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._file = directory, directory / FILE

    def make_room_for(self, work: Callable[[], R]) -> R:
        """Do something that writes, and once more without the ballast where there was no room for it.

        Raises what the work raises, when there is no ballast or it did not help.
        """
        try:
            return work()
        except (sqlite3.Error, StoreError) as error:
            if not (self._is_for_want_of_room(error) and self._give_up()):
                raise
            log.error("the disk is full: the ballast is given up, so that scans can still be recorded; make room now")
            return work()

    def keep(self) -> None:
        """Make it, where it is not there and there is room. Costs microseconds while it is there."""
        if self.is_there(self._directory) or disk.volume(self._directory).free < ROOM:
            return
        try:
            with self._file.open("wb") as made:
                os.posix_fallocate(made.fileno(), 0, SIZE)
        except OSError as error:
            log.warning("no ballast could be made: %s", error)
            self._give_up()

    @staticmethod
    def is_there(directory: Path) -> bool:
        """Tell whether it is there, and of blocks rather than a hole."""
        with suppress(FileNotFoundError):
            return (directory / FILE).stat().st_blocks * 512 >= SIZE
        return False

    def _give_up(self) -> bool:
        try:
            self._file.unlink()
        except OSError:
            return False
        return True

    def _is_for_want_of_room(self, error: BaseException) -> bool:
        """SQLite calls it FULL, or, where it was its shared index or a new file that had no room, something else."""
        code = getattr(error, "sqlite_errorcode", getattr(error.__cause__, "sqlite_errorcode", None))
        if code == sqlite3.SQLITE_FULL:
            return True
        return code is not None and disk.volume(self._directory).free < NO_ROOM
