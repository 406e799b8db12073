"""`kiosk retry`: refused scans, handed out again."""

from __future__ import annotations

import click

from kiosk.cli.options import Setup, with_setup
from kiosk.errors import Refused
from kiosk.sync import errands


@click.command("retry")
@click.argument("numbers", metavar="[SEQ]...", nargs=-1, type=click.IntRange(min=1))
@click.option(
    "--unknown", is_flag=True, help="Those, too, of which nobody knows whether they arrived: may double them."
)
@with_setup
def command(setup: Setup, numbers: tuple[int, ...], unknown: bool) -> None:
    """Hand refused scans out again, those with these numbers or all of them; the running sync delivers them.

    `kiosk scans` shows which scans were refused, and what the cloud said.
    """
    again = errands.retry(setup.data_dir(), numbers, unknown=unknown)
    click.echo(f"{len(again)} scans are handed out again", err=True)
    if left := sorted(set(numbers) - set(again)):
        raise Refused(f"not refused, so left alone: {', '.join(map(str, left))}")
