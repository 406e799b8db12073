"""`kiosk audit`: what people did to this kiosk."""

from __future__ import annotations

import json
from typing import Any

import click

from kiosk.cli.options import Setup, with_setup
from kiosk.store import audit
from kiosk.words import plain

ALWAYS = {"time", "clock", "bootId", "action", "user", "uid", "sudoUser", "terminal", "program"}
HIDDEN = {"keys"}
"""What only programs compare."""


@click.command("audit")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
@with_setup
def command(setup: Setup, as_json: bool) -> None:
    """Print what people did to this kiosk, oldest first: who, when, from which terminal.

    Changes of the configuration (which keys, never their values), resets, lists that were accepted or imported,
    scanners that were accepted, scans that were handed out again by hand; and what staff did at their page: settings
    chosen, scans overridden (the reason they gave is with the scan, because it may be a name), PINs that were tried.
    """
    for row in audit.read(setup.config.device.data_dir):
        click.echo(json.dumps(row, ensure_ascii=False) if as_json else _line(row))


def _line(row: dict[str, Any]) -> str:
    who = str(row.get("user") or row.get("uid"))
    if row.get("sudoUser"):
        who = f"{row['sudoUser']} as {who}"
    facts = {key: value for key, value in row.items() if key not in ALWAYS | HIDDEN and value is not None}
    told = ", ".join(f"{key} {_said(value)}" for key, value in facts.items())
    place = row.get("terminal") or row.get("program")
    return plain(f"{row.get('time')}  {row.get('action')}  {who} ({place})" + (f"  {told}" if told else ""))


def _said(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "nothing"
    return str(value)[:16] if isinstance(value, str) and len(value) == 64 else str(value)
