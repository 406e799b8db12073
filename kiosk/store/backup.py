"""`backup/`: whole copies of the journal, made while it is written, the newest few kept.

A copy stands under its name whole and on disk, or not at all. It is made in steps, each of which goes to the disk by
itself, so that no scan waits behind many megabytes. What has left the journal leaves the copies within a day.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from kiosk import disk
from kiosk.store.database import sync_directory

DIRECTORY = "backup"

PAGES = 128
"""Half a megabyte a step."""

PAUSE_S = 0.02

SPARE_BYTES = 64 << 20
"""So much stays free on the disk, or no copy is made."""

_NAME = re.compile(r"journal-\d{8}T\d{6}Z-(\d+)-(\d+)\.db")


def backups(directory: Path) -> list[Path]:
    """Return the copies, oldest first, whatever the clock said when they were made."""
    found = (directory / DIRECTORY).glob("journal-*.db")
    return sorted((path for path in found if _NAME.fullmatch(path.name)), key=_state)


def newest(directory: Path) -> Path | None:
    return max(backups(directory), key=_state, default=None)


def state(journal: sqlite3.Connection) -> tuple[int, int]:
    """Return what tells one state of the journal from another: its newest scan, and how many have left it."""
    scans = journal.execute("SELECT coalesce(max(seq), 0) FROM scan").fetchone()[0]
    return scans, journal.execute("SELECT coalesce(sum(scans), 0) FROM pruned").fetchone()[0]


def is_due(directory: Path, journal: sqlite3.Connection) -> bool:
    """Tell whether there is something that the newest copy does not have, or has still."""
    found = newest(directory)
    return state(journal) != (_state(found) if found is not None else (0, 0))


def _state(path: Path) -> tuple[int, int]:
    found = _NAME.fullmatch(path.name)
    return (int(found[1]), int(found[2])) if found is not None else (0, 0)


def make(directory: Path, journal: sqlite3.Connection, kept: int, stopped: Callable[[], bool]) -> Path | None:
    """Make a copy and let the oldest go; None when stopped half-way. Raises OSError, sqlite3.Error.

    `journal` is a reader's, outside a transaction: one moment of it is copied, whatever is written meanwhile.
    """
    place = directory / DIRECTORY
    place.mkdir(exist_ok=True)
    sync_directory(directory)
    draft = place / "journal.draft"
    _remove(draft)
    journal.execute("BEGIN")
    try:
        scans, left = state(journal)
        _refuse_full_disk(place, journal)
        _copy(journal, draft, stopped)
    except _StoppedError:
        _remove(draft)
        return None
    except BaseException:
        _remove(draft)
        raise
    finally:
        journal.execute("COMMIT")
    path = place / f"journal-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{scans}-{left}.db"
    draft.rename(path)
    sync_directory(place)
    _prune(directory, kept)
    return path


class _StoppedError(Exception):
    pass


def _refuse_full_disk(place: Path, journal: sqlite3.Connection) -> None:
    size = int(journal.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()[0])
    if disk.volume(place).free < size + SPARE_BYTES:
        raise OSError(f"no backup: {size // 1_000_000} MB more would fill the disk")


def _copy(journal: sqlite3.Connection, draft: Path, stopped: Callable[[], bool]) -> None:
    draft.touch(mode=0o600)
    with draft.open("rb+") as file, closing(sqlite3.connect(draft, isolation_level=None)) as copy:
        copy.execute("PRAGMA synchronous = OFF")

        def step(*_: int) -> None:
            os.fdatasync(file.fileno())
            if stopped():
                raise _StoppedError

        journal.backup(copy, pages=PAGES, progress=step, sleep=PAUSE_S)
        copy.execute("PRAGMA journal_mode = DELETE").fetchone()  # one file, with no log beside it
    with draft.open("rb+") as file:
        os.fsync(file.fileno())


def _prune(directory: Path, kept: int) -> None:
    """Let go what is too much, and what still has scans that have left the journal more than a day ago."""
    found = backups(directory)
    newest = found[-1]
    for number, path in enumerate(found[:-1]):
        is_old = path.name[8:16] < newest.name[8:16] and _state(path)[1] != _state(newest)[1]
        if is_old or len(found) - number > kept:
            path.unlink()
    sync_directory(directory / DIRECTORY)


def _remove(draft: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        draft.with_name(draft.name + ending).unlink(missing_ok=True)
