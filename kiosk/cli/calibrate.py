"""`kiosk calibrate`: finds out how a scanner is set, from one scan of a code that is shown here."""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from kiosk import calibration, clock, pulse
from kiosk.calibration import TEXT, Found, KeyEvent, Wrong
from kiosk.cli import sheet
from kiosk.cli.options import Setup, on_signal, with_setup
from kiosk.cli.record import Device, device
from kiosk.config import Scanner as ScannerConfig
from kiosk.errors import Refused
from kiosk.model import Moment

Heard = tuple[int, KeyEvent | bytes]
"""When it was sent (boot time, ns), and what it was."""

KINDS = ("hid", "serial")
"""The scanners that can be set in more ways than one."""

TICK_S = 0.2
SETTLED_NS = 800_000_000
"""So much silence ends a scan, whatever ends its code: a slow radio pauses for half a second."""

LONGEST_NS = 10_000_000_000
MOST_PIECES = 20_000
"""A scanner that goes on longer than this sends something else."""


@click.command("calibrate")
@click.option("--scanner", "name", metavar="NAME", help="Which scanner, where several are configured.")
@click.option(
    "--sheet",
    "sheet_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the code on a sheet to print, too: .svg, .png or .html, as QR code and as Code 128.",
)
@click.option(
    "--wait", "wait_s", type=click.FloatRange(1, 3600), default=60.0, show_default=True, help="Seconds for the scan."
)
@with_setup
def command(setup: Setup, name: str | None, sheet_file: Path | None, wait_s: float) -> None:
    """Find a scanner's layout, prefix, suffix and end from one scan.

    Shows a code to scan and prints the lines that belong into the scanner's section of the configuration: only those
    that differ from the defaults. The gate must not run meanwhile, because it holds the scanner.

    \b
    systemctl stop kiosk-gate
    kiosk calibrate --scanner left
    systemctl start kiosk-gate
    """  # noqa: D301  # click's own mark for lines to be left as they are
    if sheet_file is not None:
        sheet.write(sheet_file, TEXT)
        click.echo(f"written: {sheet_file}", err=True)
    scanner = _chosen(setup, name)
    if pulse.alive(pulse.feel(setup.config.device.runtime_dir, "gate")):
        raise Refused("the gate is running and holds the scanners: systemctl stop kiosk-gate, and start it afterwards")
    with closing(device(setup, scanner.name)) as source:
        heard = _listen(scanner, source, wait_s)
    report(scanner, judge(scanner, heard))


def _chosen(setup: Setup, name: str | None) -> ScannerConfig:
    """The scanner that is meant. Raises ConfigError, or UsageError for a name that fits none."""
    able = {scanner.name: scanner for scanner in setup.config.scanner if scanner.kind in KINDS}
    if not able:
        raise setup.error("scanner", "kind", f"no scanner of kind {' or '.join(KINDS)}: add a [[scanner]] section")
    if name is None and len(able) == 1:
        return next(iter(able.values()))
    if name not in able:
        wrong = f"{name!r} cannot be calibrated" if name is not None else "there are several scanners"
        raise click.UsageError(f"{wrong}: name one with --scanner: {', '.join(able)}")
    return able[name]


def _listen(scanner: ScannerConfig, source: Device, wait_s: float) -> list[Heard]:
    """Show the code and return what came. Raises Refused when nothing does, ScannerLost when the device goes."""
    stopped: list[bool] = []
    with on_signal(lambda: stopped.append(True)):
        click.echo(sheet.terminal(TEXT, colour=sys.stderr.isatty()), err=True)
        click.echo(f"Scan this code with scanner {scanner.name} ({scanner.kind} {scanner.device or 'auto'}).", err=True)
        with Console(stderr=True).status("waiting for the scan") as status:
            heard = collect(source, wait_s, status.update, lambda: bool(stopped))
    if stopped:
        raise Refused("stopped before anything was found")
    if not heard:
        raise Refused(_nothing_came(scanner, wait_s))
    return heard


