"""`witness/`: every scan once more, apart from SQLite: one line each, appended, with its checksum.

A write-ahead log that is torn or lost, an old copy, an empty file: SQLite calls each of them sound. Only a second
record can tell that scans are missing, and which. A line is the CRC-32 of its JSON, and the JSON: the row as the
journal keeps it. A line that is torn or damaged costs itself only.

The lines lie in segments, named after their first scan. What has left the journal leaves them, too: a segment is
written anew without it, or removed.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from kiosk.store.database import sync_directory, write_whole
from kiosk.store.scanrows import COLUMNS

DIRECTORY = "witness"
NAMES = tuple(COLUMNS.split(", "))
SEQ, ID, RAW = NAMES.index("seq"), NAMES.index("id"), NAMES.index("raw")

SEGMENT_BYTES = 1 << 20
"""A segment that is longer is followed by a new one: some 2,500 scans."""

Row = tuple[Any, ...]

_NAME = re.compile(r"scans-(\d{12})\.log")


def as_line(row: Sequence[Any]) -> bytes:
    """Return a scan's row as a line."""
    found = {name: value for name, value in zip(NAMES, row, strict=True) if value is not None}
    if row[RAW] is not None:
        found["raw"] = row[RAW].hex()
    body = json.dumps(found, separators=(",", ":")).encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(body), body)


def as_row(line: bytes) -> Row | None:
    """Return the row of a line, None where the line is torn or damaged."""
    checksum, _, body = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        return None
    found = json.loads(body)
    if "raw" in found:
        found["raw"] = bytes.fromhex(found["raw"])
    return tuple(found.get(name) for name in NAMES)


