"""How each kind of scanner is opened: its device found, a decoder of its own, the lane's device remembered."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from kiosk.config import Scanner as Recipe
from kiosk.decode import Frames
from kiosk.dialects import DIALECTS, Dialect
from kiosk.keys import Keys
from kiosk.lanes import Scanner
from kiosk.layouts import LAYOUTS
from kiosk.parts import Parts
from kiosk.reports import COMMON
from kiosk.scanners.binding import Bindings

log = logging.getLogger(__name__)

PLUGGED = {"hid", "hidpos", "serial"}


def opened(recipe: Recipe, device: str, bindings: Bindings) -> Scanner:
    """Open a device with a decoder of its own: nothing of what came before it was lost may join what comes after.

    Raises ScannerLost when it is not there, is not what it was, or is not to be had.
    """
    if recipe.kind not in PLUGGED:
        return _from_file(recipe, device)
    node = bindings.find(recipe.name, recipe.kind, device)
    scanner = _from_device(recipe, node)
    try:
        bindings.keep(recipe.name, recipe.kind, device, node)
    except OSError as error:  # it can be read, and that is what counts
        log.warning("scanner %s: its device cannot be remembered: %s", recipe.name, error)
    return scanner


def _from_device(recipe: Recipe, node: str) -> Scanner:
    if recipe.kind == "serial":
        from kiosk.scanners.serial import Line, SerialScanner

        line = Line(recipe.baudrate, recipe.bits, recipe.parity)
        return SerialScanner(node, line, _frames(recipe), _dialect(recipe))
    if recipe.kind == "hidpos":
        from kiosk.scanners.hidpos import open_node

        return open_node(node, partial(Parts, recipe.name, prefix=recipe.prefix, suffix=recipe.suffix))
    from kiosk.scanners.hid import HidScanner

    return HidScanner(node, Keys(_frames(recipe), LAYOUTS[recipe.layout]))


def _from_file(recipe: Recipe, device: str) -> Scanner:
    if recipe.kind == "socket":
        from kiosk.scanners.socket import SocketScanner

        return SocketScanner(Path(device), recipe.name)
    from kiosk.scanners.replay import ReplayScanner

    frames = _frames(recipe)
    keys = Keys(frames, LAYOUTS[recipe.layout])
    parts = Parts(recipe.name, COMMON, prefix=recipe.prefix, suffix=recipe.suffix)
    return ReplayScanner(
        device,
        {
            "bytes": frames.feed,
            "damaged": lambda _, moment: frames.damage(moment),
            "events": keys.play,
            "descriptor": lambda descriptor, _: parts.describe(descriptor),
            "report": parts.feed,
        },
    )


def _frames(recipe: Recipe) -> Frames:
    return Frames(
        recipe.name,
        idle_ms=recipe.idle_ms,
        prefix=recipe.prefix,
        suffix=recipe.suffix,
        terminated=recipe.terminator != "none",
    )


def _dialect(recipe: Recipe) -> Dialect:
    """What is sent back: the named dialect's, each part overruled by what the configuration says itself."""
    named = DIALECTS[recipe.feedback]
    good, bad = (None if text is None else text.encode("latin-1") for text in (recipe.good_read, recipe.bad_read))
    return Dialect(named.good if good is None else good, named.bad if bad is None else bad, named.again)
