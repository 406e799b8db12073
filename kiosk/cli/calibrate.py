"""`kiosk calibrate`: finds out how a scanner is set, from one scan of a code that is shown here."""

from __future__ import annotations

import importlib.util
import json
import select
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Protocol

import click
from rich.console import Console

from kiosk import calibration, clock, pulse
from kiosk.calibration import TEXT, Found, KeyEvent, Terminator, Wrong
from kiosk.cli import sheet
from kiosk.cli.options import Setup, on_signal, with_setup
from kiosk.config import Scanner as ScannerConfig
from kiosk.decode import Frames
from kiosk.errors import Refused
from kiosk.keys import Keys
from kiosk.layouts import LAYOUTS
from kiosk.model import Moment, Reading
from kiosk.watch import Scanner

Chunk = KeyEvent | bytes

KINDS = ("hid", "serial")
"""The scanners that can be set in more ways than one."""

TICK_S = 0.2
SETTLED_S = 0.8
"""So much silence ends a scan, whatever ends its code: a slow radio pauses for half a second."""

LONGEST_S = 10.0
MOST_CHUNKS = 20_000
"""A scanner that goes on longer than this sends something else."""


class Source(Protocol):
    """An open device whose input is taken as it comes. `chunks` and `close` as a scanner's; raises ScannerLost."""

    def fileno(self) -> int: ...
    def chunks(self, moment: Moment) -> list[Chunk]: ...
    def close(self) -> None: ...


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
    if scanner.kind == "hid" and importlib.util.find_spec("evdev") is None:
        raise setup.error("scanner", "kind", "a hid scanner needs evdev: pip install 'kiosk[hid]', or apt-get install "
                          "python3-evdev")  # fmt: skip
    with closing(_open(scanner)) as source:
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


def _listen(scanner: ScannerConfig, source: Source, wait_s: float) -> list[tuple[int, Chunk]]:
    """Show the code and return what came. Raises Refused when nothing does, ScannerLost when the device goes."""
    click.echo(sheet.terminal(TEXT, colour=sys.stderr.isatty()), err=True)
    click.echo(f"Scan this code with scanner {scanner.name} ({scanner.kind} {scanner.device or 'auto'}).", err=True)
    stopped: list[bool] = []
    with on_signal(lambda: stopped.append(True)), Console(stderr=True).status("waiting for the scan") as status:
        heard = collect(source, wait_s, status.update, lambda: bool(stopped))
    if stopped:
        raise Refused("stopped before anything was found")
    if not heard:
        raise Refused(_nothing_came(scanner, wait_s))
    return heard


def collect(
    source: Source, wait_s: float, tell: Callable[[str], None], stopped: Callable[[], bool]
) -> list[tuple[int, Chunk]]:
    """Return everything up to the silence after a scan, each with its time since boot; nothing after `wait_s`.

    `tell` is told several times a second how it goes. Raises ScannerLost.
    """
    heard: list[tuple[int, Chunk]] = []
    started_ns = clock.boottime_ns()
    while (left_s := _left_s(heard, started_ns, wait_s)) > 0 and not stopped():
        tell("receiving" if heard else f"waiting for the scan, {left_s:.0f} s left")
        if select.select([source], [], [], min(TICK_S, left_s))[0]:
            moment = clock.now()
            heard += [(moment.boottime_ns, chunk) for chunk in source.chunks(moment)]
    return heard


def _left_s(heard: list[tuple[int, Chunk]], started_ns: int, wait_s: float) -> float:
    now_ns = clock.boottime_ns()
    if not heard:
        return wait_s - (now_ns - started_ns) / 1e9
    if len(heard) >= MOST_CHUNKS or now_ns - heard[0][0] > LONGEST_S * 1e9:
        return 0.0
    return SETTLED_S - (now_ns - heard[-1][0]) / 1e9


