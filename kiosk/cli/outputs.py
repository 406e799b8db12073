"""`kiosk outputs`: what is configured, one tried, or all of it switched off."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from threading import Event

import click

from kiosk import pulse
from kiosk.cli.fitted import opened
from kiosk.cli.options import Setup, log_to_stderr, on_signal, with_setup
from kiosk.errors import OutputLost, Refused
from kiosk.fittings import Output, hazard
from kiosk.outputs.output import Device
from kiosk.signals import Signal

log = logging.getLogger(__name__)


@click.command("outputs")
@click.option("--try", "tried", metavar="NAME", help="Switch this one on as for an approved code.")
@click.option("--as", "signal", type=click.Choice([s.value for s in Signal]), help="With --try: as for this instead.")
@click.option("--off", is_flag=True, help="Switch everything off; systemd does this whenever the gate has ended.")
@with_setup
def command(setup: Setup, tried: str | None, signal: str | None, off: bool) -> None:
    """Show the outputs of the configuration, try one, or switch all of them off.

    --try and --off need the pins, which a running gate has: stop it first.
    """
    if off:
        _switch_off(setup.config.output)
    elif tried is not None:
        _refuse_beside_the_gate(setup)
        _try(setup, tried, Signal(signal) if signal else None)
    else:
        for output in setup.config.output:
            click.echo(_line(output))


def _line(output: Output) -> str:
    where = f"GPIO{output.pin} active {'low' if output.active_low else 'high'}" if output.pin else output.device
    told = ", ".join(signal for signal in Signal if signal in output.signals)
    warning = f"  BEWARE: {risk}" if (risk := hazard(output)) else ""
    return f"{output.name}: {output.kind} {where} {output.ms} ms on {told}{warning}"


def _refuse_beside_the_gate(setup: Setup) -> None:
    if pulse.alive(pulse.feel(setup.config.device.runtime_dir, "gate")):
        raise Refused("the gate is running, and has the outputs: stop it first (systemctl stop kiosk-gate)")


def _try(setup: Setup, name: str, signal: Signal | None) -> None:
    recipe = next((output for output in setup.config.output if output.name == name), None)
    if recipe is None:
        known = ", ".join(output.name for output in setup.config.output) or "none"
        raise click.UsageError(f"no output is called {name!r}; known here: {known}")
    over = Event()
    with on_signal(over.set):
        device = opened(recipe, lambda: True)
        try:
            device.play(signal or next(s for s in Signal if s in recipe.signals), over.wait)
        finally:
            device.close()


def _switch_off(outputs: tuple[Output, ...]) -> None:
    """Open each, which switches it off, and close it again; one that fails keeps none of the others on."""
    log_to_stderr("outputs")
    for recipe in outputs:
        if recipe.kind != "sound":
            _or_say(recipe.name, partial(opened, recipe, lambda: False))


def _or_say(name: str, open_: Callable[[], Device]) -> None:
    try:
        open_().close()
    except OutputLost as error:
        log.error("output %s: %s", name, error)
