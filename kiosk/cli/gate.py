"""`kiosk gate`: scanners, ears, mind and journal, put together."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import click

from kiosk import __version__, clock, config, settings
from kiosk.cli.options import Setup, log_to_stderr, on_signal, with_setup
from kiosk.config import Scanner as ScannerConfig
from kiosk.decode import Frames
from kiosk.gate import Gate
from kiosk.model import Rules
from kiosk.pulse import Pulse, online
from kiosk.scanners import socket as desk
from kiosk.store.database import own
from kiosk.store.journal import Journal
from kiosk.store.ticketlist import TicketList
from kiosk.waiting import Waiting
from kiosk.watch import Ears, Lane, Scanner

MANUAL = "manual"
"""The lane of `kiosk scan` and the staff page, unless the configuration names its own socket scanner."""


@click.command("gate")
@with_setup
def command(setup: Setup) -> None:
    """Listen to the scanners, decide on each code, record it, and only then show it.

    Runs in the foreground until Ctrl-C or SIGTERM. It never touches a network: the ticket list and the settings come
    from files that `kiosk sync` keeps, and it goes on without them.
    """
    log_to_stderr("gate")
    data_dir, runtime_dir = setup.data_dir(), setup.runtime_dir()
    lanes = _lanes(setup, runtime_dir)
    kept_days = setup.config.sync.retention_days
    with own(data_dir / "gate.lock", "gate"), closing(Journal(data_dir, setup.config.device.id, kept_days)) as journal:
        _run(setup, lanes, journal, TicketList(data_dir), Pulse(runtime_dir, "gate"))


def _run(setup: Setup, lanes: list[Lane], journal: Journal, tickets: TicketList, pulse: Pulse) -> None:
    rules = _Rules(setup.config.gate, tickets)
    reached = partial(online, setup.config.device.runtime_dir)
    waiting = Waiting(tickets, journal.want, reached, setup.config.gate.lookup_ms)
    gate = Gate(journal, tickets, rules, hold_off_s=setup.config.gate.hold_off_s, waiting=waiting)
    gate.remember(clock.now())
    ears = Ears(lanes, gate.hear, gate.backlog, clock.now)
    listening = threading.Thread(target=ears.run, name="ears")
    with closing(tickets), on_signal(gate.stop):
        listening.start()
        try:
            gate.run(partial(_beat, pulse, gate, ears, rules))
        finally:
            ears.stop()
            listening.join()
            pulse.end()


class _Rules:
    """The rules of this moment: the file's and the cloud's, joined again only when the cloud's have changed."""

    def __init__(self, gate: config.Gate, tickets: TicketList) -> None:
        self._gate, self._tickets = gate, tickets
        tickets.look_again()
        self._settings = tickets.settings
        self._joined = settings.rules(gate, self._settings)

    def __call__(self) -> Rules:
        if self._tickets.settings is not self._settings:
            self._settings = self._tickets.settings
            self._joined = settings.rules(self._gate, self._settings)
        return self._joined


def _beat(pulse: Pulse, gate: Gate, ears: Ears, rules: Callable[[], Rules]) -> None:
    answer = gate.shown.answer
    pulse.beat(
        version=__version__,
        ears_ns=ears.ticked_ns,
        scanners=ears.state(),
        events=list(rules().events),
        fault=gate.fault,
        shown={
            "turn": gate.shown.turn,
            "lane": gate.shown.lane,
            "seq": answer.scan.seq if answer is not None and answer.scan is not None else None,
            "message": answer.message if answer is not None else "",
        },
    )


def _lanes(setup: Setup, runtime_dir: Path) -> list[Lane]:
    """Every configured scanner, and manual entry. Raises ConfigError where a kind lacks its library."""
    lanes = [_lane(setup, scanner, runtime_dir) for scanner in setup.config.scanner]
    if not any(lane.kind == "socket" for lane in lanes):
        name = MANUAL if all(lane.name != MANUAL for lane in lanes) else f"{MANUAL} entry"
        lanes.append(_lane(setup, ScannerConfig(name=name, kind="socket"), runtime_dir))
    return lanes


def _lane(setup: Setup, scanner: ScannerConfig, runtime_dir: Path) -> Lane:
    if scanner.kind == "hid" and importlib.util.find_spec("evdev") is None:
        raise setup.error(
            "scanner", "kind", f"{scanner.name}: a hid scanner needs evdev: pip install 'kiosk[hid]', "
            "or apt-get install python3-evdev"
        )  # fmt: skip
    device = scanner.device or {"hid": "auto", "socket": str(runtime_dir / desk.FILE)}.get(scanner.kind, "")
    recipe = partial(_open, scanner, device)
    return Lane(scanner.name, scanner.kind, device, recipe, scanner.type, ends=scanner.kind == "replay")


def _open(scanner: ScannerConfig, device: str) -> Scanner:
    """Open a device with a decoder of its own: nothing of what came before it was lost may join what comes after."""
    frames = Frames(scanner.name, idle_ms=scanner.idle_ms, prefix=scanner.prefix, suffix=scanner.suffix)
    match scanner.kind:
        case "serial":
            from kiosk.scanners.serial import SerialScanner

            return SerialScanner(device, scanner.baudrate, frames)
        case "hid":
            from kiosk.keys import Keys
            from kiosk.layouts import LAYOUTS
            from kiosk.scanners.hid import HidScanner

            return HidScanner(device, Keys(frames, LAYOUTS[scanner.layout]))
        case "replay":
            from kiosk.scanners.replay import ReplayScanner

            return ReplayScanner(device, frames)
        case "socket":
            return desk.SocketScanner(Path(device), scanner.name)
