"""`kiosk drill`: practice, on and off."""

from __future__ import annotations

import click

from kiosk.cli.options import Setup, with_setup
from kiosk.cli.scan import gate_socket
from kiosk.errors import Refused
from kiosk.practice import LONGEST_MINUTES
from kiosk.scanners import socket


@click.command("drill")
@click.argument("what", type=click.Choice(["on", "off", "status"]), default="status")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, max=LONGEST_MINUTES, min_open=True),
    default=30.0,
    show_default=True,
    help="After this time practice ends by itself.",
)
@with_setup
def command(setup: Setup, what: str, minutes: float) -> None:
    r"""Practise with the codes of `kiosk drill-sheet`: on, off, or how it stands.

    While practice is on each of these codes plays what happens at a door, with screen, lamp and sound. Its scan is
    marked as practice, stays on this kiosk, is in no count, and opens no turnstile. Guests are scanned as ever.
    Practice ends by itself, and with the gate.

    \b
    kiosk drill-sheet practice.pdf
    kiosk drill on
    """
    order: dict[str, object] = {"do": "drill", "by": "command line"}
    if what != "status":
        order["minutes"] = minutes if what == "on" else 0.0
    answer = socket.bid(gate_socket(setup), order)
    left_s = answer.get("leftSeconds")
    if left_s is None:
        raise Refused(str(answer.get("message") or "the gate does not know of practice: start the new one"))
    click.echo(f"practice is on for {-(-left_s // 60)} min" if left_s else "practice is off")
