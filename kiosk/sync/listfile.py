"""The rows of a ticket list in a file: JSON array, JSON lines or CSV, whatever it is and however it is written.

Read row by row, so that a list of any length takes the memory of a row. A file that breaks off, or is none of the
three, is refused whole: whoever stores rows reads it to its end first.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TextIO

from kiosk.cloud.answers import SEVERAL, TicketRow
from kiosk.errors import Refused

Row = tuple[int, object]
"""A line number and what stands there; a text instead of an object is what is wrong with it."""

LEGACY = "cp1252"
"""What spreadsheets of Windows write that do not write UTF-8."""

CHARACTERS = 1 << 16
"""How much of a file is read at once."""

LONGEST_ROW = 1 << 20
"""A row of JSON that is longer than this is no ticket."""

NEEDED = ("_id", "barcode", "ticketTypeId")
_BLANK = re.compile(r"\s*")


def read_rows(path: Path, names: Mapping[str, str] | None = None) -> Iterator[Row]:
    """Read a file's rows, whatever of the three forms it has; `names` says which heading means which field.

    Raises Refused when it has none of them, or breaks off.
    """
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        first = next((character for character in iter(lambda: file.read(1), "") if not character.isspace()), "")
        file.seek(0)
        if first in {"[", "{"} and encoding == LEGACY:
            raise Refused(f"{path}: JSON that is not UTF-8 text: save it as UTF-8")
        match first:
            case "[":
                yield from _array(file, path)
            case "{":
                yield from _lines(file)
            case "":
                raise Refused(f"{path}: the file is empty")
            case _:
                yield from _table(file, path, names or {})


def _encoding(path: Path) -> str:
    """Return how the file's text is written; what is not UTF-8 is taken for a spreadsheet of Windows."""
    with path.open("rb") as file:
        start = file.read(2)
        if start in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
            return _readable_as("utf-16", path)
        if b"\0" in start + file.read(CHARACTERS):
            raise Refused(f"{path}: not a text file: save the list as CSV or JSON, in UTF-8")
    try:
        return _readable_as("utf-8-sig", path)
    except Refused:
        return _readable_as(LEGACY, path)


def _readable_as(encoding: str, path: Path) -> str:
    try:
        with path.open(encoding=encoding, newline="") as file:
            while file.read(CHARACTERS):
                pass
    except UnicodeError as error:
        raise Refused(f"{path}: not {encoding} text: save it as UTF-8 ({error})") from error
    return encoding


def _array(file: TextIO, path: Path) -> Iterator[Row]:
    """Read an array row by row, so that a list of any length takes the memory of a row."""
    text = _Text(file)
    text.past("[")
    more = text.next() != "]"
    while more:
        line = text.line
        try:
            yield line, text.value()
        except ValueError as error:
            raise Refused(f"{path}, line {line}: not valid JSON: {error}") from error
        more = text.past(",") and text.next() != ""
    if not text.past("]"):
        raise Refused(f"{path}, line {text.line}: not valid JSON: a comma or the end of the array is missing")
    if text.next():
        raise Refused(f"{path}, line {text.line}: not valid JSON: there is more behind the end of the array")


class _Text:
    """A file's text from where we are, and the line that is."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._decoder = file, json.JSONDecoder()
        self._text, self._at = "", 0
        self.line = 1

    def next(self) -> str:
        """Return the next character that is no space, "" at the end."""
        while True:
            end = _BLANK.match(self._text, self._at).end()  # type: ignore[union-attr]  # it matches anything
            self._go(end)
            if end < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def past(self, character: str) -> bool:
        """Go past this character if it is the next one."""
        met = self.next() == character
        self._at += met
        return met

    def value(self) -> object:
        """Read a JSON value. Raises ValueError for one that is cut, broken, nested too deep or too long."""
        self.next()
        while True:
            try:
                found, end = self._decoder.raw_decode(self._text, self._at)
                if end < len(self._text) or not self._more():
                    self._go(end)
                    return found
            except RecursionError as error:
                raise ValueError("nested too deep") from error
            except json.JSONDecodeError as error:
                if len(self._text) - self._at > LONGEST_ROW or not self._more():
                    raise ValueError(error.msg) from error

    def _go(self, end: int) -> None:
        self.line += self._text.count("\n", self._at, end)
        self._at = end

    def _more(self) -> bool:
        fresh = self._file.read(CHARACTERS)
        self._text, self._at = self._text[self._at :] + fresh, 0
        return bool(fresh)


def _lines(file: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, f"not valid JSON: {error}"


def _table(file: TextIO, path: Path, names: Mapping[str, str]) -> Iterator[Row]:
    start = file.tell()
    delimiter = _delimiter(next(line for line in iter(file.readline, "") if line.strip()))
    file.seek(start)
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    try:
        headings = next(cells for cells in reader if any(map(str.strip, cells)))
        fields = _fields(headings, path, names)
        for cells in reader:
            if any(cells):
                yield reader.line_num, _cells(fields, cells)
    except csv.Error as error:
        text = f"from here on it is no table, a quotation mark may be missing: {error}"
        raise Refused(f"{path}, line {reader.line_num}: {text}") from error


def _plain(heading: str) -> str:
    return "".join(filter(str.isalnum, heading)).casefold()


FIELDS = {_plain(str(field.alias)): str(field.alias) for field in TicketRow.model_fields.values()} | {"ticketid": "_id"}
"""The API's names of a ticket's fields, by how a heading may write them: "Ticket type ID" is `ticketTypeId`."""


def _fields(headings: list[str], path: Path, names: Mapping[str, str]) -> list[str]:
    """Return which field each column is: as the caller says, else by the API's names, however they are written."""
    if unknown := sorted(set(names) - {heading.strip() for heading in headings}):
        raise Refused(f"{path}: there is no column {unknown[0]!r}; there are {_listed(headings)}")
    fields = [names.get(heading.strip()) or FIELDS.get(_plain(heading), heading.strip()) for heading in headings]
    if missing := [field for field in NEEDED if field not in fields]:
        raise Refused(
            f"{path}: neither JSON nor a table with a column for {' and '.join(missing)}; there are "
            f"{_listed(headings)}: say which it is with --map 'HEADING={missing[0]}'"
        )
    if twice := [field for field in fields if field in FIELDS.values() and fields.count(field) > 1]:
        raise Refused(f"{path}: two columns are {twice[0]}")
    return fields


def _listed(headings: list[str]) -> str:
    return ", ".join(repr(heading.strip()[:40]) for heading in headings[:20])


def _delimiter(header: str) -> str:
    bare = "".join(header.split('"')[::2])
    return max(",;\t|", key=bare.count)


def _cells(fields: list[str], cells: list[str]) -> object:
    """A row as JSON would have it: an empty cell is no value."""
    if len(cells) > len(fields):
        return "more cells than the header has names"
    return {field: _cell(field, text) for field, text in zip(fields, cells, strict=False) if text}


def _cell(field: str, text: str) -> object:
    if field not in SEVERAL:
        return text
    if text.startswith("["):
        with contextlib.suppress(ValueError):  # it only looks like JSON
            return json.loads(text)
    return [part.strip() for part in text.split(";") if part.strip()]
