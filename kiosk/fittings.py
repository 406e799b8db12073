"""What may hang on the kiosk beside its scanners, as the configuration has it: outputs and turnstiles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from kiosk.signals import Signal
from kiosk.values import Word

LONGEST_RELAY_MS, LONGEST_MS = 10_000, 60_000
"""The hard limits of a pulse: no configuration holds a gate open."""

PULSES_MS = {"relay": 500, "lamp": 2_000, "buzzer": 500, "lights": 2_000, "sound": 0}
"""How long each kind is on, where the file does not say."""

PASSAGES = (Signal.APPROVED, Signal.CHECKOUT)

MANUAL = ("manual", "manual entry")
"""The lane of manual entry, unless the file has its own; the second where a scanner has the name of the first."""

_FIRST_PIN, _LAST_PIN = 2, 27
_PULLED_UP = range(9)
"""GPIO 0 to 8 are pulled up from reset on, 9 to 27 down (BCM2835 ARM Peripherals, table 6-31; the same on a Pi 5)."""

Pin = Annotated[int, Field(ge=0)]
Kind = Literal["relay", "lamp", "buzzer", "lights", "sound"]


def _possible(pin: int) -> int:
    if not _FIRST_PIN <= pin <= _LAST_PIN:
        raise ValueError(f"needs a GPIO number from {_FIRST_PIN} to {_LAST_PIN} (not the number of the header's pin)")
    return pin


class _Fitting(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Word
    lanes: tuple[Word, ...] = Field(default=(), strict=False)


class Output(_Fitting):
    kind: Kind
    pin: Pin | None = None
    active_low: bool = False
    pulse_ms: Annotated[int, Field(ge=20, le=LONGEST_MS)] | None = None
    on: tuple[Annotated[Signal, Field(strict=False)], ...] = Field(default=(), strict=False)
    device: str = ""
    led: Literal["num", "caps", "scroll"] = "caps"

    @property
    def ms(self) -> int:
        """How long it is on, in milliseconds."""
        return self.pulse_ms if self.pulse_ms is not None else PULSES_MS[self.kind]

    @property
    def signals(self) -> frozenset[Signal]:
        """What it is told of: what the file lists, else what its kind is for."""
        return frozenset(self.on or (PASSAGES if self.kind == "relay" else tuple(Signal)))

    @field_validator("pin")
    @classmethod
    def _is_possible(cls, pin: int | None) -> int | None:
        return None if pin is None else _possible(pin)

    @model_validator(mode="after")
    def _has_its_pin(self) -> Output:
        on_pins = self.kind in {"relay", "lamp", "buzzer"}
        if on_pins and self.pin is None:
            raise ValueError(
                f"pin is missing: a {self.kind} needs the number of a GPIO, from 9 on if it is active high"
            )
        if not on_pins and self.pin is not None:
            raise ValueError(f"pin is for relay, lamp and buzzer: leave it out for {self.kind}")
        return self

    @model_validator(mode="after")
    def _has_its_device(self) -> Output:
        if self.kind == "lights" and not self.device.startswith("/"):
            raise ValueError('device is missing: lights need the path of a keyboard ("/dev/input/by-id/…-event-kbd")')
        if self.device and (self.kind not in {"lights", "sound"} or not self.device.isprintable()):
            raise ValueError("device is for sound (an ALSA name such as plughw:0) and lights (a path): leave it out")
        if self.device.startswith("-"):
            raise ValueError("device needs an ALSA name such as default or plughw:0")
        return self

    @model_validator(mode="after")
    def _opens_for_nobody_else(self) -> Output:
        if self.kind != "relay":
            return self
        if set(self.on) - set(PASSAGES):
            raise ValueError('on may only name "approved" and "checkout" for a relay: it opens for nobody else')
        if self.ms > LONGEST_RELAY_MS:
            raise ValueError(f"pulse_ms is {self.ms}: a relay is never on for longer than {LONGEST_RELAY_MS}")
        return self


class Turnstile(_Fitting):
    pin: Pin
    active_low: bool = True
    timeout_s: Annotated[float, Field(ge=1, le=120)] = 10.0
    bounce_ms: Annotated[int, Field(ge=0, le=1_000)] = 20

    @field_validator("pin")
    @classmethod
    def _is_possible(cls, pin: int) -> int:
        return _possible(pin)


def hazard(output: Output) -> str | None:
    """Return why an output's pin may switch it on while the machine starts, None where it does not."""
    if output.pin is None or (output.pin in _PULLED_UP) == output.active_low:
        return None
    pulled, safe = ("up", "9 to 27") if output.pin in _PULLED_UP else ("down", "2 to 8")
    active = "low" if output.active_low else "high"
    return f"GPIO{output.pin} is pulled {pulled} at reset, which switches on what is active {active}: use {safe}"


Misfit = tuple[tuple[str, int, str], str]


def misfits(outputs: Sequence[Output], turnstiles: Sequence[Turnstile], lanes: Iterable[str]) -> Iterator[Misfit]:
    """Return what is wrong with them beside each other and the scanners: the key's place, and the mend."""
    known, pins = sorted({*lanes, *MANUAL}), dict[int, str]()
    every: list[tuple[str, int, Output | Turnstile]] = [("output", *each) for each in enumerate(outputs)]
    every += [("turnstile", *each) for each in enumerate(turnstiles)]
    for kind, number, fitting in every:
        for lane in set(fitting.lanes) - set(known):
            yield (kind, number, "lanes"), f"no scanner is called {lane!r}; known here: {', '.join(known)}"
        if fitting.pin is not None:
            if fitting.pin in pins:
                yield (kind, number, "pin"), f"GPIO{fitting.pin} is taken by {pins[fitting.pin]!r}: use another one"
            pins[fitting.pin] = fitting.name