def _nothing_came(scanner: ScannerConfig, wait_s: float) -> str:
    mode = "USB keyboard" if scanner.kind == "hid" else "serial or USB-CDC"
    return (
        f"nothing came from scanner {scanner.name} within {wait_s:g} s: if it beeps, it is not in {mode} mode or is "
        "another device than `device` names; if it does not beep, take a print of the code (--sheet), or hold it nearer"
    )


def judge(scanner: ScannerConfig, heard: list[tuple[int, Chunk]]) -> Found | Wrong:
    """Return what this scanner's input says."""
    pieces = [(at_ns, chunk) for at_ns, chunk in heard if isinstance(chunk, bytes)]
    if pieces:
        return calibration.from_bytes(pieces)
    return calibration.from_keys(
        [(at_ns, chunk) for at_ns, chunk in heard if not isinstance(chunk, bytes)], prefer=scanner.layout
    )


def report(scanner: ScannerConfig, found: Found | Wrong) -> None:
    """Print the lines to paste, and everything else beside them. Raises Refused where the scanner cannot be used."""
    if isinstance(found, Wrong):
        raise Refused(found.problem)
    click.echo(f"scanner {scanner.name}: {_described(found)}", err=True)
    changed = False
    for key, value in found.settings().items():
        default, current = ScannerConfig.model_fields[key].default, getattr(scanner, key)
        if isinstance(value, int) and current >= value:
            continue  # more patience than is needed does no harm
        if value != default or value != current:
            click.echo(f"{key} = {json.dumps(value, ensure_ascii=False)}")
        changed |= value != current
    for sentence in found.advice():
        click.echo(f"note: {sentence}", err=True)
    if found.terminator is Terminator.NONE:
        raise Refused("its codes cannot be read yet: see the note")
    text = "put these lines into its [[scanner]] section" if changed else "nothing is to be changed"
    click.echo(text, err=True)


def _described(found: Found) -> str:
    """Say in words what was found."""
    how = ["characters by number (ALT mode), so the layout does not matter"] if found.by_number else []
    how += [f"layout {' or '.join(found.layouts)}"] if found.layouts else []
    how += [f"prefix {found.prefix!a}"] if found.prefix else []
    how += [f"suffix {found.suffix!a}"] if found.suffix else []
    how += ["STX before it"] if found.framed else []
    how += ["CapsLock is pressed"] if found.caps_lock else []
    return ", ".join([*how, f"end {found.terminator}"])


class _Tapped:
    """A scanner whose decoder only notes what it is fed."""

    def __init__(self, scanner: Scanner, heard: list[Chunk]) -> None:
        self._scanner, self._heard = scanner, heard
        self.fileno, self.close = scanner.fileno, scanner.close

    def chunks(self, moment: Moment) -> list[Chunk]:
        self._heard.clear()
        self._scanner.read(moment)
        return list(self._heard)


class _Bytes(Frames):
    def __init__(self, heard: list[Chunk]) -> None:
        super().__init__("")
        self._heard = heard

    def feed(self, data: bytes, moment: Moment) -> list[Reading]:
        self._heard += [data] if data else []
        return []


class _Events(Keys):
    def __init__(self, heard: list[Chunk]) -> None:
        super().__init__(Frames(""), LAYOUTS["us"])
        self._heard = heard

    def feed(self, kind: int, code: int, value: int, moment: Moment) -> list[Reading]:
        self._heard.append((kind, code, value))
        return []


def _open(scanner: ScannerConfig) -> Source:
    """Open the device alone: the gate's recipe without the gate's decoder. Raises ScannerLost."""
    heard: list[Chunk] = []
    if scanner.kind == "serial":
        from kiosk.scanners.serial import SerialScanner

        return _Tapped(SerialScanner(scanner.device, scanner.baudrate, _Bytes(heard)), heard)
    from kiosk.scanners.hid import HidScanner

    return _Tapped(HidScanner(scanner.device or "auto", _Events(heard)), heard)
