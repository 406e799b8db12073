"""`kiosk export`: the journal as a file for others. It stands under its name whole and on disk, or not at all."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click
from rich.console import Console
from rich.progress import track

from kiosk.cli.options import Setup, on_signal, with_setup
from kiosk.cli.scans import rows
from kiosk.errors import Refused
from kiosk.store import journal, past
from kiosk.store.database import sync_directory

Rows = Iterable[dict[str, Any]]

STANDARD_OUTPUT = Path("-")

FIELDS = (
    "seq", "time", "barcode", "type", "scanResult", "reason", "message", "ticketId", "eventId", "ticketTypeId",
    "ticketName", "name", "deviceId", "scanner", "clock", "wallTime", "timeEstimated", "rule", "flaw", "why", "passed",
    "delivery", "deliveryError",
)  # fmt: skip
"""The columns of a table, which has its header before there is any scan."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet calculate a cell instead of showing it (OWASP, CSV Injection)."""


def _guarded(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _write_table(file: TextIO, found: Rows) -> None:
    file.write("\N{BYTE ORDER MARK}")  # without it a spreadsheet takes UTF-8 for something else
    table = csv.DictWriter(file, FIELDS)
    table.writeheader()
    table.writerows({name: _guarded(value) for name, value in row.items()} for row in found)


def _write_lines(file: TextIO, found: Rows) -> None:
    file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in found)


WRITERS: dict[str, Callable[[TextIO, Rows], None]] = {"csv": _write_table, "jsonl": _write_lines}

ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--format", "form", type=click.Choice(list(WRITERS)), help="Instead of what the file's ending says.")
@click.option("--since", metavar="SEQ", type=click.IntRange(min=0), default=0, help="Only scans after this number.")
@click.option("--force", is_flag=True, help="Replace a file that is already there.")
@with_setup
def command(setup: Setup, file: Path, form: str | None, since: int, force: bool) -> None:
    """Write the journal to a file, oldest scan first, by the field names of `kiosk scans --json`.

    The ending says the form: .csv is a table, .jsonl, .ndjson and .json are one JSON object a line. `-` is standard
    output, and needs --format. It may be called while the kiosk runs; the file is there once all of it is on disk.

    Names and codes are in it, so only its owner may read it. The table is UTF-8 with a byte order mark, as spreadsheets
    want it. A cell that begins with = + - @, a tab or a carriage return gets an apostrophe before it, or a spreadsheet
    would take a code from the door for a formula: programs had better read JSON lines.
    """
    write = WRITERS[form or _form_of(file)]
    try:
        scans = _Counted(_on_the_way(setup, since))
        with on_signal(_give_up), _opened(file, force=force) as output:
            write(output, scans)
    except sqlite3.Error as error:
        raise Refused(f"journal.db: {error}") from error
    click.echo(f"{scans.number} scans are in {file}" if file != STANDARD_OUTPUT else f"{scans.number} scans", err=True)


def _form_of(file: Path) -> str:
    if file == STANDARD_OUTPUT:
        raise click.UsageError("standard output has no ending: say --format csv or --format jsonl")
    if file.suffix.lower() not in ENDINGS:
        raise click.UsageError(f"{file}: give it an ending of {', '.join(ENDINGS)}, or say --format")
    return ENDINGS[file.suffix.lower()]


class _Counted:
    """Counts what goes by."""

    def __init__(self, found: Rows) -> None:
        self._found, self.number = found, 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in self._found:
            self.number += 1
            yield row


def _on_the_way(setup: Setup, since: int) -> Rows:
    """Return the scans, with a bar on a terminal. Raises StoreError where there is a journal that cannot be read."""
    screen = Console(stderr=True)
    total = _most(setup.config.device.data_dir, since)
    return track(rows(setup, since), "exporting", total, console=screen, transient=True, disable=not screen.is_terminal)


def _most(directory: Path, since: int) -> int:
    """Return how many scans there are after this one, or a few more where some are no longer kept."""
    if not (directory / journal.FILE).exists():
        return 0
    with closing(journal.reader(directory)) as database:
        return max(0, past.last_seq(database) - max(since, past.first_seq(database) - 1))


def _give_up() -> NoReturn:
    raise click.Abort


def _opened(file: Path, *, force: bool) -> AbstractContextManager[TextIO]:
    if file != STANDARD_OUTPUT:
        return whole(file, force=force)
    return open(sys.stdout.fileno(), "w", encoding="utf-8", newline="", closefd=False)


@contextmanager
def whole(file: Path, *, force: bool, mode: str = "w") -> Iterator[Any]:
    """Open a draft beside the file, which takes its name once all is written and synced. Raises Refused."""
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    _refuse_what_is_there(file, force=force)
    try:
        number, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".part", dir=file.parent)  # for the owner only
        draft = Path(name)
        try:
            with open(number, mode, **text) as output:  # type: ignore[call-overload]  # noqa: PTH123
                yield output
                output.flush()
                os.fsync(number)
            _refuse_what_is_there(file, force=force)
            draft.replace(file)
        finally:
            with suppress(FileNotFoundError):  # it has its name by now
                draft.unlink()
        sync_directory(file.parent)
    except OSError as error:
        raise Refused(f"{file} could not be written: {error.strerror}") from error


def _refuse_what_is_there(file: Path, *, force: bool) -> None:
    if file.exists() and not file.is_file():
        raise Refused(f"{file} is not a file: `-` is standard output")
    if file.exists() and not force:
        raise Refused(f"{file} is there already: name another one, or replace it with --force")
