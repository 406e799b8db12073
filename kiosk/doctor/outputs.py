"""Lamps, relays and sounds: what they need is there, and their pins are safe and free."""

from __future__ import annotations

import fcntl
import importlib.util
import shutil
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kiosk.doctor.finding import Finding, amber, green, red
from kiosk.fittings import Output, Turnstile, hazard

PIN_KINDS = frozenset({"relay", "lamp", "buzzer"})
MODULES = ("gpiozero", "lgpio")

_INFO, _GET_LINE_INFO = struct.Struct("=32s32sIIQ160s16s"), 0xC100B405
_OFFSET_AT, _USED = 64, 1
"""struct gpio_v2_line_info, GPIO_V2_GET_LINEINFO_IOCTL, GPIO_V2_LINE_FLAG_USED (linux/gpio.h)."""

_GET_CHIP_INFO, _CHIP_INFO = 0x8044B401, struct.Struct("=32s32sI")
"""GPIO_GET_CHIPINFO_IOCTL and struct gpiochip_info of the same."""

Ioctl = Callable[[int, int, bytearray], object]


@dataclass(frozen=True, slots=True)
class Board:
    """What this machine has for outputs. `user_of` a pin: who has it, "" for nobody, None where nobody knows."""

    missing: tuple[str, ...]
    player: bool
    cards: str
    user_of: Callable[[int], str | None]


def board(proc: Path = Path("/proc"), dev: Path = Path("/dev")) -> Board:
    missing = tuple(name for name in MODULES if importlib.util.find_spec(name) is None)
    cards = proc / "asound" / "cards"
    said = cards.read_text(encoding="utf-8", errors="replace") if cards.exists() else ""
    return Board(missing, shutil.which("aplay") is not None, said, lambda pin: user_of(pin, dev))


def user_of(pin: int, dev: Path, ioctl: Ioctl = fcntl.ioctl) -> str | None:
    """Ask the kernel who has the line that is called like this pin, as a Raspberry Pi calls its own."""
    for chip in sorted(dev.glob("gpiochip*")):
        try:
            with chip.open("rb", buffering=0) as opened:
                found = _user_on(opened.fileno(), pin, ioctl)
        except OSError:
            continue
        if found is not None:
            return found
    return None


def _user_on(descriptor: int, pin: int, ioctl: Ioctl) -> str | None:
    chip = bytearray(_CHIP_INFO.size)
    ioctl(descriptor, _GET_CHIP_INFO, chip)
    for offset in range(_CHIP_INFO.unpack(chip)[2]):
        line = bytearray(_INFO.size)
        struct.pack_into("=I", line, _OFFSET_AT, offset)
        ioctl(descriptor, _GET_LINE_INFO, line)
        name, user, _, _, flags, _, _ = _INFO.unpack(line)
        if _text(name) == f"GPIO{pin}":
            return (_text(user) or "the kernel") if flags & _USED else ""
    return None


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "replace")


def outputs(
    fitted: Iterable[Output], turnstiles: Iterable[Turnstile], gate: Mapping[str, Any] | None, found: Board
) -> list[Finding]:
    """Check each; `gate` is what the running gate says of them, which has the pins then."""
    said = {("output", one["name"]): one for one in (gate or {}).get("outputs") or []}
    said |= {("turnstile", one["name"]): one for one in (gate or {}).get("turnstiles") or []}
    checked = [_output(each, said.get(("output", each.name)), found) for each in fitted]
    return checked + [
        _pin(f"turnstile {each.name}", each.pin, said.get(("turnstile", each.name)), found) for each in turnstiles
    ]


def _output(output: Output, said: Mapping[str, Any] | None, found: Board) -> Finding:
    name = f"output {output.name}"
    if output.kind == "sound":
        return _sound(name, said, found)
    if output.kind not in PIN_KINDS or output.pin is None:
        return _as_the_gate_says(name, output.device, said)
    checked = _pin(name, output.pin, said, found)
    if not checked.mend and (risk := hazard(output)):
        mend = "use such a pin, or an external resistor to the other side and gpio= in config.txt: systemd/README.md"
        return (red if output.kind == "relay" else amber)(name, risk, mend)
    return checked


def _pin(name: str, pin: int, said: Mapping[str, Any] | None, found: Board) -> Finding:
    if found.missing:
        mend = "pip install 'kiosk[gpio]', or Raspberry Pi OS's python3-gpiozero and python3-lgpio"
        return red(name, f"not installed: {', '.join(found.missing)}", mend)
    if said is None and (user := found.user_of(pin)):
        return red(name, f"GPIO{pin} is taken by {user}", "use another pin, or end what has it (an overlay, SPI, I2C)")
    return _as_the_gate_says(name, f"GPIO{pin}", said)


def _sound(name: str, said: Mapping[str, Any] | None, found: Board) -> Finding:
    if not found.player:
        return red(name, "aplay is not installed", "apt-get install alsa-utils")
    if not found.cards.strip() or "no soundcards" in found.cards:
        return red(name, "there is no sound card", "plug one in, or dtparam=audio=on in config.txt")
    return _as_the_gate_says(name, "there is a sound card", said)


def _as_the_gate_says(name: str, found: str, said: Mapping[str, Any] | None) -> Finding:
    if said is not None and said.get("problem"):
        return red(name, f"{found}: {said['problem']}", "see to what it says; the gate tries again by itself")
    return green(name, f"{found}{', works' if said is not None else ', there'}")
