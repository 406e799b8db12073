"""A damaged file: noticed, moved aside with its logs, never deleted. A journal is put together again from the rest.

    journal.db, -wal, -shm → quarantine/<time>/ → what can be read of them, the newest backup, the witness → a draft
    → journal.db

Where the newest backup and the witness have everything, the backup is the draft (`standin.py`). It takes the journal's
name once it is whole and on disk. `recovered.json` in the quarantine says that this is done: where
it is missing, whoever starts next begins with the draft again. A lock, a full disk, a missing permission is no damage.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kiosk.store import backup, salvage, standin
from kiosk.store.database import Schema, is_damage, open_for_writing, sync_directory, write_whole
from kiosk.store.mending import Mending
from kiosk.store.salvage import counted

DIRECTORY = "quarantine"
REPORT = "recovered.json"
DRAFT = "recovery.draft"

BYTES_A_SECOND = 40_000_000
"""What a card gives at a boot."""

IMPOSSIBLE_VERSION = 10_000
"""No kiosk has ever written a file of this version: it is damaged, not newer."""


def damage(path: Path, box_s: float | None) -> str | None:
    """Return what is wrong with a file's content, None where nothing is known to be; look for about so long at most.

    Of a file that takes longer to read only the ends are looked at: SQLite lets nobody in while it reads a whole tree.
    What keeps it from being opened otherwise is for its owner to find out.
    """
    if not path.exists():
        return None
    if path.stat().st_size == 0:
        return "it is empty"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)) as database:
            database.execute("PRAGMA busy_timeout = 250")
            if database.execute("PRAGMA user_version").fetchone()[0] > IMPOSSIBLE_VERSION:
                return "its version is none that there is"
            if box_s is not None and path.stat().st_size > box_s * BYTES_A_SECOND:
                _look_at_ends(database)
                return None
            return _look_through(database, box_s)
    except sqlite3.Error as error:
        return str(error) if is_damage(error) else None


def _look_through(database: sqlite3.Connection, box_s: float | None) -> str | None:
    deadline = time.monotonic() + (box_s if box_s is not None else float("inf"))
    database.set_progress_handler(lambda: int(time.monotonic() > deadline), 1_000)
    found: str = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
    return None if found == "ok" else found.replace("\n", " ")


def _look_at_ends(database: sqlite3.Connection) -> None:
    """Read the first row of each table, and the last one where rows have numbers. Raises sqlite3.Error."""
    tables = "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
    for name, without_rowid in database.execute(tables).fetchall():
        database.execute(f'SELECT * FROM "{name}" LIMIT 1').fetchone()  # noqa: S608
        if not without_rowid:
            database.execute(f'SELECT * FROM "{name}" ORDER BY rowid DESC LIMIT 1').fetchone()  # noqa: S608


def lacks(path: Path, table: str) -> bool:
    """Tell whether a file that once was made does not have this table any more. Raises sqlite3.Error.

    One whose making was interrupted is taken back by whoever opens it for writing, and by no reader: it lacks nothing.
    """
    with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)) as database:
        try:
            version = database.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_READONLY_ROLLBACK:
                return False
            raise
        return bool(version) and not database.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchone()


def set_aside(directory: Path, name: str, *, unfinished: Path | None = None) -> Path:
    """Move a file and its logs into the quarantine and return where they are. Raises OSError.

    The file goes before its log: one without its log has lost its end and does not look so.
    """
    place = unfinished or _new_place(directory / DIRECTORY)
    for path in _files(directory, name):
        if path.exists():
            path.rename(place / path.name)
            sync_directory(place)
            sync_directory(directory)
    return place


def _files(directory: Path, name: str) -> list[Path]:
    return [directory / f"{name}{ending}" for ending in ("", "-wal", "-shm")]


def no_file(directory: Path, name: str) -> str | None:
    """Return the name of what lies in a file's or its logs' place and is none: a directory, a pipe."""
    return next((path.name for path in _files(directory, name) if path.exists() and not path.is_file()), None)


def _new_place(quarantine: Path) -> Path:
    quarantine.mkdir(exist_ok=True)
    sync_directory(quarantine.parent)
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    names = (stamp, *(f"{stamp}-{number}" for number in range(2, 1_000)))
    place = next(quarantine / name for name in names if not (quarantine / name).exists())
    place.mkdir()
    sync_directory(quarantine)
    return place


def unfinished(directory: Path, name: str) -> Path | None:
    """Return where a file lies that was moved aside and of which nothing new was made yet."""
    for place in sorted((directory / DIRECTORY).glob("*Z*"), reverse=True):
        if (place / name).exists():
            return place if not (place / REPORT).exists() else None
    return None


def rebuild(directory: Path, schema: Schema, witness: Path | None, damaged: Path, mending: Mending) -> dict[str, Any]:
    """Put the journal together again from what was moved aside, and return how that went.

    Raises StoreError, sqlite3.Error and OSError: nothing stands under the journal's name then.
    """
    copy = backup.newest(directory)
    if copy is None or witness is None or not standin.bring_up(copy, schema, witness, damaged, mending):
        copy = directory / DRAFT
        read = _fill(copy, schema, witness, damaged, mending)
    else:
        read = None
    with closing(sqlite3.connect(copy)) as database:
        found = {"readable": read, **counted(database)}
    with copy.open("rb+") as file:
        os.fsync(file.fileno())
    copy.rename(directory / damaged.name)
    for place in (directory, copy.parent):
        sync_directory(place)
    return found


def _fill(draft: Path, schema: Schema, witness: Path | None, damaged: Path, mending: Mending) -> bool:
    """Fill a draft with all that is left; return whether the damaged file could be read."""
    for ending in ("", "-wal", "-shm", "-journal"):
        draft.with_name(f"{draft.name}{ending}").unlink(missing_ok=True)
    open_for_writing(draft, schema, "NORMAL").close()
    with closing(sqlite3.connect(f"file:{quote(str(draft.absolute()))}", uri=True, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = MEMORY").fetchone()
        database.execute("PRAGMA synchronous = OFF")
        with salvage.unbound(database):
            read = damaged.is_file() and salvage.copy(database, damaged, 0, partial(mending.at, "the damaged file"))
            if (newest := backup.newest(draft.parent)) is not None:
                salvage.copy(database, newest, 0, partial(mending.at, "the newest backup"))
            if witness is not None:
                salvage.complete(database, witness, partial(mending.at, "the second record"))
    return read


def report(path: Path, facts: dict[str, Any]) -> None:
    """Write down how a recovery went, whole and on disk. Raises OSError."""
    write_whole(path, json.dumps(facts).encode())


def last_report(directory: Path) -> dict[str, Any] | None:
    """Return how the last recovery went, None where there was none."""
    try:
        found = json.loads((directory / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def mend(directory: Path, names: tuple[str, ...], box_s: float | None) -> list[tuple[str, str, Path]]:
    """Move files aside that are damaged and that their owner makes anew; return which, why, and where to.

    Raises OSError.
    """
    found = {name: damage(directory / name, box_s) for name in names}
    return [(name, why, set_aside(directory, name)) for name, why in found.items() if why is not None]
