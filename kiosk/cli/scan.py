"""`kiosk scan`: manual entry, one more scanner of the running gate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from kiosk import languages, words
from kiosk.cli.options import Setup, with_setup
from kiosk.cli.scans import describe
from kiosk.errors import Refused
from kiosk.model import Direction
from kiosk.scanners import socket
from kiosk.store import journal, past, spoken

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
    answer = socket.ask(gate_socket(setup), code, Direction(direction) if direction else None)
    if answer["seq"] is None:
        raise Refused(str(answer["message"]))
    database = journal.reader(setup.config.device.data_dir)
    (scan,) = past.scans(database, [int(str(answer["seq"]))])
    language = languages.read(spoken.in_force(setup.config).value)
    row = describe(scan, language)
    if as_json:
        click.echo(json.dumps({name: row[name] for name in FIELDS}, ensure_ascii=False))
    else:
        again = " (shown again)" if answer["repeated"] else ""
        click.echo(f"{language.say(words.headline(scan.verdict).value):<4}  {words.plain(_said(row))}{again}")


def gate_socket(setup: Setup) -> Path:
    """Where the gate listens: its own place, or the configured one."""
    devices = (scanner.device for scanner in setup.config.scanner if scanner.kind == "socket" and scanner.device)
    return Path(next(devices, str(setup.config.device.runtime_dir / socket.FILE)))


def _said(row: dict[str, Any]) -> str:
    details = ", ".join(row[name] for name in ("ticketName", "name") if row[name])
    return f"{row['message']} — {details}" if details else str(row["message"])