def collect(source: Device, wait_s: float, tell: Callable[[str], None], stopped: Callable[[], bool]) -> list[Heard]:
    """Return everything up to the silence after a scan, each with its time since boot; nothing after `wait_s`.

    `tell` is told several times a second how it goes. Raises ScannerLost.
    """
    heard: list[Heard] = []
    until_ns, last_ns = clock.boottime_ns() + int(wait_s * 1e9), 0
    while (left_s := (until_ns - clock.boottime_ns()) / 1e9) > 0 and not stopped():
        tell("receiving" if heard else f"waiting for the scan, {left_s:.0f} s left")
        if not select.select([source], [], [], min(TICK_S, left_s))[0]:
            continue
        moment = clock.now()
        pieces = [piece for sent in source.sent(moment) for piece in _pieces(*sent)]
        if pieces:
            last_ns = last_ns if heard else moment.boottime_ns + LONGEST_NS
            until_ns = min(last_ns, moment.boottime_ns + SETTLED_NS)
        heard += pieces
        if len(heard) >= MOST_PIECES:
            break
    return heard


def _pieces(moment: Moment, kind: str, sent: Any) -> list[Heard]:
    """What a recording would have of it, in the form that calibration takes."""
    if kind == "bytes":
        return [(moment.boottime_ns, sent.encode("latin-1"))]
    return [(moment.boottime_ns, (event[0], event[1], event[2])) for event in sent]


def _nothing_came(scanner: ScannerConfig, wait_s: float) -> str:
    mode = "USB keyboard" if scanner.kind == "hid" else "serial or USB-CDC"
    return (
        f"nothing came from scanner {scanner.name} within {wait_s:g} s: if it beeps, it is not in {mode} mode or is "
        "another device than `device` names; if it does not beep, take a print of the code (--sheet), or hold it nearer"
    )


def judge(scanner: ScannerConfig, heard: list[Heard]) -> Found | Wrong:
    """Return what this scanner's input says."""
    pieces = [(at_ns, sent) for at_ns, sent in heard if isinstance(sent, bytes)]
    events = [(at_ns, sent) for at_ns, sent in heard if not isinstance(sent, bytes)]
    return calibration.from_bytes(pieces) if pieces else calibration.from_keys(events, prefer=scanner.layout)


def report(scanner: ScannerConfig, found: Found | Wrong) -> None:
    """Print the lines to paste, and everything else beside them. Raises Refused where the scanner cannot be used."""
    if isinstance(found, Wrong):
        raise Refused(found.problem)
    click.echo(f"scanner {scanner.name}: {_described(found)}", err=True)
    changed = False
    for key, value in found.settings().items():
        default, current = ScannerConfig.model_fields[key].default, getattr(scanner, key)
        if key == "idle_ms" and current >= value:
            continue  # more patience than is needed does no harm
        if value != default or value != current:
            click.echo(f"{key} = {_toml(value)}")
        changed |= value != current
    for sentence in found.advice():
        click.echo(f"note: {sentence}", err=True)
    text = "put these lines into its [[scanner]] section" if changed else "nothing is to be changed"
    click.echo(text, err=True)


def _toml(value: str | int) -> str:
    """Write a value as TOML takes it: what a terminal would obey is escaped."""
    return json.dumps(value).replace("\x7f", "\\u007f")


def _described(found: Found) -> str:
    """Say in words what was found."""
    how = ["characters by number (ALT mode), so the layout does not matter"] if found.by_number else []
    how += [f"layout {' or '.join(found.layouts)}"] if found.layouts else []
    how += [f"prefix {found.prefix!a}"] if found.prefix else []
    how += [f"suffix {found.suffix!a}"] if found.suffix else []
    how += ["STX before it"] if found.framed else []
    how += ["CapsLock is pressed"] if found.caps_lock else []
    return ", ".join([*how, f"end {found.terminator}"])
