"""Reads ticket lists from files, by the API's field names: a JSON array, JSON lines, or CSV with a heading line."""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from kiosk.sandbox import checks
from kiosk.sandbox.messages import Document

_STRUCTURED = ("entry", "excludedEventIds", "priceCategory", "discount")  # JSON, in a cell of a table too
_BLANK = re.compile(r"\s*")
_DECODER = json.JSONDecoder()

Numbered = tuple[int, Any]  # a line, and what was found there


def read_tickets(path: str | Path, event_id: str) -> Iterator[Document]:
    """Yield a file's tickets, of this event where they name none; raises ValueError naming file and line."""
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        try:
            for line, row in _rows(file):
                yield {"eventId": event_id} | _ticket(line, row)
        except UnicodeDecodeError:
            raise ValueError(f"{path}: the file is not text in UTF-8") from None
        except ValueError as error:
            raise ValueError(f"{path}, {error}") from None


def _rows(file: TextIO) -> Iterator[Numbered]:
    start = file.read(4096).lstrip()[:1]
    file.seek(0)
    if not start:
        raise ValueError("line 1: the file is empty")
    readers = {"[": _array, "{": _lines}
    return readers.get(start, _table)(file)


def _array(file: TextIO) -> Iterator[Numbered]:
    """Yield the items one by one, so that only the text itself must fit into memory."""
    text = file.read()
    line, counted, at = 1, 0, text.index("[")
    end = _past_blank(text, at + 1)
    if text[end : end + 1] == "]":
        at = end
    while text[at : at + 1] != "]":
        at = _past_blank(text, at + 1)
        line, counted = line + text.count("\n", counted, at), at
        item, at = _item(text, at)
        yield line, item
    if trailing := text[at + 1 :].strip():
        raise ValueError(f"line {_line(text, at)}: {trailing[:20]!r} after the end of the array")


def _item(text: str, at: int) -> tuple[Any, int]:
    """Return the item at a place, and the place of the comma or bracket behind it."""
    try:
        item, end = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}: {error.msg}") from None
    end = _past_blank(text, end)
    if text[end : end + 1] not in (",", "]"):
        raise ValueError(f"line {_line(text, end)}: a comma or the end of the array is missing")
    return item, end


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _past_blank(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


def _lines(file: Iterable[str]) -> Iterator[Numbered]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield number, _parsed(number, line)


def _parsed(line: int, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {line}: {error.msg}") from None


def _table(file: TextIO) -> Iterator[Numbered]:
    heading = file.readline()
    file.seek(0)
    # Spreadsheets of half of Europe separate by semicolon.
    reader = csv.reader(file, delimiter=";" if heading.count(";") > heading.count(",") else ",", strict=True)
    try:
        names = next(reader)
        for cells in filter(None, reader):
            yield reader.line_num, _record(reader.line_num, names, cells)
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from None


def _record(line: int, names: list[str], cells: list[str]) -> Document:
    if len(cells) != len(names):
        raise ValueError(f"line {line}: {len(cells)} cells under {len(names)} headings")
    filled = [(name, cell) for name, cell in zip(names, cells, strict=True) if cell]
    return {name: _parsed(line, cell) if name in _STRUCTURED else cell for name, cell in filled}


def _ticket(line: int, row: Any) -> Document:
    if not isinstance(row, dict):
        raise ValueError(f"line {line}: not an object")
    ticket = {name: value for name, value in row.items() if value is not None}
    if "barcode" not in ticket:
        raise ValueError(f"line {line}: barcode is required")
    for name, value in ticket.items():
        check = checks.barcode if name == "barcode" else checks.filled
        if name not in _STRUCTURED and (problem := check(value)):
            raise ValueError(f"line {line}: {name} {problem}")
    return ticket