class Witness:
    """The segments of one directory. `note` is for the thread of the journal's pen, all else for one other thread."""

    def __init__(self, place: Path, *, each: bool = False) -> None:
        """`place` holds the directory; `each` syncs every line. Raises OSError."""
        self.directory = place / DIRECTORY
        self.directory.mkdir(exist_ok=True)
        self._each, self._lock = each, threading.Lock()
        self._descriptor: int | None = None
        self._fresh = self._dirty = False
        self._size = 0
        self._ended: Path | None = None
        newest = last(self.directory)
        self.upto: int = newest[SEQ] if newest is not None else 0

    def note(self, row: Sequence[Any]) -> bool:
        """Write a scan down if it is the next one, and return whether it was. Raises OSError."""
        with self._lock:
            if row[SEQ] != self.upto + 1:
                return False  # who follows the journal writes what lies between first
            self._write(row)
            if self._each and self._descriptor is not None:
                self._sync_name()
                os.fdatasync(self._descriptor)
            return True

    def extend(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write these scans down, those of them that are newer than the newest. Raises OSError."""
        with self._lock:
            for row in rows:
                if row[SEQ] > self.upto:
                    self._write(row)

    def _write(self, row: Sequence[Any]) -> None:
        if self._descriptor is None:
            self._open(row[SEQ])
        line = as_line(row)
        assert self._descriptor is not None
        written = os.write(self._descriptor, line)
        self._dirty = True
        self._size += written
        if written != len(line):
            self._close()  # the next one begins with a new line
            raise OSError(f"only {written} of {len(line)} bytes could be written")
        self.upto = row[SEQ]

    def _open(self, seq: int) -> None:
        """Go on with the newest segment, behind its last line even where that is torn, or begin one."""
        newest = max(segments(self.directory), default=None)
        if newest is None or newest == self._ended or newest.stat().st_size >= SEGMENT_BYTES:
            newest = self.directory / f"scans-{seq:012}.log"
        self._fresh = not newest.exists()
        descriptor = os.open(newest, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._size = os.fstat(descriptor).st_size
            if self._size and os.pread(descriptor, 1, self._size - 1) != b"\n":
                os.write(descriptor, b"\n")
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def sync(self) -> None:
        """Put on disk what was written since, and let a segment that is full be followed. Raises OSError."""
        if self._dirty and self._descriptor is not None:
            self._dirty = False
            try:
                self._sync_name()
                os.fdatasync(self._descriptor)
            except OSError:
                self._dirty = True
                raise
        if self._size >= SEGMENT_BYTES:
            self.seal()

    def _sync_name(self) -> None:
        if self._fresh:
            sync_directory(self.directory)
            self._fresh = False

    def seal(self) -> None:
        """End the segment: what comes next goes on behind it, or begins another one where it is full."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self._size = 0

    def tidy(self, journal: sqlite3.Connection) -> None:
        """Take away what the journal has forgotten; `journal` is a reader's. Raises OSError, sqlite3.Error."""
        pruned = journal.execute("SELECT coalesce(max(upto), 0) FROM pruned").fetchone()[0]
        for path in (path for path in segments(self.directory) if first_seq(path) <= pruned):
            self.rewrite(path, partial(_kept, path, journal, pruned))

    def rewrite(self, path: Path, rows: Callable[[], list[Row] | None]) -> None:
        """Put these scans in a segment's place, None to leave it; what comes then begins another. Raises OSError."""
        if rows() is not None:
            self._ended = path
            self.seal()
            if (found := rows()) is not None:
                _replace(path, found)

    def close(self) -> None:
        with suppress(OSError):  # whoever starts next compares
            self.sync()
        self.seal()


def _kept(path: Path, journal: sqlite3.Connection, pruned: int) -> list[Row] | None:
    """Return what stays of a segment, None where all of it does."""
    rows = list(rows_of(path))
    numbers = json.dumps([row[SEQ] for row in rows])
    query = "SELECT seq FROM scan WHERE seq IN (SELECT value FROM json_each(?))"
    there = {seq for (seq,) in journal.execute(query, (numbers,))}
    kept = [row for row in rows if row[SEQ] in there or row[SEQ] > pruned]
    return kept if len(kept) < len(rows) else None


def _replace(path: Path, rows: Sequence[Row]) -> None:
    """Put these scans in a segment's place, whole and on disk, or remove it where none is left."""
    if rows:
        write_whole(path, b"".join(map(as_line, rows)))
    else:
        path.unlink()
        sync_directory(path.parent)


def segments(directory: Path) -> list[Path]:
    """Return the segments, oldest first."""
    return sorted(path for path in directory.glob("scans-*.log") if _NAME.fullmatch(path.name))


def first_seq(path: Path) -> int:
    """Return the number of a segment's first scan, by its name."""
    return int(path.name[6:18])


def rows_of(path: Path) -> Iterator[Row]:
    """Return a segment's scans that are whole, oldest first. Raises OSError."""
    for line in path.read_bytes().split(b"\n"):
        row = as_row(line)
        if row is not None:
            yield row


def rows_after(directory: Path, seq: int) -> Iterator[Row]:
    """Return the scans after this one, oldest first, each once. Raises OSError."""
    known = segments(directory)
    for number, path in enumerate(known):
        if number + 1 < len(known) and first_seq(known[number + 1]) <= seq + 1:
            continue
        for row in rows_of(path):
            if row[SEQ] > seq:
                seq = row[SEQ]
                yield row


def last(directory: Path) -> Row | None:
    """Return the newest scan; only the end is read. Raises OSError."""
    for path in reversed(segments(directory)):
        for line in reversed(path.read_bytes().split(b"\n")):
            row = as_row(line)
            if row is not None:
                return row
    return None


def is_of(directory: Path, journal: sqlite3.Connection) -> bool:
    """Tell whether these are the scans of this journal, by the newest that both should have. Raises OSError."""
    found = last(directory)
    newest = journal.execute("SELECT seq, id FROM scan ORDER BY seq DESC LIMIT 1").fetchone()
    if found is None or newest is None:
        return True
    if found[SEQ] > newest[0]:
        found = next(rows_after(directory, newest[0] - 1))
    same = journal.execute("SELECT id FROM scan WHERE seq = ?", (found[SEQ],)).fetchone()
    return same is None or same[0] == found[ID]


def put_away(directory: Path) -> Path:
    """Give the segments of another journal another name, and return it. Raises OSError."""
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    names = (f"{DIRECTORY}-{stamp}{ending}" for ending in ("", *(f"-{number}" for number in range(2, 100))))
    other = next(path for path in map(directory.with_name, names) if not path.exists())
    directory.rename(other)
    sync_directory(other.parent)
    return other
