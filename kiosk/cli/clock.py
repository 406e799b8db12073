"""`kiosk clock`: what time it is, said by somebody who knows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime

import click

from kiosk import clock, pulse, timekeeper, wristwatch
from kiosk.cli.options import Setup, with_setup
from kiosk.errors import Refused, StoreError
from kiosk.model import Anchor, Source
from kiosk.store import anchors, audit, journal
from kiosk.store.database import from_ms, to_ms
from kiosk.words import stamp


@click.group("clock", invoke_without_command=True)
@with_setup
def command(setup: Setup) -> None:
    """Tell what the kiosk knows of the time, or let it know.

    A machine without a battery does not know the time until the network says it. Its scans wait for that before they
    are delivered (`sync.clock_wait_s`), and timeslots cannot be checked.
    """
    if click.get_current_context().invoked_subcommand is None:
        click.echo(_told(setup))


@command.command("set")
@click.argument("time", nargs=-1, required=True)
@with_setup
def set_(setup: Setup, time: tuple[str, ...]) -> None:
    """Let the kiosk know that it is TIME now: "2026-06-01 19:30", local time, or with an offset.

    The scans of this boot get their times by it, the earlier ones, too, until somebody knows better: the network. The
    machine's own clock stays as it is, and no privilege is needed. It holds until the machine is started again.
    """
    at, now = _read(" ".join(time)), clock.now()
    before = pulse.clock_of(pulse.feel(setup.config.device.runtime_dir, "gate"))
    anchor = Anchor(now.boot_id, now.boottime_ns, to_ms(at), Source.OPERATOR)
    try:
        timekeeper.tell(setup.runtime_dir(), anchor)
    except OSError as error:
        raise Refused(f"{setup.config.device.runtime_dir}: cannot be written: {error.strerror}") from error
    audit.note(setup.config.device.data_dir, "clock set", to=stamp(at))
    said = f"it is {at.astimezone():%Y-%m-%d %H:%M:%S %Z}, which is {at:%Y-%m-%d %H:%M:%S} UTC"
    running = pulse.alive(pulse.feel(setup.config.device.runtime_dir, "gate"))
    click.echo(f"{said}{'' if running else '; the gate takes it up when it starts'}", err=True)
    if (outdone := wristwatch.outranked(before.get("quality"), before.get("source"))) is not None:
        click.echo(f"but this does not count: {wristwatch.REFUSALS[outdone]}", err=True)
    known_ms = _known_ms(setup)
    if to_ms(at) < known_ms:
        click.echo(f"but at {from_ms(known_ms):%Y-%m-%d %H:%M:%S} UTC scans were made already, by the network's time: "
                   "was the date mistyped? Say it again, the last word counts", err=True)  # fmt: skip


def _known_ms(setup: Setup) -> int:
    """Return the latest time that the journal knows to have been, 0 where there is none."""
    try:
        with closing(journal.reader(setup.config.device.data_dir)) as database:
            return anchors.high_water_ms(database)
    except (StoreError, sqlite3.Error):  # the gate says what is wrong with it
        return 0


def _read(text: str) -> datetime:
    try:
        return wristwatch.read(text)
    except Refused as error:
        raise click.BadParameter(f"{text[:40]!r}: {error}") from None


def _told(setup: Setup) -> str:
    gate = pulse.feel(setup.config.device.runtime_dir, "gate")
    said = pulse.clock_of(gate)
    if not said:
        return f"clock      {clock.quality()}; the gate is not running"
    if said.get("source") is None:
        return f"clock      {said.get('quality')}; nobody has said what time it is: `kiosk clock set`"
    return f"clock      {said.get('quality')}; the time is known by {said['source']} since {said.get('ageSeconds')} s"
