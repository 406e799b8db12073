"""`kiosk doctor`: every check there is, each with its mend, whether anything runs or not."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import asdict
from functools import partial

import click
from rich.console import Console
from rich.text import Text

from kiosk import __version__, clock, pulse
from kiosk.cli.options import Setup, with_setup
from kiosk.cli.status import display_answers, events_in_force
from kiosk.config import Config
from kiosk.doctor import outputs, programs, records, times
from kiosk.doctor.finding import Colour, Finding, green, look, red, worst
from kiosk.doctor.lanes import lanes
from kiosk.doctor.machine import Machine, heat, power
from kiosk.doctor.reach import cloud_checks, side_by_side
from kiosk.doctor.salvage import salvage
from kiosk.doctor.storage import storage
from kiosk.errors import ConfigError
from kiosk.store.outlook import Outlook
from kiosk.words import plain

SIGNS = {Colour.GREEN: ("✓", "ok"), Colour.AMBER: ("!", "look"), Colour.RED: ("✗", "BAD")}
STYLES = {Colour.GREEN: "green", Colour.AMBER: "yellow", Colour.RED: "bold red"}

NO_EVENT = "0" * 24
"""What the scans service is asked about where no event is known: nothing is found, and that is an answer."""


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@with_setup
def command(setup: Setup, as_json: bool) -> None:
    """Check everything: configuration, files, disk, scanners, power, clock, cloud, credentials, list, programs.

    Each check is green, amber or red and says what was found and how to mend it; the exit status is 1 if one is red.
    It changes nothing, works while all programs are down or the configuration is broken, and asks each host of the
    cloud one thing only.
    """
    findings = examine(setup)
    if as_json:
        found = {"colour": worst(findings), "version": __version__, "checks": [asdict(each) for each in findings]}
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        _print(findings)
    if worst(findings) is Colour.RED:
        sys.exit(1)


def examine(setup: Setup, machine: Machine | None = None) -> list[Finding]:
    """Make every check; of a broken configuration, by the sections that are right."""
    config, first = _configuration(setup)
    machine = machine if machine is not None else Machine()
    local: dict[str, Callable[[], list[Finding]]] = {
        "data directory": partial(_storage, config, setup),
        "journal": partial(records.recorded, config.device.data_dir),
        "scanners": partial(_lanes, config, machine),
        "outputs": partial(_outputs, config),
        "power": lambda: [power(machine.undervolted()), heat(machine.temperature_c())],
        "clock": partial(_clock, config),
        "programs": partial(_programs, config),
        "ticket list": partial(_list, config),
        "outbox": partial(_outbox, config),
        "backup": partial(records.backup, config.device.data_dir),
    }  # fmt: skip
    here = [finding for name, check in local.items() for finding in look(name, check)]
    return [first, *here, *side_by_side(_elsewhere(config))]


def _configuration(setup: Setup) -> tuple[Config, Finding]:
    try:
        return setup.config, green("configuration", str(setup.path))
    except ConfigError as error:
        mend = "mend it, `kiosk check` tells whether it is right; the rest is checked by what can be read of it"
        return salvage(setup.path), red("configuration", str(error), mend)


def _storage(config: Config, setup: Setup) -> list[Finding]:
    return storage(config.device.data_dir, allow_volatile=setup.allow_volatile)


def _lanes(config: Config, machine: Machine) -> list[Finding]:
    gate = pulse.feel(config.device.runtime_dir, "gate")
    return lanes(
        config.device.data_dir, config.scanner, gate if pulse.alive(gate) else None, machine.holders
    )  # fmt: skip


def _clock(config: Config) -> list[Finding]:
    newest, gate = records.newest_scan(config.device.data_dir), pulse.feel(config.device.runtime_dir, "gate")
    said = pulse.clock_of(gate)
    known_by = said.get("source") if said.get("known") else None
    return [times.clock(clock.now(), newest, known_by)]


def _outputs(config: Config) -> list[Finding]:
    gate = pulse.feel(config.device.runtime_dir, "gate")
    return outputs.outputs(config.output, config.turnstile, gate if pulse.alive(gate) else None, outputs.board())


def _programs(config: Config) -> list[Finding]:
    return programs.programs(config.device.runtime_dir, display_answers=display_answers(config.display))


def _list(config: Config) -> list[Finding]:
    with closing(Outlook(config.device.data_dir)) as outlook:
        events = events_in_force(config.gate, outlook)
        return records.tickets(outlook, events, clock.now(), config.gate.stale_after_s)


def _outbox(config: Config) -> list[Finding]:
    with closing(Outlook(config.device.data_dir)) as outlook:
        return [records.outbox(outlook.outbox(clock.now()))]


def _elsewhere(config: Config) -> dict[str, Callable[[], list[Finding]]]:
    """Return what may take long, and is therefore done at the same time."""
    try:
        with closing(Outlook(config.device.data_dir)) as outlook:
            events = events_in_force(config.gate, outlook)
    except Exception:  # noqa: BLE001  # the ticket list's own check says what is wrong with it
        events = list(config.gate.events)
    return {**cloud_checks(config.cloud, next(iter(events), NO_EVENT)), "units": programs.units}


def _print(findings: Iterable[Finding]) -> None:
    screen = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        sign, word = SIGNS[finding.colour]
        line = Text.assemble(
            (f"{sign} {word:<4}", STYLES[finding.colour]), f"  {finding.name}: ", _lines(finding.found)
        )
        screen.print(line)
        if finding.mend:
            screen.print(Text(f"        → {_lines(finding.mend)}"))


def _lines(text: str) -> str:
    return "\n        ".join(map(plain, text.splitlines()))
