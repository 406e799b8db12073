"""`kiosk record`: what a scanner really sends, written down, to be looked at, sent to us, or played again."""

from __future__ import annotations

import json
import select
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TextIO, cast

import click

from kiosk import clock, config, pulse
from kiosk.cli.opening import opened
from kiosk.cli.options import Setup, log_to_stderr, on_signal, with_setup
from kiosk.errors import Refused, ScannerLost
from kiosk.scanners.binding import Bindings
from kiosk.scanners.trial import Device
from kiosk.store import calibrated
from kiosk.tuning import tuned

LOOK_S = 0.2
RECORDABLE = ("hid", "hidpos", "serial")


@click.command("record")
@click.argument("lane")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True))
@with_setup
def command(setup: Setup, lane: str, file: Path) -> None:
    """Write what the scanner of a lane sends to FILE ("-": standard output), until Ctrl-C.

    Scan what does not work. The file is what a bug report needs, codes included, so send it to nobody else; a scanner
    of kind "replay" plays it again. The gate must not run meanwhile: a scanner has one reader.
    """
    log_to_stderr("record")
    with closing(device(setup, lane)) as scanner:
        try:
            with _new(file) as out:
                click.echo(f"{lane} is open: scan now, and end with Ctrl-C", err=True)
                _record(scanner, out)
        except OSError as error:
            raise Refused(f"{file}: {error.strerror}: the recording is not whole") from error


def device(
    setup: Setup, lane: str, how: Callable[[config.Scanner], config.Scanner] = lambda scanner: scanner
) -> Device:
    """Open the device of a lane, as the gate would or otherwise.

    Raises Refused when there is no such lane, or somebody else reads it.
    """
    lanes = {scanner.name: scanner for scanner in setup.config.scanner if scanner.kind in RECORDABLE}
    if lane not in lanes:
        raise Refused(f"there is no lane {lane!r} with a device; the configuration has: {', '.join(lanes) or 'none'}")
    calibrations = calibrated.read(setup.config.device.data_dir)
    return _opened(setup, how(tuned(lanes[lane], calibrations.get(lane))))


def _opened(setup: Setup, scanner: config.Scanner) -> Device:
    bindings = Bindings(setup.data_dir(), [one.name for one in setup.config.scanner])
    try:
        return cast("Device", opened(scanner, scanner.device or "auto", bindings))
    except ScannerLost as lost:
        running = pulse.alive(pulse.feel(setup.config.device.runtime_dir, "gate"))
        mend = ": the gate is running and reads it; stop it first (systemctl stop kiosk-gate)" if running else ""
        raise Refused(f"{lost}{mend}") from lost


def _new(file: Path) -> TextIO:
    if str(file) == "-":
        return cast("TextIO", click.open_file("-", "w"))
    try:
        file.touch(mode=0o600, exist_ok=False)
        return file.open("w", encoding="utf-8")
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}: name a file that is not there yet") from error


def _record(scanner: Device, out: TextIO) -> None:
    stop, began_ns, lines = threading.Event(), None, 0
    with on_signal(stop.set):
        while not stop.is_set():
            if not select.select([scanner], [], [], LOOK_S)[0]:
                continue
            for moment, kind, sent in scanner.sent(clock.now()):
                began_ns = moment.boottime_ns if began_ns is None else began_ns
                at_s = round((moment.boottime_ns - began_ns) / 1e9, 6)
                out.write(json.dumps({"at_s": at_s, kind: sent}, separators=(", ", ":")) + "\n")
                lines += 1
            out.flush()
    click.echo(f"{lines} lines were recorded", err=True)
