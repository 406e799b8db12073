"""`kiosk pin`: the PIN of the staff page."""

from __future__ import annotations

import sys

import click

from kiosk.cli.options import Setup, with_setup
from kiosk.errors import Refused
from kiosk.store import audit, pin


@click.command("pin")
@click.option("--remove", is_flag=True, help="Remove the PIN: nobody can use the staff page then.")
@with_setup
def command(setup: Setup, remove: bool) -> None:
    """Set the PIN of the staff page: four to twelve digits, asked for twice.

    Only a hash of it is kept, in `display.pin_file`. A new PIN counts at once, and ends every session. Where there is
    no terminal, the PIN is read from standard input, one line.
    """
    directory, path = setup.data_dir(), pin.place(setup.config)
    try:
        if remove:
            path.unlink(missing_ok=True)
        else:
            pin.write(path, _asked())
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from error
    audit.note(directory, "PIN removed" if remove else "PIN set")
    said = "the PIN is removed: the staff page is closed" if remove else "the PIN is set"
    click.echo(said, err=True)


def _asked() -> str:
    """Return what was typed; a PIN is never an argument, which every program of the machine could read."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    digits: str = click.prompt("PIN", hide_input=True, err=True)
    if (problem := pin.weakness(digits)) is not None:
        raise Refused(problem)
    if click.prompt("again", hide_input=True, err=True) != digits:
        raise Refused("the two are not the same: nothing was changed")
    return digits
