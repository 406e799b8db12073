"""How each kind of output, and a turnstile, is put together from its section of the configuration."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from kiosk import config, signals
from kiosk.fittings import Output as Recipe
from kiosk.fittings import Turnstile as TurnstileRecipe
from kiosk.model import Answer, Passed
from kiosk.outputs.output import Device, Fitting, Output
from kiosk.outputs.panel import Panel
from kiosk.outputs.turnstile import Closing, Turnstile
from kiosk.signals import Signal


def panel(found: config.Config, audible: Callable[[], bool], passed: Callable[[int, Passed], None]) -> Panel:
    """Return everything that is configured; nothing of it is touched yet."""
    outputs = [Output(_fitting(recipe, audible)) for recipe in found.output]
    return Panel(outputs, [_turnstile(recipe, passed) for recipe in found.turnstile])


def _fitting(recipe: Recipe, audible: Callable[[], bool]) -> Fitting:
    means = partial(meant, recipe)
    return Fitting(recipe.name, recipe.kind, means, partial(opened, recipe, audible), frozenset(recipe.lanes))


def meant(recipe: Recipe, answer: Answer) -> Signal | None:
    """Return what an output is to play for an answer. A relay opens for who may pass, and for nobody else."""
    found = signals.passage(answer) if recipe.kind == "relay" else signals.signal(answer)
    return found if found in recipe.signals else None


def opened(recipe: Recipe, audible: Callable[[], bool]) -> Device:
    """Open an output; it is off then. Raises OutputLost."""
    if recipe.kind == "sound":
        from kiosk.outputs.speaker import Speaker

        return Speaker(recipe.device, audible)
    from kiosk.outputs.switch import Switch, rhythm

    rhythms = {signal: rhythm(recipe, signal) for signal in Signal}
    if recipe.kind == "lights":
        from kiosk.outputs.lights import Light

        return Switch(Light(recipe.device, recipe.led), rhythms)
    from kiosk.outputs.pins import Pin

    assert recipe.pin is not None  # the configuration sees to it
    return Switch(Pin(recipe.pin, active_low=recipe.active_low), rhythms)


def _turnstile(recipe: TurnstileRecipe, passed: Callable[[int, Passed], None]) -> Turnstile:
    def open_(closed: Callable[[], None]) -> Closing:
        from kiosk.outputs.pins import Contact

        bounce_s = recipe.bounce_ms / 1000
        return Contact(recipe.pin, active_low=recipe.active_low, bounce_s=bounce_s, closed=closed)

    return Turnstile(recipe.name, frozenset(recipe.lanes), recipe.timeout_s, open_, passed)
