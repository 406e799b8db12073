"""The command line: the one place where everything real is built.

A command's module is loaded when it is called, so that `kiosk gate` never pays for a web server.
"""

from __future__ import annotations

import importlib
import sys

import click

from kiosk import __version__
from kiosk.errors import ConfigError, GateNotRunning, KioskError

COMMANDS = {
    "demo": "Run the whole kiosk here, with nothing to configure.",
    "gate": "Listen to the scanners, decide, record (one program, in the foreground).",
    "sync": "Fetch the ticket list and deliver the scans.",
    "display": "Serve the screen at the door.",
    "scan": "Hand a code to the running gate and print its verdict.",
    "scans": "Print the journal: everything that happened at this door.",
    "export": "Write the journal to a file: CSV or JSON lines.",
    "status": "Tell how the kiosk is doing.",
    "doctor": "Check everything, and say how to mend what is wrong.",
    "tickets": "Show, import and search the ticket list.",
    "annul": "Take an admission back: its guest did not pass.",
    "outputs": "Show lamps, relays and sounds, try one, switch all off.",
    "retry": "Hand refused scans out again.",
    "pin": "Set the PIN of the staff page.",
    "support-bundle": "Pack what somebody needs to help, without names, codes or keys.",
    "audit": "Print what people did to this kiosk.",
    "reset": "Remove everything this kiosk has recorded and learned.",
    "clock": "Tell the kiosk what time it is, where no network does.",
    "devices": "Show the scanners that are plugged in, with the lines to configure them.",
    "record": "Write down what a scanner really sends.",
    "calibrate": "Find out how a scanner is set, from one scan.",
    "drill": "Practise: codes of a sheet play what happens at a door.",
    "drill-sheet": "Write a page of codes to practise with.",
    "check": "Check the configuration and show what it comes to.",
    "sandbox": "Run a cloud to practise with, faults included.",
    "completion": "Print the tab completion for your shell.",
}


class _Lazy(click.Group):
    """A group whose commands are looked up in the module of their name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"kiosk.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kiosk")
def cli() -> None:
    """The door that never stops: an offline-first ticket-scanning kiosk.

    Begin with `kiosk demo`. At a door, three programs run side by side: `kiosk gate`, `kiosk sync` and
    `kiosk display`; systemd starts them. `kiosk status` tells how they are.

    Exit status: 0 done, 1 failed, 2 the configuration or the call is wrong, 3 the gate is not running.
    """


def main() -> None:
    """Run the command line; every error of the kiosk's own becomes one message and an exit status."""
    try:
        cli(prog_name="kiosk")
    except ConfigError as error:
        _fail(error, 2)
    except GateNotRunning as error:
        _fail(error, 3)
    except KioskError as error:
        _fail(error, 1)


def _fail(error: KioskError, status: int) -> None:
    click.echo(f"kiosk: {error}", err=True)
    sys.exit(status)
