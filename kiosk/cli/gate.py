"""`kiosk gate`: scanners, ears, mind and journal, put together."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import click

from kiosk import __version__, clock, config
from kiosk.attempts import resumed
from kiosk.cli.bench import workbench
from kiosk.cli.fitted import panel as fitted
from kiosk.cli.options import Setup, log_to_stderr, on_signal, with_setup
from kiosk.desk import Desk
from kiosk.dials import Dials
from kiosk.errors import KioskError
from kiosk.gate import Gate, Record
from kiosk.model import Moment, Passage, Passed, Reading, Rules, Scan, Ticket, Verdict
from kiosk.pulse import RECOVERY, Pulse, online
from kiosk.scanners.hotplug import hotplug
from kiosk.standing import Standing
from kiosk.store import audit
from kiosk.store.database import own
from kiosk.store.keeper import Keeper
from kiosk.store.lookback import LookBack
from kiosk.store.mending import Mending
from kiosk.store.ticketlist import TicketList
from kiosk.store.upkeep import Plan, Upkeep
from kiosk.suspicion import Suspicion
from kiosk.timekeeper import Timekeeper
from kiosk.waiting import Waiting
from kiosk.watch import Ears
from kiosk.watchdog import Mark, Part, Watchdog, Work, lenient
from kiosk.workbench import Workbench

log = logging.getLogger(__name__)

OPENING_S = 1.0
"""How long the gate says nothing of itself while its scanners are opened: who sees it running may scan."""


@click.command("gate")
@with_setup
def command(setup: Setup) -> None:
    """Listen to the scanners, decide on each code, record it, and only then show it.

    Runs in the foreground until Ctrl-C or SIGTERM. It never touches a network: the ticket list and the settings come
    from files that `kiosk sync` keeps, and it goes on without them.
    """
    log_to_stderr("gate")
    data_dir, _ = setup.data_dir(), setup.runtime_dir()
    tickets = TicketList(data_dir, setup.config.gate.code_rules)
    with (
        Watchdog() as watchdog, own(data_dir / "gate.lock", "gate"),
        closing(_keeper(setup.config, data_dir, watchdog)) as journal,
    ):  # fmt: skip
        audit.note_configuration(data_dir, setup.path, setup.config)
        _run(setup, journal, tickets, watchdog)


def _keeper(found: config.Config, data_dir: Path, watchdog: Watchdog) -> Keeper:
    device = found.device
    sign = Pulse(device.runtime_dir, RECOVERY)

    def told(text: str | None) -> None:
        watchdog.say(f"putting the journal together again: {text}" if text is not None else None)
        if text is not None:
            sign.beat(text=text)
        else:
            sign.end()

    plan = Plan(device.journal_mirror, device.witness_sync, device.backup_interval_s, device.backups_kept)
    upkeep = Upkeep(data_dir, plan)
    keeper = Keeper(data_dir, device.id, found.sync.retention_days, upkeep, mending=Mending(told))
    upkeep.start()
    return keeper


def _run(setup: Setup, journal: Keeper, tickets: TicketList, watchdog: Watchdog) -> None:
    pulse, mind, recording = Pulse(setup.config.device.runtime_dir, "gate"), Mark(), Work()
    data_dir, bench = setup.config.device.data_dir, workbench(setup)
    rules = Standing(setup.config.gate, tickets, data_dir)
    gate = _mind(setup.config, journal, recording, tickets, rules)
    bench.follow(partial(_suspect, gate))
    panel = fitted(setup.config, rules.audible(setup.config.display), gate.passed)
    gate.show = panel.show
    timekeeper = Timekeeper(journal, setup.config.device.runtime_dir)
    timekeeper.tend()
    gate.time = timekeeper.time
    note = partial(audit.note, data_dir)
    gate.desk = Desk(
        LookBack(data_dir), tickets.with_id, rules.choose, note, resumed(pulse.last().get("pins")), gate.practice,
        Dials(data_dir, timekeeper, note).orders(), bench.serve,
    )  # fmt: skip
    gate.remember(clock.now())
    bench.ears = ears = Ears(bench.lanes(), gate.hear, gate.backlog, timekeeper.now, hotplug())
    parts = _parts(ears, mind, recording, journal)

    def beat() -> None:
        mind.move()
        timekeeper.tend()
        said = {"journal": journal.facts(), "clock": timekeeper.facts(), **panel.facts()}
        _beat(pulse, gate, rules, ears_ns=ears.ticked_ns, scanners=_scanners(gate, ears, bench), **said)
        if any(scanner["connected"] for scanner in ears.state()):  # manual entry counts
            watchdog.ready(parts)

    failures: list[Exception] = []
    listening = threading.Thread(target=_listen, args=(ears, gate, failures), name="ears")
    with closing(tickets), on_signal(gate.stop), closing(panel):
        panel.start()
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


def _parts(ears: Ears, mind: Mark, recording: Work, journal: Keeper) -> dict[str, Part]:
    """What the watchdog is to see moving."""
    return {
        "ears": Part(lambda: ears.ticked_ns),
        "mind": Part(lenient(mind.moved_ns, journal.mending.for_s)),
        "journal": Part(lenient(recording.moved_ns, journal.mending.for_s)),
    }


def _mind(found: config.Config, journal: Keeper, recording: Work, tickets: TicketList, rules: Standing) -> Gate:
    waiting = Waiting(tickets, journal.want, partial(online, found.device.runtime_dir), found.gate.lookup_ms)
    return Gate(_Watched(journal, recording), tickets, rules, hold_off_s=found.gate.hold_off_s, waiting=waiting)


def _suspect(gate: Gate, scanners: Sequence[config.Scanner]) -> None:
    """Watch the layouts that the keyboard scanners have now."""
    gate.suspicion = Suspicion({scanner.name: scanner.layout for scanner in scanners if scanner.kind == "hid"})


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

    def turn(self, seq: int, passed: Passed, moment: Moment) -> None:
        with self._work.going_on():
            self._journal.turn(seq, passed, moment)

    def admission(self, seq: int) -> tuple[Scan | None, Passed | None]:
        with self._work.going_on():
            return self._journal.admission(seq)


def _scanners(gate: Gate, ears: Ears, bench: Workbench) -> list[dict[str, object]]:
    """How the scanners are, and what of their settings is not as configured."""
    return [
        one
        | {"hint": gate.suspicion.hint(str(one["name"])) or one["hint"]}
        | {"calibrated": dict(bench.counting(str(one["name"])))}
        for one in ears.state()
    ]


def _beat(pulse: Pulse, gate: Gate, rules: Callable[[], Rules], **said: object) -> None:
    answer = gate.shown.answer
    pulse.beat(
        version=__version__,
        events=list(rules().events),
        fault=gate.fault,
        practice=gate.practice.left_s(clock.boottime_ns()),
        pins=gate.desk.attempts.facts() if gate.desk is not None else None,
        **said,
        shown={
            "turn": gate.shown.turn,
            "lane": gate.shown.lane,
            "seq": answer.scan.seq if answer is not None and answer.scan is not None else None,
            "notice": answer.notice if answer is not None else None,
        },
    )
