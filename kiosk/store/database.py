"""How every file is opened, versioned, locked and written: SQLite in WAL mode, explicit SQL, one write transaction.

A connection never leaves the thread that opened it.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Literal
from urllib.parse import quote

from kiosk.errors import NoListYet, Refused, StoreError, TooNew

READ_WAIT_MS = 250
"""How long a reader waits for a lock; in WAL mode it only ever meets one while a file is being made or recovered."""

WRITE_WAIT_MS = 10_000
"""How long a writer waits for another one: a person importing tickets while sync stores a page."""


MOST_LOG = 8 << 20
"""Bytes that a write-ahead log may keep once it was folded in: a long import, or a reader that held it, leaves more."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Schema:
    """A file's numbered migrations, each a list of statements. A step that has been released is never edited."""

    name: str
    steps: tuple[tuple[str, ...], ...]

    @property
    def version(self) -> int:
        return len(self.steps)


def open_for_writing(path: Path, schema: Schema, synchronous: Literal["FULL", "NORMAL"]) -> sqlite3.Connection:
    """Open, and make or migrate, a file this program owns. Raises TooNew, StoreError."""
    fresh = not path.exists()
    with _closed_on_error(path, StoreError):
        connection = sqlite3.connect(path, isolation_level=None, timeout=WRITE_WAIT_MS / 1000)
    with _closed_on_error(path, StoreError, connection):
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA journal_size_limit = {MOST_LOG}").fetchone()
        _bring_up_to_date(connection, schema)
    if fresh:
        sync_directory(path.parent)
    return connection


def open_for_reading(path: Path, schema: Schema) -> sqlite3.Connection:
    """Open somebody else's file. Raises NoListYet while it does not exist or is older than this program, TooNew."""
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    with _closed_on_error(path, NoListYet):
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=READ_WAIT_MS / 1000)
    with _closed_on_error(path, NoListYet, connection):
        version = _version(connection)
        _refuse_newer(version, schema)
        if version < schema.version:
            raise NoListYet(f"{path}: its owner has not brought it up to date yet")
    return connection


@contextmanager
def _closed_on_error(
    path: Path, meaning: type[StoreError], connection: sqlite3.Connection | None = None
) -> Iterator[None]:
    """Give SQLite's errors their meaning, and leave no half-opened file behind on any."""
    try:
        yield
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error):
            raise meaning(f"{path}: {error}") from error
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _refuse_newer(version: int, schema: Schema) -> None:
    if version > schema.version:
        raise TooNew(
            f"{schema.name}.db has version {version}, this kiosk knows {schema.version}: "
            "install the newer kiosk again; nothing was changed"
        )


def _bring_up_to_date(connection: sqlite3.Connection, schema: Schema) -> None:
    version = _version(connection)
    _refuse_newer(version, schema)
    if version < schema.version:
        _migrate(connection, schema)


def _migrate(connection: sqlite3.Connection, schema: Schema) -> None:
    """Run what is missing. sqlite-utils is loaded only now: it costs a Pi half a second that most starts can save."""
    from sqlite_utils import Database, Migrations

    migrations = Migrations(schema.name)
    for number, statements in enumerate(schema.steps, start=1):

        def step(database: Database, number: int = number, statements: tuple[str, ...] = statements) -> None:
            for statement in statements:
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {number}")

        migrations(name=f"{number:03}")(step)
    migrations.apply(Database(connection, execute_plugins=False))


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all of it or nothing. IMMEDIATE, so that who reads first and writes then never fails half-way."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def own(path: Path, program: str) -> IO[str]:
    """Take the lock that makes this process a file's only writing program; it lasts while the result is open.

    Raises Refused when another process has it.
    """
    while not _is_at(path, holder := _locked(path, program)):
        holder.close()  # `kiosk reset` has removed it meanwhile: who comes after us would lock another one
    with suppress(OSError):  # it only tells people who has it: a full disk must not keep the door shut
        holder.truncate(0)
        holder.write(str(os.getpid()))
        holder.flush()
    return holder


def _locked(path: Path, program: str) -> IO[str]:
    holder = path.open("a+", encoding="ascii")
    try:
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder.seek(0)
        pid = holder.read(20).strip() or "?"
        holder.close()
        raise Refused(f"kiosk {program} is already running here (process {pid}): stop that one first") from None
    return holder


def _is_at(path: Path, holder: IO[str]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(holder.fileno()))
    except FileNotFoundError:
        return False


def write_whole(path: Path, content: bytes, *, private: bool = False) -> None:
    """Put a file in its place, whole and on disk, or leave what is there as it is. Raises OSError.

    A `private` one is its owner's to read, who is the directory's owner where root writes it.
    """
    draft = path.with_suffix(".draft")
    if private:
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600, exist_ok=False)
        if os.getuid() == 0:  # who uses sudo must not shut the kiosk's own user out
            home = path.parent.stat()
            os.chown(draft, home.st_uid, home.st_gid)
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Put a directory's entries on disk: a new file is not safe before its name is."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_damage(error: BaseException | None) -> bool:
    """Tell whether this error, or its cause, says that a file's content is damaged: not locked, full or forbidden."""
    if isinstance(error, StoreError):
        return is_damage(error.__cause__)
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or code == sqlite3.SQLITE_IOERR_SHORT_READ


def to_ms(at: datetime) -> int:
    """Return an aware time as whole milliseconds since 1970, as every file keeps it."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def from_ms(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)
