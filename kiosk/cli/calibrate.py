"""`kiosk calibrate`: finds out how a scanner is set, from one scan of a code that is shown here."""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import click
from rich.console import Console

from kiosk import clock, pulse, tuning
from kiosk.calibration import TEXT, Found, Wrong
from kiosk.cli import sheet
from kiosk.cli.options import Setup, on_signal, with_setup
from kiosk.cli.record import device
from kiosk.cli.scan import gate_socket
from kiosk.collection import KINDS, Collection, Heard, judge
from kiosk.config import Scanner as ScannerConfig
from kiosk.errors import Refused
from kiosk.scanners import socket
from kiosk.scanners.trial import Device
from kiosk.store import audit, calibrated
from kiosk.store.database import own

TICK_S = 0.2


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
@click.option(
    "--forget", is_flag=True, help="Undo what was calibrated on the staff page: the scanner is as configured again."
)
@with_setup
def command(setup: Setup, name: str | None, sheet_file: Path | None, wait_s: float, forget: bool) -> None:
    """Find a scanner's layout, prefix, suffix and end from one scan.

    Shows a code to scan and prints the lines that belong into the scanner's section of the configuration: only those
    that differ from the defaults. The gate must not run meanwhile, because it holds the scanner; the staff page
    calibrates while it runs, and what is found there wins over the configuration until `--forget`.

    \b
    systemctl stop kiosk-gate
    kiosk calibrate --scanner left
    systemctl start kiosk-gate
    """  # noqa: D301  # click's own mark for lines to be left as they are
    if forget:
        _forget(setup, name)
        return
    if sheet_file is not None:
        sheet.write(sheet_file, TEXT)
        click.echo(f"written: {sheet_file}", err=True)
    scanner = _chosen(setup, name)
    if pulse.alive(pulse.feel(setup.config.device.runtime_dir, "gate")):
        raise Refused(
            "the gate is running and holds the scanners: calibrate on the staff page, or systemctl stop kiosk-gate, "
            "and start it afterwards"
        )
    with closing(device(setup, scanner.name, tuning.raw)) as source:
        heard = _listen(scanner, source, wait_s)
    report(scanner, judge(heard, scanner.layout))
    _warn(setup, scanner)


def _forget(setup: Setup, name: str | None) -> None:
    """Have the gate undo it, or do it while no gate runs. Raises Refused where there is nothing to undo."""
    directory = setup.data_dir()
    kept = calibrated.read(directory)
    if name is None and len(kept) == 1:
        name = next(iter(kept))
    if name not in kept:
        raise Refused(f"nothing was calibrated on the staff page but: {', '.join(kept) or 'nothing'}")
    if pulse.alive(pulse.feel(setup.config.device.runtime_dir, "gate")):
        order: dict[str, object] = {"do": "calibrate", "step": "forget", "scanner": name, "by": "command line"}
        answer = socket.bid(gate_socket(setup), order)
        if "state" not in answer:
            raise Refused(str(answer.get("message") or "the gate does not know of it: start the new one"))
    else:
        with own(directory / "gate.lock", "gate"):
            calibrated.write(directory, {other: each for other, each in kept.items() if other != name})
            audit.note(directory, "calibration forgotten", by="command line", scanner=name)
    click.echo(f"scanner {name}: as configured again", err=True)


def _warn(setup: Setup, scanner: ScannerConfig) -> None:
    """Say what wins over the lines that were printed."""
    if settings := tuning.counting(scanner, calibrated.read(setup.config.device.data_dir)):
        said = ", ".join(f"{key} = {_toml(value)}" for key, value in settings.items())
        click.echo(f"note: what staff calibrated wins over these lines: {said}", err=True)
        click.echo(f"      undo it with `kiosk calibrate --forget --scanner {scanner.name}`", err=True)


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
    found = Collection(clock.boottime_ns(), wait_s)
    while not found.over(now_ns := clock.boottime_ns()) and not stopped():
        left_s = found.left_s(now_ns)
        tell("receiving" if found.heard else f"waiting for the scan, {left_s:.0f} s left")
        if select.select([source], [], [], min(TICK_S, left_s))[0]:
            moment = clock.now()
            found.take(moment.boottime_ns, source.sent(moment))
    return found.heard


def _nothing_came(scanner: ScannerConfig, wait_s: float) -> str:
    mode = "USB keyboard" if scanner.kind == "hid" else "serial or USB-CDC"
    return (
        f"nothing came from scanner {scanner.name} within {wait_s:g} s: if it beeps, it is not in {mode} mode or is "
        "another device than `device` names; if it does not beep, take a print of the code (--sheet), or hold it nearer"
    )


def report(scanner: ScannerConfig, found: Found | Wrong) -> None:
    """Print the lines to paste, and everything else beside them. Raises Refused where the scanner cannot be used."""
    if isinstance(found, Wrong):
        raise Refused(found.problem)
    click.echo(f"scanner {scanner.name}: {_described(found)}", err=True)
    fitting = tuning.tuning(scanner, found).settings
    changed = {key for key, _, _ in tuning.changes(scanner, tuning.tuned(scanner, tuning.tuning(scanner, found)))}
    for key, value in fitting.items():
        if value != ScannerConfig.model_fields[key].default or key in changed:
            click.echo(f"{key} = {_toml(value)}")
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
