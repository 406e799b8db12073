"""What the witness lacks in its middle: a power cut may take one block of a file and leave the one behind it.

It would be missed only when the journal is lost, too, perhaps weeks later; so what the journal has is put in at once.
"""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path

from kiosk.store.scanrows import COLUMNS
from kiosk.store.witness import SEQ, Row, Witness, first_seq, rows_of, segments

SEGMENTS = 2
"""So many of the newest may have lost something: all others were on disk before."""


def fill(there: Witness, journal: sqlite3.Connection) -> None:
    """Put in what the journal has; `journal` is a reader's. Raises OSError, sqlite3.Error."""
    newest = segments(there.directory)[-SEGMENTS:]
    for path, following in zip(newest, [*newest[1:], None], strict=False):
        there.rewrite(path, partial(_filled, path, following, journal))


def _filled(path: Path, following: Path | None, journal: sqlite3.Connection) -> list[Row] | None:
    """Return what a segment should hold, None where it does; what lies behind its newest scan is for who follows."""
    there = {row[SEQ]: row for row in rows_of(path)}
    upto = first_seq(following) - 1 if following is not None else max(there, default=0)
    query = f"SELECT {COLUMNS} FROM scan WHERE seq BETWEEN ? AND ?"  # noqa: S608
    known = {row[SEQ]: row for row in journal.execute(query, (first_seq(path), upto))}
    if known.keys() <= there.keys():
        return None
    return [row for _, row in sorted((known | there).items())]
