"""`kiosk scan`: manual entry, one more scanner of the running gate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from kiosk import words
from kiosk.cli.options import Setup, with_setup
from kiosk.cli.scans import describe
from kiosk.errors import Refused
from kiosk.model import Direction, Scan
from kiosk.scanners import socket
from kiosk.store import journal

FIELDS = (
    "seq", "time", "barcode", "type", "scanResult", "reason", "message", "ticketId", "eventId", "ticketTypeId",
    "ticketName", "name",
)  # fmt: skip


@click.command("scan")
@click.argument("code")
@click.option(
    "--type",
    "direction",
    type=click.Choice([direction.value for direction in Direction]),
    help="Instead of the gate's own direction.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@with_setup
def command(setup: Setup, code: str, direction: str | None, as_json: bool) -> None:
    """Hand CODE to the running gate as manual entry and print its verdict.

    The gate decides on it, records it and shows it as if a scanner had read it. The exit status is 0 for every
    verdict, 1 when the gate could not record the scan, 3 when no gate is running.
    """
    if not code.strip("\0\r\n\t"):
        raise click.UsageError("the code is empty")
    answer = socket.ask(desk(setup), code, Direction(direction) if direction else None)
    if answer["seq"] is None:
        raise Refused(str(answer["message"]))
    database = journal.reader(setup.config.device.data_dir)
    (scan,) = journal.scans(database, [int(str(answer["seq"]))])
    click.echo(json.dumps(_fields(scan), ensure_ascii=False) if as_json else _line(scan, answer))


def desk(setup: Setup) -> Path:
    """Where the gate listens: its own place, or the configured one."""
    devices = (scanner.device for scanner in setup.config.scanner if scanner.kind == "socket" and scanner.device)
    return Path(next(devices, str(setup.config.device.runtime_dir / socket.FILE)))


def _fields(scan: Scan) -> dict[str, Any]:
    row = describe(scan)
    return {name: row[name] for name in FIELDS}


def _line(scan: Scan, answer: dict[str, object]) -> str:
    row = describe(scan)
    details = ", ".join(row[name] for name in ("ticketName", "name") if row[name])
    again = " (shown again)" if answer["repeated"] else ""
    said = f"{answer['message']}{f' — {details}' if details else ''}"
    return f"{words.headline(scan.verdict):<4}  {words.plain(said)}{again}"
