"""The programs: alive, and watched by systemd where that is here."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kiosk import clock, pulse
from kiosk.doctor.finding import Finding, amber, green, red
from kiosk.pulse import DEAD_AFTER_S

PROGRAMS = ("gate", "sync", "display")
ASKED = ("LoadState", "ActiveState", "WatchdogUSec", "StartLimitIntervalUSec", "NRestarts")
PATIENCE_S = 5.0
RESTLESS = 3
"""So many restarts are no accident."""


def programs(runtime_dir: Path, *, display_answers: bool) -> list[Finding]:
    """Check who runs, by their own signs of life."""
    said = {name: pulse.feel(runtime_dir, name) for name in ("gate", "sync")}
    gate = said["gate"] or {}
    recovering = pulse.recovering(runtime_dir)
    if recovering is not None:
        wait = "let it run: guests who scan meanwhile are recorded then; the gate's log says when it is done"
        shown = [amber("gate", f"puts a damaged journal together again: {recovering}", wait)]
    else:
        shown = [*gate_program(gate, alive=pulse.alive(gate), ears_quiet_s=_quiet_s(gate))]
    return [*shown, program("sync", alive=pulse.alive(said["sync"])), program("display", alive=display_answers)]


def _quiet_s(gate: Mapping[str, Any]) -> float:
    ticked = gate.get("ears_ns")
    return (clock.boottime_ns() - ticked) / 1e9 if isinstance(ticked, int) else 0.0


def program(name: str, *, alive: bool) -> Finding:
    if alive:
        return green(name, "running")
    mend = f"systemctl start kiosk-{name}, or `kiosk {name}` in the foreground, which says what is wrong"
    return red(name, "not running", mend)


def gate_program(gate: Mapping[str, Any], *, alive: bool, ears_quiet_s: float) -> Iterator[Finding]:
    """Check that the gate runs, listens, and records."""
    if alive and ears_quiet_s > DEAD_AFTER_S:
        mend = "pull out scanner after scanner, the last one that was plugged in first; then see the gate's log"
        yield red("gate", f"running, but it has not listened to its scanners for {ears_quiet_s:.0f} s", mend)
    else:
        yield program("gate", alive=alive)
    if alive and gate.get("fault"):
        mend = "see free space and file system; it goes on by itself as soon as a scan can be recorded"
        yield red("recording", f"the last scan could not be recorded: {gate['fault']}", mend)


def units(run: Path = Path("/run")) -> list[Finding]:
    """Check the units, where systemd runs this machine."""
    if not (run / "systemd/system").is_dir() or shutil.which("systemctl") is None:
        return [green("units", "systemd does not run this machine")]
    return [unit(f"kiosk-{name}", _asked(f"kiosk-{name}.service")) for name in PROGRAMS]


def _asked(name: str) -> dict[str, str]:
    done = subprocess.run(  # noqa: S603
        ["systemctl", "show", name, "--property", ",".join(ASKED)],  # noqa: S607
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def unit(name: str, says: Mapping[str, str]) -> Finding:
    about = f"unit {name}"
    if says.get("LoadState") != "loaded":
        return amber(about, f"not installed ({says.get('LoadState') or 'no answer'})", "see systemd/README.md")
    if says.get("WatchdogUSec", "0") in {"0", "infinity"}:
        return amber(about, "nobody notices when it hangs", "set WatchdogSec=30, as the unit in systemd/ does")
    if says.get("StartLimitIntervalUSec", "0") != "0":
        mend = "set StartLimitIntervalSec=0, as the unit in systemd/ does"
        return amber(about, "systemd gives up after a few failed starts", mend)
    if says.get("NRestarts", "0").isdecimal() and int(says.get("NRestarts", "0")) >= RESTLESS:
        return amber(about, f"was started again {says['NRestarts']} times", f"journalctl -u {name} says why")
    return green(about, says.get("ActiveState", "?"))
