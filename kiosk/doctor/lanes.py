"""The scanners: plugged in, the right ones, and ours to read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kiosk.config import Scanner
from kiosk.doctor.finding import Finding, amber, green, red
from kiosk.doctor.machine import Holder
from kiosk.errors import ScannerLost
from kiosk.scanners.binding import Bindings
from kiosk.scanners.plugged import Plugged, plugged
from kiosk.store import calibrated
from kiosk.tuning import Tuning, changes, misfit, tuned

FROM_FILES = {"socket", "replay"}


@dataclass(frozen=True, slots=True)
class Lane:
    """A configured scanner as it is found. `lost` says why there is none; `gate` is what the gate says of it.

    `calibrated` are the settings that the staff page gave it, `misfit` why they do not count.
    """

    name: str
    node: str = ""
    lost: str | None = None
    usable: bool = True
    holders: tuple[Holder, ...] = ()
    gate: Mapping[str, Any] | None = None
    gate_pid: int | None = None
    calibrated: tuple[str, ...] = ()
    misfit: str | None = None


def lanes(
    directory: Path,
    scanners: Iterable[Scanner],
    gate: Mapping[str, Any] | None,
    holders: Callable[[Path], list[Holder]],
    look: Callable[[str], list[Plugged]] = plugged,
) -> list[Finding]:
    """Check every configured scanner; `gate` is what the running gate says, None while it is down."""
    known = list(scanners)
    if not known:
        mend = "`kiosk devices` shows what is plugged in, with the lines to paste"
        return [amber("scanners", "none is configured: only manual entry is open", mend)]
    bindings = Bindings(directory, [scanner.name for scanner in known], look)
    tunings = calibrated.read(directory)
    found = [replace(_found(one, bindings, gate, holders), **_calibrated(one, tunings)) for one in known]
    return [lane(each) for each in found]


def _calibrated(scanner: Scanner, tunings: Mapping[str, Tuning]) -> dict[str, Any]:
    own = tunings.get(scanner.name)
    wrong = misfit(scanner, own) if own is not None else None
    other = [key for key, _, _ in changes(scanner, tuned(scanner, own))]
    return {"calibrated": tuple(other), "misfit": wrong}


def _found(
    scanner: Scanner, bindings: Bindings, gate: Mapping[str, Any] | None, holders: Callable[[Path], list[Holder]]
) -> Lane:
    said = next((one for one in (gate or {}).get("scanners") or [] if one.get("name") == scanner.name), None)
    if scanner.kind in FROM_FILES:
        return Lane(scanner.name, scanner.kind, gate=said)
    try:
        node = bindings.find(scanner.name, scanner.kind, scanner.device or "auto")
    except ScannerLost as lost:
        return Lane(scanner.name, lost=str(lost), gate=said)
    path = Path(node)
    if not path.exists():
        return Lane(scanner.name, node, lost=f"{node}: no such scanner is plugged in", gate=said)
    usable = os.access(path, os.R_OK | os.W_OK)
    return Lane(scanner.name, node, None, usable, tuple(holders(path)), said, (gate or {}).get("pid"))


def lane(found: Lane) -> Finding:
    name = f"scanner {found.name}"
    if found.lost is not None:
        return red(name, found.lost, "plug it in, or see `kiosk devices` for what is there and how to name it")
    if not found.usable:
        mend = "add the kiosk's user to the groups input and dialout, and see systemd/README.md"
        return red(name, f"{found.node}: this user may not open it", mend)
    if others := [holder for holder in found.holders if holder.pid != found.gate_pid]:
        held = ", ".join(f"{holder.name} ({holder.pid})" for holder in others)
        mend = "end that program, or keep it off (brltty and ModemManager take serial scanners: remove them)"
        say = amber if len(others) < len(found.holders) else red  # the gate has it, too
        return say(name, f"{found.node} is held by another program: {held}", mend)
    return _as_the_gate_says(name, found)


def _as_the_gate_says(name: str, found: Lane) -> Finding:
    said = found.gate
    if said is not None and said.get("calibrating"):
        return amber(name, "it is being calibrated on the staff page: no door", "finish there; it ends after a minute")
    if found.misfit is not None:
        mend = f"calibrate it again, or `kiosk calibrate --forget --scanner {found.name}`"
        return amber(name, f"what was calibrated does not count: {found.misfit}", mend)
    if said is not None and not said.get("connected"):
        mend = "unplug it and plug it in again; then see the gate's log"
        return red(name, f"{found.node}: the gate cannot open it: {said.get('problem') or 'no reason given'}", mend)
    if said is not None and said.get("hint"):
        return amber(name, str(said["hint"]), "`kiosk calibrate` finds its settings from one scan")
    own = f"; {', '.join(found.calibrated)} as calibrated, not as in the file" if found.calibrated else ""
    return green(name, f"{found.node}{', the gate listens to it' if said is not None else ', there'}{own}")
