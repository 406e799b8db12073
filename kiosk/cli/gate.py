"""`kiosk gate`: scanners, ears, mind and journal, put together."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import click

from kiosk import __version__, clock, config, settings
from kiosk.cli.opening import opened
from kiosk.cli.options import Setup, log_to_stderr, on_signal, with_setup
from kiosk.config import Scanner as ScannerConfig
from kiosk.errors import KioskError
from kiosk.gate import Gate, Record
from kiosk.lanes import Lane
from kiosk.model import Moment, Passage, Reading, Rules, Scan, Ticket, Verdict
from kiosk.pulse import Pulse, online
from kiosk.scanners import socket as desk
from kiosk.scanners.binding import Bindings
from kiosk.scanners.hotplug import hotplug
from kiosk.store import audit
from kiosk.store.database import own
from kiosk.store.keeper import Keeper
from kiosk.store.ticketlist import TicketList
from kiosk.store.upkeep import Plan, Upkeep
from kiosk.suspicion import Suspicion
from kiosk.waiting import Waiting
from kiosk.watch import Ears
from kiosk.watchdog import Mark, Part, Watchdog, Work

log = logging.getLogger(__name__)

OPENING_S = 1.0
"""How long the gate says nothing of itself while its scanners are opened: who sees it running may scan."""

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
    data_dir, _ = setup.data_dir(), setup.runtime_dir()
    lanes = _lanes(setup)
    tickets = TicketList(data_dir, setup.config.gate.code_rules)
    with (
        Watchdog() as watchdog, own(data_dir / "gate.lock", "gate"),
        closing(_keeper(setup.config, data_dir)) as journal,
    ):  # fmt: skip
        audit.note_configuration(data_dir, setup.path, setup.config)
        _run(setup, lanes, journal, tickets, watchdog)


def _keeper(found: config.Config, data_dir: Path) -> Keeper:
    device = found.device
    plan = Plan(device.journal_mirror, device.witness_sync, device.backup_interval_s, device.backups_kept)
    upkeep = Upkeep(data_dir, plan)
    keeper = Keeper(data_dir, device.id, found.sync.retention_days, upkeep)
    upkeep.start()
    return keeper


def _run(setup: Setup, lanes: list[Lane], journal: Keeper, tickets: TicketList, watchdog: Watchdog) -> None:
    pulse, mind, recording = Pulse(setup.config.device.runtime_dir, "gate"), Mark(), Work()
    rules = _Rules(setup.config.gate, tickets)
    reached = partial(online, setup.config.device.runtime_dir)
    waiting = Waiting(tickets, journal.want, reached, setup.config.gate.lookup_ms)
    gate = Gate(_Watched(journal, recording), tickets, rules, hold_off_s=setup.config.gate.hold_off_s, waiting=waiting)
    gate.suspicion = Suspicion(
        {scanner.name: scanner.layout for scanner in setup.config.scanner if scanner.kind == "hid"}
    )
    gate.remember(clock.now())
    ears = Ears(lanes, gate.hear, gate.backlog, clock.now, hotplug())
    parts = {"ears": Part(lambda: ears.ticked_ns), "mind": Part(mind.moved_ns), "journal": Part(recording.moved_ns)}

    def beat() -> None:
        mind.move()
        _beat(pulse, gate, ears, rules, journal)
        if any(scanner["connected"] for scanner in ears.state()):  # manual entry counts
            watchdog.ready(parts)

    failures: list[Exception] = []
    listening = threading.Thread(target=_listen, args=(ears, gate, failures), name="ears")
    with closing(tickets), on_signal(gate.stop):
        listening.start()
        ears.tried.wait(OPENING_S)
        try:
            gate.run(beat)
        finally:
            ears.stop()
            listening.join()
            pulse.end()
    if failures:
        raise KioskError(f"nothing is heard any more ({failures[0]!r}): this gate ends, and is to be started again")


def _listen(ears: Ears, gate: Gate, failures: list[Exception]) -> None:
    """Listen; a gate that has gone deaf ends, because a door that looks open and is not is the worst of all."""
    try:
        ears.run()
    except Exception as error:
        log.exception("the ears have failed")
        failures.append(error)
        gate.stop()


class _Watched:
    """The journal, and since when it has been at work: a card that hangs is to be named."""

    def __init__(self, journal: Record, work: Work) -> None:
        self._journal, self._work = journal, work

    def append(self, reading: Reading, verdict: Verdict) -> Scan:
        with self._work.going_on():
            return self._journal.append(reading, verdict)

    def history(self, ticket: Ticket) -> Sequence[Passage]:
        with self._work.going_on():
            return self._journal.history(ticket)

    def recent(self, boot_id: str, since_ns: int) -> Sequence[Scan]:
        with self._work.going_on():
            return self._journal.recent(boot_id, since_ns)

    def rest(self, now: Moment) -> None:
        with self._work.going_on():
            self._journal.rest(now)


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


def _beat(pulse: Pulse, gate: Gate, ears: Ears, rules: Callable[[], Rules], journal: Keeper) -> None:
    answer = gate.shown.answer
    pulse.beat(
        version=__version__,
        ears_ns=ears.ticked_ns,
        scanners=[one | {"hint": gate.suspicion.hint(str(one["name"])) or one["hint"]} for one in ears.state()],
        events=list(rules().events),
        fault=gate.fault,
        journal=journal.facts(),
        shown={
            "turn": gate.shown.turn,
            "lane": gate.shown.lane,
            "seq": answer.scan.seq if answer is not None and answer.scan is not None else None,
            "notice": answer.notice if answer is not None else None,
        },
    )


def _lanes(setup: Setup) -> list[Lane]:
    """Every configured scanner, and manual entry."""
    names = [scanner.name for scanner in setup.config.scanner]
    bindings = Bindings(setup.config.device.data_dir, names)
    lanes = [_lane(setup, scanner, bindings) for scanner in setup.config.scanner]
    if not any(lane.kind == "socket" for lane in lanes):
        name = MANUAL if all(lane.name != MANUAL for lane in lanes) else f"{MANUAL} entry"
        lanes.append(_lane(setup, ScannerConfig(name=name, kind="socket"), bindings))
    return lanes


def _lane(setup: Setup, scanner: ScannerConfig, bindings: Bindings) -> Lane:
    device = scanner.device or {"socket": str(setup.config.device.runtime_dir / desk.FILE)}.get(scanner.kind, "auto")
    recipe = partial(opened, scanner, device, bindings)
    return Lane(scanner.name, scanner.kind, device, recipe, scanner.type, ends=scanner.kind == "replay")
