"""What can still be read of a damaged journal, and what its backup and the witness know beside it, put into a new one.

A range of numbers that cannot be read is halved until what is damaged stands alone; what else is there is saved.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from kiosk.model import ClockQuality, Direction, Reason, Result
from kiosk.store.database import transaction
from kiosk.store.scanrows import COLUMNS, INSERT, as_scan
from kiosk.store.witness import NAMES, SEQ, Row, first_seq, rows_of, segments

CHUNK = 4_096
"""So many numbers are copied at once."""

PROBES = 20_000
"""How often a range is halved: a file of which nothing can be read is given up soon."""

BEYOND = 1 << 20
"""So far is looked where the end cannot be read."""

_WORDS: dict[str, frozenset[object]] = {
    "clock": frozenset(ClockQuality), "type": frozenset(Direction), "result": frozenset(Result),
    "reason": frozenset(Reason),
}  # fmt: skip
_TRIGGERS = "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('trigger', 'index') AND sql IS NOT NULL"
_TABLES = (
    "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
    r"AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT IN ('scan', '_sqlite_migrations')"
)
_NOT_YET = f"{INSERT.replace('INSERT', 'INSERT OR IGNORE').partition('VALUES')[0]}"


@contextmanager
def unbound(draft: sqlite3.Connection) -> Iterator[None]:
    """Take the rules of the journal off while it is filled in any order; they come back, and so do its indexes."""
    rules = draft.execute(_TRIGGERS).fetchall()
    for kind, name, _ in rules:
        draft.execute(f"DROP {kind} {name}")
    yield
    for _, _, sql in rules:
        draft.execute(sql)


class _UnreadableError(Exception):
    pass


class _Source:
    """A damaged file, on a connection of its own: attached to the draft's, its faults would end in the commits there.

    Whatever it says is wrong with it is no reason to stop.
    """

    def __init__(self, path: Path) -> None:
        uri = f"file:{quote(str(path.absolute()))}?mode=ro"
        self._database = sqlite3.connect(uri, uri=True, isolation_level=None)

    def rows(self, query: str, values: Sequence[object] = ()) -> Iterator[Row]:
        try:
            yield from self._database.execute(query, values)
        except sqlite3.Error as error:
            raise _UnreadableError from error

    def columns(self, table: str) -> list[str]:
        return [name for (name,) in self.rows("SELECT name FROM pragma_table_info(?)", (table,))]

    def close(self) -> None:
        self._database.close()


Far = Callable[[int, int], None]
"""Takes how much is done, and of how much."""


def copy(draft: sqlite3.Connection, path: Path, upto: int, far: Far = lambda _done, _of: None) -> bool:
    """Copy what can be read of this file and is not there yet; return whether it could be read at all.

    `upto` is the newest scan that is known elsewhere. What the draft knows to have been removed is not taken again.
    """
    try:
        with closing(_Source(path)) as source:
            return _copy_tables(draft, source, upto, far)
    except _UnreadableError:
        return False


def _copy_tables(draft: sqlite3.Connection, source: _Source, upto: int, far: Far) -> bool:
    pruned = draft.execute("SELECT coalesce(max(upto), 0) FROM pruned").fetchone()[0]
    with transaction(draft):
        _copy_beside(draft, source, far)
        scans = _Table(draft, source, "scan")
        if scans.names:
            _copy_by_number(scans, pruned + 1, upto, far)
    return bool(scans.names)


def copy_beside(draft: sqlite3.Connection, path: Path) -> None:
    """Copy what can be read of this file but the scans, as far as it is not there yet."""
    if path.is_file():
        with suppress(_UnreadableError), closing(_Source(path)) as source, transaction(draft):
            _copy_beside(draft, source, lambda _done, _of: None)


def _copy_beside(draft: sqlite3.Connection, source: _Source, far: Far) -> None:
    for name, without_rowid in draft.execute(_TABLES).fetchall():
        table = _Table(draft, source, name)
        if table.names and without_rowid:
            _copy_by_key(table)
        elif table.names:
            _copy_by_number(table, 1, 0, far)


class _Table:
    """One table in both files, with the columns that both have: the damaged file may be an older version's."""

    def __init__(self, draft: sqlite3.Connection, source: _Source, name: str) -> None:
        self.draft, self.source, self.name = draft, source, name
        theirs = source.columns(name)
        mine = draft.execute("SELECT name FROM pragma_table_info(?)", (name,)).fetchall()
        self.names = [column for (column,) in mine if column in theirs]
        self.columns = ", ".join(self.names)
        self._words = {self.names.index(name): words for name, words in _WORDS.items() if name in self.names}
        places = ", ".join("?" * len(self.names))
        self.insert = f"INSERT OR IGNORE INTO {name} ({self.columns}) VALUES ({places})"  # noqa: S608

    def take_all(self, rows: Sequence[Sequence[object]]) -> None:
        """All at once where each has the words of a scan, else one by one. Raises sqlite3.IntegrityError."""
        if self.name == "scan" and any(row[place] not in words for place, words in self._words.items() for row in rows):
            self.take(rows)
        else:
            self.draft.executemany(self.insert, rows)

    def take(self, rows: Iterable[Sequence[object]]) -> None:
        """One by one: a row that is none costs no other."""
        for row in rows:
            if self.name == "scan" and not self._is_scan(row):
                continue
            with suppress(sqlite3.IntegrityError):
                self.draft.execute(self.insert, row)

    def _is_scan(self, row: Sequence[object]) -> bool:
        found = dict.fromkeys(NAMES) | dict(zip(self.names, row, strict=True))
        return _is_scan([found[name] for name in NAMES])


