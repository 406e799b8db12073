"""A ticket list from a file: JSON array, JSON lines or CSV, by the API's field names.

A row that cannot be read is reported with its line and left out; it never costs the others.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kiosk.cloud.answers import ticket_rows
from kiosk.errors import Refused
from kiosk.model import Moment
from kiosk.store.tickets import ListState, Tickets

Row = tuple[int, object]
"""A line number and what stands there; a text instead of an object is what is wrong with it."""

CHUNK = 5_000
KEPT_REJECTS = 1_000
LISTS = frozenset({"entry", "excludedEventIds"})
"""Fields that hold several values; in CSV they are separated by `;`, or a JSON array."""


@dataclass(slots=True)
class Intake:
    """Stores rows and counts what became of them."""

    store: Tickets
    event_id: str
    now: Moment
    taken: int = 0
    rejected: int = 0
    rejects: list[tuple[int, str]] = field(default_factory=list)

    def take(self, rows: Iterable[Row]) -> None:
        """Store all rows that can be read; the list counts as complete and current afterwards."""
        state = ListState(self.event_id, "file")
        source = iter(rows)
        while chunk := list(itertools.islice(source, CHUNK)):
            self.store.store_page(self._readable(chunk), state)
        complete = ListState(
            self.event_id, "file", complete=True, unreadable=self.rejected, checked=self.now
        )  # fmt: skip
        self.store.store_state(complete)

    def _readable(self, chunk: list[Row]) -> list[tuple[Any, str]]:
        good: list[tuple[Any, str]] = []
        for line, row in chunk:
            read, bad = ticket_rows([self._completed(row)])
            good += read
            self._reject(line, [row if isinstance(row, str) else problem for _, problem in bad])
        self.taken += len(good)
        return good

    def _completed(self, row: object) -> object:
        return {"eventId": self.event_id} | row if isinstance(row, dict) else row

    def _reject(self, line: int, problems: list[str]) -> None:
        self.rejected += len(problems)
        if len(self.rejects) < KEPT_REJECTS:
            self.rejects += ((line, problem) for problem in problems)


def read_rows(path: Path) -> Iterator[Row]:
    """Read a file's rows, whatever of the three forms it has. Raises Refused when it has none of them."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = next((character for character in iter(lambda: file.read(1), "") if not character.isspace()), "")
            file.seek(0)
            match first:
                case "[":
                    yield from _array(file.read(), path)
                case "{":
                    yield from _lines(file)
                case "":
                    raise Refused(f"{path}: the file is empty")
                case _:
                    yield from _table(file, path)
    except UnicodeDecodeError as error:
        raise Refused(f"{path}: not UTF-8 text ({error.reason} at byte {error.start}): save it as UTF-8") from error


def _array(text: str, path: Path) -> Iterator[Row]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{path}: not valid JSON: {error}") from error
    yield from enumerate(rows, start=1)


def _lines(file: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except ValueError as error:
            yield number, f"not valid JSON: {error}"


def _table(file: Iterable[str], path: Path) -> Iterator[Row]:
    lines = iter(file)
    header = next(lines)
    reader = csv.DictReader(itertools.chain([header], lines), delimiter=_delimiter(header), strict=True)
    if "barcode" not in (reader.fieldnames or ()):
        raise Refused(f"{path}: neither JSON nor CSV with a column named barcode")
    try:
        for row in reader:
            yield reader.line_num, _cells(row)
    except csv.Error as error:
        yield reader.line_num, f"from here on it is no table, a quotation mark may be missing: {error}"


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _cells(row: dict[str | Any, Any]) -> object:
    """A row as JSON would have it: an empty cell is no value."""
    if None in row:
        return "more cells than the header has names"
    return {name: _cell(name, text) for name, text in row.items() if text}


def _cell(name: str, text: str) -> object:
    if name not in LISTS:
        return text
    if text.startswith("["):
        with contextlib.suppress(ValueError):  # it only looks like JSON
            return json.loads(text)
    return [part.strip() for part in text.split(";") if part.strip()]
