"""The programs that do what staff want: the gate and sync, over their sockets. Blocks, and keeps only a count."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kiosk import hatch, pulse
from kiosk.attempts import Attempts, resumed
from kiosk.errors import KioskError, Refused
from kiosk.store import pin
from kiosk.store.pin import Pin

log = logging.getLogger(__name__)

SYNC_SOCKET = "sync.sock"
SYNC_TIMEOUT_S = 30.0
"""To mark a hundred thousand tickets takes a while."""


class Silent(KioskError):
    """`program` does not answer."""

    def __init__(self, program: str, text: str) -> None:
        super().__init__(text)
        self.program = program


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a PIN: right, wrong, or not looked at; `wait_s` is how long none will be."""

    right: bool
    wait_s: int = 0
    pin: Pin | None = None
    looked_at: bool = True


@dataclass(slots=True)
class Programs:
    """`own` counts PINs while no gate does; the gate's count outlives this program."""

    gate_socket: Path
    runtime_dir: Path
    pin_file: Path
    own: Attempts = field(default_factory=Attempts)

    def gate(self, order: Mapping[str, object]) -> dict[str, Any]:
        """Raises Silent."""
        return _asked("gate", self.gate_socket, order, hatch.ASK_TIMEOUT_S)

    def sync(self, order: Mapping[str, object]) -> dict[str, Any]:
        """Raises Silent."""
        return _asked("sync", self.runtime_dir / SYNC_SOCKET, order, SYNC_TIMEOUT_S)

    def pin(self) -> Pin | None:
        """Raises Refused."""
        return pin.read(self.pin_file)

    def wait_s(self, now_ns: int) -> int:
        """Return for how many seconds no PIN is taken."""
        gate = pulse.feel(self.runtime_dir, "gate")
        counted = resumed(gate.get("pins")).wait_s(now_ns) if gate is not None and pulse.alive(gate) else 0
        return max(counted, self.own.wait_s(now_ns))

    def try_(self, digits: str, now_ns: int) -> Tried:
        """Try a PIN, if one may be tried now: it is counted before it is looked at. Raises Refused."""
        kept = self.pin()
        if kept is None:
            raise Refused("no PIN is set")
        try:
            said = self.gate({"do": "try"})
            wait_s, next_s = int(said["waitSeconds"]), int(said["thenSeconds"])
        except (Silent, KeyError, TypeError, ValueError) as error:
            log.warning("PINs are counted here, while the gate is away: %s", error)
            wait_s, next_s = self.own.begin(now_ns), self.own.wait_s(now_ns)
        if wait_s:
            return Tried(right=False, wait_s=wait_s, looked_at=False)
        if not kept.is_(digits):
            return Tried(right=False, wait_s=next_s)
        self.own.succeed()
        try:
            self.gate({"do": "signed in"})
        except Silent as error:
            log.warning("the gate does not know of it: %s", error)
        return Tried(right=True, pin=kept)


def _asked(program: str, path: Path, order: Mapping[str, object], timeout_s: float) -> dict[str, Any]:
    try:
        return hatch.ask(path, order, timeout_s)
    except (OSError, ValueError) as error:
        raise Silent(program, f"{program} does not answer on {path}: {error}") from error