def _copy_by_number(table: _Table, low: int, upto: int, far: Far) -> None:
    query = f"SELECT {table.columns} FROM {table.name} WHERE rowid BETWEEN ? AND ?"  # noqa: S608
    high, budget = _end(table, upto), [PROBES]
    for first in range(low, high + 1, CHUNK):
        chunk = first, min(high, first + CHUNK - 1)
        try:
            table.take_all(list(table.source.rows(query, chunk)))
        except (_UnreadableError, sqlite3.IntegrityError):
            table.take(_halved(table.source, query, chunk, budget))
        far(chunk[1], high)


def _copy_by_key(table: _Table) -> None:
    """From both ends up to what is damaged: such a table has no numbers to go by."""
    keys = "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk"
    names = [name for (name,) in table.draft.execute(keys, (table.name,))]
    for order in ("ASC", "DESC"):
        by = ", ".join(f"{name} {order}" for name in names)
        with suppress(_UnreadableError):
            return table.take(table.source.rows(f"SELECT {table.columns} FROM {table.name} ORDER BY {by}"))  # noqa: S608
    return None


def _end(table: _Table, upto: int) -> int:
    try:
        return int(next(table.source.rows(f"SELECT coalesce(max(rowid), 0) FROM {table.name}"))[0])  # noqa: S608
    except _UnreadableError:
        return upto or BEYOND


def _halved(source: _Source, query: str, chunk: tuple[int, int], budget: list[int]) -> Iterator[Row]:
    waiting = [chunk]
    while waiting:
        low, high = waiting.pop()
        try:
            yield from list(source.rows(query, (low, high)))
        except _UnreadableError:
            budget[0] -= 1
            if low < high and budget[0] > 0:
                middle = (low + high) // 2
                waiting += [(middle + 1, high), (low, middle)]


def complete(draft: sqlite3.Connection, directory: Path, far: Far = lambda _done, _of: None) -> None:
    """Add what the witness has and the draft lacks, unless it was removed in due time."""
    values = ", ".join(f"?{number}" for number in range(1, len(NAMES) + 1))
    passed = f"SELECT 1 FROM passage WHERE ticket_id = ?{NAMES.index('ticket_id') + 1} AND seq = ?{SEQ + 1}"  # noqa: S608
    insert = f"{_NOT_YET} SELECT {values} WHERE NOT EXISTS ({passed})"
    known = segments(directory)
    with transaction(draft):
        for number, path in enumerate(known, start=1):
            first, behind = first_seq(path), first_seq(known[number]) if number < len(known) else 0
            if _count(draft, first, behind - 1) != behind - first:
                for row in rows_of(path):
                    with suppress(sqlite3.IntegrityError):
                        draft.execute(insert, row)
            far(number, len(known))


def behind(path: Path, newest: int, left: int) -> list[Row] | None:
    """Return the scans that a damaged file has behind the newest one that others know, all of them.

    None where it may have one that cannot be reached so, or where not as many scans have left it as `left`.
    """
    if not path.is_file():
        return []
    with closing(_Source(path)) as source:
        with suppress(_UnreadableError):
            if next(source.rows("SELECT coalesce(sum(scans), 0) FROM pruned"))[0] != left:
                return None
        with suppress(_UnreadableError):
            last = int(next(source.rows("SELECT coalesce(max(seq), 0) FROM scan"))[0])
            query = f"SELECT {COLUMNS} FROM scan WHERE seq > ? ORDER BY seq"  # noqa: S608
            rows = list(source.rows(query, (newest,)))
            return rows if len(rows) == max(0, last - newest) and all(map(_is_scan, rows)) else None
        query = "SELECT seq FROM scan WHERE seq BETWEEN ? AND ?"
        return None if any(_halved(source, query, (newest + 1, newest + CHUNK), [PROBES])) else []


def _is_scan(row: Sequence[object]) -> bool:
    """Tell whether a row from beside a damaged one is what a gate writes."""
    try:
        as_scan(row)
    except (ValueError, KeyError, TypeError, OverflowError):
        return False
    return True


def counted(database: sqlite3.Connection) -> dict[str, int]:
    """Return how many scans there are, and how many numbers are missing that were not removed in due time."""
    scans, newest = database.execute("SELECT count(*), coalesce(max(seq), 0) FROM scan").fetchone()
    removed = database.execute("SELECT coalesce(max(upto), 0) FROM pruned").fetchone()[0]
    kept = database.execute("SELECT count(*) FROM scan WHERE seq > ?", (removed,)).fetchone()[0]
    return {"scans": scans, "missing": max(0, newest - removed - kept)}


def _count(draft: sqlite3.Connection, low: int, high: int) -> int:
    return int(draft.execute("SELECT count(*) FROM scan WHERE seq BETWEEN ? AND ?", (low, high)).fetchone()[0])
