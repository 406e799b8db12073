"""`kiosk annul`: an admission, taken back."""

from __future__ import annotations

import click

from kiosk.cli.options import Setup, with_setup
from kiosk.cli.scan import gate_socket
from kiosk.errors import Refused
from kiosk.scanners import socket
from kiosk.store import audit


@click.command("annul")
@click.argument("seq", metavar="SEQ", type=click.IntRange(min=1))
@click.option("--force", is_flag=True, help="Even though no turnstile saw that the guest did not pass.")
@with_setup
def command(setup: Setup, seq: int, force: bool) -> None:
    """Take the admission of scan SEQ back, so that its ticket can come in again.

    For guests who were admitted and did not pass the turnstile. The running gate records a check-out, which is
    delivered like any other; the scan itself stays as it was. Only the newest admission of a ticket can be taken back.
    `kiosk scans --json` tells who passed.
    """
    answer = socket.annul(gate_socket(setup), seq, force=force)
    if answer["seq"] is None:
        raise Refused(str(answer["message"]))
    audit.note(setup.data_dir(), "annul", scan=seq, by=answer["seq"], force=force)
    click.echo(f"scan {seq} is taken back, by scan {answer['seq']}", err=True)
