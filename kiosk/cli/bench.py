"""The gate's lanes and its workbench: every configured scanner and manual entry, each with the recipes that open it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

from kiosk.cli.opening import opened
from kiosk.cli.options import Setup
from kiosk.config import Scanner
from kiosk.lanes import Lane
from kiosk.scanners import socket as desk
from kiosk.scanners.binding import Bindings
from kiosk.scanners.trial import Device
from kiosk.workbench import Workbench

MANUAL = "manual"
"""The lane of `kiosk scan` and the staff page, unless the configuration names its own socket scanner."""


def workbench(setup: Setup) -> Workbench:
    """Return the workbench of a gate that is about to open."""
    device, scanners = setup.config.device, list(setup.config.scanner)
    bindings = Bindings(device.data_dir, [scanner.name for scanner in scanners])
    if not any(scanner.kind == "socket" for scanner in scanners):
        name = MANUAL if all(scanner.name != MANUAL for scanner in scanners) else f"{MANUAL} entry"
        scanners.append(Scanner(name=name, kind="socket"))
    return Workbench(device.data_dir, scanners, partial(_lane, setup, bindings), partial(_device, bindings))


def _lane(setup: Setup, bindings: Bindings, scanner: Scanner) -> Lane:
    device = scanner.device or {"socket": str(setup.config.device.runtime_dir / desk.FILE)}.get(scanner.kind, "auto")
    recipe = partial(opened, scanner, device, bindings)
    return Lane(scanner.name, scanner.kind, device, recipe, scanner.type, ends=scanner.kind == "replay")


def _device(bindings: Bindings, scanner: Scanner) -> Callable[[], Device]:
    return lambda: cast("Device", opened(scanner, scanner.device or "auto", bindings))
